"""The HTTP listener: octets in, octets out, with aiohttp's parser (RFC 9112).

The target is handed on exactly as received, because it is part of what the client signed. What a request means is the
API's business.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from itertools import chain
from typing import Final

from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage

from strowger.acs.errors import BodyTooLarge, HeadTooLarge, RequestSlow
from strowger.acs.http_connection import Connection, DateLine, RequestMalformed
from strowger.acs.http_limits import HttpLimits
from strowger.acs.message import Headers, Reply, Request

Handle = Callable[[Request], Awaitable[Reply]]
Serve = Callable[[RawRequestMessage, StreamReader, Connection], Awaitable[Reply]]
_LINE_OVERHEAD: Final = 4
"""Colon, space and line end of a header line."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpListener:
    """Serves one API on any number of addresses, each with TLS or without."""

    def __init__(self, handle: Handle, *, wall: Callable[[], float], limits: HttpLimits | None = None) -> None:
        """`handle` answers each request; `wall` tells seconds since 1970, for the Date header."""
        self._handle: Final = handle
        self._limits: Final = limits or HttpLimits()
        self._date_line: Final = DateLine(wall)
        self._server: Server | None = None
        self._sockets: Final[list[asyncio.Server]] = []

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return 0 if self._server is None else self._server.open_connections

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen on one more address; the port, chosen by the system when 0. Raises OSError."""
        if self._server is None:
            self._server = Server(self._serve, self._limits, self._date_line)
        listening = await asyncio.get_running_loop().create_server(
            self._server,
            host,
            port,
            ssl=ssl_context,
            ssl_handshake_timeout=None if ssl_context is None else self._limits.handshake_s,
        )
        self._sockets.append(listening)
        return int(listening.sockets[0].getsockname()[1])

    async def stop(self, grace_s: float = 5.0) -> None:
        """Take no more connections, let running requests finish for `grace_s` seconds, then close all."""
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(grace_s)
            self._server = None

    async def _serve(self, message: RawRequestMessage, content: StreamReader, connection: Connection) -> Reply:
        """The reply to one request. Raises RequestRefused."""
        target, fields = message.path, message.raw_headers
        head = sum(map(len, chain.from_iterable(fields))) + _LINE_OVERHEAD * len(fields) + len(target)
        if head > self._limits.head_bytes:
            raise HeadTooLarge(f"The request line and headers are longer than {self._limits.head_bytes} bytes.")
        if content.is_eof():  # it came along with the head, as it usually does
            body = content.read_nowait()
            self._check_length(len(body))
        else:
            body = await self._body(message, content, connection)
        if not target.startswith("/"):
            target = _origin_form(target)
        headers = Headers(message.headers.items())
        is_tls = connection.ssl_context is not None
        return await self._handle(Request(message.method, target, headers, body, is_tls, connection.when_gone))

    async def _body(self, message: RawRequestMessage, content: StreamReader, connection: Connection) -> bytes:
        self._check_length(int(message.headers.get("Content-Length", 0)))
        if message.headers.get("Expect", "").lower() == "100-continue" and connection.transport is not None:
            connection.transport.write(_CONTINUE)
        try:
            async with asyncio.timeout(self._limits.body_s):
                return await self._rest(content)
        except TimeoutError:
            raise RequestSlow(f"The body took longer than {self._limits.body_s:g} s.") from None
        except (web.RequestPayloadError, ConnectionError):  # the latter: the client left, and nobody reads the refusal
            raise _BodyMalformed("The body is not framed as its headers say.") from None

    async def _rest(self, content: StreamReader) -> bytes:
        body = bytearray()
        while piece := await content.readany():
            body += piece
            self._check_length(len(body))
        return bytes(body)

    def _check_length(self, octets: int) -> None:
        if octets > self._limits.body_bytes:
            raise BodyTooLarge(f"The body is longer than {self._limits.body_bytes} bytes.")


class _BodyMalformed(RequestMalformed):
    """The body cannot be told from what follows it."""

    status = int(HTTPStatus.BAD_REQUEST)
    closes = True


class Server(web.Server):
    """Makes the connections, and counts them."""

    def __init__(self, serve: Serve, limits: HttpLimits, date_line: DateLine) -> None:
        """`serve` answers each request."""
        super().__init__(_unused)
        self.serve: Final = serve
        self._limits: Final = limits
        self._date_line: Final = date_line
        self.open_connections = 0

    def __call__(self) -> Connection:
        return Connection(self, self._limits, self._date_line)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Count one more."""
        self.open_connections += 1
        super().connection_made(handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Count one less."""
        self.open_connections -= 1
        super().connection_lost(handler, exc)


async def _unused(received: web.BaseRequest) -> web.StreamResponse:
    """What aiohttp would call for each request; `Connection.start` does not."""
    raise NotImplementedError


def _origin_form(target: str) -> str:
    """Path and query of a target in absolute form (RFC 9112 §3.2.2); any other stays and matches no operation."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return target
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"
