"""Addresses and host names of strowger.settings.address."""

from __future__ import annotations

import pytest

from strowger.settings.address import Listener, SipListener, host_name, listener, sip_listener


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7443", Listener("127.0.0.1", 7443)),
        ("localhost:0", Listener("localhost", 0)),
        ("my-host.example:65535", Listener("my-host.example", 65_535)),
        ("[::1]:5060", Listener("::1", 5060)),
    ],
)
def test_a_listener_reads_and_writes_the_same(text: str, address: Listener) -> None:
    assert listener(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("127.0.0.1", "does not end in a port"),
        ("127.0.0.1:", "does not end in a port"),
        ("127.0.0.1:65536", "does not end in a port"),
        ("127.0.0.1:-1", "does not end in a port"),
        ("127.0.0.1:²", "does not end in a port"),
        (":7443", "neither a host name nor an address"),
        ("::1:5060", "stands in brackets"),
        ("[::g]:5060", "'::g' is not an IPv6 address"),
        ("https://x:443", "neither a host name nor an address"),
        (7443, "an address is text"),
    ],
)
def test_no_listener(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        listener(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("udp:127.0.0.1:5060", SipListener("udp", "127.0.0.1", 5060)),
        ("tcp:[::1]:0", SipListener("tcp", "::1", 0)),
        ("tls:127.0.0.1:5061", SipListener("tls", "127.0.0.1", 5061)),
        ("ws:127.0.0.1:8080", SipListener("ws", "127.0.0.1", 8080)),
        ("wss:[::]:443", SipListener("wss", "::", 443)),
    ],
)
def test_a_sip_listener_reads_and_writes_the_same(text: str, address: SipListener) -> None:
    assert sip_listener(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("127.0.0.1:5060", "does not begin with a transport, which is one of udp tcp tls ws wss"),
        ("sctp:127.0.0.1:5060", "does not begin with a transport"),
        ("udp:127.0.0.1", "does not end in a port"),
        (5060, "an address is text"),
    ],
)
def test_no_sip_listener(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sip_listener(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("localhost", "localhost"),
        ("ACS.Example.Test", "acs.example.test"),
        ("localhost:7443", "localhost:7443"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("[::1]:7443", "[::1]:7443"),
    ],
)
def test_a_host_name(text: str, name: str) -> None:
    assert host_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", "https://localhost", "localhost/x", "a b", "localhost:port", "a@b", "x" * 254, ":::", "[::1", "café", 1],
)
def test_no_host_name(text: object) -> None:
    with pytest.raises(ValueError):
        host_name(text)
