"""Deadlines by number in one heap, so that a waiting event costs a few words and no task."""

from __future__ import annotations

import heapq
from typing import Final

_SLACK: Final = 64
"""Outdated items the heap may hold before it is swept, besides as many as there are live ones."""


class TimerHeap:
    """At most one deadline per key; arming again moves it. Every operation is O(log n), amortised."""

    __slots__ = ("_at", "_heap")

    def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._at)

    def arm(self, key: int, at: float) -> None:
        """Set or move the key's deadline."""
        self._at[key] = at
        heapq.heappush(self._heap, (at, key))
        self._sweep()

    def disarm(self, key: int) -> None:
        """Forget the key's deadline, if it has one."""
        if self._at.pop(key, None) is not None:
            self._sweep()

    def next_deadline(self) -> float | None:
        """The earliest deadline."""
        while self._heap:
            at, key = self._heap[0]
            if self._at.get(key) == at:
                return at
            heapq.heappop(self._heap)
        return None

    def due(self, now: float) -> list[int]:
        """The keys whose deadline has come, earliest first; each is disarmed."""
        keys: list[int] = []
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._at.get(key) == at:
                del self._at[key]
                keys.append(key)
        return keys

    def _sweep(self) -> None:
        if len(self._heap) > 2 * len(self._at) + _SLACK:
            self._heap = [(at, key) for key, at in self._at.items()]
            heapq.heapify(self._heap)
