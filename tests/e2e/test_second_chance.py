"""Redirects that lead nowhere: the application is told and redirects again, while the caller hears ringing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from strowger.phones.behaviours import Answer, Behaviour, Busy, NoAnswer, Silent
from strowger.phones.incoming import LegState
from strowger.phones.outgoing import OutgoingCall
from tests.e2e.stage import Stage, code
from tests.e2e.test_looking import strowger
from tests.support.application import IncomingCall
from tests.support.server import NUMBER, free_ports, user_id
from tests.support.sipp import together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
FIRST, SECOND = "+31610000001", "+31620000002"
ROUTES: list[tuple[str, str, str | list[str]]] = [
    ("phoneNumber", "+3161", "first"),
    ("phoneNumber", "+3162", "second"),
]
TOLD = {"on_failure": "application"}


async def serve(stage: Stage, first: str, second: str | dict[str, Any] = "sip:127.0.0.1:9", **tables: Any) -> None:
    """Two trunks, of which the second serves."""
    trunks: dict[str, str | dict[str, Any]] = {"first": first, "second": second}
    await stage.serve(trunks=trunks, routes=ROUTES, **{"number": TOLD, **tables})


async def returned(stage: Stage) -> tuple[OutgoingCall, IncomingCall, IncomingCall]:
    """A call that came back from FIRST: with its event, and the one of its return."""
    call = stage.call(await stage.caller())
    event = await stage.application.event(0)
    await stage.redirect(event, FIRST)
    again = await stage.application.event(1)
    assert (again.to, again.from_, again.correlation_id) == (event.to, event.from_, event.correlation_id)
    assert again.context != event.context
    assert again.event_id != event.event_id
    assert set(again.data) - set(event.data) == {"redirectFailure"}
    assert again.data["redirectFailure"]["target"]["rawId"] == f"4:{FIRST}"
    return call, event, again


def only_ringing(call: OutgoingCall) -> list[int]:
    """What the caller heard, which must not be final."""
    heard = [response.status for response in call.responses]
    assert set(heard) <= {100, 180}, heard
    return heard


@pytest.mark.parametrize(
    ("behaviour", "status", "settings"),
    [
        (Busy(), 486, {}),
        (NoAnswer(), 480, {"limits": {"ring": "1s"}}),
        (Silent(), 408, {"sip": {"t1": "20ms"}}),
    ],
)
async def test_the_second_redirect_is_answered(
    stage: Stage, behaviour: Behaviour, status: int, settings: dict[str, Any]
) -> None:
    first, second = await stage.phone("first", behaviour), await stage.phone("second", Answer(after_s=0.2))
    await serve(stage, first.uri, second.uri, **settings)
    call, event, again = await returned(stage)
    assert again.data["redirectFailure"]["sipCode"] == status
    await asyncio.sleep(0.3)  # that the caller hears nothing else has no end to wait for
    assert only_ringing(call)[-1] == 180
    with pytest.raises(HttpResponseError) as refused:
        await stage.redirect(event, SECOND)
    assert (refused.value.status_code, code(refused.value)) == (409, "8519")
    await stage.redirect(again, SECOND)
    assert (await call.final(SOON)).status == 200
    assert [response.status for response in call.responses if response.status >= 200] == [200]
    assert await call.hang_up() == 200
    assert len(first.received) == len(second.received) == 1
    await (await second.leg(timeout_s=SOON)).reached(LegState.ENDED, SOON)


async def test_a_port_where_nobody_listens_gives_the_call_back(stage: Stage) -> None:
    second = await stage.phone("second", Answer())
    (closed,) = free_ports(1)
    await serve(stage, f"sip:127.0.0.1:{closed};transport=tcp", second.uri)
    call, _, again = await returned(stage)
    assert again.data["redirectFailure"]["sipCode"] in (500, 503)
    only_ringing(call)
    await stage.redirect(again, SECOND)
    assert (await call.final(SOON)).status == 200


async def test_the_same_between_sipp(stage: Stage) -> None:
    """The reference caller, for whom a final response other than 200 is a failure, and reference targets."""
    calls = 3
    busy_port, port, caller_port = free_ports(3)
    busy = await stage.sipp("busy", port=busy_port, calls=calls)
    target = await stage.sipp("target", port=port, calls=calls)
    await serve(stage, f"sip:127.0.0.1:{busy_port}", f"sip:127.0.0.1:{port}")

    async def decide(event: IncomingCall) -> None:
        await stage.redirect(event, SECOND if "redirectFailure" in event.data else FIRST)

    stage.application.on_call = decide
    caller = await stage.sipp(
        "caller", port=caller_port, remote=stage.server.sip_port, calls=calls, keys={"dialled": NUMBER}
    )
    await together(caller, busy, target, timeout_s=20)
    assert (len(stage.application.events), stage.application.failures) == (2 * calls, [])


async def test_a_user_whose_phone_is_busy_and_one_who_has_none(stage: Stage) -> None:
    desk = await stage.phone("desk", Busy())
    second = await stage.phone("second", Answer())
    only_bob = {"subject_ends_with": user_id("bob")}
    users = {"bob": [desk.uri], "ann": []}
    await serve(stage, desk.uri, second.uri, users=users, filters=only_bob, number={}, resource=TOLD)
    call = stage.call(await stage.caller(), "bob")
    first = await stage.application.event(0)
    again = await stage.application.event(1)
    assert first.to == again.to == user_id("bob")
    assert again.data["redirectFailure"]["sipCode"] == 486
    await stage.redirect(again, "ann")
    third = await stage.application.event(2)
    assert third.to == user_id("bob")
    assert third.data["redirectFailure"]["target"]["rawId"] == user_id("ann")
    only_ringing(call)
    await stage.redirect(third, SECOND)
    assert (await call.final(SOON)).status == 200


async def test_a_user_without_a_phone_of_whom_an_application_is_told_that_says_nothing(stage: Stage) -> None:
    """The usual application: told of everybody, and deciding by `to` about the number alone."""
    second = await stage.phone("second", Answer())
    await serve(stage, second.uri, second.uri, users={"bob": []}, limits={"hold": "2s"})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(0), "bob")
    assert (await stage.application.event(1)).to == user_id("bob")
    again = await stage.application.event(2)
    assert again.to == f"4:{NUMBER}"
    assert again.data["redirectFailure"]["target"]["rawId"] == user_id("bob")
    assert again.data["redirectFailure"]["sipCode"] == 480
    only_ringing(call)
    await stage.redirect(again, SECOND)
    assert (await call.final(SOON)).status == 200


async def test_the_ring_budget_ends_in_the_middle_of_the_hunt_of_a_second_redirect(stage: Stage) -> None:
    first = await stage.phone("first", NoAnswer())
    phones = [await stage.phone(name, NoAnswer()) for name in ("one", "two", "three")]
    users = {name: [phone.uri] for name, phone in zip(("one", "two", "three"), phones, strict=True)}
    team = {"id": user_id("team"), "mode": "in-order", "members": ["one", "two", "three"], "member_time": "2s"}
    limits = {"ring": "2s", "ring_budget": "5500ms"}
    await serve(stage, first.uri, users={**users, "team": []}, group=[team], limits=limits)
    began = asyncio.get_running_loop().time()
    call, _, again = await returned(stage)
    await stage.redirect(again, "team")
    final = await call.final(2 * SOON)
    waited_s = asyncio.get_running_loop().time() - began
    assert final.status == 480
    assert 5.5 <= waited_s < 7.0, "one budget, whatever rang in it"
    assert [len(phone.received) for phone in phones] == [1, 1, 0]
    for phone in phones[:2]:
        await phone.received[0].reached(LegState.CANCELLED, SOON)
    assert len(stage.application.events) == 3, "nothing is opened once the budget is over"


async def test_nobody_decides_again_and_the_caller_hears_of_the_failure(stage: Stage) -> None:
    first = await stage.phone("first", Busy())
    await serve(stage, first.uri, limits={"hold": "1s"})
    call, _, _ = await returned(stage)
    final = await call.final(SOON)
    assert (final.status, final.reason) == (486, "Busy Here")


async def test_a_crash_between_the_failure_and_the_second_redirect(stage: Stage) -> None:
    first, second = await stage.phone("first", Busy()), await stage.phone("second", Answer())
    await serve(stage, first.uri, second.uri)
    call, _, again = await returned(stage)
    stage.server.kill()
    await stage.server.start()
    await stage.redirect(again, SECOND)
    assert (await call.final(SOON)).status == 200
    assert [response.status for response in call.responses if response.status >= 200] == [200]
    assert (len(first.received), len(second.received)) == (1, 1), "nobody is rung twice"


async def test_a_trunk_and_an_operator_learn_the_whole_way(stage: Stage) -> None:
    first, second = await stage.phone("first", Busy()), await stage.phone("second", Answer())
    rows = {"uri": second.uri, "forwarded_as": ["diversion"]}
    await serve(stage, first.uri, rows)
    call, _, again = await returned(stage)
    held = await strowger(stage, "call", "why", again.correlation_id)
    assert f"The call is held for {NUMBER} again and waits for the application to decide" in held
    await stage.redirect(again, SECOND)
    assert (await call.final(SOON)).status == 200
    diversions = (await second.leg(timeout_s=SOON)).invite.values("Diversion")
    assert [value.partition(";")[2].partition(";")[0] for value in diversions] == [
        "reason=user-busy",
        "reason=unconditional",
    ]
    told = await strowger(stage, "call", "why", again.correlation_id)
    assert "486 Busy Here; returned to the application" in told
    assert f"3. {NUMBER}: held again, announced as event {again.event_id}" in told


async def test_a_group_of_which_everybody_is_busy_gives_the_call_back_once(stage: Stage) -> None:
    ann, bob = await stage.phone("ann", Busy()), await stage.phone("bob", Busy())
    second = await stage.phone("second", Answer())
    users = {"team": [], "ann": [ann.uri], "bob": [bob.uri]}
    team = {"id": user_id("team"), "mode": "in-order", "members": ["ann", "bob"], "ends_on": []}
    await serve(stage, ann.uri, second.uri, users=users, group=[team])
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(0), "team")
    assert (await stage.application.event(1)).to == user_id("team")
    again = await stage.application.event(2)
    assert again.to == f"4:{NUMBER}"
    assert again.data["redirectFailure"]["target"]["rawId"] == user_id("team")
    only_ringing(call)
    await stage.redirect(again, SECOND)
    assert (await call.final(SOON)).status == 200
    assert (len(ann.received), len(bob.received), len(stage.application.events)) == (1, 1, 3)
