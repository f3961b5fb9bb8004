"""Events on their way to real servers on loopback, under short schedules."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json

import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs

from strowger.base.clock import SystemClock, VirtualClock
from strowger.base.ids import SeededIds
from strowger.calls.call import GroupStep
from strowger.calls.identifier import phone_number
from strowger.calls.ports import Announcer, OutboxEntry
from strowger.events import schema, signature
from strowger.events.address_policy import AddressPolicy
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters
from strowger.events.delivery import DeliverySettings, EventDelivery
from strowger.events.delivery_headers import Header
from strowger.events.errors import SubscriptionInvalid
from strowger.events.filters import EventFilter, Operator, advanced_filter
from strowger.events.handshake import HandshakePolicy, State
from strowger.events.outbox import OutboxLimits
from strowger.events.retry import Profile, Schedule
from strowger.events.subscribers import Removed
from strowger.events.subscription import Channel, Schema, Subscription
from strowger.storage.pull import MemoryPull
from tests.support import reports

pytestmark = pytest.mark.asyncio

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


@pytest_asyncio.fixture
async def started():
    async with contextlib.AsyncExitStack() as stack:

        async def start(*args, **kwargs) -> EventDelivery:
            delivery = make(*args, **kwargs)
            await delivery.start()
            stack.push_async_callback(delivery.stop)
            return delivery

        yield start


def entry(event_id: str = "e-1", name: str = "a", ring_s: float = 30.0) -> OutboxEntry:
    wall = SystemClock().wall()
    return OutboxEntry(event_id, f"dev/{name}", "call", f'{{"id":"{event_id}"}}'.encode(), wall, wall + ring_s)


def counts(delivery: EventDelivery) -> tuple[int, int, int, int, int]:
    counters = delivery.counters
    return counters.attempts, counters.delivered, counters.failed, counters.expired, counters.dropped


# ---------------------------------------------------------------------------------------------------------- composing


async def test_who_is_told(store, new_call):
    delivery: Announcer = make(store, subscription("a", "http://localhost:9/"))
    assert delivery.is_told(new_call())
    assert not delivery.is_told(new_call(resource="other"))


async def test_only_subscriptions_whose_filters_the_event_passes_are_told(store, new_call):
    number = advanced_filter(Operator.STRING_IN, "data.to.phoneNumber.value", ["+31201110001"])
    header = advanced_filter(Operator.STRING_BEGINS_WITH, "data.customContext.sipHeaders.x-a", ["1"])
    url = "http://localhost:9/"
    delivery: Announcer = make(
        store,
        subscription("number", url, filter=EventFilter(advanced=[number])),
        subscription("header", url, filter=EventFilter(advanced=[header])),
        subscription("ends", url, filter=EventFilter(subject_ends_with="/recipient/4:+31201110002")),
    )

    def told(call) -> list[str]:
        names = [each.subscription.removeprefix("dev/") for each in delivery.compose(call, "ctx")]
        assert delivery.is_told(call) is bool(names)
        return names

    other = phone_number("+31201110002")
    assert told(new_call()) == ["number"]
    assert told(new_call(to=other)) == ["ends"]
    assert told(new_call(to=phone_number("+31201110003"))) == []
    assert told(new_call(to=other, custom_headers={"X-A": "1"})) == ["header", "ends"]
    assert told(new_call(custom_headers={"X-A": "1" * 40_000})) == ["number", "header"], "a caller cannot hide by size"


async def test_an_event_for_nobody_is_not_even_written(store, new_call):
    chosen = EventFilter(event_types=["Microsoft.Communication.CallStarted"])
    delivery = make(store, subscription("a", "http://localhost:9/", filter=chosen))
    with capture_logs() as lines:
        assert delivery.compose(new_call(custom_headers={"X-A": "1" * 40_000}), "ctx") == ()
    assert lines == []


async def test_the_event_of_a_hunt_is_good_for_all_of_it(store, new_call):
    clock = VirtualClock()
    delivery = make(store, subscription("a", "http://localhost:9/"), clock=clock)
    call = new_call(expires_at=clock.wall() + 20.0)
    call.hop.group = GroupStep(position=1, members=3, until=clock.wall() + 60.0)
    (entry,) = delivery.compose(call, "ctx")
    assert entry.expires_at == clock.wall() + 60.0


async def test_every_subscription_gets_its_own_entry(store, new_call):
    clock = VirtualClock()
    other = Subscription("dev", "b", "http://localhost:9/", "/other")
    foreign = Subscription("prod", "c", "http://localhost:9/", "/topic")
    delivery = make(store, subscription("a", "http://localhost:9/"), other, foreign, clock=clock)
    call = new_call(expires_at=clock.wall() + 30.0)
    first, second = delivery.compose(call, "ctx")
    assert (first.event_id, first.subscription, first.call_id) == (call.hop.event_id, "dev/a", call.call_id)
    assert (first.created_at, first.expires_at) == (clock.wall(), clock.wall() + 30.0)
    assert second.subscription == "dev/b"
    assert b'"topic":"/topic"' in first.body
    assert b'"topic":"/other"' in second.body
    assert b'"eventTime":"2026-01-01T00:00:00.0000000Z"' in first.body
    assert delivery.pending() == 0


async def test_what_only_reports_is_no_application_and_gets_no_incoming_call(store, new_call):
    delivery = make(store, subscription("own", "http://localhost:9/", channel=Channel.OUTCOMES))
    assert not delivery.is_told(new_call())
    assert (delivery.tells_outcomes("dev"), delivery.tells_outcomes("prod")) == (True, False)
    assert delivery.compose(new_call(), "ctx") == ()
    (entry,) = delivery.report([reports.failed()])
    assert (entry.subscription, entry.expires_at - entry.created_at) == ("dev/own", 3_600.0)


async def test_whoever_is_told_of_calls_alone_is_an_application_and_hears_of_nothing_else(store, new_call):
    only = EventFilter(event_types=["Microsoft.Communication.IncomingCall"])
    delivery = make(store, subscription("a", "http://localhost:9/", filter=only))
    assert delivery.is_told(new_call())
    assert delivery.report([reports.began(), reports.failed()]) == ()


async def test_whoever_is_told_of_begun_calls_alone_is_no_application(store, new_call):
    only = EventFilter(event_types=["Microsoft.Communication.CallStarted"])
    delivery = make(store, subscription("a", "http://localhost:9/", filter=only))
    assert not delivery.is_told(new_call())
    assert len(delivery.report([reports.began()])) == 1


async def test_an_outcome_that_is_larger_than_events_may_be_is_told(store):
    settings = dataclasses.replace(SETTINGS, event_bytes=1_500)
    delivery = make(store, subscription("a", "http://localhost:9/", channel=Channel.OUTCOMES), settings=settings)
    with capture_logs() as logs:
        assert len(delivery.report([reports.failed()])) == 1
    (line,) = logs
    assert (line["event"], line["call_id"]) == ("event too large", reports.CALL_ID)


async def test_a_hop_that_is_not_announced_has_no_entries(store, new_call):
    assert make(store, subscription("a", "http://localhost:9/")).compose(new_call(event_id=""), "ctx") == ()


async def test_an_oversize_event_is_told_and_sent_with_less(store, new_call):
    delivery = make(store, subscription("a", "http://localhost:9/"))
    with capture_logs() as lines:
        (composed,) = delivery.compose(new_call(custom_headers={"X-A": "1" * 40_000}), "ctx")
        assert delivery.compose(new_call(resource="other"), "ctx") == ()
    assert len(composed.body) < 2_000
    assert [(line["event"], line["left_out"]) for line in lines] == [("event too large", "custom headers")]


async def test_an_event_that_cannot_be_made_small_enough_is_not_sent(store, new_call):
    settings = DeliverySettings(event_bytes=100)
    delivery = make(store, subscription("a", "http://localhost:9/"), settings=settings)
    assert delivery.compose(new_call(), "ctx") == ()


async def test_a_name_is_there_once(store):
    with pytest.raises(SubscriptionInvalid, match="dev/a is there twice"):
        make(store, subscription("a", "http://localhost:9/"), subscription("a", "http://localhost:10/"))


# --------------------------------------------------------------------------------------------------------- delivering


async def test_a_composed_event_arrives_as_it_was_composed(store, receiver, new_call, started):
    delivery = await started(store, subscription("a", receiver.url))
    (composed,) = delivery.compose(new_call(expires_at=SystemClock().wall() + 30.0), "ctx")
    delivery.publish([composed])
    await store.until_done(1)
    (received,) = receiver.events
    assert received.body == b"[" + composed.body + b"]"
    assert received.path == "/api/incomingCall?code=a%2Fb=="
    assert {name: value for name, value in received.headers.items() if name not in ("Host", "Content-Length")} == {
        "Content-Type": "application/json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "A",
        "aeg-data-version": "1.0",
        "aeg-metadata-version": "1",
        "aeg-delivery-count": "0",
        "aeg-output-event-id": composed.event_id,
    }
    assert store.done == [composed]
    assert counts(delivery) == (1, 1, 0, 0, 0)
    assert delivery.pending() == 0


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
async def test_success(store, receiver, started, scripted, status):
    receiver.answer = scripted(status)
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await store.until_done(1)
    assert counts(delivery) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize("status", [205, 302, 404, 429, 503])
async def test_a_failure_is_tried_again_under_the_same_id(store, receiver, started, scripted, status):
    receiver.answer = scripted(status, status, 200)
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await store.until_done(1)
    assert [received.headers["aeg-delivery-count"] for received in receiver.events] == ["0", "1", "2"]
    assert {received.headers["aeg-output-event-id"] for received in receiver.events} == {"e-1"}
    assert {received.body for received in receiver.events} == {b'[{"id":"e-1"}]'}
    assert counts(delivery) == (3, 1, 0, 0, 0)


@pytest.mark.parametrize("status", [400, 401, 403, 413])
async def test_a_refusal_is_not_tried_again(store, receiver, started, scripted, status):
    receiver.answer = scripted(status, 200)
    delivery = await started(store, subscription("a", receiver.url))
    with capture_logs() as lines:
        delivery.publish([entry()])
        await store.until_done(1)
    assert len(receiver.events) == 1
    assert counts(delivery) == (1, 0, 1, 0, 0)
    assert [line["why"] for line in lines if line["event"] == "event attempt failed"] == [f"answered {status}"]


async def test_the_refusals_are_a_setting(store, receiver, started, scripted):
    receiver.answer = scripted(400, 200)
    settings = DeliverySettings(schedules={Profile.TELEPHONY: QUICK}, policies=POLICIES, not_retried=frozenset())
    delivery = await started(store, subscription("a", receiver.url), settings=settings)
    delivery.publish([entry()])
    await store.until_done(1)
    assert counts(delivery) == (2, 1, 0, 0, 0)


async def test_retries_end_with_the_ring_window(store, receiver, started, scripted):
    receiver.answer = scripted(503)
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry(ring_s=0.1)])
    await store.until_done(1)
    assert delivery.counters.expired == 1
    assert delivery.counters.attempts > 1
    assert delivery.pending() == 0


async def test_an_event_that_is_too_old_is_not_sent(store, receiver, started):
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry(ring_s=0.0)])
    assert len(store.done) == 1
    assert counts(delivery) == (0, 0, 0, 1, 0)


async def test_the_wall_clock_may_be_set_while_an_event_waits(store, receiver, started, scripted, eventually):
    clock = VirtualClock()
    receiver.answer = scripted(503)
    settings = DeliverySettings(
        schedules={Profile.TELEPHONY: Schedule(5.0, (20.0, 1.0))}, policies=POLICIES, not_retried=frozenset()
    )
    delivery = await started(store, subscription("a", receiver.url), clock=clock, settings=settings)
    delivery.publish([OutboxEntry("e-1", "dev/a", "call", b"{}", clock.wall(), clock.wall() + 30.0)])
    await receiver.until(lambda: len(receiver.events) == 1)
    clock.set_wall(clock.wall() + 3_600.0)
    await eventually(lambda: not delivery._outbox._in_flight)
    clock.advance(20.0)
    delivery.publish([])
    await receiver.until(lambda: len(receiver.events) == 2)
    assert delivery.counters.expired == 0


async def test_every_attempt_is_signed_under_the_same_id(store, receiver, started, scripted):
    secrets = (b"the secret of today, long", b"the secret of tomorrow!!!")
    receiver.answer = scripted(503, 200)
    before = SystemClock().wall()
    delivery = await started(store, subscription("a", receiver.url, signing_secrets=secrets))
    delivery.publish([entry()])
    await store.until_done(1)
    assert len(receiver.events) == 2
    for received in receiver.events:
        at = int(received.headers["webhook-timestamp"])
        assert int(before) <= at <= SystemClock().wall()
        assert signature.headers(secrets, "e-1", at, received.body).items() <= received.headers.items()


async def test_the_rate_that_an_endpoint_allowed_is_kept(store, receiver, started, eventually):
    async def answer(received):
        return web.Response(headers={"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "2"})

    receiver.answer = answer
    clock = VirtualClock()
    delivery = await started(store, subscription("a", receiver.url, schema=Schema.CLOUD_EVENTS), clock=clock)
    await receiver.until(lambda: len(receiver.received) == 1)
    whole = schema.subscription_validation("e", "/topic", "c", "https://localhost/", 0.0)
    wall = clock.wall()
    delivery.publish(
        OutboxEntry(f"e-{number}", "dev/a", "call", whole, wall, wall + 90.0) for number in ("1", "2", "3")
    )
    await store.until_done(2)
    await eventually(lambda: delivery.pending() == 1)
    clock.advance(59.0)
    delivery._wake()
    assert (len(receiver.events), delivery.pending()) == (2, 1)
    clock.advance(1.0)
    delivery._wake()
    await store.until_done(3)
    assert len(receiver.events) == 3


async def test_withdrawing_stops_the_retries(store, receiver, started, scripted, eventually):
    receiver.answer = scripted(503)
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry(), entry("e-2")])
    await receiver.until(lambda: len(receiver.events) >= 2)
    delivery.withdraw("e-1")
    delivery.withdraw("e-2")
    await eventually(lambda: delivery.pending() == 0)
    assert store.done == []
    assert delivery.counters.expired == delivery.counters.failed == 0


async def test_an_outcome_is_tried_on_when_the_hop_is_closed(store, receiver, started, scripted):
    receiver.answer = scripted(503, 200)
    delivery = await started(store, subscription("a", receiver.url, channel=Channel.OUTCOMES))
    delivery.publish(delivery.report([reports.failed()]))
    delivery.withdraw("e1")
    await receiver.until(lambda: len(receiver.events) == 2)
    first, second = (each.event for each in receiver.events)
    assert first == second
    assert first["eventType"] == "Strowger.Redirect.Failed"


async def test_an_application_may_decide_before_it_answers(store, receiver, started, eventually):
    decided = asyncio.Event()

    async def answer(received):
        if not received.is_validation:
            await decided.wait()
        return web.json_response({"validationResponse": received.event.get("data", {}).get("validationCode")})

    receiver.answer = answer
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await receiver.until(lambda: len(receiver.events) == 1)
    delivery.withdraw("e-1")
    decided.set()
    await eventually(lambda: delivery.pending() == 0)
    assert counts(delivery) == (1, 1, 0, 0, 0)
    assert store.done == []


async def test_a_slow_receiver_delays_nobody_else(store, receiver, new_receiver, started, consenting):
    release = asyncio.Event()

    async def slowly(received):
        if not received.is_validation:
            await release.wait()
        return await consenting(received)

    receiver.answer = slowly
    quick = new_receiver()
    await quick.start()
    settings = DeliverySettings(OutboxLimits(concurrency=2), schedules={Profile.TELEPHONY: QUICK}, policies=POLICIES)
    delivery = await started(store, subscription("slow", receiver.url), subscription("b", quick.url), settings=settings)
    delivery.publish([entry(f"e-{n}", name) for n in range(20) for name in ("slow", "b")])
    await store.until_done(20)
    assert {done.subscription for done in store.done} == {"dev/b"}
    assert len(receiver.events) <= 2
    assert delivery.pending() == 20
    release.set()
    await store.until_done(40)
    await quick.stop()


async def test_two_subscriptions_of_one_host_do_not_queue_behind_each_other(store, receiver, started, consenting):
    release = asyncio.Event()

    async def slowly(received):
        if received.path == "/slow" and not received.is_validation:
            await release.wait()
        return await consenting(received)

    receiver.answer = slowly
    slow = subscription("slow", f"http://127.0.0.1:{receiver.port}/slow")
    delivery = await started(store, slow, subscription("b", receiver.url))
    delivery.publish([entry(f"e-{n}", "slow") for n in range(64)])
    delivery.publish([entry("e-0", "b")])
    await store.until_done(1)
    assert store.done[0].subscription == "dev/b"
    release.set()
    await store.until_done(65)


async def test_nothing_remains_of_what_is_done(store, receiver, started, eventually):
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry(f"e-{n}") for n in range(200)])
    await store.until_done(200)
    await eventually(lambda: delivery.pending() == 0)
    outbox = delivery._outbox
    assert not outbox._by_event
    assert not outbox._waiting
    assert not outbox._lanes["dev/a"].queue
    assert delivery.counters.delivered == 200


async def test_failures_are_told_in_one_line(store, receiver, started, scripted):
    receiver.answer = scripted(500, 500, 500, 500, 200)
    delivery = await started(store, subscription("a", receiver.url))
    with capture_logs() as lines:
        delivery.publish([entry()])
        await store.until_done(1)
    (line,) = [line for line in lines if line["event"] == "event attempt failed"]
    assert line["why"] == "answered 500"
    assert line["endpoint"] == f"http://127.0.0.1:{receiver.port}/api/incomingCall"
    assert line["log_level"] == "warning"


# --------------------------------------------------------------------------------------------------------- handshakes


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


# ------------------------------------------------------------------------------------- subscriptions that come and go


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


async def test_only_a_subscription_that_is_there_can_be_changed(store):
    delivery = make(store)
    for change in (delivery.pause, delivery.resume, delivery.validate_again):
        with pytest.raises(KeyError):
            change("dev/a")
    with pytest.raises(KeyError):
        delivery.replace(subscription("a", "http://localhost:9/"))


# -------------------------------------------------------------------------------------------------- starting, stopping


async def test_undelivered_entries_are_taken_up_at_start(store, receiver, started):
    store.pending = [entry("old", ring_s=-1.0), entry("e-1"), entry("e-2", "removed")]
    with capture_logs() as lines:
        delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry("e-1")])
    await store.until_done(3)
    assert [received.event["id"] for received in receiver.events] == ["e-1"]
    assert counts(delivery) == (1, 1, 0, 1, 1)
    assert [(line["event"], line["subscription"]) for line in lines] == [("event dropped", "dev/removed")]


async def test_too_many_waiting_events(store, receiver, started):
    await receiver.stop()
    settings = DeliverySettings(OutboxLimits(events_pending=2), schedules=SETTINGS.schedules, policies=POLICIES)
    delivery = await started(store, subscription("a", receiver.url), settings=settings)
    with capture_logs() as lines:
        delivery.publish([entry(f"e-{n}") for n in range(4)])
    assert [done.event_id for done in store.done] == ["e-0", "e-1"]
    assert delivery.pending() == delivery.counters.dropped == 2
    assert [line["why"] for line in lines] == ["too many events wait"]


async def test_stopping_waits_for_an_answer_that_is_about_to_come(store, receiver, started):
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await receiver.until(lambda: len(receiver.events) == 1)
    await delivery.stop()
    assert len(store.done) == 1


async def test_what_is_undelivered_at_the_stop_stays_stored(store, receiver, started, scripted):
    receiver.answer = scripted(503)
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await receiver.until(lambda: len(receiver.events) == 1)
    await delivery.stop()
    delivery.publish([entry("e-2")])
    assert store.done == []


async def test_an_attempt_that_does_not_end_is_cut_off_at_the_stop(store, receiver, started, consenting, monkeypatch):
    monkeypatch.setattr("strowger.events.delivery.STOP_GRACE_S", 0.01)

    async def never(received):
        if not received.is_validation:
            await asyncio.Event().wait()
        return await consenting(received)

    receiver.answer = never
    delivery = await started(store, subscription("a", receiver.url))
    delivery.publish([entry()])
    await receiver.until(lambda: len(receiver.events) == 1)
    await delivery.stop()
    assert store.done == []
    assert not delivery._tasks


async def test_an_event_that_waited_is_sent_in_the_schema_of_today(store, receiver, started, new_call):
    clock = SystemClock()
    call = new_call(expires_at=clock.wall() + 30.0)
    before = make(store, subscription("a", receiver.url))
    (waiting,) = before.compose(call, "ctx")
    store.pending = [waiting]
    key, caller = Header("X-Key", "s3cret"), Header("X-Caller", "data.from.rawId")
    today = subscription("a", receiver.url, schema=Schema.CLOUD_EVENTS, headers=(key,), headers_from=(caller,))
    delivery = await started(store, today)
    await store.until_done(1)
    (received,) = receiver.events
    event = json.loads(received.body)
    assert (event["specversion"], event["id"], event["source"]) == ("1.0", call.hop.event_id, "/topic")
    assert received.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert received.headers["aeg-delivery-count"] == "0"
    assert (received.headers["X-Key"], received.headers["X-Caller"]) == ("s3cret", call.caller.raw_id)
    assert "aeg-data-version" not in received.headers
    assert counts(delivery) == (1, 1, 0, 0, 0)


@pytest.mark.parametrize("status", [410, 415])
@pytest.mark.parametrize("schema", Schema)
async def test_what_a_retired_endpoint_of_cloud_events_answers_is_final(
    store, receiver, started, scripted, new_call, status, schema
):
    receiver.answer = scripted(status, 200)
    delivery = await started(store, subscription("a", receiver.url, schema=schema))
    delivery.publish(delivery.compose(new_call(expires_at=SystemClock().wall() + 30.0), "ctx"))
    await store.until_done(1)
    is_final = schema is Schema.CLOUD_EVENTS
    assert counts(delivery) == ((1, 0, 1, 0, 0) if is_final else (2, 1, 0, 0, 0))
