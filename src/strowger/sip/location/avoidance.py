"""Destinations that did not serve a moment ago: tried last for a while, never left out (RFC 3263 §4.3).

A call fails over to the next address of a trunk by itself; this keeps the calls after it from knocking at the dead one
first. Pure; seconds come in as `now`.
"""

from __future__ import annotations

from collections.abc import Iterable

from strowger.sip.location.resolve import Destination


class Avoidance:
    """Which destinations are out of service, and until when."""

    def __init__(self, limit: int) -> None:
        """`limit`: destinations remembered; the one noted longest ago goes first."""
        self._until: dict[Destination, float] = {}
        self._limit = limit

    def __len__(self) -> int:
        return len(self._until)

    def avoid(self, destination: Destination, until: float) -> None:
        """It was silent, unreachable or answered 503 (with its Retry-After): others are tried before it."""
        self._until.pop(destination, None)
        while len(self._until) >= self._limit:
            del self._until[next(iter(self._until))]
        self._until[destination] = until

    def serves(self, destination: Destination) -> None:
        """It answered."""
        self._until.pop(destination, None)

    def in_order(self, destinations: Iterable[Destination], now: float) -> list[Destination]:
        """The same destinations, those out of service at the end; each group keeps its order."""
        if not self._until:
            return list(destinations)
        return sorted(destinations, key=lambda destination: self._until.get(destination, now) > now)
