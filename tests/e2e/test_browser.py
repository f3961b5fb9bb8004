"""Telephones in a browser, JsSIP in Chromium: over WebSocket on the console, on a listener of its own, and over TLS."""

from __future__ import annotations

import pytest

from tests.e2e.stage import Stage
from tests.support.server import NUMBER, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

PASSWORDS = {"ann": "hush", "bob": "s3cret"}
SIP = {"digest_md5": "only", "console_websocket": "on"}


async def begin(stage: Stage) -> None:
    """A server of two users without phones."""
    await stage.serve(users={"ann": [], "bob": []}, passwords=PASSWORDS, sip=SIP)


@pytest.mark.parametrize("way", ["console", "ws", "wss"])
async def test_a_browser_registers_and_is_rung_by_a_redirect(stage: Stage, way: str) -> None:
    await begin(stage)
    bob = await stage.web_phone("bob", PASSWORDS["bob"], way)
    caller = await stage.caller()
    call = stage.call(caller)
    event = await stage.application.event()
    assert await bob.events() == ["registered"]
    await stage.redirect(event, "bob")
    assert "+31687654321" in await bob.event("incoming")
    await call.wait_for(lambda response: response.status == 180 and response.to_tag is not None, 5)
    call.cancel()
    assert (await call.final(5)).status == 487
    assert await bob.event("failed") == "remote Canceled"


async def test_a_browser_comes_back_by_itself_after_a_crash_and_is_rung_again(stage: Stage) -> None:
    await begin(stage)
    bob = await stage.web_phone("bob", PASSWORDS["bob"], "console")
    stage.server.kill()
    await bob.event("disconnected")
    await stage.server.start()
    await bob.event("registered", 1)
    call = stage.call(await stage.caller(), "bob")
    await bob.event("incoming")
    call.cancel()
    assert (await call.final(5)).status == 487


async def test_two_browsers_talk(stage: Stage) -> None:
    await begin(stage)
    ann = await stage.web_phone("ann", PASSWORDS["ann"], "console")
    bob = await stage.web_phone("bob", PASSWORDS["bob"], "wss")
    await ann.call(NUMBER)
    event = await stage.application.event()
    assert event.from_ == user_id("ann")
    await stage.redirect(event, "bob")
    await bob.event("incoming")
    await ann.event("progress")
    await bob.answer()
    for phone in (ann, bob):
        await phone.event("confirmed")
        await phone.hears()
    await ann.hang_up()
    assert await bob.event("ended") == "remote Terminated"
    assert await ann.event("ended") == "local Terminated"
