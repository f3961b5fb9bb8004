"""A delivery of events under short schedules, and what it delivers."""

from __future__ import annotations

import dataclasses

from strowger.base.clock import SystemClock
from strowger.base.ids import SeededIds
from strowger.calls.ports import OutboxEntry
from strowger.events.address_policy import AddressPolicy
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters
from strowger.events.delivery import DeliverySettings, EventDelivery
from strowger.events.handshake import HandshakePolicy
from strowger.events.retry import Profile, Schedule
from strowger.events.subscription import Subscription
from strowger.storage.pull import MemoryPull

QUICK = Schedule(5.0, (0.01,))
POLICIES = {
    Profile.TELEPHONY: HandshakePolicy(5.0, (0.01,), for_ever=True, manual_s=60.0),
    Profile.EVENT_GRID: HandshakePolicy(5.0, (0.01,), for_ever=False, manual_s=60.0),
}
SETTINGS = DeliverySettings(schedules=dict.fromkeys(Profile, QUICK), policies=POLICIES)


def subscription(name: str, url: str, **changes) -> Subscription:
    return Subscription("dev", name, url, "/topic", **changes)


def validation_url(code: str) -> str:
    return f"https://localhost:7444/validate?code={code}"


def make(store, *subscriptions, clock=None, settings=SETTINGS, fetched=None) -> EventDelivery:
    clock = clock or SystemClock()
    settings = dataclasses.replace(settings, addresses=AddressPolicy(allows_all=True))  # receivers are on loopback
    ids = SeededIds()
    return EventDelivery(
        subscriptions,
        store,
        clock,
        ids,
        dead_letters=DeadLetters(store, clock, ids, DeadLetterLimits()),
        validation_url=validation_url,
        fetched=fetched or MemoryPull(lambda done: done(), lambda key: None),
        settings=settings,
    )


def entry(event_id: str = "e-1", name: str = "a", ring_s: float = 30.0) -> OutboxEntry:
    wall = SystemClock().wall()
    return OutboxEntry(event_id, f"dev/{name}", "call", f'{{"id":"{event_id}"}}'.encode(), wall, wall + ring_s)


def counts(delivery: EventDelivery) -> tuple[int, int, int, int, int]:
    counters = delivery.counters
    return counters.attempts, counters.delivered, counters.failed, counters.expired, counters.dropped
