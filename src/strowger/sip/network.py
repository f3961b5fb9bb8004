"""What the SIP edge needs of the shells: flows, in which messages come and go, and where a URI is served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from strowger.sip.flow import Flow
from strowger.sip.location.resolve import Destination
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

    def has(self, flow: Flow) -> bool:
        """Whether the connection that a flow is bound to still stands."""

    def sent_by(self, flow: Flow) -> str:
        """What the Via says of us on that way: host and port."""

    def send(self, flow: Flow, payload: bytes, key: str) -> None:
        """Send; a failure is told later under the key."""


Found: TypeAlias = Callable[[Sequence[Destination], str], None]
"""Told where a URI is served, best first; or nothing, and why."""


class Location(Protocol):
    """What the edge needs of the location room (RFC 3263)."""

    def locate(self, uri: str, what: str, found: Found) -> None:
        """Find out where a URI is served. `found` may be told before this returns; it is told once, within seconds.

        For the same `what` the order among equals is the same each time.
        """

    def avoid(self, destination: Destination, seconds: float | None = None) -> None:
        """A destination did not serve: others are tried before it for a while, or for as long as it asked for."""


def default_port(transport: str) -> int:
    """Where a transport goes when a URI or a Via names no port (RFC 3261 §18.2.2, §19.1.2; RFC 7118 §5)."""
    return _DEFAULT_PORTS.get(transport, SIP_PORT)


def transport_of(uri: SipUri) -> str:
    """The transport of a short request: what the URI asks for, else UDP; sips means TLS (RFC 3261 §18.1.1, §26.2.1).

    Raises Unreachable for sips over a transport without TLS.
    """
    wanted = (uri.transport or "").upper()
    if uri.scheme != "sips":
        return wanted or "UDP"
    if wanted not in _OVER_TLS:
        raise Unreachable(f"there is no TLS over {wanted}")
    return _OVER_TLS[wanted]


def flow_to_uri(network: Network, uri: str) -> Flow:
    """The way to a SIP URI, a host name being left to the transports; for requests within dialogs.

    Raises Unreachable, or ParseError for what is no URI.
    """
    parsed = parse_uri(uri)
    if not isinstance(parsed, SipUri):
        raise Unreachable("only sip and sips URIs can be reached")
    transport = transport_of(parsed)
    return network.flow_to(transport, parsed.host.strip("[]"), parsed.port or default_port(transport))


def flows_to(network: Network, destination: Destination, *, or_tcp: bool) -> tuple[Flow, ...]:
    """The ways to a destination, in the order to try them; empty when no listener of ours leads there.

    With `or_tcp` a UDP destination is tried over TCP first, which is for requests that are too long for a datagram;
    nobody has to take TCP connections there, whence the second way (RFC 3261 §18.1.1).
    """
    transports = ("TCP", "UDP") if or_tcp and destination.transport == "UDP" else (destination.transport,)
    flows = []
    for transport in transports:
        try:
            flow = network.flow_to(transport, destination.host, destination.port)
        except Unreachable:
            continue
        flows.append(flow._replace(name=destination.domain) if transport in ("TLS", "WSS") else flow)
    return tuple(flows)
