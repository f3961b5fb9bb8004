"""What the SIP edge needs of the transport room: flows, in which messages come and go, and the way to a URI."""

from __future__ import annotations

from typing import Final, Protocol

from strowger.sip.flow import Flow
from strowger.sip.message.uri import SipUri, parse_uri

SIP_PORT: Final = 5060
"""Where SIP goes when a URI names no port (RFC 3261 §19.1.2)."""


class Unreachable(Exception):
    """No way leads to a SIP URI: a scheme, transport or address family that we do not speak. Our settings' fault."""


class Network(Protocol):
    """What the edge needs of the transport room."""

    def flow_to(self, transport: str, host: str, port: int) -> Flow:
        """A way to a peer. Raises Unreachable."""

    def flow_back(self, transport: str, host: str, port: int, listener: int) -> Flow:
        """The way back to a peer that once reached the given listener."""

    def sent_by(self, flow: Flow) -> str:
        """What the Via says of us on that way: host and port."""

    def send(self, flow: Flow, payload: bytes, key: str) -> None:
        """Send; a failure is told later under the key."""


def flow_to_uri(network: Network, uri: str) -> Flow:
    """The way to a SIP URI: host, port and transport parameter. Raises Unreachable, or ParseError for what is none."""
    parsed = parse_uri(uri)
    if not isinstance(parsed, SipUri) or parsed.scheme != "sip":
        raise Unreachable("only sip URIs can be reached")
    return network.flow_to((parsed.transport or "udp").upper(), parsed.host.strip("[]"), parsed.port or SIP_PORT)
