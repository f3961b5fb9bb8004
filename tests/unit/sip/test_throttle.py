"""Who is let in, and what those hear who are not."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow
from strowger.sip.message.errors import Refusal
from strowger.sip.overload import Overload, OverloadLimits
from strowger.sip.rate_limits import RateLimits, Rates
from strowger.sip.throttle import Throttle

UDP, TCP = Flow("UDP", "192.0.2.1", 5060, 0), Flow("TCP", "192.0.2.1", 5060, 1, 7)


class Door:
    """A throttle by which one of everything may pass at once; what it tells is kept."""

    def __init__(self, chance: float = 0.0, memory: int = 0) -> None:
        self.told: list[tuple[str, str]] = []
        overload = Overload(OverloadLimits(memory_bytes=2), lambda: memory)
        overload.look(0.0, 0.0)
        self.throttle = Throttle(
            RateLimits(Rates(0.5, 0.5, 0.5, 0.5), lambda host: False),
            overload,
            chance=lambda: chance,
            told=lambda reason, source: self.told.append((reason, source)),
        )

    def refusal(self, what: str, flow: Flow) -> Refusal:
        with pytest.raises(Refusal) as refused:
            getattr(self.throttle, what)(flow, 0.0)
        return refused.value


def test_datagrams_are_dropped_counted_and_told_once() -> None:
    door = Door()
    assert [door.throttle.lets_in(b"OPTIONS sip:a SIP/2.0", UDP, 0.0) for _ in range(4)] == [True, False, False, False]
    assert door.throttle.refused == {"messages_per_source": 3}
    assert door.told == [("messages_per_source", "192.0.2.1")]


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, "1"), (0.55, "6"), (0.999, "10"), (1.0, "10")])
def test_a_call_too_many_is_asked_to_come_back(chance: float, seconds: str) -> None:
    door = Door(chance)
    door.throttle.require_call(UDP, 0.0)
    refusal = door.refusal("require_call", UDP)
    assert (refusal.status, refusal.headers) == (503, (("Retry-After", seconds),))
    assert door.throttle.refused == {"calls_per_source": 1}
    door.throttle.require_call(UDP, 2.0)


def test_a_call_above_the_rate_of_all() -> None:
    door = Door()
    door.throttle.require_capacity(UDP, 0.0)
    assert door.refusal("require_capacity", UDP).status == 503
    assert door.throttle.refused == {"calls_per_second": 1}


def test_strangers_over_connections_are_judged_when_they_call() -> None:
    door = Door()
    door.throttle.require_call(TCP, 0.0)
    assert door.refusal("require_call", TCP).status == 503
    assert door.throttle.refused == {"strangers_per_second": 1}


def test_a_registration_over_a_connection_is_judged_and_one_in_a_datagram_was() -> None:
    door = Door()
    door.throttle.require_registration(TCP, 0.0)
    assert door.refusal("require_registration", TCP).status == 503
    door.throttle.require_registration(UDP, 0.0)
    assert door.throttle.refused == {"strangers_per_second": 1}
    door.throttle.proven(TCP.host, 0.0)
    door.throttle.require_registration(TCP, 0.0)


def test_under_overload_nothing_new_is_taken() -> None:
    door = Door(memory=2)
    for what in ("require_call", "require_registration"):
        for flow in (UDP, TCP):
            refusal = door.refusal(what, flow)
            assert (refusal.status, refusal.headers) == (503, (("Retry-After", "1"),))
    assert door.throttle.refused == {"memory": 4}
    assert door.throttle.lets_in(b"BYE sip:a SIP/2.0", UDP, 0.0)


def test_the_pace_of_a_connection() -> None:
    door = Door()
    assert door.throttle.pace(TCP, 1, 0.0) == 0.0
    assert door.throttle.pace(TCP, 1, 0.0) == pytest.approx(2.0)


def test_whom_we_asked_may_answer() -> None:
    door = Door()
    door.throttle.asked(UDP.host, 0.0)
    assert all(door.throttle.lets_in(b"SIP/2.0 200 OK", UDP, 0.0) for _ in range(100))


def test_nobody_needs_to_be_told() -> None:
    throttle = Throttle(RateLimits(Rates(0.5), lambda host: False), Door().throttle.overload, chance=lambda: 0.0)
    assert [throttle.lets_in(b"", UDP, 0.0) for _ in range(2)] == [True, False]
