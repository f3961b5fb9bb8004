"""SIP over WebSocket (RFC 7118): the handshake, one message in each frame, keep-alives, and the end.

    accepted ──HTTP request──▶ upgraded ──frames──▶ receive
        │                          └─ peer gone, too large, no pong, not reading, stopped ─┐
        └── refused (400, 403), slow ──────────────────────────────────────────────────────┴─▶ closed

aiohttp reads HTTP and frames. A connection is kept by the same pool as those of TCP, under the same limits. A WebSocket
peer is a client: when its connection is gone, nothing leads to it until it comes again (RFC 7118 §5).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Final, cast

from aiohttp import WSCloseCode, WSMsgType, web

from strowger.base.tasks import spawn
from strowger.base.text import printable
from strowger.sip.flow import Flow
from strowger.sip.transport.connection import MESSAGES_PER_TURN, PONG, Pool
from strowger.sip.transport.flow import ListenAddress, host_port
from strowger.sip.transport.numeric import numeric, peer_host
from strowger.sip.transport.trouble import Trouble

SUBPROTOCOL: Final = "sip"
"""What a client asks for in Sec-WebSocket-Protocol (RFC 7118 §4.1)."""

PING: Final = b"\r\n\r\n"
"""A keep-alive that wants an answer (RFC 5626 §4.4.1)."""

LINE_BYTES: Final = 8_190
"""Octets of the request line and of each header line of a handshake."""

HEADER_FIELDS: Final = 64
"""Header fields of a handshake."""

_HEADERS: Final = {"Server": "strowger"}  # aiohttp would tell its version


class WebSocketConnection:
    """One WebSocket connection, from the moment its socket was accepted."""

    __slots__ = (
        "_handed",
        "_loop",
        "_opened_at",
        "_pool",
        "_queue",
        "_queued_bytes",
        "_transport",
        "_unsettled",
        "_websocket",
        "_why",
        "_writing",
        "accepted",
        "close_by",
        "flow",
        "proven",
    )

    def __init__(self, pool: Pool, flow: Flow) -> None:
        self.flow = flow
        self.accepted = True
        self.proven = False
        """Whether it has brought a message."""
        self.close_by = 0.0
        """Loop time at which a closing connection is cut; 0 while it is alive."""
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._opened_at = self._loop.time()
        self._transport: asyncio.Transport | None = None
        self._websocket: web.WebSocketResponse | None = None
        """There once the handshake is complete."""
        self._queue: deque[tuple[bytes, str]] = deque()
        self._queued_bytes = 0
        self._handed = 0
        """Octets of messages ever given to the transport."""
        self._unsettled: deque[tuple[int, str]] = deque()
        """Keys of messages that the kernel has not taken as far as we know, with the value of `_handed` behind each."""
        self._writing: asyncio.Task[None] | None = None
        self._why = ""

    # ---------------------------------------------------------------------------------------------- towards the peer

    @property
    def alive(self) -> bool:
        """Whether messages may be written to it."""
        return self._websocket is not None and not self.close_by and not self._websocket.closed

    def send(self, payload: bytes, key: str) -> None:
        """Send one message in one frame. If it is not written before the connection ends, the pool is told its key."""
        self._pool.counters.messages_out += 1
        self._queue.append((payload, key))
        self._queued_bytes += len(payload)
        if self._writing is None:
            self._writing = spawn(self._write(), f"write to {self._peer}")
        limit = self._pool.limits.tcp_write_buffer_bytes
        if self._queued_bytes > limit:
            why = f"the peer does not read: {limit} octets wait for it (limits.tcp_write_buffer)"
            self._pool.troubles.note(Trouble.NOT_READING, why, self._peer)
            self._retire(why)
            self._loop.call_soon(self.abort, why)

    def close(self, why: str) -> None:
        """Say goodbye after what was written; `close_s` seconds later the connection is cut."""
        if self._retire(why):
            if self._websocket is None:
                self._cut()
            elif self._writing is None:
                self._writing = spawn(self._write(), f"write to {self._peer}")

    def abort(self, why: str) -> None:
        """End at once."""
        self._retire(why)
        self._cut()

    def overdue(self, now: float) -> None:
        """Close the connection if one of its deadlines has passed. Whether the peer still exists is asked by pings."""
        limits = self._pool.limits
        if self.close_by:
            if now >= self.close_by:
                self.abort(self._why)
            return
        self._settle()
        if self._websocket is None and self._transport is not None and now - self._opened_at >= limits.handshake_s:
            self._give_up(Trouble.HANDSHAKE, f"no WebSocket handshake in {limits.handshake_s:g} s (limits.handshake)")
        elif not self.proven and now - self._opened_at >= limits.tcp_message_s:
            self._give_up(Trouble.SILENT, f"no message in {limits.tcp_message_s:g} s (limits.tcp_message)")

    # ---------------------------------------------------------------------------------------------------- from the peer

    def attach(self, transport: asyncio.Transport | None) -> None:
        """The transport below HTTP stands."""
        self._transport = transport
        if self.close_by:  # given up while it was being set up
            self._cut()

    async def serve(self, request: web.BaseRequest, origins: Collection[str]) -> web.StreamResponse:
        """Answer the handshake and read frames until the end. `origins`: the web pages that may connect; empty: all."""
        refused = _refusal(request, origins)
        if refused is not None:
            return refused
        limits = self._pool.limits
        websocket = web.WebSocketResponse(
            timeout=limits.close_s,
            heartbeat=limits.ws_ping_s,
            protocols=(SUBPROTOCOL,),
            compress=False,
            max_msg_size=limits.ws_frame_bytes + 1,  # aiohttp refuses what is as long as this
        )
        websocket.headers.update(_HEADERS)
        try:
            await websocket.prepare(request)
        except web.HTTPException:
            return _refused(400, "This is no WebSocket handshake (RFC 6455 §4.2.1).")
        self._websocket = websocket
        if not self.close_by:
            self._pool.opened(self)
            await self._read(websocket)
        return websocket

    def lost(self, error: BaseException | None) -> None:
        """The end, whoever caused it. May be called twice."""
        if self._websocket is not None and isinstance(self._websocket.exception(), TimeoutError):
            self._broken(self._websocket.exception())
        self._retire(f"the connection broke: {error}" if error else "the peer closed the connection")
        if self._writing is not None:
            self._writing.cancel()
        unwritten = [key for _, key in (*self._unsettled, *self._queue)]
        self._unsettled.clear()
        self._queue.clear()
        self._transport = None
        self._pool.lost(self, unwritten, f"{self.flow.transport} to {self._peer}: {self._why}")

    # --------------------------------------------------------------------------------------------------------- inside

    @property
    def _peer(self) -> str:
        return host_port(self.flow.host, self.flow.port)

    def _retire(self, why: str) -> bool:
        """Begin to close, for this reason. False if that had begun already."""
        if self.close_by:
            return False
        self._settle()
        self.close_by = self._loop.time() + self._pool.limits.close_s
        self._why = why
        self._pool.retired(self)
        return True

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _give_up(self, trouble: Trouble, why: str) -> None:
        self._pool.troubles.note(trouble, f"connection closed: {why}", self._peer)
        self.close(why)

    async def _write(self) -> None:
        """Write what waits, one frame after another; then say goodbye if we are to close."""
        websocket = self._websocket
        assert websocket is not None
        try:
            while self._queue:
                payload, key = self._queue.popleft()
                self._queued_bytes -= len(payload)
                self._handed += len(payload)
                self._unsettled.append((self._handed, key))
                await websocket.send_frame(payload, WSMsgType.TEXT if _is_text(payload) else WSMsgType.BINARY)
                self._settle()
            if self.close_by:
                await websocket.close(code=WSCloseCode.GOING_AWAY)
                if websocket.close_code != WSCloseCode.ABNORMAL_CLOSURE:  # the peer has read up to our goodbye
                    self._unsettled.clear()
        except ConnectionError as error:
            self.abort(f"the connection broke: {error}")
        finally:
            self._writing = None

    def _settle(self) -> None:
        """Forget the keys of messages that the kernel has taken."""
        if not self._unsettled or self._transport is None or self._transport.is_closing():
            return  # a broken transport has emptied its buffer without writing it
        taken = self._handed - self._transport.get_write_buffer_size()
        while self._unsettled and self._unsettled[0][0] <= taken:
            self._unsettled.popleft()

    async def _read(self, websocket: web.WebSocketResponse) -> None:
        """Hand up one message per frame, by the loop: what a receiver raises then costs one message, no more."""
        read = 0
        async for frame in websocket:
            if frame.type is WSMsgType.TEXT:
                payload = frame.data.encode()
            elif frame.type is WSMsgType.BINARY:
                payload = frame.data
            else:
                self._broken(frame.data)
                return
            if payload.strip(b"\r\n"):
                self._take(payload)
            else:
                await self._keep_alive(websocket, payload)
            read += 1
            seconds = self._pool.pace(self.flow, 1)
            if seconds > 0 or read % MESSAGES_PER_TURN == 0:
                await asyncio.sleep(seconds)
        self._retire("the peer closed the connection")

    def _take(self, payload: bytes) -> None:
        if not self.close_by:
            self.proven = True
            self._pool.counters.messages_in += 1
            self._loop.call_soon(self._pool.receive, payload, self.flow)

    async def _keep_alive(self, websocket: web.WebSocketResponse, payload: bytes) -> None:
        """Answer at once, and read no further until that is possible: who pings and does not read waits for itself."""
        self._pool.counters.keep_alives += 1
        if payload != PING or self.close_by:
            return
        try:
            await websocket.send_frame(PONG, WSMsgType.TEXT)
        except ConnectionError as error:
            self.abort(f"the connection broke: {error}")

    def _broken(self, error: object) -> None:
        """The frames cannot be read any further, or pings are not answered; aiohttp has told the peer."""
        if isinstance(error, TimeoutError):
            why = f"a ping got no answer in {self._pool.limits.ws_ping_s / 2:g} s (limits.ws_ping)"
            trouble = Trouble.IDLE
        else:
            why, trouble = f"no WebSocket frame: {printable(str(error))}", Trouble.UNFRAMEABLE
        if self._retire(why):
            self._pool.troubles.note(trouble, f"connection closed: {why}", self._peer)


class WebSocketServer(web.Server):
    """Makes the HTTP side of accepted connections."""

    def __init__(self, origins: Collection[str]) -> None:
        """`origins`: the web pages that may connect, as an Origin header has them; empty: all."""
        super().__init__(self._answer)
        self.origins = frozenset(origin.lower() for origin in origins)

    def protocol(self, connection: WebSocketConnection) -> Callable[[], asyncio.Protocol]:
        """What the loop makes the HTTP side of `connection` with."""
        return lambda: _Http(self, connection)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await cast(_Http, request.protocol).connection.serve(request, self.origins)
        response.force_close()
        return response


class _Http(web.RequestHandler):
    """HTTP on one connection: one request, and that asks for a WebSocket."""

    __slots__ = ("connection",)

    def __init__(self, server: WebSocketServer, connection: WebSocketConnection) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for no log, its types do not say so
            tcp_keepalive=False,  # set with all other options when the socket was accepted
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
            max_headers=HEADER_FIELDS,
            lingering_time=0.0,
            auto_decompress=False,
        )
        self.connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop has taken over the socket, and TLS stands where it is wanted."""
        super().connection_made(transport)
        self.connection.attach(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        """The end."""
        super().connection_lost(exc)
        self.connection.lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What is answered to octets that are no request; nothing of the octets is repeated."""
        if request.writer.output_size > 0:
            raise ConnectionError("the handshake was answered already")
        return _refused(400 if status < 500 else 500, "This is no HTTP request that can be taken.")


class MountedWebSocket:
    """A WebSocket door on somebody else's HTTP listener; counts as a listener of its own."""

    __slots__ = ("_admit", "address", "family", "index")

    def __init__(
        self,
        address: ListenAddress,
        index: int,
        admit: Callable[[web.BaseRequest, Flow], Awaitable[web.StreamResponse]],
    ) -> None:
        """`address`: where the HTTP listener is reached; `admit` serves a request on a flow that lacks its number."""
        self.address = address
        self.index = index
        host = numeric(address.host)
        self.family = host.family if host else 0
        """4 or 6; 0 when the listener's host is a name."""
        self._admit = admit

    def bound(self, port: int) -> None:
        """The HTTP listener has this port; for who asked for any."""
        self.address = self.address._replace(port=port)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request: a WebSocket until its end, or a refusal."""
        peer = request.transport.get_extra_info("peername") if request.transport else None
        if not peer:
            return _refused(400, "The connection is gone.")
        flow = Flow(self.address.transport, peer_host(peer), peer[1], self.index)
        return await self._admit(request, flow)

    def close(self) -> None:
        """Nothing to do: the HTTP listener is closed by its owner, the connections by the pool."""


def unavailable() -> web.StreamResponse:
    """What is answered when there is no room for one more connection."""
    return _refused(503, "There are too many connections.")


def _refusal(request: web.BaseRequest, origins: Collection[str]) -> web.StreamResponse | None:
    wanted = request.headers.get("Sec-WebSocket-Protocol", "")
    if request.method != "GET" or SUBPROTOCOL not in [each.strip() for each in wanted.split(",")]:
        return _refused(400, "This is for WebSocket clients that ask for the subprotocol sip (RFC 7118 §4.1).")
    origin = request.headers.get("Origin", "")
    if origins and origin.lower() not in origins:
        return _refused(403, "Web pages of this origin may not connect (sip.ws_origins).")
    return None


def _refused(status: int, sentence: str) -> web.Response:
    response = web.Response(status=status, text=sentence, headers=_HEADERS)
    response.force_close()
    return response


def _is_text(payload: bytes) -> bool:
    """Whether a text frame may carry it: all of it must be UTF-8 (RFC 7118 §4.2)."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
