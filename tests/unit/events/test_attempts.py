"""Attempts at real servers on loopback: failover, batches, what endpoints ask for, and what is given up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from strowger.base.clock import SystemClock, VirtualClock
from strowger.base.ids import SeededIds
from strowger.calls.errors import StoreUnavailable
from strowger.calls.ports import OutboxEntry
from strowger.events import signature
from strowger.events.address_policy import AddressPolicy
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters
from strowger.events.delivery import RESENT_S, DeliverySettings, EventDelivery
from strowger.events.errors import SubscriptionInvalid
from strowger.events.handshake import HandshakePolicy, State
from strowger.events.outbox import BatchLimits, OutboxLimits
from strowger.events.retry import Profile, Schedule
from strowger.events.subscription import Schema, Subscription
from strowger.events.terms import DeliveryTerms
from strowger.storage.pull import MemoryPull

pytestmark = pytest.mark.asyncio

EVENT = {
    "id": "e-1",
    "topic": "/t",
    "subject": "s",
    "eventType": "E",
    "eventTime": "t",
    "dataVersion": "1.0",
    "metadataVersion": "1",
    "data": {},
}
QUICK = Schedule(1.0, (0.01,))
LASTING = Schedule(1.0, (0.01,), outlives_hop=True)
SETTINGS = DeliverySettings(
    schedules={Profile.TELEPHONY: QUICK, Profile.EVENT_GRID: LASTING},
    policies=dict.fromkeys(Profile, HandshakePolicy(5.0, (0.01,), for_ever=True, manual_s=60.0)),
    addresses=AddressPolicy(allows_all=True),
)


def subscription(url: str, name: str = "a", **changes) -> Subscription:
    return Subscription("dev", name, url, "/topic", **changes)


def entry(event_id: str = "e-1", name: str = "a", *, lives_s: float = 30.0, outlives_hop: bool = False) -> OutboxEntry:
    wall = SystemClock().wall()
    body = json.dumps(EVENT | {"id": event_id}).encode()
    return OutboxEntry(event_id, f"dev/{name}", "call", body, wall, wall + lives_s, outlives_hop)


@pytest_asyncio.fixture
async def started(store):
    async with contextlib.AsyncExitStack() as stack:

        async def start(*subscriptions, settings=SETTINGS, clock=None) -> EventDelivery:
            clock, ids = clock or SystemClock(), SeededIds()
            letters = DeadLetters(store, clock, ids, DeadLetterLimits())
            delivery = EventDelivery(
                subscriptions,
                store,
                clock,
                ids,
                dead_letters=letters,
                validation_url="https://localhost/?code={}".format,
                fetched=MemoryPull(lambda done: done(), lambda key: None),
                settings=settings,
            )
            await delivery.start()
            stack.push_async_callback(delivery.stop)
            return delivery

        yield start


@pytest_asyncio.fixture
async def second(new_receiver):
    receiver = new_receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


def outcomes(store) -> list[tuple[str, str, int]]:
    return [(each.reason, each.entry.last_outcome, each.entry.attempts) for each in store.letters]


# ------------------------------------------------------------------------------------------------------------- failover


async def test_a_failover_gets_the_same_request_when_the_endpoint_is_in_trouble(
    store, receiver, second, started, scripted
):
    receiver.answer = scripted(503, 200)
    delivery = await started(subscription(receiver.url, failover_endpoint=second.url))
    delivery.publish([entry()])
    await store.until_done(1)
    (first,), (other,) = receiver.events, second.events
    assert (first.body, first.path) == (other.body, other.path)
    assert {**first.headers, "Host": ""} == {**other.headers, "Host": ""}
    assert first.headers["aeg-delivery-count"] == "0"
    counters = delivery.counters
    assert (counters.attempts, counters.failovers, counters.delivered) == (1, 1, 1)
    delivery.publish([entry("e-2")])
    await store.until_done(2)
    assert (len(receiver.events), len(second.events)) == (2, 1)


async def test_a_failover_takes_over_from_an_endpoint_that_is_not_there_even_at_the_start(
    store, receiver, second, started
):
    await receiver.stop()
    delivery = await started(subscription(receiver.url, failover_endpoint=second.url))
    delivery.publish([entry()])
    await store.until_done(1)
    assert [each.is_validation for each in second.received] == [True, False]
    assert delivery.states()["dev/a → failover"][0] is State.VALID
    assert delivery.states()["dev/a"][0] is not State.VALID


async def test_a_failover_takes_over_from_an_endpoint_that_hangs(store, receiver, second, started, consenting):
    release = asyncio.Event()

    async def hang(received):
        if not received.is_validation:
            await release.wait()
        return await consenting(received)

    receiver.answer = hang
    settings = replace(SETTINGS, schedules={Profile.TELEPHONY: Schedule(0.05, (0.01,))})
    delivery = await started(subscription(receiver.url, failover_endpoint=second.url), settings=settings)
    delivery.publish([entry()])
    await store.until_done(1)
    assert len(second.events) == 1
    release.set()


@pytest.mark.parametrize("by", ["decision", "time"])
async def test_a_failover_gets_nothing_of_a_hop_that_closed_while_the_endpoint_was_asked(
    receiver, second, started, consenting, by
):
    release = asyncio.Event()

    async def fail_late(received):
        if received.is_validation:
            return await consenting(received)
        await release.wait()
        return web.Response(status=500)

    receiver.answer = fail_late
    clock = VirtualClock()
    delivery = await started(subscription(receiver.url, failover_endpoint=second.url), clock=clock)
    await second.until(lambda: len(second.received) == 1)
    wall = clock.wall()
    delivery.publish([OutboxEntry("e-1", "dev/a", "call", b"{}", wall, wall + 30.0)])
    await receiver.until(lambda: len(receiver.events) == 1)
    if by == "decision":
        delivery.withdraw("e-1")
    else:
        clock.advance(30.0)
    release.set()
    async with asyncio.timeout(5.0):
        while delivery.pending():  # noqa: ASYNC110 - nobody signals the end of an attempt
            await asyncio.sleep(0)
    assert (second.events, delivery.counters.failovers) == ([], 0)
    assert delivery.counters.expired == (by == "time")


@pytest.mark.parametrize("status", [400, 404, 429, 302])
async def test_an_answer_is_not_repeated_elsewhere(store, receiver, second, started, scripted, status):
    receiver.answer = scripted(status, 200)
    delivery = await started(subscription(receiver.url, failover_endpoint=second.url))
    delivery.publish([entry()])
    await store.until_done(1)
    assert (second.events, delivery.counters.failovers) == ([], 0)


async def test_a_failover_is_sent_no_more_than_it_allowed(store, receiver, second, started):
    async def allow(received):
        rate = {"WebHook-Allowed-Rate": "1"} if received.method == "OPTIONS" else {}
        return web.Response(headers={"WebHook-Allowed-Origin": "*", **rate})

    async def fail(received):
        return web.Response(status=503, headers={"WebHook-Allowed-Origin": "*"})

    receiver.answer, second.answer = fail, allow
    ours = subscription(receiver.url, failover_endpoint=second.url, schema=Schema.CLOUD_EVENTS)
    delivery = await started(ours)
    await receiver.until(lambda: bool(receiver.received))
    await second.until(lambda: bool(second.received))
    delivery.publish([entry("e-1"), entry("e-2", lives_s=0.3)])
    await store.until_done(2)
    assert len(second.events) == 1
    assert len(receiver.events) > 2
    assert delivery.counters.failovers == 1


async def test_a_failover_that_does_not_consent_gets_nothing(store, receiver, second, started, scripted):
    async def refuse(received):
        return web.Response(status=404)

    second.answer = refuse
    receiver.answer = scripted(503, 503, 200)
    delivery = await started(subscription(receiver.url, failover_endpoint=second.url))
    delivery.publish([entry()])
    await store.until_done(1)
    assert (len(receiver.events), second.events) == (3, [])


async def test_when_both_fail_the_first_one_decides_what_follows(store, receiver, second, started, scripted):
    receiver.answer, second.answer = scripted(503, 400), scripted(400)
    delivery = await started(subscription(receiver.url, failover_endpoint=second.url))
    delivery.publish([entry()])
    await store.until_done(1)
    assert [each.headers["aeg-delivery-count"] for each in receiver.events] == ["0", "1"]
    assert [each.headers["aeg-delivery-count"] for each in second.events] == ["0"]
    assert [each.why for each in store.letters] == ["answered 400"]


async def test_a_failover_comes_and_goes(store, receiver, second, started, scripted):
    receiver.answer = scripted(503, 503, 200)
    delivery = await started(subscription(receiver.url))
    await receiver.until(lambda: bool(receiver.received))
    delivery.replace(subscription(receiver.url, failover_endpoint=second.url))
    await second.until(lambda: bool(second.received))
    assert len([each for each in receiver.received if each.is_validation]) == 1
    delivery.replace(subscription(receiver.url))
    assert list(delivery.states()) == ["dev/a"]
    delivery.publish([entry()])
    await store.until_done(1)
    assert second.events == []
    delivery.replace(subscription(receiver.url, failover_endpoint=second.url))
    delivery.remove("dev/a")
    assert delivery.states() == {}


async def test_a_failover_rescues_a_subscription_that_failed(store, receiver, second, started, eventually):
    await receiver.stop()
    settings = replace(SETTINGS, policies={Profile.TELEPHONY: HandshakePolicy(5.0, (0.01,), False, manual_s=60.0)})
    delivery = await started(subscription(receiver.url), settings=settings)
    await eventually(lambda: delivery.states()["dev/a"][0] is State.FAILED)
    delivery.replace(subscription(receiver.url, failover_endpoint=second.url))
    await eventually(lambda: delivery.states()["dev/a → failover"][0] is State.VALID)
    delivery.publish([entry()])
    await store.until_done(1)
    assert len(second.events) == 1
    assert outcomes(store) == []


async def test_an_endpoint_that_never_consented_gets_nothing_when_its_failover_goes(store, receiver, second, started):
    async def refuse(received):
        return web.Response(status=404)

    receiver.answer = refuse
    delivery = await started(subscription(receiver.url, failover_endpoint=second.url))
    delivery.publish([entry("e-1")])
    await store.until_done(1)
    delivery.replace(subscription(receiver.url))
    delivery.publish([entry("e-2", lives_s=0.1)])
    await store.until_done(2)
    assert (len(second.events), receiver.events) == (1, [])
    assert outcomes(store) == [("TimeToLiveExceeded", "NotTried", 0)]


# -------------------------------------------------------------------------------------------------------------- batches


def batching(events: int = 10) -> DeliveryTerms:
    return DeliveryTerms(batch=BatchLimits(events))


async def waiting_batch(delivery: EventDelivery, receiver, *event_ids: str) -> None:
    """Have these wait for one and the same moment."""
    await receiver.until(lambda: bool(receiver.received))
    delivery.pause("dev/a")
    delivery.publish([entry(each) for each in event_ids])
    delivery.resume("dev/a")


@pytest.mark.parametrize("schema", list(Schema))
async def test_a_batch_is_delivered_as_a_whole(store, receiver, started, schema):
    delivery = await started(subscription(receiver.url, terms=batching(2), schema=schema))
    await waiting_batch(delivery, receiver, "e-1", "e-2", "e-3")
    await store.until_done(3)
    sent = [[event["id"] for event in json.loads(each.body)] for each in receiver.events]
    assert sorted(sent) == [["e-1", "e-2"], ["e-3"]]
    assert sorted(each.event_id for each in store.done) == ["e-1", "e-2", "e-3"]
    assert (delivery.counters.attempts, delivery.counters.delivered) == (3, 3)


async def test_a_batch_is_signed_as_one_message(store, receiver, started):
    secret = b"twenty-four octets or so"
    delivery = await started(subscription(receiver.url, terms=batching(), signing_secrets=(secret,)))
    await waiting_batch(delivery, receiver, "e-1", "e-2")
    await store.until_done(2)
    (received,) = receiver.events
    message, at = signature.message_id(["e-1", "e-2"]), int(received.headers["webhook-timestamp"])
    assert received.headers["webhook-id"] == message
    assert signature.headers([secret], message, at, received.body).items() <= received.headers.items()


async def test_a_batch_that_fails_is_repeated(store, receiver, started, scripted):
    receiver.answer = scripted(503, 200)
    delivery = await started(subscription(receiver.url, terms=batching()))
    await waiting_batch(delivery, receiver, "e-1", "e-2")
    await store.until_done(2)
    assert len(json.loads(receiver.events[0].body)) == 2
    assert {each.headers["aeg-delivery-count"] for each in receiver.events[1:]} == {"1"}


async def test_one_event_that_is_not_liked_takes_no_other_of_its_batch_with_it(store, receiver, started, consenting):
    async def dislike(received):
        if not received.is_validation and b"e-2" in received.body:
            return web.Response(status=400)
        return await consenting(received)

    receiver.answer = dislike
    delivery = await started(subscription(receiver.url, terms=batching()))
    await waiting_batch(delivery, receiver, "e-1", "e-2", "e-3")
    await store.until_done(3)
    assert [each.entry.event_id for each in store.letters] == ["e-2"]
    assert outcomes(store) == [("EndpointRefused", "BadRequest", 2)]
    assert delivery.counters.delivered == 2


async def test_a_validation_event_is_alone(receiver, started):
    delivery = await started(subscription(receiver.url, terms=batching()))
    delivery.publish([entry("e-1"), entry("e-2")])
    await receiver.until(lambda: len(receiver.events) >= 1)
    assert len(json.loads(receiver.received[0].body)) == 1
    assert receiver.received[0].is_validation


# -------------------------------------------------------------------------------------------- what an endpoint asks for


async def test_a_busy_endpoint_is_given_the_time_that_it_asks_for(store, receiver, started, consenting):
    async def busy(received):
        if received.is_validation:
            return await consenting(received)
        return web.Response(status=429, headers={"Retry-After": "3600"})

    receiver.answer = busy
    asked = Schedule(1.0, (0.01,), most_asked_s=7.0)
    clock = VirtualClock()
    settings = replace(SETTINGS, schedules={Profile.TELEPHONY: asked})
    delivery = await started(subscription(receiver.url), settings=settings, clock=clock)
    wall = clock.wall()
    delivery.publish([OutboxEntry("e-1", "dev/a", "call", b"{}", wall, wall + 30.0)])
    await receiver.until(lambda: len(receiver.events) == 1)
    async with asyncio.timeout(5.0):
        while delivery._outbox.next_deadline() is None:  # noqa: ASYNC110 - nobody signals the end of an attempt
            await asyncio.sleep(0)
    assert delivery._outbox.next_deadline() == 7.0


async def test_an_endpoint_that_is_gone_gets_nothing_until_it_consents_anew(store, receiver, started, consenting):
    async def gone(received):
        return await consenting(received) if received.is_validation else web.Response(status=410)

    async def shut(received):
        return web.Response(status=410)

    receiver.answer = gone
    delivery = await started(subscription(receiver.url, schema=Schema.CLOUD_EVENTS))
    await receiver.until(lambda: bool(receiver.received))
    receiver.answer = shut
    delivery.publish([entry()])
    await store.until_done(1)
    assert outcomes(store) == [("EndpointRefused", "Gone", 1)]
    delivery.publish([entry("e-2")])
    await receiver.until(lambda: len([each for each in receiver.received if each.is_validation]) >= 3)
    assert len(receiver.events) == 1
    receiver.answer = consenting
    await store.until_done(2)
    assert [each.headers["aeg-output-event-id"] for each in receiver.events] == ["e-1", "e-2"]


async def test_in_the_schema_of_event_grid_410_is_one_failure_of_many(store, receiver, started, scripted):
    receiver.answer = scripted(410, 200)
    delivery = await started(subscription(receiver.url))
    delivery.publish([entry()])
    await store.until_done(1)
    assert (len(receiver.events), delivery.counters.delivered) == (2, 1)


# ------------------------------------------------------------------------------------------------ what outlives its hop


async def test_an_event_of_the_event_grid_profile_goes_on_when_its_hop_is_closed(
    store, receiver, started, scripted, new_call
):
    receiver.answer = scripted(500, 500, 200)
    delivery = await started(
        subscription(receiver.url, profile=Profile.EVENT_GRID, terms=DeliveryTerms(time_to_live_s=600.0))
    )
    (composed,) = delivery.compose(new_call(), "ctx")
    assert (composed.outlives_hop, composed.expires_at - composed.created_at) == (True, 600.0)
    delivery.publish([composed])
    delivery.withdraw(composed.event_id)
    await store.until_done(1)
    assert delivery.counters.delivered == 1
    assert [(each.attempts, each.last_outcome) for each in store.attempts] == [(1, "GenericError"), (2, "GenericError")]


async def test_attempts_are_bounded_for_what_outlives_its_hop(store, receiver, started, scripted):
    receiver.answer = scripted(404)
    terms = DeliveryTerms(most_attempts=3)
    delivery = await started(subscription(receiver.url, profile=Profile.EVENT_GRID, terms=terms))
    delivery.publish([entry(outlives_hop=True)])
    await store.until_done(1)
    assert len(receiver.events) == 3
    assert outcomes(store) == [("MaxDeliveryAttemptsExceeded", "NotFound", 3)]


async def test_attempts_of_before_a_restart_count(store, receiver, started, scripted):
    receiver.answer = scripted(404)
    terms = DeliveryTerms(most_attempts=3)
    wall = SystemClock().wall()
    store.pending = [msgspec.structs.replace(entry(outlives_hop=True), attempts=2, last_attempt_at=wall)]
    await started(subscription(receiver.url, profile=Profile.EVENT_GRID, terms=terms))
    await store.until_done(1)
    assert [each.headers["aeg-delivery-count"] for each in receiver.events] == ["2"]
    assert outcomes(store) == [("MaxDeliveryAttemptsExceeded", "NotFound", 3)]


async def test_a_clock_that_was_set_back_before_a_restart_delays_nothing(store, receiver, started):
    ahead = SystemClock().wall() + 3_600.0
    store.pending = [msgspec.structs.replace(entry(outlives_hop=True), attempts=1, last_attempt_at=ahead)]
    await started(subscription(receiver.url))
    await store.until_done(1)
    assert outcomes(store) == []


# --------------------------------------------------------------------------------------------------------- dead letters


async def test_an_event_that_nobody_took_in_time_is_kept(store, receiver, started, scripted):
    receiver.answer = scripted(503)
    delivery = await started(subscription(receiver.url))
    delivery.publish([entry(lives_s=0.1)])
    await store.until_done(1)
    ((reason, outcome, attempts),) = outcomes(store)
    assert (reason, outcome, attempts > 1) == ("TimeToLiveExceeded", "Busy", True)


async def test_an_event_whose_hop_ran_out_of_time_is_kept_and_that_of_a_settled_call_is_not(store, receiver, started):
    await receiver.stop()
    delivery = await started(subscription(receiver.url))
    delivery.publish([entry("over", lives_s=0.4), entry("settled")])
    delivery.withdraw("over")
    delivery.withdraw("settled")
    assert [each.entry.event_id for each in store.letters] == ["over"]
    assert delivery.pending() == 0


async def test_a_dead_letter_is_sent_again_with_a_time_of_its_own(store, receiver, started, scripted):
    receiver.answer = scripted(400, 200)
    delivery = await started(subscription(receiver.url))
    delivery.publish([entry()])
    await store.until_done(1)
    (letter,) = store.letters
    before = SystemClock().wall()
    edited = json.dumps(EVENT | {"data": {"edited": True}}).encode()
    await delivery.resend(letter, edited)
    await store.until_done(2)
    again = store.done[1]
    assert store.letters == []
    assert again.outlives_hop
    assert again.expires_at - before >= RESENT_S
    assert [each.event["data"] for each in receiver.events] == [{}, {"edited": True}]
    assert [each.headers["aeg-output-event-id"] for each in receiver.events] == ["e-1", "e-1"]


async def test_a_dead_letter_of_nobody_stays(store, receiver, started, scripted):
    receiver.answer = scripted(400)
    delivery = await started(subscription(receiver.url))
    delivery.publish([entry()])
    await store.until_done(1)
    (letter,) = store.letters
    store.refuses = True
    with pytest.raises(StoreUnavailable):
        await delivery.resend(letter)
    delivery.remove("dev/a")
    with pytest.raises(SubscriptionInvalid, match="gone or failed"):
        await delivery.resend(letter)
    assert store.letters == [letter]


# ---------------------------------------------------------------------------------------------- nobody waits for others


@pytest.mark.parametrize("profile", Profile)
async def test_an_endpoint_that_failed_often_is_on_no_probation(store, receiver, started, scripted, profile):
    """Whatever it did to ten events and more, which wait for their time, the next one is sent at once."""
    receiver.answer = scripted(500)
    settings = replace(SETTINGS, schedules={profile: Schedule(1.0, (3_600.0,), outlives_hop=True)})
    delivery = await started(subscription(receiver.url, profile=profile), settings=settings)
    for number in range(30):
        delivery.publish([entry(f"e-{number}", lives_s=86_400.0)])
        await receiver.until(lambda: len(receiver.events) == number + 1)  # noqa: B023 - it is awaited here
    assert (delivery.pending(), delivery.counters.attempts) == (30, 30)
    receiver.answer = scripted(200)
    delivery.publish([entry("e-30")])
    await store.until_done(1)
    assert (delivery.pending(), delivery.counters.delivered) == (30, 1)


async def test_one_dead_receiver_of_a_hundred_delays_nobody(store, receiver, started, consenting):
    """By counts: while one never answers, each other one gets every event by one attempt."""
    release = asyncio.Event()

    async def answer(received):
        if received.path == "/0" and not received.is_validation:
            await release.wait()
        return await consenting(received)

    receiver.answer = answer
    hundred = [subscription(f"http://127.0.0.1:{receiver.port}/{n}", str(n)) for n in range(100)]
    patient = {Profile.TELEPHONY: Schedule(30.0, (0.01,))}
    settings = replace(SETTINGS, outbox=OutboxLimits(concurrency=4), schedules=patient)
    delivery = await started(*hundred, settings=settings)
    await receiver.until(lambda: len(receiver.received) == 100)
    delivery.publish([entry(f"e-{k}", str(n)) for k in range(10) for n in range(100)])
    await store.until_done(990)
    assert {each.subscription for each in store.done} == {f"dev/{n}" for n in range(1, 100)}
    tried = [each.path for each in receiver.events]
    assert [tried.count(f"/{n}") for n in range(1, 100)] == [10] * 99
    assert tried.count("/0") == 4
    assert (delivery.pending(), delivery.counters.delivered) == (10, 990)
    release.set()
