"""Events on their way to real servers on loopback, under short schedules."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from strowger.base.clock import SystemClock, VirtualClock
from strowger.calls.call import GroupStep
from strowger.calls.identifier import phone_number
from strowger.calls.ports import Announcer, OutboxEntry
from strowger.events import schema, signature
from strowger.events.delivery import DeliverySettings
from strowger.events.delivery_headers import Header
from strowger.events.filters import EventFilter, Operator, advanced_filter
from strowger.events.outbox import OutboxLimits
from strowger.events.retry import Profile, Schedule
from strowger.events.subscription import Channel, Schema, Subscription
from tests.support import reports
from tests.support.deliveries import POLICIES, QUICK, SETTINGS, counts, entry, make, subscription

pytestmark = pytest.mark.asyncio


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
