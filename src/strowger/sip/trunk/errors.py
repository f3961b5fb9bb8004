"""The errors of the trunk room.

TrunkError
├── NoRoute          nothing in the settings leads there: the user's fault
└── EveryTrunkDown   a route leads there, but none of its trunks serves now: the far side's fault
"""

from __future__ import annotations


class TrunkError(Exception):
    """Root of the tree. The text is a sentence for a person."""


class NoRoute(TrunkError):
    """No route matches the target. A repeat is pointless until the settings change."""


class EveryTrunkDown(TrunkError):
    """All trunks of the route are down or on hold. `retry_after_s`: when the first hold ends, 0 if none is known."""

    def __init__(self, why: str, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
