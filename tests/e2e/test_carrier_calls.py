"""Kamailio as the carrier that calls us: known by its address, by a digest, or where we registered with it."""

from __future__ import annotations

from typing import Any

import pytest

from strowger.phones.behaviours import Answer, NoAnswer
from strowger.phones.incoming import LegState
from strowger.phones.outgoing import OutgoingCall
from strowger.phones.phone import Phone
from strowger.sip.message.address import Address
from strowger.sip.message.message import Request
from tests.e2e.carrier import ACCOUNT, carrier, login, newest
from tests.e2e.stage import Stage
from tests.e2e.wire import Wire
from tests.support.kamailio import Account, Kamailio
from tests.support.server import HOST, NUMBER, OUTSIDE, SECOND_NUMBER

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
PEER = Account("peer", "its own s3cret", "strowger")
NOBODY_TRUSTED: dict[str, Any] = {"trusted": [], "strangers": "challenge"}


def through(carrier: Kamailio, caller: Phone, uri: str) -> OutgoingCall:
    """A call by a customer of the carrier."""
    return caller.call(uri, proxy=f"udp:{carrier.host}:{carrier.port}")


def ours(stage: Stage) -> str:
    return f"sip:{NUMBER}@{HOST}:{stage.server.sip_port}"


async def test_its_address_is_enough(stage: Stage) -> None:
    kamailio, bob = await stage.kamailio(), await stage.phone("bob", Answer())
    trunk = {"uri": kamailio.uri, "from": [f"{kamailio.host}/32"]}
    await stage.serve(trunks={"carrier": trunk}, users={"bob": [bob.uri]}, sip=NOBODY_TRUSTED)
    with Wire(stage.server.sip_port) as stranger:
        stranger.send(stranger.request("INVITE", NUMBER))
        await stranger.response(401, 407)
    call = through(kamailio, await stage.caller(), ours(stage))
    event = await stage.application.event()
    assert (await newest(stage)).came_by == "carrier"
    await stage.redirect(event, "bob")
    assert (await call.final(SOON)).status == 200
    assert await call.hang_up() == 200
    await (await bob.leg(timeout_s=SOON)).reached(LegState.ENDED, SOON)
    assert len(stage.application.events) == 2  # the number, and bob


@pytest.mark.parametrize("password", [PEER.password, "guessed"])
async def test_it_proves_itself(stage: Stage, password: str) -> None:
    kamailio = await stage.kamailio(proves=PEER._replace(password=password))
    trunk = {"uri": kamailio.uri, "peer_username": PEER.username, "peer_password": PEER.password}
    await stage.serve(trunks={"carrier": trunk}, sip={**NOBODY_TRUSTED, "digest_md5": "on"})
    call = through(kamailio, await stage.caller(), ours(stage))
    if password == PEER.password:
        await stage.application.event()
        assert (await newest(stage)).came_by == "carrier"
        call.cancel()
        assert (await call.final(SOON)).status == 487
    else:
        assert (await call.final(SOON)).status in (401, 403, 407)
        assert stage.application.events == []


async def test_we_register_and_are_rung_there_until_we_stop(stage: Stage) -> None:
    kamailio = await stage.kamailio(account=ACCOUNT, asks=0, registers_for_s=2)
    capture = await stage.capture(kamailio)
    rows = {"register": "on", "register_expires": "1m", "number": NUMBER, "from": [f"{kamailio.host}/32"]}
    await stage.serve(trunks={"carrier": {"uri": capture.uri, **rows, **login()}})
    plain, proven = await capture.request("REGISTER", 0), await capture.request("REGISTER", 1)
    assert not plain.has("Authorization")
    assert f'username="{ACCOUNT.username}"' in (proven.first("Authorization") or "")
    assert (plain.call_id, plain.cseq.number + 1) == (proven.call_id, proven.cseq.number)
    await capture.until(lambda: [each.status for each in capture.responses("REGISTER")] == [401, 200], SOON)

    caller, account = await stage.caller(), kamailio.uri.replace(":", f":{ACCOUNT.username}@", 1)
    call = through(kamailio, caller, account)
    event = await stage.application.event()
    assert event.to == f"4:{NUMBER}"
    call.cancel()
    assert (await call.final(SOON)).status == 487

    renewed = await capture.request("REGISTER", 2)
    assert renewed.call_id == plain.call_id
    assert renewed.cseq.number > proven.cseq.number
    proxy = f"udp:{kamailio.host}:{kamailio.port}"
    call = caller.call(account, proxy=proxy, headers=[("To", f"<sip:{SECOND_NUMBER}@{kamailio.host}>")])
    assert (await stage.application.event(1)).to == f"4:{SECOND_NUMBER}"
    call.cancel()
    assert (await call.final(SOON)).status == 487

    assert stage.server.terminate() == 0
    await capture.until(lambda: _expires(capture.requests("REGISTER")[-1]) == 0, SOON)
    assert (await through(kamailio, caller, account).final(SOON)).status == 404


def _expires(register: Request) -> int:
    """How long a REGISTER with one Contact asks to last (RFC 3261 §10.2.1.1)."""
    expires = Address.parse(register.values("Contact")[0]).params.get("expires") or register.first("Expires")
    return int(expires or "")


# 302 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [OUTSIDE, "bob"])
async def test_a_carrier_that_wants_to_ring_the_target_itself_is_told_where(stage: Stage, target: str) -> None:
    a, bob = await carrier(stage, "a", NoAnswer()), await stage.phone("bob", NoAnswer())
    rows = a.rows(mode="302", **{"from": [f"{a.kamailio.host}/32"]})
    await stage.serve(trunks={"trunk": rows}, users={"bob": [bob.uri]})
    call = through(a.kamailio, await stage.caller(), ours(stage))
    await stage.redirect(await stage.application.event(), target)
    final = await call.final(SOON)
    assert final.status == 302
    where = a.capture.uri.replace(":", f":{OUTSIDE}@", 1) if target == OUTSIDE else bob.uri
    assert [value.strip("<>") for value in final.values("Contact")] == [where]
    assert a.invites == [] and bob.received == a.phone.received == []
    assert len(stage.application.events) == 1


async def test_the_carrier_follows_the_302(stage: Stage) -> None:
    a = await carrier(stage, "a", Answer(), follows=True)
    rows = a.rows(mode="302", uri=a.kamailio.uri, **{"from": [f"{a.kamailio.host}/32"]})
    await stage.serve(trunks={"trunk": rows})
    call = through(a.kamailio, await stage.caller(), ours(stage))
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 200
    (leg,) = a.phone.received
    assert OUTSIDE in leg.invite.uri
    assert await call.hang_up() == 200
    assert (await newest(stage)).final_status == 302
