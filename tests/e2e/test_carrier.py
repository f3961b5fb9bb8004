"""Kamailio as the carrier on the far side of a trunk: it asks who we are, fails, comes back, and calls us."""

from __future__ import annotations

import asyncio

import pytest

from strowger.phones.behaviours import Busy, Custom, NoAnswer
from strowger.phones.incoming import LegState
from tests.e2e.carrier import ACCOUNT, carrier, login, redirected, states, why
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
CREDENTIALS = ("Authorization", "Proxy-Authorization")


# Who we are ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asks", "algorithm"), [(401, ""), (407, ""), (407, "SHA-256")])
async def test_a_challenge_is_answered_and_the_phone_behind_it_rings(stage: Stage, asks: int, algorithm: str) -> None:
    a = await carrier(stage, account=ACCOUNT, asks=asks, algorithm=algorithm)
    await stage.serve(trunks={"trunk": a.rows(**login())})
    call = await redirected(stage)
    final = await call.final(SOON)
    assert final.status == 200
    assert final.cseq.number == call.invite.cseq.number
    leg = await a.phone.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    assert await call.hang_up() == 200
    await leg.reached(LegState.ENDED, SOON)
    plain, proven = a.invites
    assert not any(plain.has(name) for name in CREDENTIALS)
    shown = proven.first(CREDENTIALS[asks == 407]) or ""
    assert f'username="{ACCOUNT.username}"' in shown and f'realm="{ACCOUNT.realm}"' in shown
    assert (plain.call_id, plain.from_tag) == (proven.call_id, proven.from_tag)
    assert [each.status for each in call.responses if each.status > 100] == [180, 180, 200]


async def test_a_wrong_password_is_tried_once(stage: Stage) -> None:
    a = await carrier(stage, account=ACCOUNT)
    await stage.serve(trunks={"trunk": a.rows(**login(ACCOUNT._replace(password="guessed")))})
    call = await redirected(stage)
    final = await call.final(SOON)
    assert final.status >= 400
    assert not final.has("Proxy-Authenticate")
    assert len(a.invites) == 2
    assert a.phone.received == []
    assert "does not accept this user and password" in (await why(stage)).why


async def test_credentials_are_shown_to_their_carrier_only(stage: Stage) -> None:
    """Whoever is rung may ask for a digest; ours is not for everybody (EnableSecurity ES2021-05)."""
    a, b = await carrier(stage, "a", refuses=503), await carrier(stage, "b", account=ACCOUNT)
    challenge = f'Digest realm="{ACCOUNT.realm}", nonce="1234", algorithm=MD5, qop="auth"'
    curious = await stage.phone("curious", Custom(407, headers=(("Proxy-Authenticate", challenge),)))
    trunks = {"a": a.rows(priority=1, **login()), "b": b.rows(priority=2)}
    await stage.serve(trunks=trunks, users={"curious": [curious.uri]})
    assert (await (await redirected(stage)).final(SOON)).status >= 400
    assert (await (await redirected(stage, target="curious")).final(SOON)).status >= 400
    assert len(a.invites) == len(b.invites) == len(curious.received) == 1
    for invite in (*b.invites, curious.received[0].invite):
        assert not any(invite.has(name) for name in CREDENTIALS)


async def test_a_challenge_from_behind_the_carrier_is_not_answered(stage: Stage) -> None:
    """The realm decides as well as the address."""
    challenge = 'Digest realm="elsewhere.example", nonce="1234", algorithm=MD5, qop="auth"'
    a = await carrier(stage, "a", Custom(407, headers=(("Proxy-Authenticate", challenge),)), account=ACCOUNT)
    await stage.serve(trunks={"trunk": a.rows(**login())})
    assert (await (await redirected(stage)).final(SOON)).status >= 400
    assert len(a.phone.received) == 1
    assert "elsewhere.example" not in "".join(invite.first("Proxy-Authorization") or "" for invite in a.invites)


@pytest.mark.parametrize("status", [480, 487])
async def test_what_rings_after_a_challenge_is_silenced(stage: Stage, status: int) -> None:
    """CANCEL belongs to the INVITE that answered, not to the one that was challenged."""
    a = await carrier(stage, "a", NoAnswer(), account=ACCOUNT)
    await stage.serve(trunks={"trunk": a.rows(**login())}, limits={"ring": "1s" if status == 480 else "1m"})
    call = await redirected(stage)
    leg = await a.phone.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    if status == 487:
        call.cancel()
    assert (await call.final(SOON)).status == status
    await leg.reached(LegState.CANCELLED, SOON)
    assert [each.top_via.branch for each in a.capture.requests("CANCEL")] == [a.invites[1].top_via.branch]


# From one to the next ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("refused", "it could not be reached"),
        ("gone", "no response within 0.3 s"),
        ("silent", "no response within 0.3 s"),
        ("503", "503 Refused"),
    ],
)
async def test_the_next_carrier_is_tried(stage: Stage, fault: str, said: str) -> None:
    a, b = await carrier(stage, "a", refuses=503 if fault == "503" else 0), await carrier(stage, "b")
    first = a.rows(priority=1)
    if fault in ("refused", "gone"):
        a.kamailio.stop()
        first["uri"] = a.kamailio.uri + (";transport=tcp" if fault == "refused" else "")
    elif fault == "silent":
        a.kamailio.pause()
    if fault in ("gone", "silent"):  # over UDP both look the same: nobody believes an ICMP packet
        first["patience"] = "300ms"
    await stage.serve(trunks={"a": first, "b": b.rows(priority=2)})
    call = await redirected(stage)
    assert (await call.final(3.0)).status == 200
    assert len(b.phone.received) == 1
    assert await call.hang_up() == 200
    assert a.phone.received == []
    assert f"through b (the one before: {said})" in (await why(stage)).chain[-1]


async def test_a_carrier_that_was_too_slow_is_told_to_stop(stage: Stage) -> None:
    a, b = await carrier(stage, "a", NoAnswer()), await carrier(stage, "b", NoAnswer())
    await stage.serve(trunks={"a": a.rows(priority=1, patience="300ms"), "b": b.rows(priority=2)})
    a.kamailio.pause()
    call = await redirected(stage)
    leg = await b.phone.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    a.kamailio.resume()
    await (await a.phone.leg(timeout_s=SOON)).reached(LegState.CANCELLED, SOON)
    assert leg.state is LegState.RINGING
    leg.answer()
    assert (await call.final(SOON)).status == 200
    assert await call.hang_up() == 200
    assert (len(a.phone.received), len(b.phone.received)) == (1, 1)


async def test_whoever_answers_after_all_has_the_call(stage: Stage) -> None:
    """RFC 3261 §16.7 step 5: a 2xx goes to the caller, whichever branch it is of; the others are cancelled."""
    a, b = await carrier(stage, "a"), await carrier(stage, "b", NoAnswer())
    await stage.serve(trunks={"a": a.rows(priority=1, patience="300ms"), "b": b.rows(priority=2)})
    a.kamailio.pause()
    call = await redirected(stage)
    leg = await b.phone.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    a.kamailio.resume()
    assert (await call.final(SOON)).status == 200
    await leg.reached(LegState.CANCELLED, SOON)
    assert await call.hang_up() == 200
    await (await a.phone.leg(timeout_s=SOON)).reached(LegState.ENDED, SOON)
    assert (len(a.phone.received), len(b.phone.received)) == (1, 1)


async def test_a_carrier_that_wants_to_be_left_alone_is(stage: Stage) -> None:
    a, b = await carrier(stage, "a", refuses=503, retry_after_s=1), await carrier(stage, "b", Busy())
    await stage.serve(trunks={"a": a.rows(priority=1), "b": b.rows(priority=2)})
    calls = 1
    assert (await (await redirected(stage)).final(SOON)).status == 486
    assert await states(stage) == {"a": "held", "b": "up"}
    async with asyncio.timeout(SOON):
        while len(a.invites) < 2:
            assert (await (await redirected(stage)).final(SOON)).status == 486
            calls += 1
            assert len(b.invites) == calls
    first, *_, again = (each.at for each in a.capture.datagrams if each.payload.startswith(b"INVITE "))
    assert 1.0 <= again - first < 3.0
    assert calls > 2


async def test_who_has_heard_it_ring_gets_no_other_carrier(stage: Stage) -> None:
    a = await carrier(stage, "a", Custom(503, ring=True, after_s=0.1))
    b = await carrier(stage, "b")
    await stage.serve(trunks={"a": a.rows(priority=1), "b": b.rows(priority=2)})
    call = await redirected(stage)
    assert (await call.final(SOON)).status in (500, 503)
    assert (len(a.phone.received), len(b.invites)) == (1, 0)


async def test_a_busy_callee_is_busy_by_every_carrier(stage: Stage) -> None:
    a, b = await carrier(stage, "a", refuses=486), await carrier(stage, "b")
    await stage.serve(trunks={"a": a.rows(priority=1), "b": b.rows(priority=2)})
    assert (await (await redirected(stage)).final(SOON)).status == 486
    assert (len(a.invites), len(b.invites)) == (1, 0)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_no_carrier_is_left(stage: Stage, transport: str) -> None:
    """Refused connections end it at once; over UDP it takes the patience with a, and timer B for b."""
    a, b = await carrier(stage, "a"), await carrier(stage, "b")
    uris = [f"{each.kamailio.uri};transport={transport}" for each in (a, b)]
    trunks = {"a": a.rows(uri=uris[0], priority=1, patience="300ms"), "b": b.rows(uri=uris[1], priority=2)}
    trunks["b"]["patience"] = "300ms"
    await stage.serve(trunks=trunks, sip={"t1": "20ms"})
    for each in (a, b):
        each.kamailio.stop()
    call = await redirected(stage)
    assert (await call.final(SOON)).status == {"tcp": 500, "udp": 408}[transport]
    story = await why(stage)
    assert "through a" in story.chain[-1]
    assert "through b" in story.chain[-1]


async def test_the_lower_priority_comes_first_and_weights_share(stage: Stage) -> None:
    a, b = await carrier(stage, "a", refuses=486), await carrier(stage, "b", refuses=486)
    trunks = {
        "often": a.rows(priority=5, weight=60_000),
        "seldom": b.rows(priority=5, weight=1),
        "never": b.rows(priority=6),
    }
    await stage.serve(trunks=trunks, routes=(("phoneNumber", "+316*", ["never", "seldom", "often"]),))
    for _ in range(5):
        assert (await (await redirected(stage)).final(SOON)).status == 486
    assert len(a.invites) >= 4
    assert len(a.invites) + len(b.invites) == 5


# Over a crash --------------------------------------------------------------------------------------------------------


async def test_a_crash_rings_nobody_twice_behind_a_carrier(stage: Stage) -> None:
    """Though it is the second carrier, and the INVITE that rings is the one that answered its challenge."""
    a, b = await carrier(stage, "a", refuses=503), await carrier(stage, "b", NoAnswer(), account=ACCOUNT)
    await stage.serve(trunks={"a": a.rows(priority=1), "b": b.rows(priority=2, **login())})
    call = await redirected(stage)
    leg = await b.phone.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    stage.server.kill()
    await stage.server.start()
    leg.answer()
    assert (await call.final(SOON)).status == 200
    assert await call.hang_up() == 200
    await leg.reached(LegState.ENDED, SOON)
    assert len(b.phone.received) == 1
    assert len(a.invites) == 1
