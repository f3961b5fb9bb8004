"""How much one source, and everybody together, may ask of us in a second: token buckets, pure.

Two things are judged apart. A **datagram** is judged by its first octets, before anything is read of it: only that
makes a flood cheap. A **new call** is judged once it is known to be new, and once more when it is known who sent it.
What belongs to a call or a transaction in progress is never shed before what would begin one: half of a source's bucket
is kept for it.

A source is an IPv4 address or an IPv6 /64. Those we have an agreement with (trunks, trusted networks) are known by
`is_spared`, and have no limit of their own. It leaves to others: answering, counting and telling (`throttle`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from strowger.sip.authentication.failures import network_of

BURST_S: Final = 2.0
"""A bucket holds what its rate grants in so many seconds: phones that come back together after an outage are no flood.
"""
PROVEN_FOR_S: Final = 3_600.0
"""How long a source that once proved to know a password is no stranger."""
ASKED_FOR_S: Final = 300.0
"""How long a peer that we sent a request to may answer it, and go on with what it began, at any rate."""
LINE_EVERY_S: Final = 10.0
"""Seconds between two log lines about one source."""

MESSAGES_PER_SOURCE: Final = "messages_per_source"
CALLS_PER_SOURCE: Final = "calls_per_source"
CALLS: Final = "calls_per_second"
STRANGERS: Final = "strangers_per_second"
REASONS: Final = (MESSAGES_PER_SOURCE, CALLS_PER_SOURCE, CALLS, STRANGERS)
"""Why something is not let in: the names of the settings that decide it."""

_IN_PROGRESS: Final = frozenset((b"SIP/", b"ACK ", b"BYE ", b"CANC", b"PRAC", b"UPDA"))
"""How messages begin that belong to a call or transaction in progress, if they belong to anything."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What is granted each second; 0 for no limit. Raises ValueError for a table without a place."""

    messages_per_source: float = 200.0
    calls_per_source: float = 10.0
    calls: float = 500.0
    strangers: float = 500.0
    """What would begin something, from all sources together that have not proved to know a password of late: so a flood
    from many addresses, false ones too, is no better than one from a single address."""
    sources: int = 20_000
    """Sources remembered, some 200 octets each; the one met first is forgotten first, and begins anew."""

    def __post_init__(self) -> None:
        if self.sources < 1:
            raise ValueError("at least one source is remembered")


class Bucket:
    """Tokens that come with time and go with use (a token bucket). Starts full."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        """`rate`: tokens each second, above 0."""
        self._rate = rate
        self._burst = max(1.0, rate * BURST_S)
        self._tokens = self._burst
        self._at = now

    def take(self, now: float, *, leaving_half: bool = False) -> bool:
        """Use one token if there is one, above half of the bucket if half is to be left."""
        tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if tokens < (1.0 + self._burst / 2 if leaving_half and self._burst > 1.0 else 1.0):
            self._tokens = tokens
            return False
        self._tokens = tokens - 1.0
        return True

    def owe(self, number: int, now: float) -> float:
        """Use tokens that may not be there yet; returns the seconds until the debt is paid, 0 without one."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - number
        self._at = now
        return max(0.0, -self._tokens / self._rate)


class _Source:
    """What is remembered of one source."""

    __slots__ = ("asked_until", "calls", "is_spared", "messages", "next_line_at", "proven_until")

    def __init__(self, *, is_spared: bool, messages: Bucket | None, calls: Bucket | None) -> None:
        self.is_spared = is_spared
        self.messages = messages
        self.calls = calls
        self.asked_until = 0.0
        self.proven_until = 0.0
        self.next_line_at = 0.0


class RateLimits:
    """The buckets of all sources, and those of everybody together. Times in seconds, monotonic."""

    def __init__(self, rates: Rates, is_spared: Callable[[str], bool]) -> None:
        """`is_spared` says of a numeric address whether it has no limit of its own."""
        self._rates = rates
        self._is_spared = is_spared
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._calls = _bucket(rates.calls, 0.0)
        self._strangers = _bucket(rates.strangers, 0.0)

    def __len__(self) -> int:
        """How many sources are remembered."""
        return len(self._sources)

    def datagram(self, data: bytes, host: str, now: float) -> str:
        """Why an unread datagram is to be dropped; empty when it is let in."""
        source = self._source(host, now)
        if source.is_spared:
            return ""
        begins = data[:4] not in _IN_PROGRESS
        if not begins and now < source.asked_until:
            return ""
        if source.messages is not None and not source.messages.take(now, leaving_half=begins):
            return MESSAGES_PER_SOURCE
        return STRANGERS if begins and not self._hears(source, now) else ""

    def pace(self, host: str, messages: int, now: float) -> float:
        """Seconds for which nothing more is to be read of a connection that has just brought so many messages."""
        source = self._source(host, now)
        if source.is_spared or source.messages is None or now < source.asked_until:
            return 0.0
        return source.messages.owe(messages, now)

    def request(self, host: str, now: float) -> str:
        """Why a new request that came over a connection is not heard; empty when it is. A datagram was judged before.
        """
        source = self._source(host, now)
        return "" if source.is_spared or self._hears(source, now) else STRANGERS

    def call(self, host: str, now: float) -> str:
        """Why a new INVITE of this source is not looked at; empty when it is."""
        source = self._source(host, now)
        return "" if source.is_spared or source.calls is None or source.calls.take(now) else CALLS_PER_SOURCE

    def call_of_anybody(self, now: float) -> str:
        """Why no new call is taken, whoever sent it; empty when one is. Asked last: it is for those who may call."""
        return "" if self._calls is None or self._calls.take(now) else CALLS

    def proven(self, host: str, now: float) -> None:
        """Somebody there knows a password: what he begins does not compete with what strangers do."""
        self._source(host, now).proven_until = now + PROVEN_FOR_S

    def asked(self, host: str, now: float) -> None:
        """We sent a request there: its answers are not a flood, however many calls a trunk has."""
        source = self._source(host, now)
        if not source.is_spared:
            source.asked_until = now + ASKED_FOR_S

    def is_worth_a_line(self, host: str, now: float) -> bool:
        """Whether what is refused to this source is to be logged: once in a while."""
        source = self._source(host, now)
        if now < source.next_line_at:
            return False
        source.next_line_at = now + LINE_EVERY_S
        return True

    def _hears(self, source: _Source, now: float) -> bool:
        return self._strangers is None or now < source.proven_until or self._strangers.take(now)

    def _source(self, host: str, now: float) -> _Source:
        found = self._sources.get(host)  # one look-up is all that an IPv4 address costs
        if found is not None:
            return found
        if ":" not in host:
            return self._meet(host, now, is_spared=self._is_spared(host))
        if self._is_spared(host):  # of its own accord: what lies in the same /64 may be somebody else
            return _SPARED
        network = network_of(host)
        return self._sources.get(network) or self._meet(network, now, is_spared=False)

    def _meet(self, name: str, now: float, *, is_spared: bool) -> _Source:
        if len(self._sources) >= self._rates.sources:
            self._sources.popitem(last=False)
        messages, calls = _bucket(self._rates.messages_per_source, now), _bucket(self._rates.calls_per_source, now)
        source = self._sources[name] = _Source(is_spared=is_spared, messages=messages, calls=calls)
        return source


def _bucket(rate: float, now: float) -> Bucket | None:
    return Bucket(rate, now) if rate else None


_SPARED: Final = _Source(is_spared=True, messages=None, calls=None)
"""Stands for every IPv6 source without a limit."""
