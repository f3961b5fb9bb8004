"""The way to a SIP URI."""

from __future__ import annotations

import pytest

from strowger.sip.message import ParseError
from strowger.sip.network import Unreachable, flow_to_uri
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


@pytest.mark.parametrize("uri", ["tel:+31201110001", "sip:bob@192.0.2.2;transport=sctp"])
def test_what_cannot_be_reached(uri: str) -> None:
    with pytest.raises(Unreachable):
        flow_to_uri(Wire(), uri)


def test_what_is_no_uri() -> None:
    with pytest.raises(ParseError):
        flow_to_uri(Wire(), "bob")
