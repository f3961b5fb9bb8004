"""Phones that come and go while their user is being rung."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from strowger.phones.behaviours import Answer, NoAnswer
from strowger.phones.incoming import LegState
from tests.e2e.stage import Stage
from tests.e2e.test_registration import register
from tests.e2e.test_websocket import URI, answer
from tests.support.digest import digest
from tests.support.server import NUMBER, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
SIP = {"digest_md5": "on", "console_websocket": "on"}
PASSWORDS = {"bob": "s3cret"}


@pytest.mark.parametrize("crash", [False, True])
async def test_a_phone_that_registers_while_its_user_is_rung_rings_too(stage: Stage, *, crash: bool) -> None:
    desk, mobile = await stage.phone("bob", NoAnswer()), await stage.phone("bob", Answer())
    await stage.serve(users={"bob": [desk.uri]}, passwords=PASSWORDS, sip=SIP)
    call = stage.call(await stage.caller(), "bob")
    ringing = await desk.leg(timeout_s=SOON)
    await ringing.reached(LegState.RINGING, SOON)
    if crash:
        stage.server.kill()
        await stage.server.start()
    assert register(stage.server.sip_port, mobile.uri, "s3cret") == "SIP/2.0 200 OK"
    assert (await call.final(SOON)).status == 200
    await (await mobile.leg(timeout_s=SOON)).reached(LegState.CONFIRMED, SOON)
    await ringing.reached(LegState.CANCELLED, SOON)
    assert await call.hang_up() == 200


async def test_a_phone_that_registers_while_a_call_is_held_for_its_user_rings(stage: Stage) -> None:
    mobile = await stage.phone("bob", Answer())
    await stage.serve(users={"bob": []}, passwords=PASSWORDS, sip=SIP)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(), "bob")
    assert (await stage.application.event(1)).to == user_id("bob")
    assert register(stage.server.sip_port, mobile.uri, "s3cret") == "SIP/2.0 200 OK"
    assert (await call.final(SOON)).status == 200
    assert await call.hang_up() == 200


async def test_a_phone_whose_connection_is_gone_keeps_nobody_waiting(stage: Stage) -> None:
    await stage.serve(users={"bob": []}, passwords=PASSWORDS, sip=SIP)
    url = f"ws://127.0.0.1:{stage.server.console_port}/sip"
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, protocols=["sip"]) as phone:
            challenge = await answer(phone, "REGISTER", 1)
            proof = f"Authorization: {digest(challenge, 's3cret', uri=URI)}\r\n"
            assert (await answer(phone, "REGISTER", 2, proof)).startswith("SIP/2.0 200 ")
            call = stage.call(await stage.caller())
            await stage.redirect(await stage.application.event(), "bob")
            assert (await asyncio.wait_for(phone.receive_str(), SOON)).startswith("INVITE sip:bob@b0b.invalid")
        assert (await call.final(SOON)).status == 500
        again = stage.call(await stage.caller(), "bob")
        await stage.application.event(2)
        await again.wait_for(180, SOON)  # nobody is registered any more: the application is asked
        again.cancel()
        assert (await again.final(SOON)).status == 487
    assert (await stage.application.event(0)).to == f"4:{NUMBER}"
