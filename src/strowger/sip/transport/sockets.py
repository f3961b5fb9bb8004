"""How our sockets are opened and set up, and which of our addresses a peer sees."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import structlog

from strowger.sip.transport.errors import ListenFailed
from strowger.sip.transport.flow import ListenAddress
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.numeric import Numeric, numeric

BACKLOG: Final = 1_024
"""Connections the kernel keeps for us until we accept them."""

KEEP_ALIVE_IDLE_S: Final = 60
"""Seconds of silence before the kernel asks a TCP peer whether it still exists."""
KEEP_ALIVE_INTERVAL_S: Final = 15
"""Seconds between two such questions."""
KEEP_ALIVE_QUESTIONS: Final = 4
"""Unanswered questions until the connection counts as lost: two minutes after the peer vanished."""

LOCAL_ADDRESSES: Final = 1_024
"""Peers whose route, and so our address towards them, is remembered."""

_SO_RCVBUFFORCE: Final = 33  # Linux; the socket module has no names for these three
_SO_SNDBUFFORCE: Final = 32
_IP_BIND_ADDRESS_NO_PORT: Final = 24

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_ELSEWHERE: Final = {4: "192.0.2.1", 6: "2001:db8::1"}  # documentation addresses: they follow the default route
_LOOPBACK: Final = {4: "127.0.0.1", 6: "::1"}

_log: Final = structlog.stdlib.get_logger(__name__)


def open_udp(address: ListenAddress, limits: TransportLimits) -> socket.socket:
    """A bound, non-blocking UDP socket with large buffers. Raises ListenFailed."""
    made = _bound(address, socket.SOCK_DGRAM)
    granted = min(
        _enlarge(made, socket.SO_RCVBUF, _SO_RCVBUFFORCE, limits.udp_receive_buffer_bytes),
        _enlarge(made, socket.SO_SNDBUF, _SO_SNDBUFFORCE, limits.udp_receive_buffer_bytes),
    )
    if granted < limits.udp_receive_buffer_bytes:
        _log.warning(
            "the kernel grants a smaller UDP buffer than asked for: raise net.core.rmem_max and net.core.wmem_max",
            address=str(address),
            wanted_bytes=limits.udp_receive_buffer_bytes,
            granted_bytes=granted,
        )
    return made


def open_tcp(address: ListenAddress) -> socket.socket:
    """A listening, non-blocking TCP socket. Raises ListenFailed."""
    made = _bound(address, socket.SOCK_STREAM)
    try:
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise ListenFailed(f"cannot listen on {address}: {error.strerror}") from error
    return made


def open_outgoing(peer: Numeric, source: Numeric | None) -> socket.socket:
    """A non-blocking TCP socket to connect to `peer` with, from our address `source` if given. Raises OSError."""
    made = socket.socket(_FAMILIES[peer.family], socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        if source is not None:
            # Without this each connection would take a port of its own, though they differ in the peer anyway.
            made.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            made.bind(source.at(0))
    except OSError:
        made.close()
        raise
    return made


def tune_connection(made: socket.socket, limits: TransportLimits) -> None:
    """Send at once, and notice a peer that has vanished. Raises OSError when the connection is already gone."""
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_IDLE_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_INTERVAL_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_ALIVE_QUESTIONS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(limits.tcp_message_s * 1_000)))


class LocalAddresses:
    """Our own address as each peer sees it, where a listener is bound to all of them."""

    __slots__ = ("_keep_s", "_known", "_now")

    def __init__(self, keep_s: float, now: Callable[[], float]) -> None:
        """`keep_s`: seconds an answer is used, since routes change; `now` returns monotonic seconds."""
        self._keep_s = keep_s
        self._now = now
        self._known: dict[tuple[str, int], tuple[str, float]] = {}

    def towards(self, host: str, family: int) -> str:
        """Our address on the route to `host`; on the default route if that is a name; loopback if there is no route."""
        now = self._now()
        known = self._known.get((host, family))
        if known is not None and now < known[1]:
            return known[0]
        address = _route(host, family)
        self._known.pop((host, family), None)
        while len(self._known) >= LOCAL_ADDRESSES:
            del self._known[next(iter(self._known))]
        self._known[host, family] = (address, now + self._keep_s)
        return address


def _bound(address: ListenAddress, kind: socket.SocketKind) -> socket.socket:
    host = numeric(address.host)
    if host is None:
        raise ListenFailed(f"cannot listen on {address}: it is no numeric address")
    try:
        made = socket.socket(_FAMILIES[host.family], kind)
    except OSError as error:
        raise ListenFailed(f"cannot listen on {address}: {error.strerror}") from error
    try:
        made.setblocking(False)
        if host.family == 6:  # each family has its own listeners, so that no peer appears under two addresses
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(host.at(address.port))
    except OSError as error:
        made.close()
        raise ListenFailed(f"cannot listen on {address}: {error.strerror}") from error
    return made


def _enlarge(made: socket.socket, option: int, forced: int, wanted: int) -> int:
    """Ask for a kernel buffer of `wanted` octets, past the system's limit if we may; returns what was granted."""
    for attempt in (forced, option):
        try:
            made.setsockopt(socket.SOL_SOCKET, attempt, wanted)
            break
        except PermissionError:
            continue
    return made.getsockopt(socket.SOL_SOCKET, option) // 2  # Linux reports the double, its own bookkeeping included


def _route(host: str, family: int) -> str:
    peer = numeric(host) or numeric(_ELSEWHERE[family])
    if peer is None or peer.family != family:
        return _LOOPBACK[family]
    with socket.socket(_FAMILIES[family], socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(peer.at(9))  # no packet is sent: the kernel only chooses the route
        except OSError:
            return _LOOPBACK[family]
        return str(probe.getsockname()[0])
