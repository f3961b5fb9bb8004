"""Text to peers and back."""

from __future__ import annotations

import pytest

from strowger.phones.address import Peer, host_port, logical, parse_address, peer_of
from strowger.phones.errors import AddressInvalid
from strowger.sip.message.errors import ParseError


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("udp:127.0.0.1:0", Peer("UDP", "127.0.0.1", 0)),
        ("tcp:[::1]:65535", Peer("TCP", "::1", 65_535)),
        ("UDP:localhost:5060", Peer("UDP", "localhost", 5060)),
    ],
)
def test_an_address_is_read_and_written(text: str, peer: Peer) -> None:
    assert parse_address(text) == peer
    assert str(peer) == text.lower()
    assert peer.reliable == (peer.transport == "TCP")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("127.0.0.1:5060", "must start with udp: or tcp:"),
        ("tls:127.0.0.1:5061", "must start with udp: or tcp:"),
        ("udp:127.0.0.1", "must end in a port from 0 to 65535"),
        ("udp:127.0.0.1:65536", "must end in a port from 0 to 65535"),
        ("udp:127.0.0.1:٣", "must end in a port from 0 to 65535"),
        ("udp:127.0.0.1:" + "9" * 5000, "must end in a port from 0 to 65535"),
        ("udp:::1:5060", "must stand in brackets"),
        ("udp::5060", "has no host"),
        ("udp:[]:5060", "has no host"),
    ],
)
def test_an_address_that_is_none(text: str, sentence: str) -> None:
    with pytest.raises(AddressInvalid, match=sentence):
        parse_address(text)


def test_a_peer_needs_its_port() -> None:
    assert parse_address("udp:127.0.0.1:1", port_required=True).port == 1
    with pytest.raises(AddressInvalid, match="not 0"):
        parse_address("udp:127.0.0.1:0", port_required=True)


@pytest.mark.parametrize(
    ("uri", "peer"),
    [
        ("sip:bob@192.0.2.1", Peer("UDP", "192.0.2.1", 5060)),
        ("sip:bob@192.0.2.1:5071;transport=TCP", Peer("TCP", "192.0.2.1", 5071)),
        ("sip:[2001:db8::1]:5062", Peer("UDP", "2001:db8::1", 5062)),
        ("sip:Bob@Example.COM;lr", Peer("UDP", "example.com", 5060)),
    ],
)
def test_a_uri_leads_to_a_peer(uri: str, peer: Peer) -> None:
    assert peer_of(uri) == peer


@pytest.mark.parametrize("uri", ["sips:bob@192.0.2.1", "tel:+31201110001", "http://x", "", "sip:bob@h;transport=tls"])
def test_a_uri_that_leads_nowhere(uri: str) -> None:
    with pytest.raises(AddressInvalid):
        peer_of(uri)


@pytest.mark.parametrize(
    ("uri", "identity"),
    [
        ("sip:bob@192.0.2.1:5071;transport=tcp;user=phone;lr", "sip:bob@192.0.2.1;user=phone"),
        ("sip:a%20b@Example.com;x", "sip:a%20b@example.com;x"),
        ("sip:192.0.2.1", "sip:192.0.2.1"),
        ("tel:+31-20-1110001", "tel:+31-20-1110001"),
    ],
)
def test_an_identity_says_who_and_not_how(uri: str, identity: str) -> None:
    assert logical(uri) == identity


def test_an_identity_that_is_no_uri() -> None:
    with pytest.raises(ParseError):
        logical("bob")


def test_host_and_port() -> None:
    assert (host_port("192.0.2.1", 1), host_port("::1", 2)) == ("192.0.2.1:1", "[::1]:2")
