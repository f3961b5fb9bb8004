"""The subscriptions of a server that is not there: a store of the test's, and a delivery that is not started."""

from __future__ import annotations

from strowger import assembly
from strowger.base.clock import Clock
from strowger.base.ids import SeededIds
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters
from strowger.events.delivery import EventDelivery
from strowger.settings import Settings
from strowger.storage.memory import MemoryStore
from strowger.subscriptions import Subscriptions


def subscriptions_of(settings: Settings, store: MemoryStore, clock: Clock) -> tuple[Subscriptions, EventDelivery]:
    """What a server makes of its settings, and of what the store has, when it starts."""
    ids = SeededIds()
    delivery = EventDelivery(
        assembly.subscriptions(settings),
        store,
        clock,
        ids,
        dead_letters=DeadLetters(store.dead_letters, clock, ids, DeadLetterLimits()),
        validation_url=lambda code: f"/validate?code={code}",
        fetched=store.pull,
    )
    made = Subscriptions(
        settings, store.subscriptions, delivery, clock, lambda call: f"context of {call.call_id}"
    )
    made.restore()
    return made, delivery
