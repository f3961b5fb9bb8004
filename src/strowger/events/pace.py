"""How fast an endpoint may be sent requests: as many in a minute as it allowed (CloudEvents: HTTP 1.1 Web Hooks §4.2).

Pure; times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_S: Final = 60.0
MOST_PER_MINUTE: Final = 60_000
"""A higher rate is none: nobody calls so often, and every request of a minute has to be remembered."""


class Pace:
    """The requests of the last minute, whichever minute is looked at."""

    __slots__ = ("_started", "per_minute")

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._started: deque[float] = deque(maxlen=per_minute)

    def next_at(self, now: float) -> float:
        """When the next request may start: now, or later."""
        if len(self._started) < self.per_minute:
            return now
        return max(now, self._started[0] + WINDOW_S)

    def take(self, now: float) -> bool:
        """Start a request if one may start now; whether it may."""
        if self.next_at(now) > now:
            return False
        self.start(now)
        return True

    def start(self, now: float) -> None:
        """A request starts."""
        self._started.append(now)
