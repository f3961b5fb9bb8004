"""The bounds of calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call and of all calls. Times in seconds."""

    hold_s: float = 30.0
    ring_s: float = 60.0
    ring_budget_s: float = 180.0
    """From arrival to the end of all ringing and holding, however often the call is redirected."""
    redirects_per_call: int = 5
    held_calls: int = 10_000
    """Calls that live at once, held or ringing."""
    reject_none_status: int = 603
