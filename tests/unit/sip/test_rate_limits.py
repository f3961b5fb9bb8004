"""Token buckets, by a clock that is an argument."""

from __future__ import annotations

import pytest

from strowger.sip.rate_limits import (
    ASKED_FOR_S,
    CALLS,
    CALLS_PER_SOURCE,
    LINE_EVERY_S,
    MESSAGES_PER_SOURCE,
    PROVEN_FOR_S,
    REASONS,
    STRANGERS,
    Bucket,
    RateLimits,
    Rates,
)

FLOODER, OTHER, SPARED = "192.0.2.1", "192.0.2.2", "198.51.100.1"
INVITE, REGISTER, OPTIONS = b"INVITE sip:a SIP/2.0\r\n", b"REGISTER sip:a SIP/2.0\r\n", b"OPTIONS sip:a SIP/2.0\r\n"
OFF = Rates(messages_per_source=0, calls_per_source=0, calls=0, strangers=0)


def limits(**rates: float) -> RateLimits:
    """Only these rates, each in messages a second."""
    values = {"messages_per_source": 0, "calls_per_source": 0, "calls": 0, "strangers": 0, **rates}
    return RateLimits(Rates(**values), lambda host: host in (SPARED, "2001:db8::5"))  # type: ignore[arg-type]


def let_in(rates: RateLimits, data: bytes, host: str, now: float, times: int) -> int:
    return [rates.datagram(data, host, now) for _ in range(times)].count("")


def test_the_reasons_are_the_names_of_the_settings() -> None:
    assert REASONS == ("messages_per_source", "calls_per_source", "calls_per_second", "strangers_per_second")


def test_a_bucket_grants_two_seconds_at_once_and_then_its_rate() -> None:
    bucket = Bucket(8, 100.0)
    assert [bucket.take(100.0) for _ in range(17)] == [True] * 16 + [False]
    assert [bucket.take(100.125) for _ in range(2)] == [True, False]
    assert [bucket.take(1_000.0) for _ in range(17)] == [True] * 16 + [False]


def test_the_slowest_bucket_still_grants_one() -> None:
    bucket = Bucket(0.25, 0.0)
    assert [bucket.take(0.0), bucket.take(3.9), bucket.take(4.0)] == [True, False, True]
    assert [bucket.take(8.0, leaving_half=True), bucket.take(8.0)] == [True, False]


def test_half_of_a_bucket_can_be_left() -> None:
    bucket = Bucket(10, 0.0)
    assert [bucket.take(0.0, leaving_half=True) for _ in range(12)].count(True) == 10
    assert [bucket.take(0.0) for _ in range(11)].count(True) == 10


def test_a_debt_is_paid_by_time() -> None:
    bucket = Bucket(8, 0.0)
    assert bucket.owe(16, 0.0) == 0.0
    assert bucket.owe(4, 0.0) == 0.5
    assert not bucket.take(0.5)
    assert bucket.owe(0, 0.625) == 0.0
    assert bucket.take(0.625)


def test_without_rates_everything_is_let_in() -> None:
    rates = RateLimits(OFF, lambda host: False)
    assert let_in(rates, REGISTER, FLOODER, 0.0, 10_000) == 10_000
    assert {rates.call(FLOODER, 0.0) for _ in range(10_000)} == {""}
    assert {rates.call_of_anybody(0.0) for _ in range(10_000)} == {""}
    assert rates.request(FLOODER, 0.0) == ""
    assert rates.pace(FLOODER, 10_000, 0.0) == 0.0


def test_a_source_that_floods_is_not_read_and_others_are() -> None:
    rates = limits(messages_per_source=10)
    assert [rates.datagram(OPTIONS, FLOODER, 5.0) for _ in range(11)] == [""] * 10 + [MESSAGES_PER_SOURCE]
    assert let_in(rates, OPTIONS, OTHER, 5.0, 11) == 10
    assert let_in(rates, OPTIONS, FLOODER, 6.0, 20) == 10


@pytest.mark.parametrize("start", [b"ACK ", b"BYE ", b"CANCEL ", b"PRACK ", b"UPDATE ", b"SIP/2.0 "])
def test_what_belongs_to_a_call_is_never_shed_before_what_begins_one(start: bytes) -> None:
    rates = limits(messages_per_source=10)
    for fifth in range(50):  # ten seconds of a flood, five times what is granted
        let_in(rates, INVITE, FLOODER, fifth / 5, 10)
        assert rates.datagram(start, FLOODER, fifth / 5) == ""
    assert let_in(rates, INVITE, FLOODER, 9.8, 10) == 0


def test_whom_we_asked_may_answer_at_any_rate_and_begin_no_more_than_others() -> None:
    rates = limits(messages_per_source=8)
    rates.asked(OTHER, 0.0)
    assert let_in(rates, b"SIP/2.0 200 OK", OTHER, ASKED_FOR_S - 0.1, 1_000) == 1_000
    assert rates.pace(OTHER, 1_000, 0.0) == 0.0
    assert let_in(rates, INVITE, OTHER, 1.0, 100) == 8
    assert let_in(rates, b"SIP/2.0 200 OK", OTHER, ASKED_FOR_S, 1_000) == 16
    rates.asked(SPARED, 0.0)
    rates.asked("2001:db8::5", 0.0)
    assert let_in(rates, OPTIONS, "2001:db8::5", 0.0, 100) == 100


def test_what_belongs_to_a_call_has_an_end_too() -> None:
    rates = limits(messages_per_source=10)
    assert let_in(rates, b"BYE sip:a SIP/2.0", FLOODER, 0.0, 100) == 20


def test_whom_we_have_an_agreement_with_has_no_limit_of_his_own() -> None:
    rates = limits(messages_per_source=1, calls_per_source=1, strangers=1)
    for host in (SPARED, "2001:db8::5"):
        assert let_in(rates, REGISTER, host, 0.0, 1_000) == 1_000
        assert {rates.call(host, 0.0) for _ in range(1_000)} == {""}
        assert rates.request(host, 0.0) == ""
        assert rates.pace(host, 1_000, 0.0) == 0.0


def test_a_source_is_an_ipv6_network_of_64_bits() -> None:
    rates = limits(messages_per_source=10)
    assert let_in(rates, OPTIONS, "2001:db8::1", 0.0, 10) == 10
    assert rates.datagram(OPTIONS, "2001:db8::2", 0.0) == MESSAGES_PER_SOURCE
    assert rates.datagram(OPTIONS, "2001:db8:0:1::2", 0.0) == ""
    assert rates.datagram(OPTIONS, "2001:db8::5", 0.0) == "", "who is spared is not counted among his neighbours"


@pytest.mark.parametrize("data", [INVITE, REGISTER, OPTIONS, b"noise"])
def test_what_strangers_begin_is_counted_together(data: bytes) -> None:
    rates = limits(strangers=8)
    sources = [f"192.0.2.{number}" for number in range(200)]
    assert [rates.datagram(data, source, 0.0) for source in sources].count("") == 16
    assert rates.datagram(data, FLOODER, 0.0) == STRANGERS
    assert rates.request(FLOODER, 0.0) == STRANGERS
    assert rates.datagram(b"BYE sip:a SIP/2.0", FLOODER, 0.0) == ""
    assert rates.request(FLOODER, 0.125) == ""


def test_a_phone_that_proved_itself_does_not_compete_with_strangers() -> None:
    rates = limits(strangers=1)
    rates.proven(OTHER, 0.0)
    assert let_in(rates, REGISTER, FLOODER, 0.0, 100) == 2
    assert let_in(rates, REGISTER, OTHER, PROVEN_FOR_S - 0.1, 100) == 100
    assert let_in(rates, REGISTER, OTHER, PROVEN_FOR_S, 100) == 2


def test_new_calls_of_one_source_and_of_all() -> None:
    rates = limits(calls_per_source=1, calls=3)
    assert [rates.call(FLOODER, 0.0) for _ in range(3)] == ["", "", CALLS_PER_SOURCE]
    assert {rates.call(SPARED, 0.0) for _ in range(100)} == {""}
    assert [rates.call_of_anybody(0.0) for _ in range(7)] == [""] * 6 + [CALLS]
    assert [rates.call_of_anybody(0.5) for _ in range(2)] == ["", CALLS]


def test_a_connection_is_read_no_faster_than_granted() -> None:
    rates = limits(messages_per_source=10)
    assert rates.pace(FLOODER, 20, 0.0) == 0.0
    assert rates.pace(FLOODER, 10, 0.0) == pytest.approx(1.0)
    assert rates.pace(FLOODER, 1, 1.0) == pytest.approx(0.1)


def test_the_table_is_bounded_and_the_first_met_is_forgotten_first() -> None:
    rates = RateLimits(Rates(messages_per_source=1, sources=3), lambda host: False)
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        let_in(rates, OPTIONS, host, 0.0, 100)
    assert (len(rates), rates.datagram(OPTIONS, "192.0.2.1", 0.0)) == (3, MESSAGES_PER_SOURCE)
    rates.datagram(OPTIONS, "192.0.2.4", 0.0)
    assert len(rates) == 3
    assert rates.datagram(OPTIONS, "192.0.2.2", 0.0) == MESSAGES_PER_SOURCE
    assert rates.datagram(OPTIONS, "192.0.2.1", 0.0) == ""
    with pytest.raises(ValueError, match="at least one source"):
        Rates(sources=0)


def test_a_line_about_a_source_once_in_a_while() -> None:
    rates = limits()
    assert [rates.is_worth_a_line(FLOODER, at) for at in (0.0, 1.0, LINE_EVERY_S - 0.1, LINE_EVERY_S)] == [
        True,
        False,
        False,
        True,
    ]
    assert rates.is_worth_a_line(OTHER, 1.0)
