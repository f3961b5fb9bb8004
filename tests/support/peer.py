"""Bytes to and from the server over UDP, TCP or WebSocket: a peer that sends exactly what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Iterable
from typing import Protocol

import aiohttp

from strowger.sip.message.framing import StreamFramer
from tests.support.server import HOST, Server

SIP_PORTS = (5060, 5061)
"""Where a response goes when Via names no port (RFC 3261 §18.2.2)."""


class Peer(Protocol):
    """One way to the server. What it sends comes in `inbox`, in order."""

    inbox: asyncio.Queue[bytes]
    is_closed: asyncio.Event
    """Whether the server has ended the connection; never for UDP."""

    async def send(self, payload: bytes) -> None:
        """Exactly these bytes, as one datagram or one frame where there are such."""

    async def finish(self) -> None:
        """Nothing more will be sent."""

    async def close(self) -> None:
        """Leave nothing behind."""


class UdpPeer:
    """A host of its own on the loopback network, so that answers to the ports a message names arrive somewhere."""

    def __init__(self, server: Server, host: str, ports: Iterable[int]) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.is_closed = asyncio.Event()
        self._server = (host if ":" in host else HOST, server.sip_port)
        self._sockets = [_bound(host, port) for port in ports]
        for each in self._sockets:
            asyncio.get_running_loop().add_reader(each, self._read, each)

    @property
    def port(self) -> int:
        """Where it sends from."""
        port: int = self._sockets[0].getsockname()[1]
        return port

    def _read(self, readable: socket.socket) -> None:
        self.inbox.put_nowait(readable.recv(65_535))

    async def send(self, payload: bytes) -> None:
        self._sockets[0].sendto(payload, self._server)

    async def finish(self) -> None:
        """A datagram has no end but its own."""

    async def close(self) -> None:
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each)
            each.close()


class TcpPeer:
    """One connection; what comes back is cut into messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.is_closed = asyncio.Event()
        self.pongs = 0
        """Answers to keep-alives (RFC 5626 §3.5.1) that came by themselves."""
        self._reader, self._writer = reader, writer
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        framer = StreamFramer()
        with contextlib.suppress(ConnectionError):
            while data := await self._reader.read(65_535):
                self.pongs += data == b"\r\n"
                for message in framer.feed(data):
                    self.inbox.put_nowait(message)
        self.is_closed.set()

    async def send(self, payload: bytes) -> None:
        self._writer.write(payload)
        await self._writer.drain()

    async def finish(self) -> None:
        self._writer.write_eof()

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.transport.abort()


class WebSocketPeer:
    """One WebSocket, every message in a binary frame (RFC 7118 §4.2)."""

    def __init__(self, session: aiohttp.ClientSession, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.is_closed = asyncio.Event()
        self._session, self._websocket = session, websocket
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._websocket:
            self.inbox.put_nowait(message.data if isinstance(message.data, bytes) else message.data.encode())
        self.is_closed.set()

    async def send(self, payload: bytes) -> None:
        await self._websocket.send_bytes(payload)

    async def finish(self) -> None:
        """A frame has no end but its own."""

    async def close(self) -> None:
        self._reading.cancel()
        await self._websocket.close()
        await self._session.close()


async def peer_over(transport: str, server: Server, host: str = HOST, ports: Iterable[int] = (0,)) -> Peer:
    """A peer of the server at that address of it. A UDP peer is at that address too, of which 127.0.0.0/8 has many; it
    listens on these ports, and sends from the first."""
    if transport == "udp":
        return UdpPeer(server, host, ports)
    if transport == "tcp":
        return TcpPeer(*await asyncio.open_connection(host, server.sip_port))
    session = aiohttp.ClientSession()
    authority = f"[{host}]:{server.ws_port}" if ":" in host else f"{host}:{server.ws_port}"
    return WebSocketPeer(session, await session.ws_connect(f"ws://{authority}/", protocols=["sip"]))


def own_host() -> str:
    """A loopback address that nobody else is likely to use: its well-known ports are free."""
    return "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))


async def next_message(peer: Peer, wanted: Callable[[bytes], bool], timeout_s: float = 5.0) -> bytes:
    """The next wanted message; others are passed over."""
    async with asyncio.timeout(timeout_s):
        while not wanted(message := await peer.inbox.get()):
            pass
        return message


def _bound(host: str, port: int) -> socket.socket:
    result = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    result.setblocking(False)
    result.bind((host, port))
    return result
