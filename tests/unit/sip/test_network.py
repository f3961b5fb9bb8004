"""The way to a SIP URI."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow
from strowger.sip.message import ParseError
from strowger.sip.message.uri import SipUri
from strowger.sip.network import (
    UDP_REQUEST_BYTES,
    Unreachable,
    choose_transports,
    default_port,
    flow_to_uri,
    flows_for,
)
from tests.support.sip_edge import Wire


@pytest.mark.parametrize(
    ("uri", "transport", "host", "port"),
    [
        ("sip:bob@192.0.2.2", "UDP", "192.0.2.2", 5060),
        ("sip:bob@192.0.2.2:5072;transport=TCP", "TCP", "192.0.2.2", 5072),
        ("sip:[2001:db8::1]:5070", "UDP", "2001:db8::1", 5070),
        ("sip:bob@phone.example;transport=udp", "UDP", "phone.example", 5060),
    ],
)
def test_where_a_uri_leads(uri: str, transport: str, host: str, port: int) -> None:
    flow = flow_to_uri(Wire(), uri)
    assert (flow.transport, flow.host, flow.port) == (transport, host, port)


class SecureWire(Wire):
    """A network with a TLS listener beside."""

    def flow_to(self, transport: str, host: str, port: int) -> Flow:
        return Flow(transport, host, port, 2) if transport == "TLS" else super().flow_to(transport, host, port)


@pytest.mark.parametrize(
    ("uri", "host", "port"),
    [
        ("sips:bob@sbc.example", "sbc.example", 5061),
        ("sips:bob@192.0.2.2:5071;transport=tcp", "192.0.2.2", 5071),
        ("sip:bob@sbc.example;transport=TLS", "sbc.example", 5061),
    ],
)
def test_sips_and_tls_lead_to_tls(uri: str, host: str, port: int) -> None:
    flow = flow_to_uri(SecureWire(), uri)
    assert (flow.transport, flow.host, flow.port) == ("TLS", host, port)


@pytest.mark.parametrize(
    ("uri", "size", "transports"),
    [
        ("sip:bob@192.0.2.2", 0, ("UDP",)),
        ("sip:bob@192.0.2.2", UDP_REQUEST_BYTES, ("UDP",)),
        ("sip:bob@192.0.2.2", UDP_REQUEST_BYTES + 1, ("TCP", "UDP")),
        ("sip:bob@192.0.2.2;transport=udp", UDP_REQUEST_BYTES + 1, ("UDP",)),
        ("sip:bob@192.0.2.2;transport=tcp", 0, ("TCP",)),
        ("sip:bob@192.0.2.2;transport=ws", 0, ("WS",)),
        ("sips:bob@192.0.2.2", UDP_REQUEST_BYTES + 1, ("TLS",)),
        ("sips:bob@192.0.2.2;transport=tcp", 0, ("TLS",)),
        ("sips:bob@192.0.2.2;transport=ws", 0, ("WSS",)),
    ],
)
def test_the_transports_to_try(uri: str, size: int, transports: tuple[str, ...]) -> None:
    assert choose_transports(SipUri.parse(uri), size) == transports


def test_the_length_at_which_udp_is_left_can_be_set() -> None:
    uri = SipUri.parse("sip:bob@192.0.2.2")
    assert [choose_transports(uri, size, 500) for size in (500, 501)] == [("UDP",), ("TCP", "UDP")]


def test_no_transport_without_tls_for_sips() -> None:
    with pytest.raises(Unreachable, match="there is no TLS over UDP"):
        choose_transports(SipUri.parse("sips:bob@192.0.2.2;transport=udp"))


def test_a_long_request_has_two_ways() -> None:
    flows = flows_for(Wire(), "sip:bob@192.0.2.2", 1_301)
    assert [(flow.transport, flow.port) for flow in flows] == [("TCP", 5060), ("UDP", 5060)]


def test_without_a_tcp_listener_a_long_request_takes_udp() -> None:
    class Datagrams(Wire):
        def flow_to(self, transport: str, host: str, port: int) -> Flow:
            if transport != "UDP":
                raise Unreachable(f"no listener for {transport}")
            return super().flow_to(transport, host, port)

    assert [flow.transport for flow in flows_for(Datagrams(), "sip:bob@192.0.2.2", 1_301)] == ["UDP"]


def test_the_ports_of_the_transports() -> None:
    assert [default_port(each) for each in ("UDP", "TCP", "TLS", "WS", "WSS", "SCTP")] == [
        5060,
        5060,
        5061,
        80,
        443,
        5060,
    ]


@pytest.mark.parametrize("uri", ["tel:+31201110001", "sip:bob@192.0.2.2;transport=sctp", "sips:bob@192.0.2.2"])
def test_what_cannot_be_reached(uri: str) -> None:
    with pytest.raises(Unreachable):
        flow_to_uri(Wire(), uri)


def test_what_is_no_uri() -> None:
    with pytest.raises(ParseError):
        flow_to_uri(Wire(), "bob")
