"""How long and how much is kept, and how much is dropped in one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ENDED_LEG_KEPT_S: Final = 64.0
"""Seconds the caller's leg outlives its call: twice as long as a final response is repeated (RFC 3261 §17.2.1)."""

EXPIRED_EVENT_KEPT_S: Final = 300.0
"""Seconds an event outlives its time in the outbox: whoever delivers it has given it up by then, and said so."""

PRUNE_ROWS: Final = 100
"""Rows of each table dropped in one step of pruning; decisions are written between two steps."""

PREFIX_LENGTH: Final = 4
"""Characters of a call id that are enough to look for it."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What a store keeps; all of it is enforced by `prune`, live calls are never dropped."""

    calls_kept: int = 10_000
    """The newest so many calls; older ones go as soon as they have ended."""
    calls_kept_for_s: float = 86_400.0
    """Seconds after its end that a call can be looked up."""
    receipts_kept: int = 1_000_000
    """The newest so many receipts."""
    receipts_kept_for_s: float = 86_400.0
    """Seconds in which a repeated request gets its first answer."""
    events_pending: int = 100_000
    """Undelivered events; beyond it the oldest are dropped and counted."""
