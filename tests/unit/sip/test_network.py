"""The way to a SIP URI."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow
from strowger.sip.location.resolve import Destination
from strowger.sip.message import ParseError
from strowger.sip.message.uri import SipUri
from strowger.sip.network import (
    Unreachable,
    default_port,
    flow_to_uri,
    flows_to,
    transport_of,
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
    ("uri", "transport"),
    [
        ("sip:bob@192.0.2.2", "UDP"),
        ("sip:bob@192.0.2.2;transport=udp", "UDP"),
        ("sip:bob@192.0.2.2;transport=tcp", "TCP"),
        ("sip:bob@192.0.2.2;transport=ws", "WS"),
        ("sips:bob@192.0.2.2", "TLS"),
        ("sips:bob@192.0.2.2;transport=tcp", "TLS"),
        ("sips:bob@192.0.2.2;transport=ws", "WSS"),
    ],
)
def test_the_transport_a_uri_asks_for(uri: str, transport: str) -> None:
    assert transport_of(SipUri.parse(uri)) == transport


def test_there_is_no_tls_over_udp() -> None:
    with pytest.raises(Unreachable, match="no TLS over UDP"):
        transport_of(SipUri.parse("sips:bob@192.0.2.2;transport=udp"))


PLACE = Destination("UDP", "192.0.2.2", 5060, "example.com")


def test_a_long_request_takes_tcp_and_udp_if_nobody_takes_tcp_there() -> None:
    assert [flow.transport for flow in flows_to(Wire(), PLACE, or_tcp=True)] == ["TCP", "UDP"]
    assert [flow.transport for flow in flows_to(Wire(), PLACE, or_tcp=False)] == ["UDP"]


def test_without_a_tcp_listener_a_long_request_takes_udp() -> None:
    class Datagrams(Wire):
        def flow_to(self, transport: str, host: str, port: int) -> Flow:
            if transport != "UDP":
                raise Unreachable(f"no listener for {transport}")
            return super().flow_to(transport, host, port)

    assert [flow.transport for flow in flows_to(Datagrams(), PLACE, or_tcp=True)] == ["UDP"]


def test_a_tls_peer_has_to_prove_the_domain() -> None:
    (flow,) = flows_to(SecureWire(), PLACE._replace(transport="TLS"), or_tcp=True)
    assert (flow.host, flow.name) == ("192.0.2.2", "example.com")
    assert flows_to(Wire(), PLACE._replace(transport="TLS"), or_tcp=True) == ()


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
