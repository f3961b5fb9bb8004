"""Who is at the other end of a connection, as far as it matters for using that connection again (RFC 3261 §18).

A peer of TCP is its address. Over TLS a peer is who its certificate says (RFC 5922 §7), so that connections to one
address are kept apart by the name they were opened for. A WebSocket peer cannot be connected to at all.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from strowger.sip.flow import Flow
from strowger.sip.transport.flow import host_port

WEBSOCKETS: Final = ("WS", "WSS")
"""Transports that only the peer can open."""

ENCRYPTED: Final = ("TLS", "WSS")


class Peer(NamedTuple):
    """One peer."""

    transport: str
    host: str
    """Numeric."""
    port: int
    name: str
    """The name or address that its certificate must hold; empty without TLS."""

    def __str__(self) -> str:
        return f"{self.transport} to {host_port(self.host, self.port)}"


def peer_of(flow: Flow, host: str) -> Peer:
    """The peer at the end of a flow, whose numeric host is `host`."""
    name = (flow.name or flow.host).lower() if flow.transport == "TLS" else ""
    return Peer(flow.transport, host, flow.port, name)
