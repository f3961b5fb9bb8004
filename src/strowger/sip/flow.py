"""Where a message came from or goes to: the value that the layers above the transports pass through unread.

The peer's address, and which of our sockets reaches it. The notion is that of RFC 5626 §2, widened to a UDP peer and to
a peer not connected yet.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final, NamedTuple

CONNECTION_BOUND: Final = frozenset(("TLS", "WS", "WSS"))
"""Transports whose accepted connections nobody can open from our side: what goes back has to take the same one."""
_WORD_PARTS: Final = 6


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
    def is_of_its_host(self) -> bool:
        """Whether it is the peer's host that speaks: over WebSocket it may be a web page, or a proxy for anybody."""
        return self.transport not in ("WS", "WSS")

    @property
    def is_confidential(self) -> bool:
        """Whether nobody on the way can read along: it is encrypted, or within this machine."""
        return self.transport in ("TLS", "WSS") or _is_loopback(self.received)

    @property
    def received(self) -> str:
        """The peer's address as a Via `received` parameter carries it: without an IPv6 zone (RFC 3261 §18.2.1)."""
        return self.host.partition("%")[0]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def word_of(flow: Flow) -> str:
    """A flow that is bound to its connection, as a word fit for a branch or a URI's user part; empty for any other."""
    if not flow.connection or flow.transport not in CONNECTION_BOUND:
        return ""
    return any_word_of(flow)


def any_word_of(flow: Flow) -> str:
    """Any flow as such a word: for a party that nothing but this flow leads to."""
    word = f"{flow.listener}-{flow.connection}-{flow.transport.lower()}-{flow.host.encode().hex()}-{flow.port}"
    return f"{word}-{flow.name.encode().hex()}" if flow.name else word


def flow_of(word: str) -> Flow | None:
    """The flow that these wrote; None for the empty word. Only for words that are proven to be ours."""
    if not word:
        return None
    listener, connection, transport, host, port, *name = word.split("-", _WORD_PARTS - 1)
    proven = bytes.fromhex(name[0]).decode() if name else ""
    return Flow(transport.upper(), bytes.fromhex(host).decode(), int(port), int(listener), int(connection), proven)
