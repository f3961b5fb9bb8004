"""Where a message came from or goes to: the value that the layers above the transports pass through unread.

The peer's address, and which of our sockets reaches it. The notion is that of RFC 5626 §2, widened to a UDP peer and to
a peer not connected yet.
"""

from __future__ import annotations

from typing import NamedTuple


class Flow(NamedTuple):
    """A way to one peer. Small and hashable; safe to store, since a connection number is never given twice."""

    transport: str
    """`UDP`, `TCP`, `TLS`, `WS` or `WSS`, as a Via has it."""
    host: str
    """The peer's numeric address, IPv6 without brackets; a host name where a new request leads to one."""
    port: int
    listener: int
    """Which of our listeners the flow belongs to."""
    connection: int = 0
    """The live connection; 0 for UDP, and where any connection to the peer will do."""
    name: str = ""
    """The host name that a TLS peer must prove, where `host` is an address it was resolved to; empty: `host` itself."""

    @property
    def reliable(self) -> bool:
        """Whether the transport delivers by itself, so that nothing is retransmitted (RFC 3261 §17.1.1.2)."""
        return self.transport != "UDP"

    @property
    def is_stream(self) -> bool:
        """Whether messages come one after another with nothing between, so that each must tell its length.

        A datagram and a WebSocket frame hold one message and end with it (RFC 3261 §18.3, RFC 7118 §5).
        """
        return self.transport in ("TCP", "TLS")

    @property
    def received(self) -> str:
        """The peer's address as a Via `received` parameter carries it: without an IPv6 zone (RFC 3261 §18.2.1)."""
        return self.host.partition("%")[0]
