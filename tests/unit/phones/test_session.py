"""Inside the dialog of an answered call."""

from __future__ import annotations

import pytest

from strowger.phones.behaviours import Answer
from strowger.phones.incoming import LegState
from strowger.phones.phone import Phone
from strowger.sip.message.message import Response
from tests.unit.phones.conftest import TIMEOUT_S, OpenPhone, OpenWire, Wire

pytestmark = pytest.mark.asyncio


async def answered(open_phone: OpenPhone, open_wire: OpenWire) -> tuple[Phone, Wire, Response]:
    """A call from a wire, with its ACK."""
    bob = await open_phone(user="bob", behaviour=Answer(ring=False))
    wire = await open_wire()
    wire.send(wire.invite(bob), bob)
    response = await wire.response(200, "INVITE")
    wire.send(wire.make("ACK", bob, to_tag=response.to_tag, branch="z9hG4bKack"))
    await bob.received[0].reached(LegState.CONFIRMED, TIMEOUT_S)
    return bob, wire, response


async def test_a_later_invite_gets_the_same_description(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob, wire, first = await answered(open_phone, open_wire)
    wire.send(wire.make("INVITE", bob, number=2, to_tag=first.to_tag, branch="z9hG4bKtwo"))
    again = await wire.response(200, "INVITE")
    assert (again.body, again.to_tag) == (first.body, first.to_tag)
    assert again.body.startswith(b"v=0\r\n")
    await wire.response(200, "INVITE")  # repeated until its own ACK
    wire.send(wire.make("ACK", bob, number=1, to_tag=first.to_tag, branch="z9hG4bKstale"))
    await wire.response(200, "INVITE")
    wire.send(wire.make("ACK", bob, number=2, to_tag=first.to_tag, branch="z9hG4bKack2"))
    wire.send(wire.make("BYE", bob, number=3, to_tag=first.to_tag, branch="z9hG4bKbye"))
    await wire.response(200, "BYE")
    assert (len(bob.received), bob.received[0].state) == (1, "ended")


async def test_a_later_invite_moves_the_remote_target(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob, wire, first = await answered(open_phone, open_wire)
    elsewhere = await open_wire()
    again = wire.make("INVITE", bob, number=2, to_tag=first.to_tag, branch="z9hG4bKtwo")
    again.set("Contact", f"<sip:wire@127.0.0.1:{elsewhere.port}>")
    wire.send(again)
    await wire.response(200, "INVITE")
    wire.send(wire.make("ACK", bob, number=2, to_tag=first.to_tag, branch="z9hG4bKack2"))
    bob.received[0].hang_up()
    bye = await elsewhere.request("BYE")
    assert bye.cseq == (1, "BYE")


async def test_other_requests_in_the_dialog(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob, wire, first = await answered(open_phone, open_wire)
    for number, (method, status) in enumerate((("OPTIONS", 200), ("INFO", 405), ("UPDATE", 405)), start=5):
        wire.send(wire.make(method, bob, number=number, to_tag=first.to_tag, branch=f"z9hG4bK{number}"))
        response = await wire.response(status, method)
        assert response.first("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS"
    wire.send(wire.make("OPTIONS", bob, number=4, to_tag=first.to_tag, branch="z9hG4bKlate"))
    assert (await wire.response(500, "OPTIONS")).reason == "CSeq Out Of Order"
    assert bob.received[0].state == "confirmed"


async def test_a_bye_is_counted_once_and_the_dialog_is_gone(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob, wire, first = await answered(open_phone, open_wire)
    bye = wire.make("BYE", bob, number=2, to_tag=first.to_tag, branch="z9hG4bKbye")
    for _ in range(2):
        wire.send(bye)
        await wire.response(200, "BYE")
    assert (bob.received[0].byes, bob.retransmissions) == (1, 1)
    wire.send(wire.make("BYE", bob, number=3, to_tag=first.to_tag, branch="z9hG4bKanother"))
    await wire.response(481, "BYE")
    assert await bob.received[0].hang_up() == 481


@pytest.mark.parametrize(
    "contact", ["<sips:wire@192.0.2.1>", "<tel:+4512345678>", "<sip:wire@192.0.2.1;transport=tls>"]
)
async def test_a_contact_out_of_reach_is_reached_the_way_the_invite_came(open_phone, open_wire, contact: str) -> None:
    bob = await open_phone(user="bob", behaviour=Answer(ring=False))
    wire = await open_wire()
    invite = wire.invite(bob)
    invite.set("Contact", contact)
    wire.send(invite, bob)
    response = await wire.response(200, "INVITE")
    wire.send(wire.make("ACK", bob, to_tag=response.to_tag, branch="z9hG4bKack"))
    await bob.received[0].reached(LegState.CONFIRMED, TIMEOUT_S)
    bob.received[0].hang_up()
    assert (await wire.request("BYE")).uri == contact[1:-1]
