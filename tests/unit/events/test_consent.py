"""Who may be sent events: handshakes, pauses and lanes."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from aiohttp import web

from strowger.base.clock import VirtualClock
from strowger.base.ids import SeededIds
from strowger.events.address_policy import AddressPolicy
from strowger.events.conclusion import Conclusions
from strowger.events.consent import Consent
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters, DeadReason
from strowger.events.filters import EventFilter
from strowger.events.handshake import State
from strowger.events.outbox import Outbox, OutboxLimits
from strowger.events.retry import Profile
from strowger.events.subscribers import Subscriber, Subscribers
from strowger.events.subscription import Subscription
from strowger.events.validation import Validation
from strowger.events.webhook import WebhookClient
from tests.support.deliveries import POLICIES, SETTINGS, counts, entry, subscription

pytestmark = pytest.mark.asyncio


async def test_an_endpoint_that_comes_up_late_gets_handshake_then_event(store, receiver, started, eventually):
    await receiver.stop()
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await eventually(lambda: delivery.states()["dev/a"][1] != "")
    assert delivery.states()["dev/a"][0] in (State.PENDING, State.VALIDATING)
    await receiver.start()
    await store.until_done(1)
    assert [received.is_validation for received in receiver.received] == [True, False]
    assert counts(delivery) == (1, 1, 0, 0, 0)


async def test_an_endpoint_that_does_not_consent_gets_no_event(store, receiver, started):
    async def answer(received):
        return web.Response(text="OK")

    receiver.answer = answer
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry(ring_s=0.1)])
    await store.until_done(1)
    assert receiver.events == []
    assert counts(delivery) == (0, 0, 0, 1, 0)


async def test_opening_the_validation_url_releases_the_events(store, receiver, started):
    async def answer(received):
        return web.Response(text="OK")

    receiver.answer = answer
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await receiver.until(lambda: len(receiver.received) == 1)
    assert not delivery.validate_manually("guess")
    assert receiver.events == []
    assert delivery.validate_manually(receiver.received[0].event["data"]["validationCode"])
    await store.until_done(1)
    assert len(receiver.events) == 1


async def test_a_failed_subscription_is_nobody(store, receiver, started, new_call):
    await receiver.stop()
    delivery = await started(store, subscription("a", receiver.url, profile=Profile.EVENT_GRID))
    delivery.publish([entry()])
    await store.until_done(1)
    assert delivery.states()["dev/a"][0] is State.FAILED
    assert not delivery.is_told(new_call())
    assert delivery.compose(new_call(), "ctx") == ()
    delivery.publish([entry("e-2")])
    assert counts(delivery) == (0, 0, 0, 0, 2)
    assert delivery.pending() == 0


async def test_a_pause_during_the_handshake_outlasts_it(store, receiver, started, consenting):
    asked, answered = asyncio.Event(), asyncio.Event()

    async def answer(received):
        asked.set()
        await answered.wait()
        return await consenting(received)

    receiver.answer = answer
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry(), entry("e-2", ring_s=0.05)])
    await asked.wait()
    delivery.pause("dev/a")
    answered.set()
    await store.until_done(1)
    assert delivery.states()["dev/a"] == (State.VALID, "echoed the code")
    assert (receiver.events, store.done[0].event_id) == ([], "e-2")
    delivery.resume("dev/a")
    await store.until_done(2)
    assert len(receiver.events) == 1


async def test_a_resumed_subscription_still_has_to_consent(store, receiver, started):
    async def answer(received):
        return web.Response(text="OK")

    receiver.answer = answer
    delivery = await started(store, subscription("a", receiver.url, is_paused=True))
    delivery.publish([entry(ring_s=0.05)])
    delivery.resume("dev/a")
    await store.until_done(1)
    assert counts(delivery) == (0, 0, 0, 1, 0)


async def test_a_subscription_that_failed_can_be_asked_again(store, receiver, started, new_call, eventually):
    await receiver.stop()
    delivery = await started(store, subscription("a", receiver.url, profile=Profile.EVENT_GRID))
    await eventually(lambda: delivery.states()["dev/a"][0] is State.FAILED)
    assert not delivery.is_told(new_call())
    await receiver.start()
    delivery.validate_again("dev/a")
    assert delivery.is_told(new_call())
    delivery.publish([entry()])
    await store.until_done(1)
    assert counts(delivery) == (1, 1, 0, 0, 0)


async def test_what_waits_goes_to_the_endpoint_that_a_changed_subscription_names(
    store, receiver, new_receiver, started, consenting, scripted
):
    receiver.answer = scripted(503)
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await receiver.until(lambda: len(receiver.events) == 1)
    other = new_receiver()
    await other.start()
    delivery.replace(subscription("a", other.url))
    await store.until_done(1)
    assert [received.is_validation for received in other.received] == [True, False]
    delivery.replace(subscription("a", other.url, filter=EventFilter(subject_ends_with="1")))
    assert delivery.states()["dev/a"] == (State.VALID, "echoed the code")
    await other.stop()


# -------------------------------------------------------------------------------------------------------------- lanes


class Bench:
    """Consent of subscriptions whose handshakes the test settles."""

    def __init__(self, store, *subscriptions: Subscription) -> None:
        clock, ids = VirtualClock(), SeededIds()
        self.subscribers, self.outbox = Subscribers(SETTINGS.schedules), Outbox(OutboxLimits())
        conclusions = Conclusions(store, DeadLetters(store, clock, ids, DeadLetterLimits()), clock)
        client = WebhookClient(AddressPolicy())
        validation = partial(Validation, POLICIES, client, clock, ids, lambda code: code)
        self.consent = Consent(self.subscribers, self.outbox, conclusions, validation)
        self.consent.is_running = True
        for each in subscriptions:
            self.subscribers.add(each)
            self.consent.begin(each)
            self.outbox.add(entry(name=each.name), 30.0)

    def subscriber(self, key: str) -> Subscriber:
        subscriber = self.subscribers.get(key)
        assert subscriber is not None
        return subscriber

    def settle(self, key: str, *, is_valid: bool) -> None:
        handshake = self.consent.handshakes._handshakes[key].handshake
        while not handshake.is_settled:
            now = handshake.deadline or 0.0
            handshake.advance(now)
            if is_valid:
                handshake.permitted(200, now, is_allowed=True, rate=0)
            else:
                handshake.unanswered("refused", now)
        self.consent.handshakes.advance(0.0)

    def sent(self) -> list[str]:
        return [delivery.entry.event_id for batch in self.outbox.start() for delivery in batch]


WITH_FAILOVER = subscription("a", "https://a/", profile=Profile.EVENT_GRID, failover_endpoint="https://b/")


async def test_the_consent_of_a_failover_is_enough(store):
    bench = Bench(store, WITH_FAILOVER)
    assert bench.sent() == []
    bench.settle(WITH_FAILOVER.key, is_valid=False)
    assert bench.subscriber(WITH_FAILOVER.key).is_served
    bench.settle(WITH_FAILOVER.failover_key, is_valid=True)
    assert bench.sent() == ["e-1"]


async def test_once_neither_may_consent_what_waits_is_dropped(store):
    bench = Bench(store, WITH_FAILOVER)
    bench.settle(WITH_FAILOVER.key, is_valid=False)
    bench.settle(WITH_FAILOVER.failover_key, is_valid=False)
    assert not bench.subscriber(WITH_FAILOVER.key).is_served
    assert (len(bench.outbox), bench.sent()) == (0, [])
    assert [letter.reason for letter in store.letters] == [DeadReason.UNSUBSCRIBED]


async def test_a_handshake_that_our_own_stop_cut_off_says_nothing(store):
    bench = Bench(store, WITH_FAILOVER)
    bench.consent.is_running = False
    bench.settle(WITH_FAILOVER.key, is_valid=False)
    bench.settle(WITH_FAILOVER.failover_key, is_valid=False)
    assert (len(bench.outbox), bench.subscriber(WITH_FAILOVER.key).is_served) == (1, True)


async def test_who_is_gone_has_to_consent_anew_once(store):
    bench = Bench(store, subscription("a", "https://a/"))
    gone = bench.subscriber("dev/a")
    bench.settle("dev/a", is_valid=True)
    bench.consent.retire(gone)
    assert (bench.consent.handshakes.state("dev/a"), bench.sent()) == (State.PENDING, [])
    asked = bench.consent.handshakes._handshakes["dev/a"]
    bench.consent.retire(gone)
    assert bench.consent.handshakes._handshakes["dev/a"] is asked


async def test_what_is_said_of_one_that_was_changed_meanwhile_is_for_nothing(store):
    bench = Bench(store, subscription("a", "https://a/"))
    gone = bench.subscriber("dev/a")
    bench.settle("dev/a", is_valid=True)
    bench.subscribers.replace(subscription("a", "https://a/"))
    bench.consent.retire(gone)
    assert bench.sent() == ["e-1"]
