"""One HTTP connection: aiohttp's protocol, with bounds on a slow or endless head and errors in the form of the API.

aiohttp parses; what it would answer by itself (its error pages name the product and repeat the octets they complain
about) is replaced here, and so is its response object, which costs more than everything else on the path of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import structlog
from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod, LineTooLong

from strowger.acs import fixdate
from strowger.acs.errors import HeadTooLarge, RequestRefused, RequestSlow, error_reply
from strowger.acs.http_limits import HttpLimits
from strowger.acs.message import Reply

if TYPE_CHECKING:
    from strowger.acs.http import Server

_log: Final = structlog.stdlib.get_logger(__name__)
_STATUS_LINES: Final = {int(status): f"HTTP/1.1 {int(status)} {status.phrase}\r\n" for status in HTTPStatus}


class RequestMalformed(RequestRefused):
    """The octets received are no HTTP request."""

    code = "400"


class ServerFault(RequestRefused):
    """A fault of this program; what was done is unknown."""

    status = 500
    code = "9999"


class DateLine:
    """The Date header of the current second."""

    __slots__ = ("_line", "_second", "_wall")

    def __init__(self, wall: Callable[[], float]) -> None:
        """`wall` tells seconds since 1970."""
        self._wall: Final = wall
        self._second = -1
        self._line = ""

    def __call__(self) -> str:
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._line = f"Date: {fixdate.write(second)}\r\n"
        return self._line


def encode_reply(reply: Reply, date_line: str, *, is_last: bool, has_body: bool = True) -> bytes:
    """The octets of a reply; `is_last` announces the end of the connection, `has_body` is False in answer to HEAD."""
    lines = [_STATUS_LINES[reply.status], date_line]
    lines += [f"{name}: {value}\r\n" for name, value in reply.headers]
    if reply.status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(reply.body)}\r\n")
    lines.append("Connection: close\r\n\r\n" if is_last else "Connection: keep-alive\r\n\r\n")
    return "".join(lines).encode("latin-1") + (reply.body if has_body else b"")


class Written:
    """What aiohttp asks of a response: prepare, write_eof and keep_alive. The octets go out in one write."""

    __slots__ = ("_octets", "_patience_s", "keep_alive")

    def __init__(self, octets: bytes, *, keep_alive: bool, patience_s: float) -> None:
        """`patience_s` is how long the client may take to accept them."""
        self._octets: Final = octets
        self._patience_s: Final = patience_s
        self.keep_alive: Final = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send. Raises ConnectionError when the client is gone or does not read."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(self._octets)
        connection = request.protocol
        if isinstance(connection, Connection):
            # After the last reply no octet belongs to a head any more, so the counts are left to differ.
            connection.answered += self.keep_alive
            if connection.writing_paused:
                await self._drain(request, transport)

    async def _drain(self, request: web.BaseRequest, transport: asyncio.Transport) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await request.writer.drain()
        except TimeoutError:
            transport.abort()
            raise ConnectionAbortedError("the client does not read its replies") from None

    async def write_eof(self) -> None:
        """Nothing is left to send."""

    def as_response(self) -> web.StreamResponse:
        """The same, under the name by which aiohttp's types know it."""
        return cast(web.StreamResponse, self)


class Connection(web.RequestHandler):
    """The server side of one connection."""

    __slots__ = ("_body", "_date_line", "_head_bytes", "_head_timer", "_limits", "_server", "answered")

    def __init__(self, server: Server, limits: HttpLimits, date_line: DateLine) -> None:
        """`server` counts the connections."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_s,
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for no log, its types do not say so
            max_line_size=limits.head_bytes,
            max_field_size=limits.head_bytes,
            max_headers=limits.head_fields,
            lingering_time=limits.linger_s,
            auto_decompress=False,
        )
        self._server: Final = server
        self._limits: Final = limits
        self._date_line: Final = date_line
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._body: StreamReader | None = None
        self.answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or cut it when there are too many."""
        super().connection_made(transport)
        if self._server.open_connections > self._limits.connections and self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of the timer."""
        self._head_ended()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and watch a head that does not come to its end."""
        received = self._request_count
        super().data_received(data)
        if self._request_count != received:
            self._head_ended()
            self._follow_body(*self._messages[-1])
        elif data and received == self.answered and not self._force_close:
            self._head_grew(len(data))

    def _follow_body(self, parsed: object, body: StreamReader) -> None:
        if isinstance(parsed, RawRequestMessage):
            self._body = body
        elif self._body is not None and not self._body.is_eof():
            # The parser gave up within a body; whoever reads it would wait in vain.
            self._body.set_exception(web.RequestPayloadError("the body is malformed"))

    def _head_grew(self, octets: int) -> None:
        self._head_bytes += octets
        if self._head_bytes > self._limits.head_bytes:
            self._cut(HeadTooLarge(f"The request line and headers are longer than {self._limits.head_bytes} bytes."))
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(
                self._limits.head_s, self._cut, RequestSlow(f"The headers took longer than {self._limits.head_s:g} s.")
            )

    def _head_ended(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cut(self, refusal: RequestRefused) -> None:
        self._head_ended()
        if self.transport is not None:
            self.transport.write(encode_reply(error_reply(refusal), self._date_line(), is_last=True))
        self.force_close()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What is answered to octets that are no request, and to a fault of ours; nothing of the octets is repeated."""
        if status >= 500:
            _log.error("request failed", exc_info=exc)
        refusal = _explain(status, exc, self._limits)
        octets = encode_reply(error_reply(refusal), self._date_line(), is_last=True)
        return Written(octets, keep_alive=False, patience_s=self._limits.write_s).as_response()


def _explain(status: int, error: BaseException | None, limits: HttpLimits) -> RequestRefused:
    if status >= 500:
        return ServerFault("The server failed; its log says why.")
    if isinstance(error, LineTooLong):
        return HeadTooLarge(f"The request line and headers are longer than {limits.head_bytes} bytes.")
    if isinstance(error, BadHttpMethod) and "HTTPS" in str(error):
        return RequestMalformed("This port speaks plain HTTP, and the client tries TLS.")
    return RequestMalformed("These octets are no HTTP request.")
