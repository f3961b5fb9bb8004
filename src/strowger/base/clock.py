"""The clock: the only place that reads the time.

Pure rooms take `now` as an argument; shells are given a `Clock`. Timers and deadlines use `monotonic`, which never
jumps but means nothing after a restart; what is stored or shown uses `wall`.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where a shell gets the time from."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        ...

    def wall(self) -> float:
        """Seconds since 1970-01-01T00:00Z; may jump when the machine's clock is set."""
        ...


class SystemClock:
    """The time of this machine."""

    __slots__ = ()

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970-01-01T00:00Z."""
        return time.time()


class VirtualClock:
    """A clock that stands still until told: for tests, simulations and replays."""

    __slots__ = ("_monotonic", "_wall")

    def __init__(self, *, monotonic: float = 0.0, wall: float = 1_767_225_600.0) -> None:
        """Start at `monotonic` seconds; the default wall time is 2026-01-01T00:00Z."""
        self._monotonic = monotonic
        self._wall = wall

    def monotonic(self) -> float:
        """Seconds gone by, all of them by `advance`."""
        return self._monotonic

    def wall(self) -> float:
        """Seconds since 1970-01-01T00:00Z."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let `seconds` go by. Raises ValueError when negative: time does not go back, only `set_wall` does."""
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s")
        self._monotonic += seconds
        self._wall += seconds

    def set_wall(self, wall: float) -> None:
        """Set the wall clock, as an operator or a time server does; `monotonic` is untouched."""
        self._wall = wall
