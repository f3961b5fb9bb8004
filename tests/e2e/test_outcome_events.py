"""What became of redirects, and of calls between users, as applications are told: by a real server, over kills, and
read by the official SDKs.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent

from strowger.phones.behaviours import Answer, Busy, NoAnswer
from strowger.phones.incoming import LegState
from strowger.phones.phone import Phone
from tests.e2e.stage import Stage
from tests.e2e.test_crash import assert_rung_once
from tests.e2e.test_event_schemas import Receiver, running_receiver
from tests.support.server import NUMBER, OUTSIDE, SECOND_NUMBER, free_ports, until, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
AFTER_RESTART = 15.0


async def serve(stage: Stage, **tables: Any) -> None:
    """Our application is told of calls, and of outcomes beside that."""
    own = {"name": "outcomes", "endpoint": stage.application.url, "channel": "outcomes"}
    await stage.serve(subscriptions=[own], filters=INCOMING_CALL_ONLY, **tables)


INCOMING_CALL_ONLY = {"included_event_types": ["Microsoft.Communication.IncomingCall"]}


async def told(stage: Stage, *results: str, timeout_s: float = SOON) -> list[dict[str, Any]]:
    """The outcomes, which must be these, in any order; given back in this one."""
    await stage.application.report(len(results) - 1, timeout_s=timeout_s)
    by_type = {each["eventType"].rpartition(".")[2]: each for each in stage.application.reports}
    assert sorted(by_type) == sorted(results)
    assert len(stage.application.reports) == len(results)
    return [by_type[result] for result in results]


async def test_busy_with_the_cause_of_the_telephone_network(stage: Stage) -> None:
    (port,) = free_ports(1)
    target = await stage.sipp("busy_with_cause", port=port)
    await serve(stage, trunk=f"sip:127.0.0.1:{port}")
    call = stage.call(await stage.caller())
    event = await stage.application.event()
    await stage.redirect(event)
    assert (await call.final(SOON)).status == 486
    await target.succeeded(SOON)
    ringing, failed = await told(stage, "Ringing", "Failed")
    data = failed["data"]
    assert data["callId"] == data["correlationId"] == event.correlation_id
    assert data["serverCallId"] == event.data["serverCallId"]
    assert (data["hopIndex"], data["opening"], data["target"]["rawId"]) == (1, "redirect", f"4:{OUTSIDE}")
    assert (data["sipCode"], data["reasonPhrase"], data["q850Cause"]) == (486, "Busy Here", 17)
    (branch,) = data["branches"]
    assert branch["rungAt"] < branch["rangAt"] < branch["endedAt"]
    assert (branch["trunk"], branch["sipCode"], branch["q850Cause"]) == ("trunk", 486, 17)
    assert ringing["data"]["ringing"]["trunk"] == "trunk"
    assert ringing["data"]["branches"][0]["rangAt"] == branch["rangAt"]


async def test_answered_and_by_whom(stage: Stage) -> None:
    phones = [await stage.phone("a", NoAnswer()), await stage.phone("b", Answer(after_s=0.1))]
    await serve(stage, users={"bob": [phone.uri for phone in phones]})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(), "bob")
    assert (await call.final(SOON)).status == 200
    _, answered = await told(stage, "Ringing", "Answered")
    data = answered["data"]
    assert (data["sipCode"], data["answeredBy"]["uri"]) == (200, phones[1].uri)
    assert data["answeredBy"]["target"]["rawId"] == data["target"]["rawId"] == user_id("bob")
    assert [each.get("sipCode") for each in data["branches"]] == [None, 200]
    assert await call.hang_up() == 200


async def test_the_caller_gives_up(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await serve(stage, trunk=target.uri)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    await (await target.leg(timeout_s=SOON)).reached(LegState.RINGING, SOON)
    await told(stage, "Ringing")
    call.cancel()
    assert (await call.final(SOON)).status == 487
    _, cancelled = await told(stage, "Ringing", "Cancelled")
    assert (cancelled["data"]["sipCode"], cancelled["data"]["why"]) == (487, "the caller hung up")


async def test_redirected_on_and_then_rejected(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await serve(stage, users={"bob": [target.uri]})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(0), SECOND_NUMBER)
    await stage.redirect(await stage.application.event(1), "bob")
    await (await target.leg(timeout_s=SOON)).reached(LegState.RINGING, SOON)
    event = await stage.application.event(2)
    await stage.client.reject_call(event.context, call_reject_reason="busy")
    assert (await call.final(SOON)).status == 486
    await stage.application.report(2)
    finals = [each["data"] for each in stage.application.reports if each["eventType"].endswith("Cancelled")]
    assert [(each["hopIndex"], each.get("sipCode")) for each in sorted(finals, key=lambda each: each["hopIndex"])] == [
        (1, None),
        (2, 486),
    ]


async def test_nobody_answers_in_time(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await serve(stage, trunk=target.uri, limits={"ring": "1s"})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 480
    _, failed = await told(stage, "Ringing", "Failed")
    assert (failed["data"]["sipCode"], failed["data"]["why"]) == (480, "nobody answered within 1 s")


async def test_nobody_can_be_reached(stage: Stage) -> None:
    only_numbers = {"subject_ends_with": "recipient/4:+31201110001"}
    own = {"name": "outcomes", "endpoint": stage.application.url, "channel": "outcomes"}
    await stage.serve(users={"nobody": []}, subscriptions=[own], filters=only_numbers)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(), "nobody")
    assert (await call.final(SOON)).status == 480
    (failed,) = await told(stage, "Failed")
    assert "branches" not in failed["data"]


async def test_a_call_that_is_not_redirected_has_no_outcome(stage: Stage) -> None:
    target = await stage.phone("target", Busy())
    await serve(stage, users={"bob": [target.uri]})
    call = stage.call(await stage.caller(), "bob")
    assert (await call.final(SOON)).status == 486
    held = stage.call(await stage.caller())
    await stage.client.reject_call((await stage.application.event(1)).context)
    assert (await held.final(SOON)).status == 603
    redirected = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(2), "bob")
    assert (await redirected.final(SOON)).status == 486
    await told(stage, "Failed")


async def test_a_hunt_has_one_outcome(stage: Stage) -> None:
    one, two = await stage.phone("one", NoAnswer()), await stage.phone("two", Answer(ring=True))
    hunt = {"id": SECOND_NUMBER, "mode": "in-order", "members": ["one", "two"], "member_time": "1s"}
    await serve(stage, users={"one": [one.uri], "two": [two.uri]}, group=[hunt])
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(), SECOND_NUMBER)
    assert (await call.final(SOON)).status == 200
    await stage.application.report(2)
    assert types_of(stage) == ["Answered", "Ringing", "Ringing"]
    data = next(each["data"] for each in stage.application.reports if each["eventType"].endswith("Answered"))
    assert (data["hopIndex"], data["target"]["rawId"]) == (1, f"4:{SECOND_NUMBER}")
    assert data["answeredBy"]["target"]["rawId"] == user_id("two")
    assert [(each["hopIndex"], each["target"]["rawId"]) for each in data["branches"]] == [
        (1, user_id("one")),
        (2, user_id("two")),
    ]
    assert await call.hang_up() == 200


async def test_a_call_that_comes_back_has_failed_and_may_be_answered_then(stage: Stage) -> None:
    busy, answering = await stage.phone("busy", Busy()), await stage.phone("answering", Answer())
    phones = {"busy": [busy.uri], "answering": [answering.uri]}
    numbers_only = {"subject_ends_with": f"recipient/4:{NUMBER}", **INCOMING_CALL_ONLY}
    own = {"name": "outcomes", "endpoint": stage.application.url, "channel": "outcomes"}
    again = {"on_failure": "application"}
    await stage.serve(users=phones, subscriptions=[own], filters=numbers_only, number=again)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(0), "busy")
    await stage.redirect(await stage.application.event(1), "answering")
    assert (await call.final(SOON)).status == 200
    await stage.application.report(2)
    by_type = {each["eventType"].rpartition(".")[2]: each["data"] for each in stage.application.reports}
    assert {name: data["hopIndex"] for name, data in by_type.items()} == {"Failed": 1, "Ringing": 3, "Answered": 3}
    assert (by_type["Failed"]["sipCode"], by_type["Failed"]["target"]["rawId"]) == (486, user_id("busy"))
    assert await call.hang_up() == 200


# Kills ---------------------------------------------------------------------------------------------------------------


def finals_of(stage: Stage) -> dict[str, list[str]]:
    """The final outcomes of each call."""
    finals: dict[str, list[str]] = {}
    for each in stage.application.reports:
        if not each["eventType"].endswith("Ringing"):
            finals.setdefault(each["data"]["callId"], []).append(each["eventType"].rpartition(".")[2])
    return finals


async def delivered(stage: Stage) -> None:
    """Nothing is on its way any more: what is to come has come."""
    await until(lambda: stage.server.metrics["strowger_events_pending"] == 0, SOON, "everything delivered")


def has_final(stage: Stage, call_id: str) -> bool:
    return call_id in finals_of(stage)


@pytest.mark.parametrize("first_ms", [0, 10, 20])
async def test_a_crash_around_a_refusal_loses_no_outcome(stage: Stage, first_ms: int) -> None:
    """Killed in steps of 2 ms after the target's 486. What was acknowledged and not yet written is not said again by
    the target; then the time of the hop ends it.
    """
    target = await stage.phone("target", NoAnswer())
    await serve(stage, trunk=target.uri, limits={"ring": "4s"})
    for number, delay_ms in enumerate(range(first_ms, first_ms + 10, 2)):
        call = stage.call(await stage.caller())
        event = await stage.application.event(number)
        await stage.redirect(event)
        leg = await target.leg(number, timeout_s=SOON)
        await leg.reached(LegState.RINGING, SOON)
        leg.reject(486)
        await asyncio.sleep(delay_ms / 1_000)  # not waiting for anything: the moment of the kill is what is varied
        stage.server.kill()
        await stage.server.start()
        assert (await call.final(AFTER_RESTART)).status in (486, 480)
        await until(partial(has_final, stage, event.correlation_id), AFTER_RESTART, "the outcome")
    await delivered(stage)
    assert list(finals_of(stage).values()) == [["Failed"]] * 5
    assert_rung_once(target, 5)


@pytest.mark.parametrize("first_ms", [0, 10])
async def test_a_crash_around_an_answer_loses_no_outcome(stage: Stage, first_ms: int) -> None:
    """The same after its 200; what the caller was told is what the application hears."""
    target = await stage.phone("target", NoAnswer())
    await serve(stage, trunk=target.uri)
    for number, delay_ms in enumerate(range(first_ms, first_ms + 10, 2)):
        call = stage.call(await stage.caller())
        event = await stage.application.event(number)
        await stage.redirect(event)
        leg = await target.leg(number, timeout_s=SOON)
        await leg.reached(LegState.RINGING, SOON)
        leg.answer()
        await asyncio.sleep(delay_ms / 1_000)  # the same
        stage.server.kill()
        await stage.server.start()
        assert (await call.final(AFTER_RESTART)).status == 200
        await until(partial(has_final, stage, event.correlation_id), AFTER_RESTART, "the outcome")
        assert await call.hang_up() == 200
    await delivered(stage)
    assert list(finals_of(stage).values()) == [["Answered"]] * 5


async def test_an_outcome_that_was_not_delivered_is_delivered_after_the_restart(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await serve(stage, trunk=target.uri)
    call = stage.call(await stage.caller())
    event = await stage.application.event()
    stage.application.status = 503
    await stage.redirect(event)
    assert (await call.final(SOON)).status == 200
    stage.server.kill()
    stage.application.status = 200
    await stage.server.start()
    await until(lambda: finals_of(stage), AFTER_RESTART, "the outcome")
    assert finals_of(stage) == {event.correlation_id: ["Answered"]}
    assert await call.hang_up() == 200


# The SDKs ------------------------------------------------------------------------------------------------------------


async def read(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    """What the JavaScript deserializer made of so many events; it says so where it throws."""
    said = [await receiver.says() for _ in range(count)]
    assert [each for each in said if "failed" in each] == []
    return said


async def test_the_sdks_read_outcomes_in_both_schemas(stage: Stage) -> None:
    target = await stage.phone("target", Busy(ring=True))
    async with running_receiver() as receiver:
        grid = {"name": "grid", "endpoint": receiver.url("/event-grid"), "channel": "outcomes"}
        cloud = {"name": "cloud", "endpoint": receiver.url("/cloudevents"), "channel": "outcomes"}
        await stage.serve(trunk=target.uri, subscriptions=[grid, {**cloud, "schema": "cloudevents"}])
        call = stage.call(await stage.caller())
        await stage.redirect(await stage.application.event())
        assert (await call.final(SOON)).status == 486
        said = await read(receiver, 4)
    for schema, name in (("event-grid", "eventType"), ("cloudevents", "type")):
        events = [each["event"] for each in said if each["schema"] == schema]
        assert sorted(each[name] for each in events) == ["Strowger.Redirect.Failed", "Strowger.Redirect.Ringing"]
        assert {each["data"]["target"]["rawId"] for each in events} == {f"4:{OUTSIDE}"}


# Calls between users -------------------------------------------------------------------------------------------------


async def call_bob(stage: Stage, **tables: Any) -> tuple[Phone, Phone]:
    """Two users with a phone each, and a subscription that names no types."""
    alice, bob = await stage.phone("alice"), await stage.phone("bob", Answer())
    await stage.serve(users={"alice": [alice.uri], "bob": [bob.uri]}, **tables)
    return alice, bob


def types_of(stage: Stage) -> list[str]:
    return sorted(each["eventType"].rpartition(".")[2] for each in stage.application.reports)


BEGAN = ["CallParticipantAdded", "CallParticipantAdded", "CallStarted"]
ENDED = ["CallEnded", "CallParticipantRemoved", "CallParticipantRemoved"]


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_a_call_between_users_begins_and_ends(stage: Stage, who: str) -> None:
    alice, bob = await call_bob(stage, sip={"record_route": "on"})
    call = stage.call(alice, "bob")
    assert (await call.final(SOON)).status == 200
    leg = await bob.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    event = await stage.application.event()
    assert event.from_ == user_id("alice")
    await stage.application.report(2)
    assert types_of(stage) == BEGAN
    assert await (call.hang_up() if who == "alice" else leg.hang_up()) == 200
    await stage.application.report(5)
    assert types_of(stage) == sorted(BEGAN + ENDED)
    assert {each["data"]["correlationId"] for each in stage.application.reports} == {event.correlation_id}
    ended = next(each for each in stage.application.reports if each["eventType"].endswith("CallEnded"))
    assert ended["data"]["endedBy"]["communicationIdentifier"]["rawId"] == user_id(who)
    assert 0.0 <= ended["data"]["callDurationInSeconds"] < SOON
    for each in stage.application.reports:
        assert EventGridEvent.from_dict(each).data["startedBy"]["communicationIdentifier"]["rawId"] == user_id("alice")


async def test_where_the_end_does_not_come_by_us_none_is_told(stage: Stage) -> None:
    alice, _ = await call_bob(stage)
    call = stage.call(alice, "bob")
    assert (await call.final(SOON)).status == 200
    await stage.application.report(2)
    assert await call.hang_up() == 200
    again = stage.call(alice, "bob")
    assert (await again.final(SOON)).status == 200
    await stage.application.report(5)
    assert types_of(stage) == sorted(BEGAN * 2)
    assert await again.hang_up() == 200


async def test_the_sdks_read_the_events_of_a_call_in_cloud_events(stage: Stage) -> None:
    async with running_receiver() as receiver:
        endpoint = receiver.url("/cloudevents")
        cloud = {"name": "cloud", "endpoint": endpoint, "schema": "cloudevents"}
        alice, bob = await call_bob(stage, subscriptions=[cloud], sip={"record_route": "on"})
        call = stage.call(alice, "bob")
        assert (await call.final(SOON)).status == 200
        await (await bob.leg(timeout_s=SOON)).reached(LegState.CONFIRMED, SOON)
        assert await call.hang_up() == 200
        events = [each["event"] for each in await read(receiver, 7)]
    names = sorted(each["type"].rpartition(".")[2] for each in events)
    assert names == sorted([*BEGAN, *ENDED, "IncomingCall"])
    for each in events:
        event: CloudEvent[Any] = CloudEvent.from_dict(each)
        assert event.subject is not None
        assert event.subject.startswith("/") == event.type.endswith("IncomingCall")


async def test_a_call_from_a_number_has_no_such_events(stage: Stage) -> None:
    _, bob = await call_bob(stage, sip={"record_route": "on"})
    outside = await stage.caller()
    call = stage.call(outside, "bob")
    assert (await call.final(SOON)).status == 200
    await (await bob.leg(timeout_s=SOON)).reached(LegState.CONFIRMED, SOON)
    assert await call.hang_up() == 200
    assert stage.application.reports == []


async def test_a_server_that_rejects_a_used_context_tells_one_outcome_only(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await serve(stage, trunk=target.uri)
    call = stage.call(await stage.caller())
    event = await stage.application.event()
    await stage.redirect(event)
    with pytest.raises(HttpResponseError):
        await stage.redirect(event)
    call.cancel()
    assert (await call.final(SOON)).status == 487
    await until(lambda: finals_of(stage), SOON, "the outcome")
    assert finals_of(stage) == {event.correlation_id: ["Cancelled"]}
