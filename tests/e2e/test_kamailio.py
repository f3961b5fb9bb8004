"""The carrier of these tests by itself: Kamailio asks, registers, rings, refuses, falls silent, and is written down."""

from __future__ import annotations

import hashlib
import urllib.request

import pytest

from strowger.phones.behaviours import Answer, Custom, Redirect
from strowger.phones.errors import WaitedTooLong
from strowger.phones.incoming import LegState
from strowger.phones.phone import Phone
from strowger.sip.message.message import Response
from tests.e2e.stage import Stage
from tests.support.kamailio import Account, Kamailio

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
ACCOUNT = Account("strowger", "s3cret", "carrier.example")
OUTSIDE = "+31612345678"


def proof(challenge: Response, account: Account, uri: str) -> tuple[str, str]:
    """The header that answers a challenge of an INVITE, made with the standard library (RFC 7616 §3.4)."""
    side = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
    asked, answered = side[challenge.status]
    offer = (challenge.first(asked) or "").removeprefix("Digest ")
    parameters = urllib.request.parse_keqv_list(urllib.request.parse_http_list(offer))
    algorithm = parameters.get("algorithm", "MD5")
    digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode()).hexdigest()

    own, asked_for = hashed(account.username, account.realm, account.password), hashed("INVITE", uri)
    nonce = parameters["nonce"]
    return answered, (
        f'Digest username="{account.username}", realm="{parameters["realm"]}", nonce="{nonce}", uri="{uri}", '
        f'response="{hashed(own, nonce, asked_for)}", algorithm={algorithm}'
    )


def call(caller: Phone, carrier: Kamailio, host: str, *headers: tuple[str, str]):
    return caller.call(f"sip:{OUTSIDE}@{host}", proxy=f"udp:{carrier.host}:{carrier.port}", headers=headers)


@pytest.mark.parametrize(("asks", "algorithm"), [(401, ""), (407, ""), (407, "SHA-256")])
async def test_it_asks_who_calls_and_rings_a_phone_behind_it(stage: Stage, asks: int, algorithm: str) -> None:
    phone = await stage.phone("target", Answer())
    at = phone.address.removeprefix("udp:")
    carrier = await stage.kamailio(account=ACCOUNT, asks=asks, algorithm=algorithm, phone=at)
    caller = await stage.caller()
    host = carrier.uri.removeprefix("sip:")
    challenge = await call(caller, carrier, host).final(SOON)
    assert challenge.status == asks
    wrong = proof(challenge, ACCOUNT._replace(password="guessed"), f"sip:{OUTSIDE}@{host}")
    assert (await call(caller, carrier, host, wrong).final(SOON)).status == asks
    right = call(caller, carrier, host, proof(challenge, ACCOUNT, f"sip:{OUTSIDE}@{host}"))
    assert (await right.final(SOON)).status == 200
    leg = await phone.leg(timeout_s=SOON)
    assert not leg.invite.has("Proxy-Authorization") and not leg.invite.has("Authorization")
    assert await right.hang_up() == 200
    await leg.reached(LegState.ENDED, SOON)
    assert len(phone.received) == 1


async def test_it_refuses_and_says_when_to_come_back(stage: Stage) -> None:
    carrier = await stage.kamailio(refuses=503, retry_after_s=7)
    refusal = await call(await stage.caller(), carrier, carrier.uri.removeprefix("sip:")).final(SOON)
    assert (refusal.status, refusal.first("Retry-After")) == (503, "7")


async def test_what_passes_is_written_down(stage: Stage) -> None:
    carrier = await stage.kamailio(refuses=486)
    capture = await stage.capture(carrier)
    caller = await stage.caller()
    refused = caller.call(capture.uri.replace(":", f":{OUTSIDE}@", 1))
    assert (await refused.final(SOON)).status == 486
    await capture.until(lambda: len(capture.requests("ACK")) == 1, SOON)
    assert [each.uri for each in capture.requests("INVITE")] == [refused.invite.uri]
    assert [each.status for each in capture.responses("INVITE")] == [486]


async def test_it_falls_silent_goes_away_and_comes_back(stage: Stage) -> None:
    carrier = await stage.kamailio(refuses=486)
    caller = await stage.caller()
    host = carrier.uri.removeprefix("sip:")
    carrier.pause()
    unheard = call(caller, carrier, host)
    with pytest.raises(WaitedTooLong):
        await unheard.final(0.2)
    carrier.resume()
    assert (await unheard.final(SOON)).status == 486
    carrier.stop()
    assert not carrier.is_running
    await carrier.start()
    assert (await call(caller, carrier, host).final(SOON)).status == 486


@pytest.mark.parametrize(("status", "header"), [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")])
async def test_it_proves_itself_to_whoever_it_calls(stage: Stage, status: int, header: str) -> None:
    """With MD5, though SHA-256 is offered first."""
    offers = [(header, f'Digest realm="ours", nonce="n1", algorithm={name}, qop="auth"') for name in ("SHA-256", "MD5")]
    asking = await stage.phone("asking", Custom(status, headers=tuple(offers)))
    carrier = await stage.kamailio(proves=Account("peer", "s3cret", "ours"))
    caller = await stage.caller()
    call = caller.call(asking.uri, proxy=f"udp:{carrier.host}:{carrier.port}")
    assert (await call.final(SOON)).status == status
    _, proven = asking.received
    shown = proven.invite.first("Authorization" if status == 401 else "Proxy-Authorization")
    assert 'username="peer", realm="ours", nonce="n1"' in (shown or "")


async def test_it_follows_a_302(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    elsewhere = await stage.phone("elsewhere", Redirect(target.uri))
    carrier = await stage.kamailio(follows=True)
    caller = await stage.caller()
    followed = caller.call(elsewhere.uri, proxy=f"udp:{carrier.host}:{carrier.port}")
    assert (await followed.final(SOON)).status == 200
    assert await followed.hang_up() == 200
    assert len(elsewhere.received) == len(target.received) == 1
