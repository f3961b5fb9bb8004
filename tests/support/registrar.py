"""REGISTER requests as phones send them, and bindings as the registrar keeps them."""

from __future__ import annotations

from collections.abc import Iterable

from strowger.sip.flow import Flow
from strowger.sip.message.check import check_request
from strowger.sip.message.message import Request, parse_message
from strowger.sip.registrar.binding import Binding

FLOW = Flow("UDP", "192.0.2.7", 5060, 0)
NOW = 1_767_225_600.0
"""2026-01-01T00:00Z."""
BOB = "sip:bob@192.0.2.7"


def a_register(
    *contacts: str,
    headers: Iterable[str] = (),
    call_id: str = "c1",
    cseq: int = 1,
    to: str = "<sip:bob@example.com>",
    vias: int = 1,
) -> Request:
    """A sound REGISTER with these values of Contact, each on its own line."""
    lines = [
        "REGISTER sip:example.com SIP/2.0",
        *(f"Via: SIP/2.0/UDP 192.0.2.{7 + n}:5060;branch=z9hG4bK{n}" for n in range(vias)),
        "Max-Forwards: 70",
        f"To: {to}",
        "From: <sip:bob@example.com>;tag=1",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        *(f"Contact: {contact}" for contact in contacts),
        *headers,
        "Content-Length: 0",
    ]
    message = parse_message("\r\n".join([*lines, "", ""]).encode("latin-1"))
    assert isinstance(message, Request)
    check_request(message)
    return message


def a_binding(contact: str = BOB, **changes: object) -> Binding:
    """A binding made at NOW for an hour."""
    values: dict[str, object] = {
        "contact": contact, "expires_at": NOW + 3_600, "call_id": "c1", "cseq": 1, "flow": FLOW, "updated_at": NOW,
    }  # fmt: skip
    return Binding(**(values | changes))  # type: ignore[arg-type] # the caller names fields
