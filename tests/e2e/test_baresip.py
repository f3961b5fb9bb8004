"""Calls between real phones: baresip, which knows MD5 only, registered over UDP and TLS."""

from __future__ import annotations

import pytest

from tests.e2e.stage import Stage
from tests.support.baresip import Baresip
from tests.support.server import HOST, NUMBER, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

PASSWORDS = {"ann": "hush", "bob": "s3cret"}
MD5 = {"digest_md5": "only"}


async def begin(stage: Stage) -> None:
    """A server of two users without phones."""
    await stage.serve(users={"ann": [], "bob": []}, passwords=PASSWORDS, sip=MD5)


async def both_talk(ann: Baresip, bob: Baresip) -> None:
    """The call is answered on both sides, and each hears the other, without the server in between."""
    for phone in (ann, bob):
        await phone.event("CALL_ESTABLISHED")
        await phone.says("incoming rtp for 'audio' established")


@pytest.mark.parametrize(
    ("calling", "called", "hangs_up"), [("udp", "udp", "ann"), ("tls", "tls", "bob"), ("udp", "tls", "ann")]
)
async def test_a_phone_calls_a_number_and_another_is_rung_by_a_redirect(
    stage: Stage, calling: str, called: str, hangs_up: str
) -> None:
    await begin(stage)
    ann = await stage.baresip("ann", PASSWORDS["ann"], calling)
    bob = await stage.baresip("bob", PASSWORDS["bob"], called)
    ann.tell("dial", f"sip:{NUMBER}@{HOST}")
    event = await stage.application.event()
    assert (event.to, event.from_) == (f"4:{NUMBER}", user_id("ann"))
    assert bob.told("CALL_INCOMING") is None
    await stage.redirect(event, "bob")
    await bob.event("CALL_INCOMING")
    await ann.event("CALL_RINGING")
    bob.tell("accept")
    await both_talk(ann, bob)
    assert bob.received("INVITE ").body == ann.sent("INVITE ").body != b""
    assert ann.received("SIP/2.0 200 ", "INVITE").body == bob.sent("SIP/2.0 200 ", "INVITE").body != b""
    {"ann": ann, "bob": bob}[hangs_up].tell("hangup")
    for phone in (ann, bob):
        await phone.event("CALL_CLOSED")


async def test_of_two_phones_of_one_user_the_one_that_answers_has_the_call(stage: Stage) -> None:
    await begin(stage)
    ann = await stage.baresip("ann", PASSWORDS["ann"])
    desk, pocket = [await stage.baresip("bob", PASSWORDS["bob"], transport) for transport in ("udp", "tls")]
    ann.tell("dial", f"sip:bob@{HOST}")
    for phone in (desk, pocket):
        await phone.event("CALL_INCOMING")
    pocket.tell("accept")
    await both_talk(ann, pocket)
    await desk.event("CALL_CLOSED")
    reason = desk.received("CANCEL ").first("Reason")
    assert reason == 'SIP;cause=200;text="Call completed elsewhere"'
    assert desk.sent("SIP/2.0 487 ")
    ann.tell("hangup")
    await pocket.event("CALL_CLOSED")
