"""The HTTP listener of console and metrics: one request on each connection, bounded and in a hurry.

Whoever reads here asks rarely, so that connections are not kept: a client that is slow, silent or one of too many is
cut off by a single timer and a single count. aiohttp parses; its own error pages, which name its version, are replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

import structlog
from aiohttp import web

from strowger.console.errors import RequestMalformed, ServerFault
from strowger.console.reply import refusal

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_log: Final = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """What a client may take."""

    connections: int = 200
    """Open at one time, besides those that have become WebSockets; beyond it new ones are cut."""
    head_s: float = 10.0
    """Seconds from connecting to the end of the headers."""
    line_bytes: int = 8_190
    """Request line, and each header line."""
    header_fields: int = 64
    stop_s: float = 2.0
    """Seconds that requests under way have when the listener stops."""


class Listener:
    """Answers HTTP on any number of addresses."""

    def __init__(self, answer: Answer, limits: ListenerLimits | None = None) -> None:
        """`answer` makes the response to each request."""
        self._answer = answer
        self._limits = limits or ListenerLimits()
        self._server: _Server | None = None
        self._sockets: list[asyncio.Server] = []

    async def start(self, host: str, port: int, websocket: Answer | None = None) -> int:
        """Listen on one more address; returns the port, chosen by the system when 0. Raises OSError.

        `websocket` is what `serve_websocket` hands requests to that came by this address.
        """
        if self._server is None:
            self._server = _Server(self._close_after, self._limits)
        server = self._server
        listening = await asyncio.get_running_loop().create_server(lambda: _Connection(server, websocket), host, port)
        self._sockets.append(listening)
        return int(listening.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more connections and give those that are open a moment. May be called twice."""
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(self._limits.stop_s)
            self._server = None

    async def _close_after(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await self._answer(request)
        response.force_close()
        return response


async def serve_websocket(request: web.BaseRequest) -> web.StreamResponse | None:
    """Hand the request to the WebSockets of the address it came by, until they are done with it; None: none there."""
    return await cast(_Connection, request.protocol).serve_websocket(request)


class _Server(web.Server):
    """Makes the connections."""

    def __init__(self, answer: Answer, limits: ListenerLimits) -> None:
        # A client that goes away cancels what is done for it: that is how a watch ends.
        super().__init__(answer, handler_cancellation=True)
        self.limits = limits
        self.websockets = 0
        """Connections that are somebody else's now, who has limits of his own for them."""


class _Connection(web.RequestHandler):
    """The server side of one connection."""

    __slots__ = ("_head_timer", "_server", "_websocket")

    def __init__(self, server: _Server, websocket: Answer | None) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for no log, its types do not say so
            max_line_size=server.limits.line_bytes,
            max_field_size=server.limits.line_bytes,
            max_headers=server.limits.header_fields,
            lingering_time=0.0,
            auto_decompress=False,
        )
        self._server = server
        self._websocket = websocket
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or cut it when there are too many."""
        super().connection_made(transport)
        if len(self._server.connections) - self._server.websockets > self._server.limits.connections:
            self._abort()
            return
        self._head_timer = asyncio.get_running_loop().call_later(self._server.limits.head_s, self._head_over)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of the timer."""
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    async def serve_websocket(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """See the function of this name."""
        if self._websocket is None:
            return None
        self._server.websockets += 1
        try:
            return await self._websocket(request)
        finally:
            self._server.websockets -= 1

    def _head_over(self) -> None:
        if self._request_count == 0:
            self._abort()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What is answered to octets that are no request, and to a fault of ours; nothing of the octets is repeated."""
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun already")
        if status >= 500:
            _log.error("console request failed", exc_info=exc)
            response = refusal(ServerFault("The server failed; its log says why."))
        else:
            response = refusal(RequestMalformed("These octets are no HTTP request that the console takes."))
        response.force_close()
        return response
