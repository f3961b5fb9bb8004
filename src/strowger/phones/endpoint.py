"""The sockets of a phone: one it listens on, and what else it needs to reach peers over the other transport.

Bytes in, bytes out (RFC 3261 §18, the part of a user agent). A phone on UDP makes TCP connections when a URI asks for
them; a phone on TCP has an unannounced UDP socket for the same purpose. What the bytes mean is left to `agent`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from strowger.base.tasks import spawn
from strowger.phones.address import Peer, host_port
from strowger.phones.errors import AddressInvalid
from strowger.sip.message.errors import ParseError
from strowger.sip.message.framing import StreamFramer

CONNECT_TIMEOUT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 1.0
"""How long closing waits for peers to read what was written for them."""
WRITE_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""A peer that leaves more than this unread is disconnected."""
CONNECTING_QUEUE: Final = 4_096
"""Messages that wait for one connection, or one name, to be ready; further ones fail at once."""
CONNECTIONS: Final = 4_000
"""TCP connections of one phone; further ones are refused."""
SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Asked of the system for UDP, so that the answers to a thousand calls at once are not lost."""
DATAGRAM_BYTES: Final = 65_507
"""The most that fits into one UDP datagram over IPv4."""
NAMES: Final = 256
"""Host names whose address is remembered for as long as the phone is open; others are looked up each time."""
KEEP_ALIVE_ANSWER: Final = b"\r\n"
"""RFC 5626 §3.5.1"""


@dataclass(frozen=True, slots=True)
class Upward:
    """Whom an endpoint tells."""

    receive: Callable[[bytes, Peer], None]
    """One datagram, or one message from a stream."""
    failed: Callable[[str, str], None]
    """Key and reason of a send that did not get out; called later, never from within `send`."""
    garbled: Callable[[Peer, ParseError], None]
    """A stream that could not be cut into messages: what is sent now still gets out, then it is closed."""


class Endpoint:
    """All sockets of one phone."""

    def __init__(self, up: Upward) -> None:
        self.up = up
        self.local = Peer("UDP", "", 0)
        """What the phone listens on."""
        self.connections: dict[tuple[str, int], Connection] = {}
        self._waiting: dict[tuple[str, str, int], list[tuple[bytes, str]]] = {}
        self._names: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._udp_local = self.local
        self._closed = False

    async def open(self, address: Peer) -> None:
        """Listen on `address`; port 0 takes a free one. Raises AddressInvalid, or OSError when the system refuses."""
        host = await _numeric(address.host, address.port, address.transport)
        if ipaddress.ip_address(host).is_unspecified:
            raise AddressInvalid(f"a phone needs one address that its peers can reach, not {address.host}")
        await self._open_udp(host, address.port if address.transport == "UDP" else 0)
        self.local = self._udp_local
        if address.transport == "TCP":
            try:
                await self._open_tcp(host, address.port)
            except OSError:
                await self.close()
                raise

    async def _open_udp(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self.up), local_addr=(host, port))
        _enlarge(transport.get_extra_info("socket"))
        self._udp = transport
        self._udp_local = Peer("UDP", host, transport.get_extra_info("sockname")[1])

    async def _open_tcp(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port)
        self.local = Peer("TCP", host, self._server.sockets[0].getsockname()[1])

    def sent_by(self, transport: str) -> str:
        """`host:port` for the Via of a request that leaves by this transport. RFC 3261 §18.1.1"""
        local = self._udp_local if transport == "UDP" else self.local
        return host_port(local.host, local.port)

    def send(self, peer: Peer, payload: bytes, key: str = "") -> None:
        """Send one message. What cannot be sent is reported to `failed` under `key`, unless that is empty."""
        if self._closed:
            return
        if peer.transport == "UDP":
            host = peer.host if _is_numeric(peer.host) else self._names.get(peer.host)
            if host is None:
                self._wait(peer, payload, key)
            else:
                self._send_datagram(host, peer.port, payload, key)
            return
        connection = self.connections.get((peer.host, peer.port))
        if connection is None and peer.answer_port:
            peer = Peer("TCP", peer.host, peer.answer_port)
            connection = self.connections.get((peer.host, peer.port))
        if connection is not None:
            connection.write(payload, key)
        else:
            self._wait(peer, payload, key)

    def _send_datagram(self, host: str, port: int, payload: bytes, key: str) -> None:
        if len(payload) > DATAGRAM_BYTES:
            self.fail(key, f"{len(payload)} bytes do not fit into one datagram")
        elif (":" in host) != (":" in self._udp_local.host):
            self.fail(key, f"{host} and {self._udp_local.host} are addresses of different families")
        elif self._udp is not None:
            self._udp.sendto(payload, (host, port))

    def fail(self, key: str, reason: str) -> None:
        """Report a send that failed, from outside of whatever is going on now."""
        if key:
            asyncio.get_running_loop().call_soon(self._report, key, reason)

    def _report(self, key: str, reason: str) -> None:
        if not self._closed:
            self.up.failed(key, reason)

    def _wait(self, peer: Peer, payload: bytes, key: str) -> None:
        """Keep the message until the peer has been looked up and, over TCP, connected to."""
        place = (peer.transport, peer.host, peer.port)
        queue = self._waiting.get(place)
        if queue is not None and len(queue) >= CONNECTING_QUEUE:
            self.fail(key, f"{CONNECTING_QUEUE} messages are waiting for {peer} already")
            return
        if queue is not None:
            queue.append((payload, key))
            return
        self._waiting[place] = [(payload, key)]
        task = spawn(self._reach(peer), f"reach {peer}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reach(self, peer: Peer) -> None:
        """Look up, connect, and send what has been waiting, in order."""
        reason = ""
        write: Callable[[bytes, str], None] | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                write = await self._writer(peer)
        except (OSError, TimeoutError) as error:
            reason = str(error) or f"{peer} did not answer within {CONNECT_TIMEOUT_S} s"
        for payload, key in self._waiting.pop((peer.transport, peer.host, peer.port)):
            if write is None:
                self.fail(key, reason)
            else:
                write(payload, key)

    async def _writer(self, peer: Peer) -> Callable[[bytes, str], None]:
        host = await _numeric(peer.host, peer.port, peer.transport)
        if peer.transport == "UDP":
            if len(self._names) < NAMES:
                self._names[peer.host] = host
            return partial(self._send_datagram, host, peer.port)
        loop = asyncio.get_running_loop()
        name = (peer.host, peer.port)
        _, connection = await loop.create_connection(lambda: Connection(self, name), host, peer.port)
        return connection.write

    async def close(self) -> None:
        """Close every socket. Nothing is received or reported from then on. May be called twice."""
        if self._closed:
            return
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        closing = [connection.lost for connection in self.connections.values()]
        for connection in list(self.connections.values()):
            connection.close()
        if self._udp is not None:
            self._udp.close()
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_TIMEOUT_S)
        for connection in list(self.connections.values()):
            connection.abort()


class Connection(asyncio.Protocol):
    """One TCP connection, whoever opened it; known by the address that requests for its peer go to."""

    def __init__(self, endpoint: Endpoint, name: tuple[str, int] | None = None) -> None:
        self.endpoint = endpoint
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._name = name
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the place in the endpoint under which `send` looks for it."""
        self._transport = cast(asyncio.Transport, transport)
        if self._name is None:
            host, port = self._transport.get_extra_info("peername")[:2]
            self._name = (host, port)
        if len(self.endpoint.connections) >= CONNECTIONS:
            self._transport.abort()
            return
        self.endpoint.connections[self._name] = self

    def data_received(self, data: bytes) -> None:
        """Pass on the messages that are complete. A stream that lost its thread is closed."""
        host, port = self._name or ("", 0)
        peer = Peer("TCP", host, port)
        try:
            messages = self._framer.feed(data)
            error = self._framer.error
        except ParseError as fault:
            messages, error = [], fault
        if self._framer.pings and self._transport is not None:
            self._transport.write(KEEP_ALIVE_ANSWER)
        for message in messages:
            self.endpoint.up.receive(message, peer)
        if error is not None:
            self.endpoint.up.garbled(peer, error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the place in the endpoint."""
        if self._name is not None and self.endpoint.connections.get(self._name) is self:
            del self.endpoint.connections[self._name]
        if not self.lost.done():
            self.lost.set_result(None)

    def write(self, payload: bytes, key: str) -> None:
        """Send, or report why not."""
        if self._transport is None or self._transport.is_closing():
            self.endpoint.fail(key, "the connection is closed")
            return
        if self._transport.get_write_buffer_size() + len(payload) > WRITE_BUFFER_BYTES:
            self._transport.abort()
            self.endpoint.fail(key, f"the peer has left {WRITE_BUFFER_BYTES} bytes unread")
            return
        self._transport.write(payload)

    def close(self) -> None:
        """Send what is written, then close."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP socket."""

    def __init__(self, up: Upward) -> None:
        self._up = up

    def datagram_received(self, data: bytes, addr: tuple[str, int] | tuple[object, ...]) -> None:
        if data.strip(b"\r\n\0"):  # the rest are keep-alives. RFC 5626 §4.4.1
            host, port = addr[:2]
            self._up.receive(data, Peer("UDP", str(host), cast(int, port)))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error says nothing about which message it is for: the transaction times out by itself."""


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _numeric(host: str, port: int, transport: str) -> str:
    """The address of a host, looked up if it is a name. Raises OSError when there is none."""
    if _is_numeric(host):
        return host
    kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)
    return str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])


def _enlarge(udp: socket.socket) -> None:
    """Ask for large buffers; the system gives what it allows."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        udp.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
