"""How often a log line may be written about something that happens for every call."""

from __future__ import annotations

from typing import Final

REPORT_EVERY_S: Final = 10.0
"""At most one line about the same trouble in this time."""


class Throttle:
    """Counts occurrences between two lines."""

    __slots__ = ("_count", "_quiet_until")

    def __init__(self) -> None:
        self._count = 0
        self._quiet_until: float | None = None

    def count(self, now: float) -> int:
        """One more occurrence: how many the line to be written now stands for, or 0 when none may be written yet."""
        self._count += 1
        if self._quiet_until is not None and now < self._quiet_until:
            return 0
        occurrences, self._count = self._count, 0
        self._quiet_until = now + REPORT_EVERY_S
        return occurrences
