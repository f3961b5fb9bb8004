"""Dialogs from both ends, and the requests inside them."""

from __future__ import annotations

import pytest

from strowger.phones.address import Peer
from strowger.phones.dialog import Dialog, DialogId, dialog_id_of
from strowger.phones.errors import AddressInvalid
from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request, Response

VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone"


def invite(*headers: tuple[str, str], to: str = "<sip:bob@example.com>") -> Request:
    own = (
        ("Via", VIA),
        ("From", '"Alice" <sip:alice@example.com>;tag=a'),
        ("To", to),
        ("Call-ID", "c"),
        ("CSeq", "7 INVITE"),
    )
    return Request.make("INVITE", "sip:bob@192.0.2.9", (*own, *headers))


def accepted(*headers: tuple[str, str]) -> Response:
    return response_to(invite(), 200, to_tag="b", headers=headers)


def test_the_caller() -> None:
    contact = ("Contact", "<sip:bob@192.0.2.2:5070>;x=1, <sip:other@192.0.2.3>")
    headers = (contact, ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"))
    dialog = Dialog.of_caller(invite(), accepted(*headers))
    assert dialog.id == DialogId("c", "a", "b")
    assert dialog.next_hop() == Peer("UDP", "p2", 5060)
    ack = dialog.request("ACK", VIA, number=7)
    bye = dialog.request("BYE", VIA, headers=(("Reason", "done"),), body=b"x")
    assert ack.to_bytes() == (
        b"ACK sip:bob@192.0.2.2:5070 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone\r\n"
        b"Route: <sip:p2;lr>\r\nRoute: <sip:p1;lr>\r\n"
        b"Max-Forwards: 70\r\n"
        b'From: "Alice" <sip:alice@example.com>;tag=a\r\n'
        b"To: <sip:bob@example.com>;tag=b\r\n"
        b"Call-ID: c\r\nCSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n"
    )
    assert (bye.cseq, bye.first("Reason"), bye.body) == ((8, "BYE"), "done", b"x")


def test_the_callee() -> None:
    headers = (("Contact", "<sip:alice@192.0.2.1:5071;transport=tcp>"), ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"))
    dialog = Dialog.of_callee(invite(*headers), "b")
    assert dialog.id == DialogId("c", "b", "a")
    assert dialog.remote_cseq == 7
    bye = dialog.request("BYE", VIA)
    assert (bye.uri, bye.all("Route")) == ("sip:alice@192.0.2.1:5071;transport=tcp", ["<sip:p1;lr>", "<sip:p2;lr>"])
    assert bye.first("From") == "<sip:bob@example.com>;tag=b"
    assert bye.first("To") == '"Alice" <sip:alice@example.com>;tag=a'
    assert bye.cseq == (1, "BYE")


def test_without_a_route_set_the_contact_is_the_next_hop() -> None:
    dialog = Dialog.of_callee(invite(("Contact", "<sip:alice@192.0.2.1:5071;transport=tcp>")), "b")
    assert dialog.next_hop() == Peer("TCP", "192.0.2.1", 5071)
    assert not dialog.request("BYE", VIA).has("Route")


def test_a_strict_router_becomes_the_request_uri() -> None:
    routes = ("Record-Route", "<sip:loose;lr>, <sip:strict>")
    dialog = Dialog.of_caller(invite(), accepted(("Contact", "<sip:bob@192.0.2.2>"), routes))
    bye = dialog.request("BYE", VIA)
    assert (bye.uri, bye.all("Route")) == ("sip:strict", ["<sip:loose;lr>", "<sip:bob@192.0.2.2>"])


def test_a_route_that_cannot_be_read_keeps_its_place() -> None:
    dialog = Dialog.of_caller(invite(), accepted(("Contact", "<sip:bob@192.0.2.2>"), ("Record-Route", "<tel:1>")))
    bye = dialog.request("BYE", VIA)
    assert (bye.uri, bye.all("Route")) == ("sip:bob@192.0.2.2", ["<tel:1>"])
    with pytest.raises(AddressInvalid):
        dialog.next_hop()


def test_a_peer_without_contact() -> None:
    assert Dialog.of_caller(invite(), accepted()).remote_target == "sip:bob@192.0.2.9"
    assert Dialog.of_callee(invite(("Contact", "*")), "b").remote_target == "sip:alice@example.com"


def test_a_later_contact_moves_the_target() -> None:
    dialog = Dialog.of_callee(invite(("Contact", "<sip:alice@192.0.2.1>")), "b")
    dialog.refresh(invite())
    assert dialog.remote_target == "sip:alice@192.0.2.1"
    dialog.refresh(invite(("Contact", "<sip:alice@192.0.2.7>")))
    assert dialog.remote_target == "sip:alice@192.0.2.7"


def test_a_request_names_its_dialog() -> None:
    assert dialog_id_of(invite(to="<sip:bob@example.com>;tag=b")) == DialogId("c", "b", "a")
    assert dialog_id_of(invite()) == DialogId("c", "", "a")
