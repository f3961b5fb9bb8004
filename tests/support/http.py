"""An HTTP client that sends octets as told, and a listener to send them to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from strowger.acs.http import HttpListener
from strowger.acs.http_limits import HttpLimits
from strowger.acs.message import Reply, Request

NOW = 784_111_777.9
"""Sun, 06 Nov 1994 08:49:37 GMT, and a bit."""


@dataclass(frozen=True, slots=True)
class RawReply:
    """A reply as it came."""

    status: int
    head: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case."""
        lines = (line.partition(": ") for line in self.head.split("\r\n")[1:] if line)
        return {name.lower(): value for name, _, value in lines}


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def reply(self, *, has_body: bool = True) -> RawReply:
        """The next reply. Raises asyncio.IncompleteReadError when the server closed without one."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        reply = RawReply(int(head.split(" ", 2)[1]), head, b"")
        length = int(reply.headers.get("content-length", 0)) if has_body else 0
        return RawReply(reply.status, head, await self.reader.readexactly(length))

    async def is_closed(self) -> bool:
        """Wait for the end of the connection; True when nothing came before it."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True


class EchoApi:
    """Answers every request and keeps it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.reply = Reply(200, (("X-Own", "1"),), b"ok")
        self.gate: Callable[[], Awaitable[object]] | None = None

    async def handle(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.gate is not None:
            await self.gate()
        return self.reply


@asynccontextmanager
async def listening(
    handle: Callable[[Request], Awaitable[Reply]], limits: HttpLimits | None = None
) -> AsyncIterator[int]:
    """A listener on loopback, for the length of the block; its port."""
    listener = HttpListener(handle, wall=lambda: NOW, limits=limits)
    try:
        yield await listener.start("127.0.0.1", 0)
    finally:
        await listener.stop(1.0)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[RawClient]:
    """A connection for the length of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
