"""The requests that a trunk gets from us outside of calls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strowger.sip.message.check import check_request
from strowger.sip.message.message import Request
from strowger.sip.trunk.requests import Registration, Way, options, register
from strowger.sip.trunk.trunk import Trunk

UDP = Way("UDP", "192.0.2.1:5060")


def tokens() -> Callable[[], str]:
    words = iter("abcdefgh")
    return lambda: next(words)


def lines(request: Request) -> list[str]:
    check_request(request)
    return request.to_bytes().decode().split("\r\n")[:-2]


def test_options() -> None:
    assert lines(options(Trunk("t", "sip:carrier.example:5070;transport=udp"), UDP, tokens())) == [
        "OPTIONS sip:carrier.example:5070;transport=udp SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport",
        "Max-Forwards: 70",
        "From: <sip:192.0.2.1>;tag=b",
        "To: <sip:carrier.example>",
        "Call-ID: c",
        "CSeq: 1 OPTIONS",
        "Contact: <sip:192.0.2.1:5060>",
        "Accept: application/sdp",
        "Content-Length: 0",
    ]


def test_register() -> None:
    trunk = Trunk("t", "sip:x@carrier.example:5070", username="us")
    common = Registration("call", "tag", 7, 600, (("Authorization", "Digest a"), ("Proxy-Authorization", "Digest b")))
    assert lines(register(trunk, UDP, common, tokens())) == [
        "REGISTER sip:carrier.example:5070 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport",
        "Max-Forwards: 70",
        "From: <sip:us@carrier.example>;tag=tag",
        "To: <sip:us@carrier.example>",
        "Call-ID: call",
        "CSeq: 7 REGISTER",
        "Contact: <sip:us@192.0.2.1:5060>",
        "Expires: 600",
        "Authorization: Digest a",
        "Proxy-Authorization: Digest b",
        "Content-Length: 0",
    ]


@pytest.mark.parametrize(
    ("uri", "way", "contact", "from_"),
    [
        ("sip:c.example", Way("TCP", "h.example"), "sip:us@h.example;transport=tcp", "sip:h.example"),
        ("sip:c.example", Way("TLS", "h.example:5061"), "sip:us@h.example:5061;transport=tls", "sip:h.example"),
        ("sips:c.example", Way("TLS", "h.example:5061"), "sips:us@h.example:5061", "sips:h.example"),
        ("sip:[2001:db8::2]", Way("UDP", "[2001:db8::1]:5060"), "sip:us@[2001:db8::1]:5060", "sip:[2001:db8::1]"),
        ("sip:[2001:db8::2]", Way("UDP", "[2001:db8::1]"), "sip:us@[2001:db8::1]", "sip:[2001:db8::1]"),
    ],
)
def test_how_we_write_ourselves(uri: str, way: Way, contact: str, from_: str) -> None:
    trunk = Trunk("t", uri, username="us")
    asked, registered = options(trunk, way, tokens()), register(trunk, way, Registration("c", "t", 1, 60), tokens())
    assert registered.first("Contact") == f"<{contact}>"
    assert asked.first("Contact") == f"<{contact.replace('us@', '')}>"
    assert asked.from_.uri == from_


def test_a_user_name_that_is_no_user_part_is_escaped() -> None:
    trunk = Trunk("t", "sip:c.example", username="us@home #1")
    request = register(trunk, UDP, Registration("c", "t", 1, 60), tokens())
    assert request.to.uri == "sip:us%40home%20%231@c.example"
    assert request.first("Contact") == "<sip:us%40home%20%231@192.0.2.1:5060>"
