"""One HTTP connection: aiohttp's protocol, with bounds on a slow or endless head and errors in the form of the API.

aiohttp parses, queues what a client sends ahead and stops reading when that is too much. Taking requests from the
queue and writing replies is done here: aiohttp makes a task, a request, a writer and a response for each request, which
together cost more than everything else on the path of a call, and its error pages name the product and repeat the
octets they complain about.

A reply may go on piece by piece. Then nothing else can follow on its connection, which ends with the last piece; a
client that does not read is cut off, and at no time more than one piece waits for it beside what the transport holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.http_exceptions import BadHttpMethod, LineTooLong

from strowger.acs import fixdate
from strowger.acs.errors import HeadTooLarge, RequestRefused, RequestSlow, error_reply
from strowger.acs.http_limits import HttpLimits
from strowger.acs.message import Pieces, Reply

if TYPE_CHECKING:
    from strowger.acs.http import Server

_log: Final = structlog.stdlib.get_logger(__name__)
_FAULT: Final = "The server failed; its log says why."
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
    if reply.status != HTTPStatus.NO_CONTENT and reply.pieces is None:
        lines.append(f"Content-Length: {len(reply.body)}\r\n")
    lines.append("Connection: close\r\n\r\n" if is_last else "Connection: keep-alive\r\n\r\n")
    return "".join(lines).encode("latin-1") + (reply.body if has_body else b"")


class Connection(web.RequestHandler):
    """The server side of one connection."""

    __slots__ = ("_answered", "_body", "_date_line", "_gone", "_head_bytes", "_head_timer", "_limits", "_server")

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
        self._answered = 0
        self._gone: Callable[[], object] | None = None

    def when_gone(self, call: Callable[[], object]) -> None:
        """Call once, when the client leaves before the request under way is answered."""
        self._gone = call
        if self.transport is None:
            self._loop.call_soon(self._tell_gone)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or cut it when there are too many."""
        super().connection_made(transport)
        if self._server.open_connections > self._limits.connections and self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of the timer, and of a body that nobody will send the rest of."""
        self._head_ended()
        if self._body is not None and not self._body.is_eof():
            self._body.set_exception(ConnectionResetError("the client is gone"))
        super().connection_lost(exc)
        self._tell_gone()

    def _tell_gone(self) -> None:
        if self._gone is not None:
            call, self._gone = self._gone, None
            call()

    def data_received(self, data: bytes) -> None:
        """Parse, and watch a head that does not come to its end."""
        received = self._request_count
        super().data_received(data)
        if self._request_count != received:
            self._head_ended()
            self._follow_body(*self._messages[-1])
        elif data and received == self._answered and not self._force_close:
            self._head_grew(len(data))

    async def start(self) -> None:
        """Answer one request after another, until the connection ends. aiohttp runs this as the connection's task."""
        while await self._has_request():
            message, body = self._messages.popleft()
            self._request_in_progress = True
            try:
                is_last = await self._answer(message, body)
            except ConnectionError:  # the client is gone, or does not read: nobody is left to be told
                break
            finally:
                self._gone = None
                self._request_in_progress = False
                if self._handler_waiter is not None:
                    self._handler_waiter.set_result(None)
            if is_last or self._close or self._force_close:
                break
            self._wait_for_the_next()
        if not self._force_close and self.transport is not None:
            self.transport.close()

    async def _has_request(self) -> bool:
        """Wait for a request; whether there is one, now taken off the parser's count."""
        if self._force_close:
            return False
        if not self._messages:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        return True

    async def _answer(self, message: object, body: StreamReader) -> bool:
        """Answer one request; whether it was the last. Raises ConnectionError."""
        is_last, has_body = True, True
        pieces: Pieces | None = None
        try:
            if not isinstance(message, RawRequestMessage):  # aiohttp queues what went wrong in its place
                raise _explain(getattr(message, "exc", None), self._limits)
            # After an upgrade, which is declined, the parser reads no further request.
            is_last, has_body = message.should_close or message.upgrade, message.method != "HEAD"
            reply = await self._server.serve(message, body, self)
            is_last = is_last or reply.pieces is not None
            octets = encode_reply(reply, self._date_line(), is_last=is_last, has_body=has_body)
            pieces = reply.pieces
        except RequestRefused as refusal:
            is_last = is_last or refusal.closes
            octets = encode_reply(error_reply(refusal), self._date_line(), is_last=is_last, has_body=has_body)
        except Exception as error:  # noqa: BLE001 - the client is told that it is our fault, the log says what
            _log.error("request failed", exc_info=error)
            is_last = True
            octets = encode_reply(error_reply(ServerFault(_FAULT)), self._date_line(), is_last=True, has_body=has_body)
        if pieces is None:
            await self._write(octets)
        else:
            await self._write_pieces(octets, pieces)
        # After the last reply no octet belongs to a head any more, so the counts are left to differ.
        self._answered += not is_last
        is_whole = body.is_eof() or await self._linger(body)
        return is_last or not is_whole

    async def _write(self, octets: bytes) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(octets)
        if not self.writing_paused:
            return
        try:
            async with asyncio.timeout(self._limits.write_s):
                await StreamWriter(self, self._loop).drain()
        except TimeoutError:
            transport.abort()
            raise ConnectionAbortedError("the client does not read its replies") from None

    async def _write_pieces(self, head: bytes, pieces: Pieces) -> None:
        """Raises ConnectionError. What fails is logged; the client only sees the end of the connection."""
        async with contextlib.aclosing(pieces):
            await self._write(head)
            try:
                async for piece in pieces:
                    await self._write(piece)
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 - the head is sent: there is nothing left to tell the client
                _log.error("a reply broke off", exc_info=error)

    async def _linger(self, body: StreamReader) -> bool:
        """Read and drop the rest of a refused body; whether its end came."""
        with contextlib.suppress(TimeoutError, web.RequestPayloadError):
            async with asyncio.timeout(self._limits.linger_s):
                while not body.is_eof():
                    await body.readany()
        return body.is_eof()

    def _wait_for_the_next(self) -> None:
        # One timer for many requests: it looks at this time when it fires, and goes on if that has moved.
        self._next_keepalive_close_time = self._loop.time() + self._limits.idle_s
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

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


def _explain(error: BaseException | None, limits: HttpLimits) -> RequestRefused:
    """Why octets are no request; nothing of them is repeated."""
    if isinstance(error, LineTooLong):
        return HeadTooLarge(f"The request line and headers are longer than {limits.head_bytes} bytes.")
    if isinstance(error, BadHttpMethod) and "HTTPS" in str(error):
        return RequestMalformed("This port speaks plain HTTP, and the client tries TLS.")
    return RequestMalformed("These octets are no HTTP request.")
