"""What the SIP edge needs of the transport room: flows, in which messages come and go, and the way to a URI."""

from __future__ import annotations

from typing import Final, Protocol

from strowger.sip.flow import Flow
from strowger.sip.message.uri import SipUri, parse_uri

SIP_PORT: Final = 5060
"""Where SIP goes when a URI names no port (RFC 3261 §19.1.2)."""
SIPS_PORT: Final = 5061
"""The same for TLS."""
_DEFAULT_PORTS: Final = {"TLS": SIPS_PORT, "WS": 80, "WSS": 443}

UDP_REQUEST_BYTES: Final = 1_300
"""Octets of the longest request sent over UDP of our own choice (RFC 3261 §18.1.1)."""

_OVER_TLS: Final = {"": "TLS", "TCP": "TLS", "TLS": "TLS", "WS": "WSS", "WSS": "WSS"}
"""What a transport parameter means in a sips URI (RFC 3261 §26.2.2, RFC 7118 §5)."""


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


def default_port(transport: str) -> int:
    """Where a transport goes when a URI or a Via names no port (RFC 3261 §18.2.2, §19.1.2; RFC 7118 §5)."""
    return _DEFAULT_PORTS.get(transport, SIP_PORT)


def choose_transports(uri: SipUri, size: int = 0, udp_request_bytes: int = UDP_REQUEST_BYTES) -> tuple[str, ...]:
    """The transports to try, in order, for a request of `size` octets (RFC 3261 §18.1.1, §26.2.1).

    What the URI asks for is done, however long the request; where it leaves the choice, a long one takes TCP, and UDP
    if nobody takes TCP connections there. sips means TLS. Raises Unreachable for sips over a transport without TLS.
    """
    wanted = (uri.transport or "").upper()
    if uri.scheme == "sips":
        if wanted not in _OVER_TLS:
            raise Unreachable(f"there is no TLS over {wanted}")
        return (_OVER_TLS[wanted],)
    if wanted:
        return (wanted,)
    return ("TCP", "UDP") if size > udp_request_bytes else ("UDP",)


def flows_for(
    network: Network, uri: str, size: int = 0, udp_request_bytes: int = UDP_REQUEST_BYTES
) -> tuple[Flow, ...]:
    """The ways to a SIP URI for a request of `size` octets, in the order to try them; at least one.

    The next is for when the one before could not be connected. Raises Unreachable, or ParseError for what is no URI.
    """
    parsed = parse_uri(uri)
    if not isinstance(parsed, SipUri):
        raise Unreachable("only sip and sips URIs can be reached")
    flows: list[Flow] = []
    unreachable: Unreachable | None = None
    for transport in choose_transports(parsed, size, udp_request_bytes):
        try:
            flows.append(network.flow_to(transport, parsed.host.strip("[]"), parsed.port or default_port(transport)))
        except Unreachable as error:
            unreachable = error
    if not flows and unreachable is not None:
        raise unreachable
    return tuple(flows)


def flow_to_uri(network: Network, uri: str) -> Flow:
    """The way to a SIP URI for a short request. Raises Unreachable, or ParseError for what is no URI."""
    return flows_for(network, uri)[0]
