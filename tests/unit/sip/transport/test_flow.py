"""Flows and listen addresses."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow
from strowger.sip.transport.flow import ListenAddress, host_port, is_host_name, parse_listen


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("udp:127.0.0.1:5060", ListenAddress("UDP", "127.0.0.1", 5060)),
        ("tcp:[::1]:5060", ListenAddress("TCP", "::1", 5060)),
        ("TCP:0.0.0.0:0", ListenAddress("TCP", "0.0.0.0", 0)),
        (" udp:[::]:65535 ", ListenAddress("UDP", "::", 65_535)),
        ("udp:[0:0:0::1]:1", ListenAddress("UDP", "::1", 1)),
        ("tls:127.0.0.1:5061", ListenAddress("TLS", "127.0.0.1", 5061)),
        ("ws:127.0.0.1:8080", ListenAddress("WS", "127.0.0.1", 8080)),
        ("wss:[::]:443", ListenAddress("WSS", "::", 443)),
    ],
)
def test_listen_addresses_are_read(text, address):
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("127.0.0.1:5060", "names no transport"),
        ("sctp:127.0.0.1:5061", "names no transport: write udp, tcp, tls, ws or wss, then :ADDRESS:PORT"),
        ("", "names no transport"),
        ("udp:127.0.0.1", "needs a port"),
        ("udp:127.0.0.1:", "needs a port"),
        ("udp:127.0.0.1:65536", "needs a port"),
        ("udp:127.0.0.1:²", "needs a port"),
        ("udp:127.0.0.1:-1", "needs a port"),
        ("udp::5060", "needs a numeric address"),
        ("udp:localhost:5060", "needs a numeric address"),
        ("udp:127.1:5060", "needs a numeric address"),
        ("udp:::1:5060", "needs brackets"),
        ("udp:[127.0.0.1]:5060", "needs brackets"),
    ],
)
def test_what_is_wrong_with_a_listen_address_is_said(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_listen(text)


def test_a_listen_address_is_written_as_it_is_read():
    assert str(parse_listen("tcp:[::1]:5060")) == "tcp:[::1]:5060"


@pytest.mark.parametrize("host", ["sip.example.com", "198.51.100.7", "2001:db8::7"])
def test_the_advertised_host_is_a_name_or_an_address(host):
    assert parse_listen("udp:0.0.0.0:5060", advertise=host).advertise == host


def test_the_advertised_host_may_not_break_a_header():
    with pytest.raises(ValueError, match="neither a host name"):
        parse_listen("udp:0.0.0.0:5060", advertise="a\r\nX: y")


def test_a_flow_is_small_hashable_and_knows_whether_it_is_reliable():
    udp = Flow("UDP", "127.0.0.1", 5060, 0)
    tcp = Flow("TCP", "127.0.0.1", 5060, 0, 7)
    assert (udp.reliable, tcp.reliable) == (False, True)
    assert len({udp, tcp, Flow("UDP", "127.0.0.1", 5060, 0, 0)}) == 2


def test_received_carries_no_zone():
    assert Flow("UDP", "fe80::1%2", 5060, 0).received == "fe80::1"


@pytest.mark.parametrize(
    ("host", "written"),
    [("10.0.0.1", "10.0.0.1:5"), ("::1", "[::1]:5"), ("fe80::1%2", "[fe80::1]:5"), ("a.b", "a.b:5")],
)
def test_host_and_port_are_written_with_brackets_where_needed(host, written):
    assert host_port(host, 5) == written


@pytest.mark.parametrize("host", ["a", "pc33", "sip1", "a-b.example.com", "_sip._udp.example.com", "x" * 63, "a.b."])
def test_host_names(host):
    assert is_host_name(host)


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "x" * 64, "a b", "bücher.de", "a\0", "10.1", "999.1.1.1", "a." * 127]
)
def test_what_is_no_host_name_is_never_asked_for(host):
    assert not is_host_name(host)
