"""When the whole server has too much to do: memory and the lateness of its loop, with hysteresis. Pure.

The shell tells how late it was and lends an eye for the memory; what follows from it (503 for what is new, RFC 3261
§21.5.4) is decided by `throttle`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MEMORY_EVERY_S: Final = 1.0
"""Seconds between two readings of the memory."""
MEMORY_CALM: Final = 0.9
"""The alarm of memory ends below this share of its limit."""
LAG_CALM: Final = 0.5
"""The same of lag."""
LAG_CALM_S: Final = 2.0
"""Seconds for which it must stay below, so that the server is not thrown open and shut with every breath."""

MEMORY: Final = "memory"
LAG: Final = "loop_lag"
REASONS: Final = (MEMORY, LAG)
"""What there can be too much of: the names of the settings that decide it."""


@dataclass(frozen=True, slots=True)
class OverloadLimits:
    """Where overload begins; 0 for never."""

    memory_bytes: int = 1 << 30
    """Octets of the process in memory (resident set)."""
    lag_s: float = 0.5
    """Seconds by which the event loop is late, or for which it has not caught up with its datagrams."""


class Overload:
    """Whether there is too much to do now, and of what."""

    def __init__(self, limits: OverloadLimits, resident_bytes: Callable[[], int]) -> None:
        """`resident_bytes` is asked every `MEMORY_EVERY_S`, and only when there is a limit."""
        self._limits = limits
        self._resident_bytes = resident_bytes
        self._memory_at = float("-inf")
        self._calm_since: float | None = None
        self._is_over_memory = False
        self._is_late = False
        self.memory_bytes = 0
        """As last read; 0 before."""
        self.lag_s = 0.0
        """As last told."""

    @property
    def reason(self) -> str:
        """What there is too much of, one of `REASONS`; empty when all is well."""
        if self._is_over_memory:
            return MEMORY
        return LAG if self._is_late else ""

    @property
    def sentence(self) -> str:
        """The same for people."""
        if self._is_over_memory:
            used, limit = self.memory_bytes >> 20, self._limits.memory_bytes >> 20
            return f"{used} MiB of memory are used, the alarm is at {limit} MiB (limits.memory)"
        return f"the server lags {self.lag_s:.1f} s behind (limits.loop_lag)" if self._is_late else ""

    def look(self, now: float, lag_s: float) -> None:
        """Judge anew; `lag_s` is the worst lateness since the last look. `now` is monotonic."""
        self.lag_s = lag_s
        if self._limits.memory_bytes and now >= self._memory_at + MEMORY_EVERY_S:
            self._memory_at = now
            self._weigh(self._resident_bytes())
        if self._limits.lag_s:
            self._time(now, lag_s)

    def _weigh(self, octets: int) -> None:
        limit = self._limits.memory_bytes
        self.memory_bytes = octets
        self._is_over_memory = octets >= (limit * MEMORY_CALM if self._is_over_memory else limit)

    def _time(self, now: float, lag_s: float) -> None:
        if lag_s >= self._limits.lag_s:
            self._is_late, self._calm_since = True, None
        elif lag_s >= self._limits.lag_s * LAG_CALM:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now >= self._calm_since + LAG_CALM_S:
            self._is_late = False
