"""One timer for everything that waits: it wakes the loop for the earliest time that it was set to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `wake` once for each time that it went off; then it is set to nothing."""

    __slots__ = ("_at", "_timer", "_wake")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0

    def set(self, at: float, now: float) -> None:
        """Go off at `at`, both monotonic, if nothing earlier is set: whoever is woken early sets it to what is left."""
        if self._timer is not None:
            if self._at <= at:
                return
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._at = at
        self._timer = loop.call_at(loop.time() + max(0.0, at - now), self._go_off)

    def cancel(self) -> None:
        """Go off no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_off(self) -> None:
        self._timer = None
        self._wake()
