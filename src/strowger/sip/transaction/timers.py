"""The timers of RFC 3261 §17 by letter, and the heap that tells which transaction has to be looked at next.

Timer C is not here: how long a callee may ring is the proxy's decision (RFC 3261 §16.6).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final, Protocol

T1_TIMERS: Final = frozenset("AEG")
"""First retransmission."""
T4_TIMERS: Final = frozenset("IK")
"""Absorb what is still on its way."""
LIFETIME_TIMERS: Final = frozenset("BDFHJLM")
"""The time after which the peer has given up as well."""
ZERO_WHEN_RELIABLE: Final = frozenset("ADEGIJK")
"""Over TCP, TLS and WebSocket: no retransmission (A, E, G) and nothing to absorb (D, I, J, K)."""

LIFETIME_IN_T1: Final = 64
TIMER_D_MINIMUM: Final = 32.0
"""Seconds; the only duration the standard gives as a number. RFC 3261 §17.1.1.2"""


SLACK: Final = 64
"""Dead entries in the heap that are always tolerated."""


@dataclass(frozen=True, slots=True)
class Timings:
    """The three constants everything else is derived from. RFC 3261 §17.1.1.1"""

    t1: float = 0.5
    """Estimate of the round trip, seconds."""
    t2: float = 4.0
    """Longest pause between two retransmissions of a non-INVITE request or an INVITE response, seconds."""
    t4: float = 5.0
    """Longest time a message stays in the network, seconds."""

    def __post_init__(self) -> None:
        if min(self.t1, self.t2, self.t4) <= 0:
            raise ValueError("T1, T2 and T4 must be longer than zero seconds")

    def duration(self, letter: str, *, reliable: bool = False) -> float:
        """Seconds from arming to firing; for A, E and G the first interval. 0 over a reliable transport where the
        standard says so, which for A, E and G means: never armed. RFC 3261 §17.2.2, RFC 6026 §7.1

        Raises KeyError for a letter that is no transaction timer.
        """
        if letter in LIFETIME_TIMERS:
            duration = LIFETIME_IN_T1 * self.t1
        elif letter in T1_TIMERS:
            duration = self.t1
        elif letter in T4_TIMERS:
            duration = self.t4
        else:
            raise KeyError(letter)
        if reliable and letter in ZERO_WHEN_RELIABLE:
            return 0.0
        return max(duration, TIMER_D_MINIMUM) if letter == "D" else duration


class Timed(Protocol):
    """Something with deadlines."""

    def next_deadline(self) -> float | None: ...


def earliest(parts: Iterable[Timed]) -> float | None:
    """The first deadline of several, None if none has any. Asked for after every message, hence no generator."""
    first = None
    for part in parts:
        deadline = part.next_deadline()
        if deadline is not None and (first is None or deadline < first):
            first = deadline
    return first


class TimerHeap:
    """One deadline per key; arming, disarming and taking what is due cost O(log n).

    An entry that was disarmed or armed anew stays in the heap until it surfaces. When those make up more than half of
    it, the heap is rebuilt, so that its size is bounded by the number of armed keys.
    """

    __slots__ = ("_armed", "_heap", "_serial")

    SLACK: Final = SLACK

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str]] = []
        self._armed: dict[str, tuple[float, int, str]] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, key: str, deadline: float) -> None:
        """Set or move the deadline of a key."""
        armed, heap = self._armed, self._heap
        if key in armed and armed[key][0] == deadline:
            return
        self._serial += 1
        armed[key] = entry = (deadline, self._serial, key)  # the serial keeps equal deadlines in order of arming
        heappush(heap, entry)
        if len(heap) > 2 * len(armed) + SLACK:
            self._compact()

    def disarm(self, key: str) -> None:
        """Forget the deadline of a key, if it has one."""
        if self._armed.pop(key, None) is not None and len(self._heap) > 2 * len(self._armed) + SLACK:
            self._compact()

    def next_deadline(self) -> float | None:
        """The earliest deadline, None if nothing is armed."""
        heap = self._heap
        while heap:
            if self._armed.get(heap[0][2]) is heap[0]:
                return heap[0][0]
            heappop(heap)
        return None

    def due(self, now: float) -> list[str]:
        """Take out the keys whose deadline has come, earliest first."""
        keys: list[str] = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            entry = heappop(heap)
            if self._armed.get(entry[2]) is entry:
                del self._armed[entry[2]]
                keys.append(entry[2])
        return keys

    def _compact(self) -> None:
        self._heap = list(self._armed.values())
        heapify(self._heap)
