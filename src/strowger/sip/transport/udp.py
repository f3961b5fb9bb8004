"""One UDP socket (RFC 3261 §18): datagrams in, datagrams out, each for itself.

The socket is read directly, not through an asyncio datagram endpoint: an error in sending then belongs to the message
that met it, many datagrams are taken per turn of the loop, and a receiver that raises costs one datagram, no more.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

from strowger.sip.flow import Flow
from strowger.sip.transport.flow import ListenAddress
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.numeric import Numeric
from strowger.sip.transport.trouble import Counters, Trouble, Troubles

DATAGRAMS_PER_TURN: Final = 32
"""Datagrams taken before other sockets and timers get their turn."""

PAUSE_S: Final = 1.0
"""Seconds without reading after the kernel had no memory for us: trying at once would only spin."""

KEEP_ALIVE_OCTETS: Final = b"\r\n\0"
"""What a UDP keep-alive consists of, if of anything (RFC 3261 §7.5); phones send NUL as well."""

_FROM_THE_NETWORK: Final = frozenset(
    (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EPROTO)
)
"""Errors of a datagram sent earlier, told by ICMP: the retransmission timers know better than a forgeable packet."""

_LOST: Final = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EPERM))
"""Errors of this moment: as if the network had lost the datagram; it is sent again anyway. EPERM is a packet filter."""


class UdpListener:
    """A bound UDP socket that is being read."""

    __slots__ = (
        "_behind_at",
        "_behind_since",
        "_counters",
        "_limit",
        "_loop",
        "_paused",
        "_receive",
        "_socket",
        "_troubles",
        "address",
        "family",
        "index",
    )

    def __init__(
        self,
        made: socket.socket,
        address: ListenAddress,
        index: int,
        *,
        receive: Callable[[bytes, Flow], None],
        limits: TransportLimits,
        counters: Counters,
        troubles: Troubles,
    ) -> None:
        """Start reading `made`, bound to `address`, in the running loop."""
        self.address = address
        self.family = 6 if made.family == socket.AF_INET6 else 4
        self.index = index
        self._receive = receive
        self._limit = limits.datagram_bytes
        self._counters = counters
        self._troubles = troubles
        self._socket = made
        self._loop = asyncio.get_running_loop()
        self._paused: asyncio.TimerHandle | None = None
        self._behind_since = 0.0
        """Loop time of the first of the latest readings that all left datagrams behind; 0 when the last one did not."""
        self._behind_at = 0.0
        """Loop time of the last of them."""
        self._loop.add_reader(made, self._on_readable)

    def send(self, payload: bytes, peer: Numeric, port: int) -> str:
        """Send one datagram. Returns why it can never arrive, empty when the network has it or has lost it."""
        try:
            self._socket.sendto(payload, peer.at(port))
        except OSError as error:
            if error.errno in _LOST:
                self._troubles.note(
                    Trouble.LOST_IN_SENDING, f"a datagram was not taken by the system: {error.strerror}", peer.host
                )
                return ""
            return error.strerror or str(error)
        self._counters.datagrams_out += 1
        return ""

    def backlog_s(self) -> float:
        """For how many seconds there were always more datagrams than were read; 0 when all were."""
        return self._behind_at - self._behind_since if self._behind_since else 0.0

    def close(self) -> None:
        """Stop reading and close the socket. May be called twice."""
        if self._paused is not None:
            self._paused.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _on_readable(self) -> None:
        """Take datagrams while there are any. What `receive` raises goes to the loop's exception handler from here."""
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                payload, sender = self._socket.recvfrom(self._limit + 1)
            except BlockingIOError:
                self._behind_since = 0.0
                return
            except OSError as error:
                self._unreadable(error)
                return
            self._take(payload, sender)
            if self._socket.fileno() < 0:  # closed by the receiver
                return
        self._behind_at = self._loop.time()
        self._behind_since = self._behind_since or self._behind_at

    def _take(self, payload: bytes, sender: tuple[str, int] | tuple[str, int, int, int]) -> None:
        if not payload or (payload[0] <= 13 and not payload.strip(KEEP_ALIVE_OCTETS)):
            self._counters.keep_alives += 1
            return
        host = f"{sender[0]}%{sender[3]}" if len(sender) == 4 and sender[3] else sender[0]
        if len(payload) > self._limit:
            sentence = f"a datagram of more than {self._limit} octets was dropped (limits.datagram)"
            self._troubles.note(Trouble.DATAGRAM_TOO_LONG, sentence, host)
            return
        self._counters.datagrams_in += 1
        self._receive(payload, Flow("UDP", host, sender[1], self.index, 0))

    def _unreadable(self, error: OSError) -> None:
        self._troubles.note(Trouble.RECEIVE_FAILED, f"reading {self.address} failed: {error.strerror}")
        if error.errno not in _FROM_THE_NETWORK:
            self._loop.remove_reader(self._socket)
            self._paused = self._loop.call_later(PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._socket, self._on_readable)
