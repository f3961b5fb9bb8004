"""Whatever arrives in whatever order: nobody gets more than his rate, and the table never grows beyond its limit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from strowger.sip.rate_limits import BURST_S, RateLimits, Rates

RATE, STRANGERS, SOURCES = 4.0, 10.0, 5
STARTS = (b"INVITE sip:a", b"REGISTER sip:a", b"BYE sip:a", b"SIP/2.0 200 OK", b"", b"\xff")
ARRIVALS = st.lists(
    st.tuples(
        st.floats(0.0, 0.5, allow_nan=False),
        st.integers(1, 3),
        st.sampled_from(STARTS),
    ),
    max_size=80,
)


@given(ARRIVALS)
@settings(max_examples=300)
def test_no_more_than_the_rate_in_any_time(arrivals: list[tuple[float, int, bytes]]) -> None:
    limits = RateLimits(Rates(messages_per_source=RATE, strangers=STRANGERS), lambda host: False)
    now, let_in = 0.0, list[tuple[float, int, bytes]]()
    for pause, source, data in arrivals:
        now += pause
        if not limits.datagram(data, f"192.0.2.{source}", now):
            let_in.append((now, source, data))
    for first in range(len(let_in)):
        began = let_in[first][0]
        for source in (1, 2, 3):
            mine = [at for at, who, _ in let_in[first:] if who == source]
            assert all(number < RATE * (BURST_S + at - began) + 1e-6 for number, at in enumerate(mine))
        begun = [at for at, _, data in let_in[first:] if data[:4] not in (b"BYE ", b"SIP/")]
        assert all(number < STRANGERS * (BURST_S + at - began) + 1e-6 for number, at in enumerate(begun))


@given(st.lists(st.integers(1, 200), max_size=300), st.booleans())
@settings(max_examples=100)
def test_the_table_never_grows_beyond_its_limit(numbers: list[int], ipv6: bool) -> None:
    limits = RateLimits(Rates(sources=SOURCES), lambda host: host.endswith("7"))
    for at, number in enumerate(numbers):
        host = f"2001:db8:0:{number:x}::1" if ipv6 else f"192.0.2.{number}"
        limits.datagram(b"INVITE sip:a", host, float(at))
        limits.call(host, float(at))
        limits.proven(host, float(at))
        limits.pace(host, 3, float(at))
        limits.is_worth_a_line(host, float(at))
        assert len(limits) <= SOURCES
