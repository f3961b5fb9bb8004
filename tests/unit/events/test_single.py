"""What is made up to try an endpoint, and who is told of the end; how it is sent is with the delivery's tests."""

from __future__ import annotations

import pytest

from strowger.base.clock import VirtualClock
from strowger.base.ids import SeededIds
from strowger.calls.call import Call
from strowger.events import signature
from strowger.events.address_policy import AddressPolicy
from strowger.events.retry import SCHEDULES
from strowger.events.single import CALLED, CALLER, Single, Trial, has_farewell
from strowger.events.subscribers import Subscribers
from strowger.events.subscription import Channel, Schema, Subscription
from strowger.events.webhook import WebhookClient


@pytest.mark.parametrize(
    ("status", "is_delivered"), [(200, True), (204, True), (206, False), (404, False), (None, False)]
)
def test_what_counts_as_delivered(status: int | None, is_delivered: bool) -> None:
    assert Trial("test-1", status, 0.1, 0, "").is_delivered is is_delivered


@pytest.mark.parametrize(("schema", "is_told"), [(Schema.EVENT_GRID, True), (Schema.CLOUD_EVENTS, False)])
def test_cloud_events_have_no_farewell(schema: Schema, is_told: bool) -> None:
    assert has_farewell(Subscription("dev", "a", "http://localhost:9/", "/t", schema=schema)) is is_told


@pytest.mark.asyncio
async def test_the_call_that_is_made_up() -> None:
    clock = VirtualClock()
    single = Single(WebhookClient(AddressPolicy(allows_all=True)), clock, SeededIds())
    subscriber = Subscribers(SCHEDULES).add(Subscription("dev", "a", "http://localhost:9/", "/t"))
    calls: list[Call] = []

    def context(call: Call) -> str:
        calls.append(call)
        return "ctx"

    trial = await single.trial(subscriber, context)
    assert (trial.status, trial.took_s, trial.why) == (None, 0.0, "the server is stopping")
    (call,) = calls
    assert (call.resource, call.caller, call.hop.to) == ("dev", CALLER, CALLED)
    assert (call.hop.event_id, call.hop.expires_at) == (trial.event_id, clock.wall() + 30.0)


@pytest.mark.asyncio
async def test_both_are_signed_like_any_other_event(receiver) -> None:
    secret = b"twenty-four octets or so"
    clock = VirtualClock()
    client = WebhookClient(AddressPolicy(allows_all=True))
    await client.open()
    single = Single(client, clock, SeededIds())
    ours = Subscription("dev", "a", receiver.url, "/t", signing_secrets=(secret,))
    subscriber = Subscribers(SCHEDULES).add(ours)
    try:
        trial = await single.trial(subscriber, lambda call: "ctx")
        await single.farewell(subscriber)
    finally:
        await client.close()
    assert [each.event["id"] == trial.event_id for each in receiver.received] == [True, False]
    for received in receiver.received:
        signed = signature.headers([secret], received.event["id"], clock.wall(), received.body)
        assert signed.items() <= received.headers.items()


@pytest.mark.asyncio
async def test_who_listens_for_outcomes_gets_nothing_else(receiver) -> None:
    client = WebhookClient(AddressPolicy(allows_all=True))
    await client.open()
    subscription = Subscription("dev", "a", receiver.url, "/t", channel=Channel.OUTCOMES)
    try:
        trial = await Single(client, VirtualClock(), SeededIds()).trial(
            Subscribers(SCHEDULES).add(subscription), lambda call: "ctx"
        )
    finally:
        await client.close()
    (received,) = receiver.received
    event = received.event
    assert (event["id"], event["eventType"]) == (trial.event_id, "Strowger.Redirect.Failed")
    told = {name: event["data"][name] for name in ("hopIndex", "opening", "sipCode", "why")}
    assert told == {
        "hopIndex": 1,
        "opening": "redirect",
        "sipCode": 480,
        "why": "a test of the subscription: there is no such call",
    }
    assert "ctx" not in received.body.decode()
