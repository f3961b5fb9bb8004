"""What a URI alone says of the way."""

from __future__ import annotations

import pytest

from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.target import Target, target_of


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("sip:ann@Example.com", Target("example.com", None, None, False, "example.com")),
        ("sip:example.com:5070", Target("example.com", 5070, None, False, "example.com")),
        ("sip:example.com;transport=TCP", Target("example.com", None, "TCP", False, "example.com")),
        ("sip:example.com;transport=tls", Target("example.com", None, "TLS", False, "example.com")),
        ("sips:example.com", Target("example.com", None, None, True, "example.com")),
        ("sips:example.com;transport=tcp", Target("example.com", None, "TLS", True, "example.com")),
        ("sips:example.com;transport=ws", Target("example.com", None, "WSS", True, "example.com")),
        ("sip:[2001:db8::1]:5060", Target("2001:db8::1", 5060, None, False, "2001:db8::1")),
        ("sip:example.com;maddr=192.0.2.7", Target("192.0.2.7", None, None, False, "example.com")),
        ("sip:example.com;maddr=[2001:DB8::1]", Target("2001:db8::1", None, None, False, "example.com")),
    ],
)
def test_reading_a_uri(uri: str, target: Target) -> None:
    assert target_of(uri) == target


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("tel:+31201110001", "a tel URI names no server"),
        ("mailto:ann@example.com", "it is no SIP URI"),
        ("sip:", "it is no SIP URI"),
        ("sip:example.com;transport=sctp", "the transport sctp is none that this URI can use"),
        ("sips:example.com;transport=udp", "the transport udp is none that a sips URI can use"),
    ],
)
def test_what_leads_nowhere(uri: str, why: str) -> None:
    with pytest.raises(Unlocatable, match=why):
        target_of(uri)
