"""One line for each message."""

from __future__ import annotations

from strowger.phones.trace import summary_of
from strowger.sip.message.message import Request, Response, parse_message


def test_requests_and_responses() -> None:
    assert summary_of(Request.make("INVITE", "sip:bob@192.0.2.1", ())) == "INVITE sip:bob@192.0.2.1"
    assert summary_of(Response.make(180, "Ringing", ())) == "180 Ringing"


def test_what_repaints_a_terminal_is_escaped() -> None:
    message = parse_message(b"SIP/2.0 200 \x1b[2J\r\nCall-ID: c\r\n\r\n")
    assert summary_of(message) == "200 \\x1b[2J"
