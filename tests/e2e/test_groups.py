"""Groups: several members behind one id, rung at once or in turn, by phones, SIPp and trunks, and over crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from strowger.phones.behaviours import Answer, Behaviour, Busy, Decline, NoAnswer
from strowger.phones.incoming import LegState
from strowger.phones.phone import Phone
from tests.e2e.stage import Stage
from tests.e2e.test_crash import AFTER_RESTART, assert_rung_once
from tests.e2e.test_joining import PASSWORDS, SIP
from tests.e2e.test_looking import read, strowger
from tests.e2e.test_registration import register
from tests.e2e.test_websocket import URI, answer
from tests.support.digest import digest
from tests.support.server import NUMBER, OUTSIDE, SECOND_NUMBER, free_ports, until, user_id
from tests.support.sipp import together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0


async def members(stage: Stage, *behaviours: Behaviour) -> list[Phone]:
    """Phones called one, two, …"""
    names = ("one", "two", "three", "four", "five")
    return [await stage.phone(name, each) for name, each in zip(names, behaviours, strict=False)]


def users(phones: Sequence[Phone]) -> dict[str, list[str]]:
    return {phone.uri.partition(":")[2].partition("@")[0]: [phone.uri] for phone in phones}


def group(phones: Sequence[Phone], mode: str, *more: str, of: str = NUMBER, **rows: Any) -> list[dict[str, Any]]:
    return [{"id": of, "mode": mode, "members": [*users(phones), *more], **rows}]


def rung(phones: Sequence[Phone]) -> list[int]:
    return [len(phone.received) for phone in phones]


# All at once ---------------------------------------------------------------------------------------------------------


async def test_of_five_one_answers_and_four_are_told_that_it_was_completed_elsewhere(stage: Stage) -> None:
    ports = free_ports(4)
    losers = {f"loser{port}": [f"sip:loser@127.0.0.1:{port}"] for port in ports}
    winner = await stage.phone("winner", NoAnswer())
    ring = [{"id": NUMBER, "mode": "all", "members": ["winner", *losers]}]
    await stage.serve(users={"winner": [winner.uri], **losers}, group=ring)
    runs = [await stage.sipp("completed_elsewhere", port=port) for port in ports]
    call = stage.call(await stage.caller())
    leg = await winner.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    await until(lambda: len([each for each in call.responses if each.status == 180]) >= 5, SOON, "all of them ring")
    leg.answer()
    assert (await call.final(SOON)).status == 200
    await together(*runs, timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    assert await call.hang_up() == 200
    assert_rung_once(winner)
    assert (await stage.application.event()).to == f"4:{NUMBER}"


async def test_a_redirect_rings_twenty_five_of_whom_one_answers(stage: Stage) -> None:
    phones = [await stage.phone(f"phone{number}", NoAnswer()) for number in range(25)]
    ring = group(phones, "all", of="team")
    await stage.serve(users={**users(phones), "team": []}, group=ring)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(), "team")
    legs = [await phone.leg(timeout_s=SOON) for phone in phones]
    for leg in legs:
        await leg.reached(LegState.RINGING, SOON)
    legs[24].answer()
    assert (await call.final(SOON)).status == 200
    for leg in legs[:24]:
        await leg.reached(LegState.CANCELLED, SOON)
    await legs[24].reached(LegState.CONFIRMED, SOON)
    assert rung(phones) == [1] * 25
    assert await call.hang_up() == 200


async def test_of_two_that_answer_at_once_one_wins_and_the_other_is_hung_up(stage: Stage) -> None:
    phones = await members(stage, *[Answer(after_s=0.3)] * 5)
    await stage.serve(users=users(phones), group=group(phones, "all"))
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 200
    legs = [await phone.leg(timeout_s=SOON) for phone in phones]
    await until(lambda: sum(leg.state in (LegState.ENDED, LegState.CANCELLED) for leg in legs) == 4, SOON, "four end")
    (winner,) = [leg for leg in legs if leg.state not in (LegState.ENDED, LegState.CANCELLED)]
    await winner.reached(LegState.CONFIRMED, SOON)
    assert [leg.byes for leg in legs if leg.status == 200 and leg is not winner] == [1] * (
        sum(leg.status == 200 for leg in legs) - 1
    )
    assert await call.hang_up() == 200


async def test_one_that_is_busy_does_not_end_it_and_one_that_declines_does(stage: Stage) -> None:
    busy, ringing, declining = phones = await members(stage, Busy(), NoAnswer(), Decline(after_s=0.5))
    await stage.serve(users=users(phones), group=group(phones, "all"))
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 603
    await (await ringing.leg(timeout_s=SOON)).reached(LegState.CANCELLED, SOON)
    assert rung(phones) == [1, 1, 1]
    assert (busy.received[0].status, declining.received[0].status) == (486, 603)


async def test_a_decline_may_speak_for_one_only(stage: Stage) -> None:
    phones = await members(stage, Decline(), Answer(after_s=0.5))
    await stage.serve(users=users(phones), group=group(phones, "all", ends_on=[486]))
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 200
    assert await call.hang_up() == 200


async def test_a_phone_that_registers_joins_its_group(stage: Stage) -> None:
    desk, mobile = await stage.phone("desk", NoAnswer()), await stage.phone("bob", Answer())
    ring = [{"id": NUMBER, "mode": "all", "members": ["desk", "bob"]}]
    await stage.serve(users={"desk": [desk.uri], "bob": []}, passwords=PASSWORDS, sip=SIP, group=ring)
    call = stage.call(await stage.caller())
    await (await desk.leg(timeout_s=SOON)).reached(LegState.RINGING, SOON)
    assert register(stage.server.sip_port, mobile.uri, "s3cret") == "SIP/2.0 200 OK"
    assert (await call.final(SOON)).status == 200
    await desk.received[0].reached(LegState.CANCELLED, SOON)
    assert await call.hang_up() == 200


async def test_a_member_over_websocket_is_reached_by_its_connection(stage: Stage) -> None:
    ring = [{"id": NUMBER, "mode": "all", "members": ["bob"]}]
    await stage.serve(users={"bob": []}, passwords=PASSWORDS, sip=SIP, group=ring)
    url = f"ws://127.0.0.1:{stage.server.console_port}/sip"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=["sip"]) as phone:
        challenge = await answer(phone, "REGISTER", 1)
        proof = f"Authorization: {digest(challenge, 's3cret', uri=URI)}\r\n"
        assert (await answer(phone, "REGISTER", 2, proof)).startswith("SIP/2.0 200 ")
        call = stage.call(await stage.caller())
        assert (await asyncio.wait_for(phone.receive_str(), SOON)).startswith("INVITE sip:bob@b0b.invalid")
    assert (await call.final(SOON)).status == 500


# One after the other -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [NoAnswer(), Busy(status=480), Busy(status=404)], ids=["silent", "480", "404"])
async def test_the_second_of_three_answers(stage: Stage, first: Behaviour) -> None:
    phones = await members(stage, first, Answer(), Answer())
    await stage.serve(users=users(phones), group=group(phones, "in-order", member_time="1s"))
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 200
    assert rung(phones) == [1, 1, 0]
    if isinstance(first, NoAnswer):
        await phones[0].received[0].reached(LegState.CANCELLED, SOON)
    await phones[1].received[0].reached(LegState.CONFIRMED, SOON)
    assert await call.hang_up() == 200
    assert len(stage.application.events) == 1


@pytest.mark.parametrize(("who", "status"), [(Decline(), 603), (Busy(), 486)])
async def test_these_end_a_hunt(stage: Stage, who: Behaviour, status: int) -> None:
    phones = await members(stage, Busy(status=404), who, Answer())
    await stage.serve(users=users(phones), group=group(phones, "in-order"))
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == status
    assert rung(phones) == [1, 1, 0]


async def test_nobody_answers_and_the_caller_hears_the_best_of_it(stage: Stage) -> None:
    phones = await members(stage, Busy(status=404), Busy(status=500))
    await stage.serve(users=users(phones), group=group(phones, "in-order"))
    assert (await stage.call(await stage.caller()).final(SOON)).status == 404
    (call,) = await read(stage, "call", "list")
    shown = await strowger(stage, "call", "show", call["id"])
    assert "1 of 2 of the group" in shown
    assert "2 of 2 of the group" in shown
    why = await strowger(stage, "call", "why", call["id"])
    assert "1 of 2 of the group" in why
    assert "404 Not Found: the next one rings" in why


async def test_the_caller_hears_ringing_and_gives_up(stage: Stage) -> None:
    phones = await members(stage, NoAnswer(), NoAnswer())
    await stage.serve(users=users(phones), group=group(phones, "in-order", member_time="1s"))
    call = stage.call(await stage.caller())
    leg = await phones[1].leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    call.cancel()
    assert (await call.final(SOON)).status == 487
    for phone in phones:
        await phone.received[0].reached(LegState.CANCELLED, SOON)


# The application and the outside -------------------------------------------------------------------------------------


async def test_the_application_redirects_to_a_group_and_away_from_it(stage: Stage) -> None:
    phones = await members(stage, Busy(status=480), NoAnswer())
    target = await stage.phone("target", Answer())
    hunt = group(phones, "in-order", of="sales")
    await stage.serve(users={**users(phones), "sales": []}, trunk=target.uri, group=hunt)
    call = stage.call(await stage.caller(), SECOND_NUMBER)
    await stage.redirect(await stage.application.event(), "sales")
    await (await phones[1].leg(timeout_s=SOON)).reached(LegState.RINGING, SOON)
    event = await stage.application.event(1)
    assert event.to == user_id("sales")
    await stage.redirect(event)  # its context is that of the first step
    assert (await call.final(SOON)).status == 200
    await phones[1].received[0].reached(LegState.CANCELLED, SOON)
    assert_rung_once(target)
    assert await call.hang_up() == 200


async def test_a_member_outside_is_rung_by_the_next_trunk_where_the_first_fails(stage: Stage) -> None:
    phones = await members(stage, NoAnswer())
    dead, near = await stage.phone("dead", Busy(status=503)), await stage.phone("near", Answer(after_s=0.3))
    told = {"forwarded_as": ["history-info"]}
    trunks = {"a": {"uri": dead.uri, "priority": 1}, "b": {"uri": near.uri, "priority": 2, **told}}
    await stage.serve(users=users(phones), trunks=trunks, group=group(phones, "all", OUTSIDE))
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 200
    assert rung([dead, near, *phones]) == [1, 1, 1]
    await phones[0].received[0].reached(LegState.CANCELLED, SOON)
    history = near.received[0].invite.values("History-Info")
    assert len(history) == 2, "the group, and who is rung for it"
    assert NUMBER in history[0]
    assert await call.hang_up() == 200


async def test_a_member_outside_that_may_not_be_called_is_left_out(stage: Stage) -> None:
    phones = await members(stage, Answer())
    far = await stage.phone("far", Answer())
    rules = {"deny": ["+316"]}
    hunt = [{"id": NUMBER, "mode": "in-order", "members": [OUTSIDE, *users(phones)]}]
    await stage.serve(users=users(phones), trunk=far.uri, group=hunt, outside=rules)
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 200
    assert rung([far, *phones]) == [0, 1]
    (known,) = await read(stage, "call", "list")
    assert f"4:{OUTSIDE}: main may not redirect to {OUTSIDE}" in await strowger(stage, "call", "show", known["id"])
    assert await call.hang_up() == 200


# Crashes -------------------------------------------------------------------------------------------------------------


async def test_a_crash_in_the_middle_of_a_hunt(stage: Stage) -> None:
    phones = await members(stage, Busy(status=480), NoAnswer(), NoAnswer())
    await stage.serve(users=users(phones), group=group(phones, "in-order", member_time="4s"))
    call = stage.call(await stage.caller())
    await (await phones[1].leg(timeout_s=SOON)).reached(LegState.RINGING, SOON)
    stage.server.kill()
    await stage.server.start()
    leg = await phones[2].leg(timeout_s=AFTER_RESTART)
    await leg.reached(LegState.RINGING, SOON)
    leg.answer()
    assert (await call.final(AFTER_RESTART)).status == 200
    await phones[1].received[0].reached(LegState.CANCELLED, AFTER_RESTART)
    assert rung(phones) == [1, 1, 1]
    assert_rung_once(phones[1])
    assert_rung_once(phones[2])
    assert await call.hang_up() == 200


@pytest.mark.parametrize("delay_ms", [0, 5, 10, 20])
async def test_a_crash_around_a_step(stage: Stage, delay_ms: int) -> None:
    """Whether the step was written or not: nobody rings twice, and the hunt goes on."""
    phones = await members(stage, NoAnswer(gives_up_after_s=0.5), NoAnswer())
    await stage.serve(users=users(phones), group=group(phones, "in-order", member_time="3s"))
    call = stage.call(await stage.caller())
    first = await phones[0].leg(timeout_s=SOON)
    await first.reached(LegState.REJECTED, SOON)
    await asyncio.sleep(delay_ms / 1_000)  # not waiting for anything: the moment of the kill is what is varied
    stage.server.kill()
    await stage.server.start()
    leg = await phones[1].leg(timeout_s=AFTER_RESTART)
    await leg.reached(LegState.RINGING, SOON)
    leg.answer()
    assert (await call.final(AFTER_RESTART)).status == 200
    assert rung(phones) == [1, 1]
    assert_rung_once(phones[1])
    assert await call.hang_up() == 200


async def test_a_crash_while_all_ring(stage: Stage) -> None:
    phones = await members(stage, *[NoAnswer()] * 5)
    await stage.serve(users=users(phones), group=group(phones, "all"))
    call = stage.call(await stage.caller())
    legs = [await phone.leg(timeout_s=SOON) for phone in phones]
    for leg in legs:
        await leg.reached(LegState.RINGING, SOON)
    stage.server.kill()
    await stage.server.start()
    legs[2].answer()
    assert (await call.final(AFTER_RESTART)).status == 200
    for leg in (*legs[:2], *legs[3:]):
        await leg.reached(LegState.CANCELLED, AFTER_RESTART)
    for phone in phones:
        assert_rung_once(phone)
    assert await call.hang_up() == 200
