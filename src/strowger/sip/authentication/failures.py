"""Wrong passwords, counted: a few tries a minute, then silence.

Only credentials under a nonce that was issued to their source are counted, so nobody can spend the tries of an address
that is not his own.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

FAILURES_PER_USER: Final = 5
"""Wrong passwords within the window, of one source for one user name."""
FAILURES_PER_SOURCE: Final = 30
"""Wrong passwords within the window, of one source for all user names. Many phones may share one address."""
FAILURE_WINDOW_S: Final = 60.0
"""Seconds, from the first wrong password on."""
FAILURES_LIMIT: Final = 20_000
"""Sources, and pairs of source and user name, that are counted; beyond it the earliest is forgotten."""

_IPV6_NETWORK_GROUPS: Final = 4


class _Tally(Struct):
    since: float
    count: int


class Failures:
    """Who failed how often of late."""

    def __init__(
        self,
        *,
        per_user: int = FAILURES_PER_USER,
        per_source: int = FAILURES_PER_SOURCE,
        window_s: float = FAILURE_WINDOW_S,
        limit: int = FAILURES_LIMIT,
    ) -> None:
        self._per_user = per_user
        self._per_source = per_source
        self._window_s = window_s
        self._limit = limit
        self._tallies: dict[int, _Tally] = {}

    def __len__(self) -> int:
        return len(self._tallies)

    def is_barred(self, source: str, user: str, now: float) -> bool:
        """Whether there were as many failures as are allowed. `now` is in seconds and never goes back."""
        for_user, for_source = _keys(source, user)
        return self._count(for_user, now) >= self._per_user or self._count(for_source, now) >= self._per_source

    def note(self, source: str, user: str, now: float) -> None:
        """One more wrong password."""
        for key in _keys(source, user):
            tally = self._tallies.get(key)
            if tally is not None and now - tally.since < self._window_s:
                tally.count += 1
                continue
            self._tallies.pop(key, None)
            self._tallies[key] = _Tally(now, 1)  # at the end: the order is that of the windows' beginnings
        self._forget(now)

    def _count(self, key: int, now: float) -> int:
        tally = self._tallies.get(key)
        return tally.count if tally is not None and now - tally.since < self._window_s else 0

    def _forget(self, now: float) -> None:
        tallies = self._tallies
        while tallies:
            oldest, tally = next(iter(tallies.items()))
            if len(tallies) <= self._limit and now - tally.since < self._window_s:
                return
            del tallies[oldest]


def _keys(source: str, user: str) -> tuple[int, int]:
    """For the user and for the source. Hashes, since a name may be long and is not ours to keep."""
    network = network_of(source)
    return hash((network, user)), hash(network)


def network_of(source: str) -> str:
    """What one peer can be assumed to have: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in source or "." in source:
        return source
    head, gap, tail = source.partition("%")[0].partition("::")
    groups = head.split(":") if head else []
    if gap:
        rest = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(rest)) + rest
    return ":".join(groups[:_IPV6_NETWORK_GROUPS])
