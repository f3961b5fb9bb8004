"""Two phones call each other over loopback; and what a phone says to requests that are no call."""

from __future__ import annotations

import asyncio

import pytest

from strowger.phones import phone as phone_module
from strowger.phones.behaviours import Answer, Busy, Callee, Custom, Decline, NoAnswer, Redirect, Script, Silent
from strowger.phones.errors import AddressInvalid, WaitedTooLong
from strowger.phones.incoming import LegState
from strowger.phones.trace import TraceLine
from strowger.sip.message.errors import BuildError
from strowger.sip.transaction.timers import Timings
from tests.unit.phones.conftest import TIMEOUT_S, OpenPhone, OpenWire

pytestmark = pytest.mark.asyncio

SDP = (("Content-Type", "application/sdp"),)
TRANSPORTS = [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp")]


def statuses(responses: list) -> list[int]:
    return [response.status for response in responses]


@pytest.mark.parametrize(("ours", "theirs"), TRANSPORTS)
async def test_an_answered_call_hung_up_by_the_caller(open_phone: OpenPhone, ours: str, theirs: str) -> None:
    bob = await open_phone(f"{theirs}:127.0.0.1:0", user="bob", behaviour=Answer(after_s=0.01))
    alice = await open_phone(f"{ours}:127.0.0.1:0")
    call = alice.call(bob.uri)
    final = await call.final(TIMEOUT_S)
    leg = await bob.leg(timeout_s=TIMEOUT_S)
    await leg.reached(LegState.CONFIRMED, TIMEOUT_S)
    assert (statuses(call.responses), call.state, leg.rings) == ([180, 200], "answered", 1)
    assert call.to_tag == leg.tag and call.from_tag == leg.invite.from_tag and call.call_id == leg.invite.call_id
    assert b"m=audio 9 RTP/AVP 0 8\r\n" in final.body
    assert not call.ended.is_set()
    assert await call.hang_up() == 200
    assert (call.state, leg.state, leg.byes) == ("ended", "ended", 1)
    assert call.ended.is_set() and leg.ended.is_set()
    assert bob.retransmissions == 0


@pytest.mark.parametrize(("ours", "theirs"), TRANSPORTS)
async def test_an_answered_call_hung_up_by_the_callee(open_phone: OpenPhone, ours: str, theirs: str) -> None:
    bob = await open_phone(f"{theirs}:127.0.0.1:0", user="bob", behaviour=Answer(ring=False, hang_up_after_s=0.01))
    alice = await open_phone(f"{ours}:127.0.0.1:0")
    call = alice.call(bob.uri)
    async with asyncio.timeout(TIMEOUT_S):
        await call.ended.wait()
    leg = bob.received[0]
    assert (call.state, statuses(call.responses), leg.state, leg.rings) == ("ended", [200], "ended", 0)
    assert call.session is not None and call.session.byes == 1
    assert await leg.hang_up() == 200


@pytest.mark.parametrize(
    ("behaviour", "expected", "state"),
    [
        (Busy(), [486], "failed"),
        (Decline(ring=True, after_s=0.01), [180, 603], "failed"),
        (Redirect("sip:carol@127.0.0.1"), [302], "failed"),
        (Custom(404, "Nobody Here"), [404], "failed"),
    ],
)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_that_is_refused(open_phone, transport: str, behaviour, expected: list[int], state: str) -> None:
    bob = await open_phone(f"{transport}:127.0.0.1:0", user="bob", behaviour=behaviour)
    alice = await open_phone(f"{transport}:127.0.0.1:0")
    call = alice.call(bob.uri)
    final = await call.final(TIMEOUT_S)
    assert (statuses(call.responses), call.state, bob.received[0].state) == (expected, state, "rejected")
    assert call.ended.is_set() and bob.received[0].ended.is_set()
    assert bob.received[0].status == expected[-1]
    assert final.first("Contact") == ("<sip:carol@127.0.0.1>" if final.status == 302 else None)
    assert final.reason != "" and (final.status != 404 or final.reason == "Nobody Here")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_that_nobody_answers_is_cancelled(open_phone: OpenPhone, transport: str) -> None:
    bob = await open_phone(f"{transport}:127.0.0.1:0", user="bob", behaviour=NoAnswer())
    alice = await open_phone(f"{transport}:127.0.0.1:0")
    call = alice.call(bob.uri)
    await call.wait_for(180, TIMEOUT_S)
    assert call.state == "ringing"
    call.cancel()
    assert (await call.final(TIMEOUT_S)).status == 487
    leg = bob.received[0]
    assert (call.state, leg.state, leg.cancelled, leg.rings, leg.status) == ("cancelled", "cancelled", True, 1, 487)
    assert call.ended.is_set() and leg.ended.is_set()


async def test_a_silent_phone_is_asked_again_and_never_rings_twice(open_phone: OpenPhone) -> None:
    timings = Timings(t1=0.003, t2=0.05, t4=0.05)  # 64·T1 = 0.192 s
    bob = await open_phone(user="bob", behaviour=Silent(), timings=timings)
    alice = await open_phone(timings=timings)
    call = alice.call(bob.uri)
    assert (await call.final(TIMEOUT_S)).status == 408
    assert (call.responses, call.state, bob.received[0].state) == ([], "failed", "ignored")
    assert len(bob.received) == 1 and bob.retransmissions >= 3


async def test_one_phone_serves_many_calls(open_phone: OpenPhone) -> None:
    bob = await open_phone(user="bob")
    alice = await open_phone()
    calls = [alice.call(bob.uri) for _ in range(50)]
    assert {(await call.final(TIMEOUT_S)).status for call in calls} == {200}
    assert {await call.hang_up() for call in calls} == {200}
    assert len({leg.invite.call_id for leg in bob.received}) == len(bob.received) == 50


async def test_phones_over_ipv6(open_phone: OpenPhone) -> None:
    bob = await open_phone("udp:[::1]:0", user="bob")
    alice = await open_phone("udp:[::1]:0")
    assert bob.uri.startswith("sip:bob@[::1]:")
    assert (await alice.call(bob.uri).final(TIMEOUT_S)).status == 200


async def test_a_duplicate_invite_does_not_ring_twice(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=NoAnswer())
    wire = await open_wire()
    invite = wire.invite(bob)
    for _ in range(3):
        wire.send(invite, bob)
        assert (await wire.response(180)).to_tag == bob.received[0].tag
    assert (len(bob.received), bob.received[0].rings, bob.retransmissions) == (1, 1, 2)
    wire.send(wire.invite(bob, branch="z9hG4bKtwo", call_id="two"))
    await wire.response(180)
    assert (len(bob.received), bob.retransmissions) == (2, 2)


async def test_the_same_call_by_another_path_is_merged(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=NoAnswer())
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    await wire.response(180)
    wire.send(wire.invite(bob, branch="z9hG4bKother"))
    await wire.response(482)
    assert (len(bob.received), bob.retransmissions) == (1, 0)


@pytest.mark.parametrize(
    ("method", "options", "status", "header"),
    [
        ("OPTIONS", {}, 200, ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")),
        ("OPTIONS", {"to_tag": "nobody"}, 481, None),
        ("BYE", {"to_tag": "nobody"}, 481, None),
        ("BYE", {}, 481, None),
        ("INVITE", {"to_tag": "nobody"}, 481, None),
        ("CANCEL", {}, 481, None),
        ("SUBSCRIBE", {}, 405, ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")),
        ("NEWMETHOD", {}, 405, ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")),
        ("INVITE", {"headers": (("Require", "100rel"), ("Require", "x"))}, 420, ("Unsupported", "100rel, x")),
        ("INVITE", {"headers": (("Content-Type", "text/plain"),), "body": b"hi"}, 415, ("Accept", "application/sdp")),
        ("INVITE", {"headers": (("Max-Forwards", "many"),)}, 400, None),
        ("INVITE", {"headers": SDP, "body": b"m=video 9 RTP/AVP 99\r\n"}, 488, None),
    ],
)
async def test_requests_that_are_no_call(open_phone, open_wire, method, options, status: int, header) -> None:
    bob = await open_phone(user="bob", behaviour=Answer(ring=False))
    wire = await open_wire()
    wire.send(wire.make(method, bob, **options), bob)
    response = await wire.response(status, method)
    assert response.to_tag
    assert header is None or response.first(header[0]) == header[1]


async def test_an_ack_that_belongs_to_nothing_is_not_answered(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob")
    wire = await open_wire()
    wire.send(wire.make("ACK", bob, to_tag="nobody"), bob)
    wire.send(wire.make("OPTIONS", bob))
    assert (await wire.receive()).cseq.method == "OPTIONS"


async def test_a_cancel_before_the_phone_has_met_the_call(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    met: list[Callee] = []
    bob = await open_phone(user="bob", behaviour=Script(met.append))
    wire = await open_wire()
    invite = wire.invite(bob)
    wire.send(invite, bob)
    wire.send(wire.make("CANCEL", bob))
    cancelled = await wire.response(200, "CANCEL")
    refused = await wire.response(487, "INVITE")
    assert cancelled.to_tag == refused.to_tag == bob.received[0].tag
    assert len(met) <= 1 and bob.received[0].cancelled


async def test_a_cancel_after_the_answer_changes_nothing(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob", behaviour=Answer(ring=False))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    await wire.response(200, "INVITE")
    wire.send(wire.make("CANCEL", bob))
    await wire.response(200, "CANCEL")
    assert bob.received[0].state == "answered" and not bob.received[0].cancelled


async def test_a_script_that_raises_breaks_nothing_else(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    def play(callee: Callee) -> None:
        raise LookupError("the script is wrong")

    bob = await open_phone(user="bob", behaviour=Script(play))
    wire = await open_wire()
    raised: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    wire.send(wire.invite(bob), bob)
    wire.send(wire.make("OPTIONS", bob))
    await wire.response(200, "OPTIONS")
    assert [str(context["exception"]) for context in raised] == ["the script is wrong"]


async def test_the_headers_of_an_invite(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    alice = await open_phone(user="alice smith", display_name='Al "x" ü')
    wire = await open_wire()
    call = alice.call(
        f"sip:bob@127.0.0.1:{wire.port};transport=udp;user=phone",
        from_uri="sip:+31612345678@example.com:5070",
        headers=[("Subject", "lunch"), ("Max-Forwards", "7"), ("Subject", "again")],
        sdp=False,
    )
    invite = await wire.request("INVITE")
    assert invite.uri == f"sip:bob@127.0.0.1:{wire.port};transport=udp;user=phone"
    assert invite.to.uri == "sip:bob@127.0.0.1;user=phone"
    assert (invite.from_.uri, invite.from_.display_text) == ("sip:+31612345678@example.com", 'Al "x" ü')
    assert invite.first("Contact") == f"<sip:alice%20smith@{alice.address.removeprefix('udp:')}>"
    assert (invite.all("Subject"), invite.all("Max-Forwards")) == (["lunch", "again"], ["7"])
    assert (invite.body, invite.has("Content-Type")) == (b"", False)
    assert (invite.top_via.rport, invite.top_via.sent_by) == ("", alice.address.removeprefix("udp:"))
    assert call.from_tag == invite.from_tag


async def test_a_call_goes_through_the_proxy_it_is_given(open_phone: OpenPhone) -> None:
    bob = await open_phone(user="bob")
    alice = await open_phone()
    call = alice.call("tel:+31201110001", proxy=bob.address)
    assert (await call.final(TIMEOUT_S)).status == 200
    assert bob.received[0].invite.uri == "tel:+31201110001"
    assert bob.received[0].invite.to.uri == "tel:+31201110001"


@pytest.mark.parametrize(
    ("target", "options", "error"),
    [
        ("tel:+31201110001", {}, AddressInvalid),
        ("sips:bob@127.0.0.1", {}, AddressInvalid),
        ("nonsense", {"proxy": "udp:127.0.0.1:5060"}, AddressInvalid),
        ("sip:bob@127.0.0.1", {"proxy": "udp:127.0.0.1:0"}, AddressInvalid),
        ("sip:bob@127.0.0.1", {"from_uri": "somebody"}, AddressInvalid),
        ("sip:bob@127.0.0.1", {"headers": [("Subject", "a\r\nInjected: b")]}, BuildError),
    ],
)
async def test_a_call_that_cannot_be_made(open_phone: OpenPhone, target: str, options: dict, error: type) -> None:
    alice = await open_phone()
    with pytest.raises(error):
        alice.call(target, **options)


async def test_the_trace_has_every_message(open_phone: OpenPhone) -> None:
    lines: list[TraceLine] = []
    bob = await open_phone(user="bob")
    alice = await open_phone(trace=lines.append)
    call = alice.call(bob.uri)
    await call.final(TIMEOUT_S)
    await call.hang_up()
    assert [(line.direction, line.summary) for line in lines] == [
        ("->", f"INVITE {bob.uri}"),
        ("<-", "180 Ringing"),
        ("<-", "200 OK"),
        ("->", f"ACK {bob.uri}"),
        ("->", f"BYE {bob.uri}"),
        ("<-", "200 OK"),
    ]
    assert {(line.phone, line.peer, line.call_id) for line in lines} == {("alice", bob.address, call.call_id)}
    assert [line.at for line in lines] == sorted(line.at for line in lines)


async def test_waiting_for_a_leg(open_phone: OpenPhone) -> None:
    bob = await open_phone(user="bob")
    with pytest.raises(WaitedTooLong, match=r"bob was called 0 times within 0\.01 s, not 1"):
        await bob.leg(timeout_s=0.01)


async def test_only_so_many_legs_are_remembered(
    open_phone: OpenPhone, open_wire: OpenWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_module, "RECEIVED_KEPT", 2)
    bob = await open_phone(user="bob", behaviour=Busy())
    wire = await open_wire()
    for number in range(3):
        wire.send(wire.invite(bob, branch=f"z9hG4bK{number}", call_id=f"call {number}".replace(" ", "-")), bob)
        await wire.response(486)
    assert [leg.invite.call_id for leg in bob.received] == ["call-1", "call-2"]


async def test_closing_ends_what_goes_on(open_phone: OpenPhone) -> None:
    bob = await open_phone(user="bob")
    carol = await open_phone(user="carol", behaviour=NoAnswer())
    alice = await open_phone()
    answered, ringing = alice.call(bob.uri), alice.call(carol.uri)
    await answered.final(TIMEOUT_S)
    await ringing.wait_for(180, TIMEOUT_S)
    await alice.close()
    await alice.close()
    assert (answered.state, ringing.state) == ("ended", "failed")
    await bob.close()
    await carol.close()
    assert {bob.received[0].state, carol.received[0].state} == {"ended"}
