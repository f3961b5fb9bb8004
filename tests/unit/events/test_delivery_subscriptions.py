"""Subscriptions that come, change and go while their events are being delivered."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from strowger.events.delivery import DeliverySettings
from strowger.events.delivery_headers import Header
from strowger.events.errors import SubscriptionInvalid
from strowger.events.filters import EventFilter
from strowger.events.handshake import State
from strowger.events.outbox import OutboxLimits
from strowger.events.retry import Profile
from strowger.events.subscribers import Removed
from strowger.events.subscription import Schema
from tests.support.deliveries import POLICIES, QUICK, counts, entry, make, subscription

pytestmark = pytest.mark.asyncio


async def test_a_name_is_there_once(store):
    with pytest.raises(SubscriptionInvalid, match="dev/a is there twice"):
        make(store, subscription("a", "http://localhost:9/"), subscription("a", "http://localhost:10/"))


async def test_a_subscription_that_is_added_is_asked_and_told(store, receiver, started, new_call):
    delivery = await started(store)
    assert not delivery.is_told(new_call())
    delivery.add(subscription("a", receiver.url))
    assert delivery.is_told(new_call())
    delivery.publish([entry()])
    await store.until_done(1)
    assert [received.is_validation for received in receiver.received] == [True, False]
    with pytest.raises(SubscriptionInvalid, match="dev/a is there twice"):
        delivery.add(subscription("a", "http://localhost:9/"))
    assert delivery.subscribers.get("dev/a").subscription.endpoint == receiver.url


async def test_who_is_paused_is_nobody_and_gets_what_waited_when_it_is_resumed(
    store, receiver, started, scripted, new_call, eventually
):
    receiver.answer = scripted(503, 200)
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await receiver.until(lambda: len(receiver.events) == 1)
    delivery.pause("dev/a")
    assert not delivery.is_told(new_call())
    assert delivery.compose(new_call(), "ctx") == ()
    delivery.publish([entry("e-2"), entry("late", ring_s=0.05)])
    await store.until_done(1)
    await eventually(lambda: not delivery._outbox._in_flight)
    assert ([done.event_id for done in store.done], delivery.pending()) == (["late"], 2)
    assert len(receiver.events) == 1
    delivery.resume("dev/a")
    assert delivery.is_told(new_call())
    await store.until_done(3)
    assert {done.event_id for done in store.done[1:]} == {"e-1", "e-2"}
    assert counts(delivery) == (3, 2, 0, 1, 0)


async def test_what_waits_is_dropped_with_its_subscription_and_an_attempt_ends_by_itself(
    store, receiver, started, consenting, eventually, new_call
):
    release = asyncio.Event()

    async def slowly(received):
        if not received.is_validation:
            await release.wait()
        return await consenting(received)

    receiver.answer = slowly
    settings = DeliverySettings(OutboxLimits(concurrency=1), schedules={Profile.TELEPHONY: QUICK}, policies=POLICIES)
    delivery = await started(store, subscription("a", receiver.url), settings=settings)
    delivery.publish([entry(), entry("e-2")])
    await receiver.until(lambda: len(receiver.events) == 1)
    with capture_logs() as lines:
        assert delivery.remove("dev/a") == Removed(2, is_told=True)
    assert [(line["event"], line["why"]) for line in lines] == [("event dropped", "its subscription was removed")]
    assert [done.event_id for done in store.done] == ["e-2", "e-1"]
    assert (delivery.states(), delivery.is_told(new_call())) == ({}, False)
    with pytest.raises(KeyError):
        delivery.remove("dev/a")
    delivery.add(subscription("a", receiver.url))
    delivery.publish([entry("e-3")])
    release.set()
    await store.until_done(3)
    await eventually(lambda: delivery.pending() == 0)
    kinds = [(received.headers["aeg-event-type"], received.event["id"]) for received in receiver.events]
    assert [event_id for kind, event_id in kinds if kind == "Notification"] == ["e-1", "e-3"]
    assert [kind for kind, _ in kinds].count("SubscriptionDeletion") == 1
    assert counts(delivery) == (2, 2, 0, 0, 2)


async def test_an_endpoint_that_had_consented_is_told_of_the_end_once_and_in_event_grid_only(
    store, receiver, started, eventually, scripted
):
    receiver.answer = scripted(503)
    delivery = await started(
        store,
        subscription("a", receiver.url, headers=(Header("X-Key", "s3cret"),)),
        subscription("cloud", receiver.url, schema=Schema.CLOUD_EVENTS),
        subscription("silent", "http://127.0.0.1:9/"),
    )
    await eventually(lambda: [each[0] for each in delivery.states().values()].count(State.VALID) == 2)
    with capture_logs() as lines:
        assert delivery.remove("dev/silent") == delivery.remove("dev/cloud") == Removed(0, is_told=False)
        assert delivery.remove("dev/a") == Removed(0, is_told=True)
        await receiver.until(lambda: len(receiver.events) == 1)
        await eventually(lambda: any(line["event"] == "subscription removed" for line in lines))
    (received,) = receiver.events
    event = received.event
    assert (event["eventType"], event["topic"], event["subject"]) == (
        "Microsoft.EventGrid.SubscriptionDeletedEvent", "/topic", "",
    )  # fmt: skip
    assert event["data"] == {"eventSubscriptionId": "/topic/providers/Microsoft.EventGrid/eventSubscriptions/a"}
    assert (event["dataVersion"], event["metadataVersion"]) == ("1", "1")
    sent = received.headers
    assert (sent["aeg-event-type"], sent["aeg-subscription-name"]) == ("SubscriptionDeletion", "A")
    assert (sent["X-Key"], sent["aeg-output-event-id"], sent["aeg-delivery-count"]) == ("s3cret", event["id"], "0")
    (line,) = [line for line in lines if line["event"] == "subscription removed"]
    assert (line["why"], line["subscription"]) == ("answered 503", "dev/a")
    assert counts(delivery) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("schema", Schema)
async def test_an_endpoint_is_tried_however_its_subscription_is(store, receiver, started, schema):
    receiver.answer = plain
    nobody = EventFilter(subject_ends_with="nobody")
    changes = {"schema": schema, "is_paused": True, "filter": nobody, "headers": (Header("X-Key", "s3cret"),)}
    delivery = await started(store, subscription("a", receiver.url, **changes))
    calls = []

    def context(call):
        calls.append(call)
        return "ctx"

    trial = await delivery.try_out("dev/a", context)
    (received,) = [each for each in receiver.received if "aeg-output-event-id" in each.headers]
    event = json.loads(received.body) if schema is Schema.CLOUD_EVENTS else received.event
    assert (trial.status, trial.is_delivered, trial.answer_octets, trial.why) == (200, True, 2, "answered 200")
    assert trial.event_id == event["id"] == received.headers["aeg-output-event-id"]
    assert event["id"].startswith("test-")
    assert event["data"]["incomingCallContext"] == "ctx"
    assert event["data"]["correlationId"] == calls[0].call_id
    assert calls[0].call_id.startswith("test-")
    assert (event["data"]["from"]["rawId"], event["data"]["to"]["rawId"]) == ("4:+99900000001", "4:+99900000002")
    assert received.headers["X-Key"] == "s3cret"
    assert (delivery.states()["dev/a"][0] is State.VALID, counts(delivery)) == (False, (0, 0, 0, 0, 0))
    assert delivery.subscribers.get("dev/a").is_paused


async def test_an_endpoint_that_cannot_be_reached_is_told_of(store, receiver, started):
    await receiver.stop()
    delivery = await started(store, subscription("a", receiver.url))
    trial = await delivery.try_out("dev/a", lambda call: "ctx")
    assert (trial.status, trial.is_delivered, trial.answer_octets) == (None, False, 0)
    assert trial.why.startswith("cannot connect")


async def plain(received):
    return web.Response(text="OK")


async def test_what_is_on_its_way_to_each(store, receiver, started):
    await receiver.stop()
    delivery = await started(store, subscription("a", receiver.url), subscription("b", receiver.url))
    delivery.publish([entry(), entry("e-2"), entry("e-1", "b")])
    assert delivery.waiting() == {"dev/a": 2, "dev/b": 1}
    assert delivery.manual_url("dev/a").startswith("https://localhost:7444/validate?code=")


async def test_only_a_subscription_that_is_there_can_be_changed(store):
    delivery = make(store)
    for change in (delivery.pause, delivery.resume, delivery.validate_again):
        with pytest.raises(KeyError):
            change("dev/a")
    with pytest.raises(KeyError):
        delivery.replace(subscription("a", "http://localhost:9/"))
