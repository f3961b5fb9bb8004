"""The bounds of the transport room. Each has a name, a unit and a reason; each is counted when it bites."""

from __future__ import annotations

from dataclasses import dataclass

from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Bounds of sockets, connections, queues and waits."""

    message: MessageLimits = DEFAULT_LIMITS
    """Bounds of one message; no more than one is kept of a connection while it arrives."""
    tcp_connections: int = 4_000
    """Connections at once, in both directions, with TLS and WebSocket among them. Above it the oldest silent one makes
    way, else the new one."""
    tcp_connections_per_address: int = 100
    """Accepted connections at once from one IPv4 address or one IPv6 /64."""
    tcp_connecting: int = 256
    """Connections being opened by us at once."""
    handshakes: int = 256
    """Accepted connections at once whose TLS or WebSocket handshake is not complete. Above it the oldest makes way: one
    that is meant takes milliseconds, so that those which only take places lose theirs."""
    handshake_s: float = 5.0
    """Seconds a handshake may take, TLS and the HTTP request for a WebSocket together."""
    tcp_idle_s: float = 3_600.0
    """Seconds without a byte either way before a connection is closed. A phone without keep-alives is heard of when it
    renews its registration, which is an hour by default (RFC 3261 §10.2)."""
    tcp_message_s: float = 32.0
    """Seconds a started message may take to arrive, and an accepted connection its first one. That is how long a sender
    waits for an answer anyway (64·T1, RFC 3261 §17.1.2.2)."""
    tcp_write_buffer_bytes: int = 256 * 1024
    """Octets that wait for one peer to read, or to be connected to. A peer further behind does not read."""
    ws_frame_bytes: int = 65_536
    """Octets of the longest WebSocket message received."""
    ws_origins: tuple[str, ...] = ()
    """Web pages that may open a WebSocket, as their browser names them in Origin; empty for all."""
    ws_ping_s: float = 30.0
    """Seconds of silence after which a WebSocket peer is pinged; it has half of that to answer. Shorter than the time
    for which address translators and proxies keep a silent connection."""
    connect_timeout_s: float = 3.0
    """Seconds until a connection we open must stand. Shorter than the patience with a trunk: one that lets no TCP in is
    then offered a long INVITE over UDP before another trunk is (RFC 3261 §18.1.1)."""
    connecting_queue: int = 64
    """Messages that wait for one connection to stand, or for one host name to be resolved."""
    close_s: float = 1.0
    """Seconds a closing connection has to take what was already written."""
    udp_receive_buffer_bytes: int = 4 * 1024 * 1024
    """Kernel buffer of each UDP socket, in both directions. The kernel may grant less; that is logged."""
    datagram_bytes: int = 65_507
    """Octets of the longest datagram received: what UDP over IPv4 can carry."""
    resolve_names: int = 1_000
    """Host names whose addresses are remembered."""
    resolve_pending: int = 16
    """Host names being looked up at once."""
    resolve_timeout_s: float = 4.0
    """Seconds a look-up may take; a caller is told within five that the call cannot go there."""
    resolve_retry_s: float = 5.0
    """Seconds after a failed look-up during which the name is not asked for again."""
    resolve_stale_s: float = 3_600.0
    """Seconds for which an address once found is still used when the name cannot be looked up again."""
