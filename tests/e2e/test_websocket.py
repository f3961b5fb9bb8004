"""SIP over WebSocket on the listener of the console, by hand: what a browser would send."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.e2e.stage import Stage
from tests.support.digest import digest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

URI = "sip:127.0.0.1"
REQUEST = (
    f"{{method}} {URI} SIP/2.0\r\nVia: SIP/2.0/WS b0b.invalid;branch=z9hG4bKw{{n}}\r\nMax-Forwards: 70\r\n"
    "From: <sip:bob@127.0.0.1>;tag=1\r\nTo: <sip:bob@127.0.0.1>\r\nCall-ID: {method}\r\nCSeq: {n} {method}\r\n"
    "Contact: <sip:bob@b0b.invalid;transport=ws>\r\n{extra}Content-Length: 0\r\n\r\n"
)


async def answer(phone: aiohttp.ClientWebSocketResponse, method: str, number: int, extra: str = "") -> str:
    """What is answered to one request."""
    await phone.send_str(REQUEST.format(method=method, n=number, extra=extra))
    return await asyncio.wait_for(phone.receive_str(), 5)


async def test_a_phone_asks_and_registers_through_the_console(stage: Stage) -> None:
    sip = {"console_websocket": "on", "digest_md5": "on"}
    await stage.serve(users={"bob": []}, passwords={"bob": "s3cret"}, sip=sip)
    url = f"ws://127.0.0.1:{stage.server.console_port}/sip"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=["sip"]) as phone:
        assert (await answer(phone, "OPTIONS", 1)).startswith("SIP/2.0 200 ")
        assert (await answer(phone, "INVITE", 1)).startswith("SIP/2.0 407 ")  # a page here is not the machine itself
        challenge = await answer(phone, "REGISTER", 1)
        assert challenge.startswith("SIP/2.0 401 ")
        proof = f"Authorization: {digest(challenge, 's3cret', uri=URI)}\r\n"
        registered = await answer(phone, "REGISTER", 2, proof)
        assert registered.startswith("SIP/2.0 200 ")
        assert "\r\nContact: <sip:bob@b0b.invalid;transport=ws>;expires=" in registered
        stopping = asyncio.create_task(asyncio.to_thread(stage.server.terminate))
        assert (await asyncio.wait_for(phone.receive(), 10)).type is aiohttp.WSMsgType.CLOSE
        assert phone.close_code == aiohttp.WSCloseCode.GOING_AWAY
    assert await asyncio.wait_for(stopping, 10) == 0
