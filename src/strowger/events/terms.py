"""How much is sent at once, and how long it is tried: what an operator may say of each subscription.

The bounds and defaults are those of Event Grid (Event Grid: delivery and retry).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strowger.events.errors import SubscriptionInvalid
from strowger.events.outbox import ONE_BY_ONE, BatchLimits

MOST_ATTEMPTS: Final = 30
"""Attempts for one event (maxDeliveryAttempts)."""
LONGEST_LIFE_S: Final = 1_440 * 60.0
SHORTEST_LIFE_S: Final = 60.0
"""The bounds of an event's life (eventTimeToLiveInMinutes)."""
MOST_BATCH_EVENTS: Final = 5_000
"""Events in a batch (maxEventsPerBatch)."""
MOST_BATCH_OCTETS: Final = 1_024 * 1_024
LEAST_BATCH_OCTETS: Final = 1_024
"""The bounds of a batch's size (preferredBatchSizeInKilobytes)."""


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """One subscription's figures. Raises `SubscriptionInvalid` for what Event Grid would refuse."""

    most_attempts: int = MOST_ATTEMPTS
    """Of events that outlive their hop; the others are tried as often as their time allows."""
    time_to_live_s: float = LONGEST_LIFE_S
    """Of events that outlive their hop; the others live as long as it does."""
    batch: BatchLimits = ONE_BY_ONE

    def __post_init__(self) -> None:
        if not 1 <= self.most_attempts <= MOST_ATTEMPTS:
            raise SubscriptionInvalid(f"delivery attempts: 1 to {MOST_ATTEMPTS}, please")
        if not SHORTEST_LIFE_S <= self.time_to_live_s <= LONGEST_LIFE_S:
            raise SubscriptionInvalid("time to live of events: 1 to 1440 minutes, please")
        if not 1 <= self.batch.events <= MOST_BATCH_EVENTS:
            raise SubscriptionInvalid(f"events in a batch: 1 to {MOST_BATCH_EVENTS}, please")
        if not LEAST_BATCH_OCTETS <= self.batch.octets <= MOST_BATCH_OCTETS:
            raise SubscriptionInvalid("kilobytes of a batch: 1 to 1024, please")
