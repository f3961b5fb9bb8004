"""Subscriptions whose events are fetched, among those whose events are posted."""

from __future__ import annotations

import dataclasses
import json

import pytest

from strowger.base.clock import SystemClock
from strowger.base.ids import SeededIds
from strowger.events.address_policy import AddressPolicy
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters
from strowger.events.delivery import DeliverySettings, EventDelivery
from strowger.events.filters import EventFilter
from strowger.events.handshake import State
from strowger.events.subscribers import Removed
from strowger.events.subscription import DeliveryMode, Subscription
from strowger.storage.memory import MemoryStore
from strowger.storage.pull import MemoryPull
from strowger.storage.retention import Retention
from tests.support.storage import a_commit

pytestmark = pytest.mark.asyncio

FETCHED = Subscription("dev", "app", "", "/topic", delivery=DeliveryMode.PULL)
KEY = FETCHED.key
NOBODY_CAME = "fetched by the application: 0 events not acknowledged, nobody has asked since the start"


class Bench:
    """A delivery over a store, both real, and calls that are committed and published as the ledger does it."""

    def __init__(self, *subscriptions: Subscription, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore(lambda done: done(), Retention())
        clock, ids = SystemClock(), SeededIds()
        self.delivery = EventDelivery(
            subscriptions,
            self.store,
            clock,
            ids,
            dead_letters=DeadLetters(self.store.dead_letters, clock, ids, DeadLetterLimits()),
            validation_url=lambda code: "",
            fetched=self.store.pull,
            settings=DeliverySettings(addresses=AddressPolicy(allows_all=True)),
        )

    def announce(self, call) -> None:
        entries = self.delivery.compose(call, "ctx")
        self.store.commit(a_commit(call.call_id, events=entries), lambda error: None)
        self.delivery.publish(entries)

    def fetched(self) -> list[str]:
        return [json.loads(each.body)["id"] for each in self.delivery.pull.waiting(KEY, 0, 100)]


def live(new_call, **changes):
    """A call that is held for half a minute."""
    return new_call(expires_at=SystemClock().wall() + 30.0, **changes)


async def test_somebody_is_told_whether_it_asks_just_now_or_not(new_call):
    bench = Bench(FETCHED)
    assert bench.delivery.is_told(new_call())
    assert not bench.delivery.is_told(new_call(resource="other"))
    chosen = dataclasses.replace(FETCHED, filter=EventFilter(event_types=["Microsoft.Communication.CallStarted"]))
    assert not Bench(chosen).delivery.is_told(new_call())


async def test_an_event_waits_to_be_fetched_and_is_posted_nowhere(new_call):
    bench = Bench(FETCHED)
    await bench.delivery.start()
    call = live(new_call)
    bench.announce(call)
    assert bench.fetched() == [call.hop.event_id]
    assert bench.delivery.pending() == 0
    assert bench.delivery.counters.attempts == 0
    await bench.delivery.stop()
    assert len(bench.store.pending_events()) == 1


async def test_what_waits_is_not_counted_once_for_each_event_at_the_start(new_call, monkeypatch):
    before = Bench(FETCHED)
    for number in range(3):
        before.announce(live(new_call, call_id=f"call-{number}", event_id=f"e-{number}"))
    monkeypatch.setattr(MemoryPull, "count", lambda store, key, now: pytest.fail("it was counted"))
    after = Bench(FETCHED, store=before.store)
    await after.delivery.start()
    assert len(after.fetched()) == 3
    await after.delivery.stop()


async def test_it_still_waits_after_a_restart(new_call):
    before = Bench(FETCHED)
    call = live(new_call)
    before.announce(call)
    after = Bench(FETCHED, store=before.store)
    await after.delivery.start()
    assert after.fetched() == [call.hop.event_id]
    await after.delivery.stop()


async def test_it_needs_no_handshake(new_call):
    bench = Bench(FETCHED)
    assert bench.delivery.states() == {KEY: (State.VALID, NOBODY_CAME)}
    assert bench.delivery.manual_url(KEY) == ""
    bench.delivery.validate_again(KEY)
    assert bench.delivery.states() == {KEY: (State.VALID, NOBODY_CAME)}


async def test_paused_it_is_nobody_and_gives_nothing(new_call):
    bench = Bench(FETCHED)
    call = live(new_call)
    bench.announce(call)
    bench.delivery.pause(KEY)
    assert not bench.delivery.is_told(new_call())
    assert bench.fetched() == []
    bench.delivery.resume(KEY)
    assert bench.fetched() == [call.hop.event_id]


async def test_removed_it_is_gone_with_its_events(new_call):
    bench = Bench(FETCHED)
    bench.announce(live(new_call))
    assert bench.delivery.waiting() == {KEY: 1}
    assert bench.delivery.remove(KEY) == Removed(1, is_told=False)
    assert bench.store.pending_events() == []
    assert bench.delivery.states() == {}
    assert bench.delivery.waiting() == {}


async def test_changed_it_keeps_its_events(new_call):
    bench = Bench(FETCHED)
    bench.announce(live(new_call))
    bench.delivery.replace(dataclasses.replace(FETCHED, filter=EventFilter(subject_ends_with="nobody")))
    assert len(bench.fetched()) == 1
    assert not bench.delivery.is_told(new_call())


async def test_events_are_posted_once_it_has_an_endpoint(new_call, receiver):
    bench = Bench(FETCHED)
    await bench.delivery.start()
    bench.announce(live(new_call))
    bench.delivery.replace(Subscription("dev", "app", receiver.url, "/topic"))
    await receiver.until(lambda: len(receiver.events) == 1)
    assert bench.fetched() == []
    await bench.delivery.stop()
    assert bench.store.pending_events() == []


async def test_events_are_fetched_once_it_has_none(new_call):
    posted = Subscription("dev", "app", "http://127.0.0.1:9/", "/topic", is_paused=True)
    bench = Bench(dataclasses.replace(posted, is_paused=False))
    await bench.delivery.start()
    call = live(new_call)
    bench.announce(call)
    assert bench.delivery.pending() == 1
    bench.delivery.replace(FETCHED)
    assert bench.fetched() == [call.hop.event_id]
    assert bench.delivery.pending() == 0
    assert bench.delivery.states()[KEY][1].startswith("fetched by the application: 1 event not acknowledged")
    await bench.delivery.stop()


async def test_a_failed_handshake_does_not_matter_to_who_fetches(new_call):
    bench = Bench(Subscription("dev", "app", "http://127.0.0.1:9/", "/topic"))
    (subscriber,) = bench.delivery.subscribers
    subscriber.is_served = False
    assert not bench.delivery.is_told(new_call())
    bench.delivery.replace(FETCHED)
    assert bench.delivery.is_told(new_call())


async def test_it_stays_paused_whichever_way_its_events_go(new_call):
    bench = Bench(FETCHED)
    bench.announce(live(new_call))
    bench.delivery.pause(KEY)
    bench.delivery.replace(Subscription("dev", "app", "http://127.0.0.1:9/", "/topic"))
    bench.delivery.replace(FETCHED)
    assert bench.fetched() == []
    bench.delivery.resume(KEY)
    assert len(bench.fetched()) == 1


async def test_what_is_dropped_is_counted_with_the_rest(new_call):
    bench = Bench(FETCHED)
    bench.delivery.pull._dropped(3)
    assert bench.delivery.counters.dropped == 3
