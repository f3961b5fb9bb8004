"""The caller's side against a peer that is played by hand: forks, repeats, CANCEL at every moment, silence."""

from __future__ import annotations

import asyncio

import pytest

from strowger.phones import outgoing
from strowger.phones.errors import CallFailed, WaitedTooLong, WrongState
from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request
from strowger.sip.transaction.timers import Timings
from tests.unit.phones.conftest import TIMEOUT_S, OpenPhone, OpenWire, Wire

pytestmark = pytest.mark.asyncio

QUICK = Timings(t1=0.003, t2=0.02, t4=0.02)
"""64·T1 = 0.192 s."""


async def ringing(open_phone, open_wire, **options):
    """A call that rings at a wire: call, wire, INVITE."""
    alice = await open_phone(**options)
    wire: Wire = await open_wire()
    call = alice.call(f"sip:bob@127.0.0.1:{wire.port}", proxy=wire.address)
    invite = await wire.request("INVITE")
    wire.respond(invite, 180)
    await call.wait_for(180, TIMEOUT_S)
    return call, wire, invite


async def test_the_ack_and_the_bye_follow_the_contact(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    call, proxy, invite = await ringing(open_phone, open_wire)
    bob = await open_wire()
    contact = f"<sip:bob@127.0.0.1:{bob.port}>"
    proxy.send(response_to(invite, 200, to_tag="peer", headers=(("Contact", contact),)))
    ack = await bob.request("ACK")
    assert (ack.uri, ack.to_tag, ack.from_tag, ack.cseq) == (contact[1:-1], "peer", call.from_tag, (1, "ACK"))
    assert ack.top_via.branch != invite.top_via.branch
    assert not ack.has("Route")
    hanging_up = asyncio.ensure_future(call.hang_up())
    bye = await bob.request("BYE")
    assert (bye.uri, bye.cseq, bye.call_id) == (contact[1:-1], (2, "BYE"), call.call_id)
    bob.respond(bye, 200)
    assert await hanging_up == 200


async def test_the_route_set_is_followed(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    call, proxy, invite = await ringing(open_phone, open_wire)
    router = await open_wire()
    routes = (f"<sip:far.example.com;lr>, <sip:127.0.0.1:{router.port};lr>",)
    headers = (("Record-Route", routes[0]), ("Contact", "<sip:bob@192.0.2.1>"))
    proxy.send(response_to(invite, 200, to_tag="peer", headers=headers))
    ack = await router.request("ACK")
    assert ack.uri == "sip:bob@192.0.2.1"
    assert ack.all("Route") == [f"<sip:127.0.0.1:{router.port};lr>", "<sip:far.example.com;lr>"]
    assert call.state == "answered"


async def test_a_repeated_2xx_gets_the_same_ack_again(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    call, wire, invite = await ringing(open_phone, open_wire)
    acks: list[bytes] = []
    for _ in range(3):
        wire.respond(invite, 200)
        acks.append((await wire.request("ACK")).to_bytes())
    assert acks[0] == acks[1] == acks[2]
    assert [response.status for response in call.responses] == [180, 200, 200, 200]
    assert (call.state, call.forks_ended) == ("answered", 0)


async def test_a_second_callee_that_answers_gets_ack_and_bye(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    call, wire, invite = await ringing(open_phone, open_wire)
    wire.respond(invite, 200, tag="first")
    await wire.request("ACK")
    wire.respond(invite, 200, tag="second")
    ack = await wire.request("ACK")
    bye = await wire.request("BYE")
    assert (ack.to_tag, bye.to_tag, bye.cseq) == ("second", "second", (2, "BYE"))
    wire.respond(bye, 200, tag="second")
    assert (call.state, call.to_tag, call.forks_ended) == ("answered", "first", 1)
    wire.respond(invite, 200, tag="second")  # its ACK was lost
    assert (await wire.request("ACK")).to_tag == "second"
    assert (call.state, call.forks_ended) == ("answered", 1)


async def test_callees_beyond_the_limit_are_left_alone(
    open_phone: OpenPhone, open_wire: OpenWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "FORKS", 2)
    call, wire, invite = await ringing(open_phone, open_wire)
    for tag in ("first", "second", "third"):
        wire.respond(invite, 200, tag=tag)
    await call.wait_for(lambda response: response.to_tag == "third", TIMEOUT_S)
    assert call.forks_ended == 1


async def test_only_so_many_responses_are_remembered(
    open_phone: OpenPhone, open_wire: OpenWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "RESPONSES_KEPT", 2)
    call, wire, invite = await ringing(open_phone, open_wire)
    for status in (181, 182, 183, 486):
        wire.respond(invite, status)
    await call.final(TIMEOUT_S)
    assert [response.status for response in call.responses] == [180, 181, 486]


async def test_cancel_waits_for_a_provisional_response(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    alice = await open_phone()
    wire = await open_wire()
    call = alice.call(f"sip:bob@127.0.0.1:{wire.port}")
    invite = await wire.request("INVITE")
    call.cancel()
    call.cancel()
    again = await wire.receive()
    assert isinstance(again, Request) and again.method == "INVITE"  # repeated, not cancelled
    wire.respond(invite, 100)
    cancel = await wire.request("CANCEL")
    assert (cancel.top_via.branch, cancel.cseq.number, cancel.uri) == (invite.top_via.branch, 1, invite.uri)
    wire.respond(cancel, 200)
    wire.respond(invite, 487)
    assert (await call.final(TIMEOUT_S)).status == 487
    assert (await wire.request("ACK")).top_via.branch == invite.top_via.branch
    assert call.state == "cancelled"


async def test_an_answer_that_crosses_the_cancel_gets_ack_and_bye(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    call, wire, invite = await ringing(open_phone, open_wire)
    call.cancel()
    wire.respond(await wire.request("CANCEL"), 200)
    wire.respond(invite, 200)
    await wire.request("ACK")
    wire.respond(await wire.request("BYE"), 200)
    assert (await call.final(TIMEOUT_S)).status == 200
    assert (call.state, call.session, call.forks_ended, call.ended.is_set()) == ("cancelled", None, 1, True)
    with pytest.raises(WrongState):
        await call.hang_up()


async def test_a_cancel_that_nobody_honours_ends_the_call_all_the_same(
    open_phone: OpenPhone, open_wire: OpenWire
) -> None:
    call, wire, _ = await ringing(open_phone, open_wire, timings=QUICK)
    call.cancel()
    wire.respond(await wire.request("CANCEL"), 200)
    assert (await call.final(TIMEOUT_S)).status == 487
    assert (call.state, [response.status for response in call.responses]) == ("cancelled", [180])


async def test_cancel_after_the_answer_has_no_effect(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    call, wire, invite = await ringing(open_phone, open_wire)
    wire.respond(invite, 200)
    await call.final(TIMEOUT_S)
    call.cancel()
    assert call.state == "answered"


async def test_another_final_response_beats_the_cancel(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    call, wire, invite = await ringing(open_phone, open_wire)
    call.cancel()
    await wire.request("CANCEL")
    wire.respond(invite, 486)
    assert (await call.final(TIMEOUT_S)).status == 486
    assert call.state == "failed"


async def test_a_peer_that_is_not_there(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    alice = await open_phone(timings=QUICK)
    wire = await open_wire()
    call = alice.call(f"sip:bob@127.0.0.1:{wire.port}")
    assert (await call.final(TIMEOUT_S)).status == 408
    assert (call.state, call.responses, call.to_tag) == ("failed", [], None)
    sentence = r"waited for 180; INVITE sip:.* is failed and heard 408 Request Timeout"
    with pytest.raises(CallFailed, match=sentence) as failed:
        await call.wait_for(180, TIMEOUT_S)
    assert failed.value.status == 408


async def test_a_connection_that_is_refused(open_phone: OpenPhone, unused_tcp_port: int) -> None:
    alice = await open_phone()
    call = alice.call("sip:bob@127.0.0.1", proxy=f"tcp:127.0.0.1:{unused_tcp_port}")
    assert (await call.final(TIMEOUT_S)).status == 503
    assert call.state == "failed"


async def test_progress_and_waiting(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    alice = await open_phone()
    wire = await open_wire()
    call = alice.call(f"sip:bob@127.0.0.1:{wire.port}")
    invite = await wire.request("INVITE")
    assert call.state == "calling"
    wire.send(response_to(invite, 100))
    assert (await call.wait_for(100, TIMEOUT_S)).status == 100
    assert call.state == "proceeding"
    sentence = r"waited 0\.01 s for 200; INVITE sip:.* is proceeding and heard 100 Trying"
    with pytest.raises(WaitedTooLong, match=sentence):
        await call.wait_for(200, 0.01)
    wire.respond(invite, 183)
    await call.wait_for(lambda response: response.to_tag == "peer", TIMEOUT_S)
    assert (call.state, call.to_tag) == ("proceeding", "peer")
    wire.respond(invite, 486)
    with pytest.raises(CallFailed) as failed:
        await call.wait_for(180, TIMEOUT_S)
    assert failed.value.status == 486
    assert (await call.wait_for(183, 0)).status == 183  # what has happened stays found


async def test_an_offer_in_the_2xx_is_answered_in_the_ack(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    alice = await open_phone()
    wire = await open_wire()
    alice.call(f"sip:bob@127.0.0.1:{wire.port}", sdp=False)
    invite = await wire.request("INVITE")
    offer = b"v=0\r\nm=audio 4000 RTP/AVP 18 8\r\n"
    headers = (("Contact", f"<sip:bob@127.0.0.1:{wire.port}>"), ("Content-Type", "application/sdp"))
    wire.send(response_to(invite, 200, to_tag="peer", headers=headers, body=offer))
    ack = await wire.request("ACK")
    assert b"m=audio 9 RTP/AVP 8\r\n" in ack.body
    assert ack.first("Content-Type") == "application/sdp"


async def test_a_bye_that_nobody_answers(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    call, wire, invite = await ringing(open_phone, open_wire, timings=QUICK)
    wire.respond(invite, 200)
    await call.final(TIMEOUT_S)
    assert await call.hang_up() == 408
    assert call.state == "ended"
