"""When there is too much to do, and when it is over."""

from __future__ import annotations

from strowger.sip.overload import LAG, LAG_CALM_S, MEMORY, MEMORY_EVERY_S, REASONS, Overload, OverloadLimits

MIB = 1 << 20


class Memory:
    """So much memory is used; counts how often it was asked."""

    def __init__(self, octets: int = 0) -> None:
        self.octets = octets
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.octets


def test_the_reasons_are_the_names_of_the_settings() -> None:
    assert REASONS == (MEMORY, LAG) == ("memory", "loop_lag")


def test_memory_at_its_limit_and_below_nine_tenths_of_it() -> None:
    memory = Memory(100 * MIB - 1)
    overload = Overload(OverloadLimits(memory_bytes=100 * MIB), memory)
    reasons = []
    for second, octets in enumerate((100 * MIB - 1, 100 * MIB, 90 * MIB, 90 * MIB - 1, 99 * MIB, 100 * MIB)):
        memory.octets = octets
        overload.look(float(second), 0.0)
        reasons.append(overload.reason)
    assert reasons == ["", MEMORY, MEMORY, "", "", MEMORY]
    assert overload.sentence == "100 MiB of memory are used, the alarm is at 100 MiB (limits.memory)"
    assert overload.memory_bytes == 100 * MIB


def test_memory_is_read_rarely() -> None:
    memory = Memory(2)
    overload = Overload(OverloadLimits(memory_bytes=1), memory)
    for tenth in range(21):
        overload.look(tenth * MEMORY_EVERY_S / 10, 0.0)
    assert memory.asked == 3


def test_lag_at_its_limit_and_calm_for_a_while() -> None:
    overload = Overload(OverloadLimits(lag_s=0.5), Memory())
    reasons = []
    for now, lag in (
        (0.0, 0.49),
        (1.0, 0.5),
        (1.1, 0.0),
        (2.0, 0.25),  # not calm enough: the while begins anew
        (2.1, 0.24),
        (2.0 + LAG_CALM_S, 0.24),
        (2.1 + LAG_CALM_S, 0.0),
        (5.0, 0.3),
    ):
        overload.look(now, lag)
        reasons.append(overload.reason)
    assert reasons == ["", LAG, LAG, LAG, LAG, LAG, "", ""]
    assert overload.lag_s == 0.3


def test_what_is_said_of_lag() -> None:
    overload = Overload(OverloadLimits(), Memory())
    assert (overload.reason, overload.sentence) == ("", "")
    overload.look(0.0, 1.25)
    assert overload.sentence == "the server lags 1.2 s behind (limits.loop_lag)"


def test_limits_that_are_off() -> None:
    memory = Memory(1 << 50)
    overload = Overload(OverloadLimits(memory_bytes=0, lag_s=0.0), memory)
    overload.look(0.0, 1e9)
    assert (overload.reason, memory.asked) == ("", 0)


def test_memory_is_told_before_lag() -> None:
    overload = Overload(OverloadLimits(memory_bytes=1), Memory(1))
    overload.look(0.0, 1.0)
    assert overload.reason == MEMORY
