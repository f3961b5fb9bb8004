"""Every way a held or ringing call can end, and the races between them, with phones on both sides."""

from __future__ import annotations

import asyncio

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from strowger.phones.behaviours import Answer, Behaviour, Busy, Decline, NoAnswer, Silent
from strowger.phones.incoming import LegState
from tests.e2e.stage import Stage, code
from tests.e2e.wire import Wire
from tests.support.server import NUMBER, OUTSIDE, SECOND_NUMBER, THIRD_NUMBER, free_ports, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0


async def test_a_redirected_call_is_answered_and_hung_up(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    await call.wait_for(180, SOON)
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 200
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    assert await call.hang_up() == 200
    await leg.reached(LegState.ENDED, SOON)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_same_over_ipv6(stage: Stage, transport: str) -> None:
    target = await stage.phone("target", Answer(), transport, "[::1]")
    server = await stage.serve(trunk=target.uri)
    caller = await stage.phone("+31687654321", transport=transport, host="[::1]")
    proxy = f"{transport}:[::1]:{server.sip_port}"
    call = caller.call(f"sip:{NUMBER}@[::1]:{server.sip_port}", proxy=proxy)
    await call.wait_for(180, SOON)
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 200
    assert await call.hang_up() == 200
    await (await target.leg(timeout_s=SOON)).reached(LegState.ENDED, SOON)


async def test_the_caller_gives_up_while_the_call_is_held(stage: Stage) -> None:
    target = await stage.phone("target")
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    event = await stage.application.event()
    await call.wait_for(180, SOON)
    call.cancel()
    assert (await call.final(SOON)).status == 487
    with pytest.raises(ResourceNotFoundError) as refused:
        await stage.redirect(event)
    assert code(refused.value) == "8522"
    assert target.received == []


async def test_the_caller_gives_up_while_the_target_rings(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    call.cancel()
    assert (await call.final(SOON)).status == 487
    await leg.reached(LegState.CANCELLED, SOON)


@pytest.mark.parametrize(("behaviour", "status"), [(Busy(), 486), (Decline(), 603)])
async def test_the_refusal_of_the_target_reaches_the_caller(stage: Stage, behaviour: Behaviour, status: int) -> None:
    target = await stage.phone("target", behaviour)
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == status


async def test_nobody_answers_within_the_ring_limit(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri, limits={"ring": "1s"})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 480
    await (await target.leg(timeout_s=SOON)).reached(LegState.CANCELLED, SOON)


async def test_a_target_that_never_responds_times_out(stage: Stage) -> None:
    """Timer B, 64*T1."""
    target = await stage.phone("target", Silent())
    await stage.serve(trunk=target.uri, sip={"t1": "20ms"})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 408
    assert len(target.received) == 1
    assert target.retransmissions > 0


async def test_the_application_decides_too_late(stage: Stage) -> None:
    target = await stage.phone("target")
    await stage.serve(trunk=target.uri, limits={"hold": "1s"})
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 480
    with pytest.raises(ResourceNotFoundError) as refused:
        await stage.redirect(await stage.application.event())
    assert code(refused.value) == "8522"
    assert target.received == []


async def test_of_two_redirects_at_once_one_wins(stage: Stage) -> None:
    phones = [await stage.phone(name, NoAnswer()) for name in ("first", "second")]
    await stage.serve(users={"first": [phones[0].uri], "second": [phones[1].uri]})
    rung = dict.fromkeys(phones, 0)
    for number in range(5):
        call = stage.call(await stage.caller())
        event = await stage.application.event(2 * number)
        outcomes = await asyncio.gather(
            *(stage.redirect(event, name) for name in ("first", "second")), return_exceptions=True
        )
        assert sorted(outcome is None for outcome in outcomes) == [False, True]
        refusal = next(outcome for outcome in outcomes if isinstance(outcome, HttpResponseError))
        assert (refusal.status_code, code(refusal)) == (409, "8519")
        won = phones[outcomes.index(None)]
        leg = await won.leg(rung[won], timeout_s=SOON)
        await leg.reached(LegState.RINGING, SOON)
        rung[won] += 1
        await stage.application.event(2 * number + 1)  # of the user who is rung
        call.cancel()
        assert (await call.final(SOON)).status == 487
        assert {phone: len(phone.received) for phone in phones} == rung


async def test_a_user_is_rung_everywhere_and_its_application_is_told(stage: Stage) -> None:
    desk, mobile = await stage.phone("desk", NoAnswer()), await stage.phone("mobile", NoAnswer())
    await stage.serve(users={"bob": [desk.uri, mobile.uri]})
    call = stage.call(await stage.caller())
    first = await stage.application.event(0)
    assert first.to == f"4:{NUMBER}"
    await stage.redirect(first, "bob")
    second = await stage.application.event(1)
    assert (second.to, second.from_, second.correlation_id) == (user_id("bob"), first.from_, first.correlation_id)
    assert second.context != first.context
    legs = [await phone.leg(timeout_s=SOON) for phone in (desk, mobile)]
    for leg in legs:
        await leg.reached(LegState.RINGING, SOON)
    legs[1].answer()
    assert (await call.final(SOON)).status == 200
    await legs[0].reached(LegState.CANCELLED, SOON)
    await legs[1].reached(LegState.CONFIRMED, SOON)
    with pytest.raises(ResourceNotFoundError):
        await stage.redirect(second)


async def test_a_ringing_user_can_be_redirected_further(stage: Stage) -> None:
    desk, target = await stage.phone("desk", NoAnswer()), await stage.phone("target", Answer())
    await stage.serve(users={"bob": [desk.uri]}, trunk=target.uri)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(0), "bob")
    leg = await desk.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    await stage.redirect(await stage.application.event(1))
    assert (await call.final(SOON)).status == 200
    await leg.reached(LegState.CANCELLED, SOON)


async def test_a_chain_of_redirects_has_an_end(stage: Stage) -> None:
    await stage.serve(limits={"redirects_per_call": 2})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(0), SECOND_NUMBER)
    await stage.redirect(await stage.application.event(1), THIRD_NUMBER)
    with pytest.raises(HttpResponseError) as refused:
        await stage.redirect(await stage.application.event(2), SECOND_NUMBER)
    assert (refused.value.status_code, code(refused.value)) == (400, "8521")
    assert (await call.final(SOON)).status == 482


async def test_a_200_that_crosses_its_cancel_is_ended_by_ack_and_bye(stage: Stage) -> None:
    (port,) = free_ports(1)
    desk = await stage.phone("desk", NoAnswer())
    stubborn = await stage.sipp("stubborn", port=port)
    await stage.serve(users={"bob": [desk.uri, f"sip:stubborn@127.0.0.1:{port}"]})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(), "bob")
    await call.wait_for(lambda response: response.status == 180 and _from(response, port), SOON)
    leg = await desk.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    leg.answer()
    assert (await call.final(SOON)).status == 200
    await stubborn.succeeded(SOON)
    assert call.forks_ended == 0
    assert await call.hang_up() == 200


async def test_a_repeated_invite_is_one_call(stage: Stage) -> None:
    await stage.serve()
    with Wire(stage.server.sip_port) as wire:
        invite = wire.request("INVITE", NUMBER)
        for _ in range(3):
            wire.send(invite)
        ringing = await wire.response(180)
        await stage.application.event()
        wire.send(invite)
        assert (await wire.response(180)).to_tag == ringing.to_tag
        wire.send(wire.request("CANCEL", NUMBER, of="INVITE"))
        assert (await wire.response(487)).to_tag == ringing.to_tag
        wire.send(wire.request("ACK", NUMBER, of="INVITE", to_tag=ringing.to_tag or ""))
        wire.send(wire.request("INVITE", NUMBER, call_id="another"))
        await stage.application.event(1)
    assert len({event.correlation_id for event in stage.application.events}) == 2


async def test_what_is_asked_besides_calls(stage: Stage) -> None:
    await stage.serve()
    with Wire(stage.server.sip_port) as wire:
        wire.send(wire.request("OPTIONS", NUMBER))
        assert "INVITE" in ((await wire.response(200)).first("Allow") or "")
        wire.send(wire.request("PUBLISH", NUMBER))
        assert "INVITE" in ((await wire.response(405)).first("Allow") or "")
        wire.send(wire.request("CANCEL", NUMBER, call_id="of-nothing"))
        await wire.response(481)
        wire.send(wire.request("BYE", NUMBER, call_id="of-nobody", to_tag="unknown"))
        await wire.response(481)
        wire.send(wire.request("INVITE", OUTSIDE, call_id="nobody-here"))
        await wire.response(404)
    assert stage.application.events == []


def _from(response, port: int) -> bool:
    return f":{port}" in (response.first("Contact") or "")
