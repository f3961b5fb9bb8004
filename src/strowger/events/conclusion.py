"""What became of events in the end: counted, told to the store, and kept as a dead letter where they were given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.structs import replace

from strowger.base.clock import Clock
from strowger.base.text import printable
from strowger.calls.ports import OutboxEntry, Store
from strowger.events.dead_letters import DeadLetters, DeadReason
from strowger.events.outbox import Delivery
from strowger.events.outcome import Outcome
from strowger.events.retry import Reason
from strowger.events.throttle import Throttle

_log: Final = structlog.stdlib.get_logger(__name__)

_REASONS: Final = {
    Reason.REFUSED: DeadReason.REFUSED,
    Reason.EXPIRED: DeadReason.EXPIRED,
    Reason.EXHAUSTED: DeadReason.EXHAUSTED,
}


@dataclass(slots=True)
class Counters:
    """What happened to events since the start, over all subscriptions."""

    attempts: int = 0
    """Attempts to deliver events made; each event of a batch has its own."""
    failovers: int = 0
    """Attempts that a failover endpoint got."""
    delivered: int = 0
    failed: int = 0
    """Given up because the endpoint refused them, or after the last of their attempts."""
    expired: int = 0
    """Given up because their time was over."""
    dropped: int = 0
    """Not kept: their subscription is gone or failed, or too many waited."""


class Conclusions:
    """The ends of all events of one process."""

    def __init__(self, store: Store, dead_letters: DeadLetters, clock: Clock) -> None:
        self.counters = Counters()
        self._store = store
        self._dead_letters = dead_letters
        self._clock = clock
        self._drops = Throttle()

    def delivered(self, delivery: Delivery) -> None:
        """Its endpoint has it."""
        self.counters.delivered += 1
        if not delivery.withdrawn:  # a withdrawn entry left the store with the decision that closed its hop
            self._store.delivered(delivery.entry)

    def given_up(self, delivery: Delivery, reason: Reason, why: str) -> None:
        """Its last attempt failed. Of a call that was settled without it nothing is kept."""
        if delivery.withdrawn:
            return
        if reason is Reason.EXPIRED:
            self.counters.expired += 1
        else:
            self.counters.failed += 1
        self._dead_letters.bury(delivery.entry, _REASONS[reason], why)

    def expired(self, entry: OutboxEntry) -> None:
        """Its time was over while it waited."""
        self.counters.expired += 1
        why = "never tried: its subscription had not consented, was paused or had too much to do"
        if entry.attempts:
            why = f"tried {entry.attempts} times, the last time: {entry.last_outcome}"
        self._dead_letters.bury(_named(entry), DeadReason.EXPIRED, why)

    def dropped(self, entry: OutboxEntry, reason: DeadReason, why: str) -> None:
        """It was never going to be delivered, or had to make room."""
        self.counters.dropped += 1
        self._dead_letters.bury(_named(entry), reason, why)
        dropped = self._drops.count(self._clock.monotonic())
        if dropped:
            subscription = printable(entry.subscription)
            _log.warning("event dropped", why=why, subscription=subscription, call_id=entry.call_id, dropped=dropped)


def _named(entry: OutboxEntry) -> OutboxEntry:
    """What came of no attempt has a name as well."""
    return entry if entry.last_outcome else replace(entry, last_outcome=Outcome.NOT_TRIED.value)
