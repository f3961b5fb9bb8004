"""All connections: which one leads to a peer, how one is opened, which have outstayed (RFC 3261 §18, §18.2.2).

TCP, TLS and WebSocket share the limits and the end of connections, and differ in what may be sent where: an accepted
connection of TCP leads to its address, while one of TLS has proven nothing and one of WebSocket belongs to a client, so
that these two are used for flows that name them and for no others.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from aiohttp import web

from strowger.base.tasks import spawn
from strowger.sip.flow import Flow
from strowger.sip.transport.connection import READ_BYTES, Connection, Garbled, LiveConnection, Pace, unhurried
from strowger.sip.transport.flow import host_port
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.numeric import Numeric, printed
from strowger.sip.transport.peer import ENCRYPTED, WEBSOCKETS, Peer, peer_of
from strowger.sip.transport.room import Room
from strowger.sip.transport.sockets import open_outgoing, tune_connection
from strowger.sip.transport.tls import TlsContexts, proven_name, why_failed
from strowger.sip.transport.trouble import Counters, Trouble, Troubles
from strowger.sip.transport.websocket import WebSocketConnection, WebSocketServer, unavailable

SWEEP_S: Final = 1.0
"""Seconds between two looks at the deadlines of all connections; less when a deadline itself is that short."""

Failed: TypeAlias = Callable[[str, str], None]
"""Takes the key of a message that was not delivered and the reason; called at any time, so it only schedules."""


@dataclass(slots=True)
class _Connecting:
    """A connection on its way, and what waits for it."""

    listener: int
    waiting: deque[tuple[bytes, str]] = field(default_factory=deque)
    waiting_bytes: int = 0
    task: asyncio.Task[None] | None = None
    socket: socket.socket | None = None
    opened: bool = False
    """Whether a connection has taken over the socket."""
    reason: str = "given up"
    """Why it was not opened."""


class ConnectionPool:
    """The connections of all listeners."""

    def __init__(  # noqa: PLR0913 - everything around it comes in from outside
        self,
        *,
        receive: Callable[[bytes, Flow], None],
        garbled: Garbled,
        failed: Failed,
        limits: TransportLimits,
        counters: Counters,
        troubles: Troubles,
        first_number: int,
        tls: TlsContexts | None = None,
        pace: Pace = unhurried,
        gone: Callable[[Flow], None] = lambda flow: None,
    ) -> None:
        """Connections are numbered from `first_number`; choose it so that no number of an earlier run comes again.

        `pace` says how long not to read a connection that has just brought messages.
        `gone` is told of each connection that ended, but for those that `stop` ends.

        `tls` must be loaded before the first encrypted connection.
        """
        self.receive = receive
        self.garbled = garbled
        self.pace = pace
        self.limits = limits
        self.counters = counters
        self.troubles = troubles
        self.read_buffer = memoryview(bytearray(READ_BYTES))
        self._failed = failed
        self._gone = gone
        self._next_number = first_number
        self._tls = tls
        self._websockets: WebSocketServer | None = None
        self._all: dict[int, LiveConnection] = {}
        """Every connection that holds a socket, by number, closing ones included."""
        self._accepting: dict[int, asyncio.Task[bool]] = {}
        """What sets accepted connections up."""
        self._to: dict[Peer, LiveConnection] = {}
        """The connection to use towards a peer."""
        self._connecting: dict[Peer, _Connecting] = {}
        self._room = Room(limits, troubles, lambda: len(self._all) + len(self._connecting), self._cut)
        self._sweeping: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        """Done when the last connection of a stopped pool is gone; exists from `stop` on."""

    # ------------------------------------------------------------------------------------------------- towards the peer

    def send(self, flow: Flow, peer: Numeric, payload: bytes, key: str, source: Numeric | None) -> None:
        """Write to the flow's connection if it lives, else to any to that peer, else to a new one.

        `peer` is the flow's host, read; `source` our address to connect from, None for the system's choice.
        """
        where = peer_of(flow, printed(peer))
        connection = self._all.get(flow.connection)
        if connection is None or not connection.alive or connection.flow.host != where.host:
            connection = self._to.get(where)
        if connection is not None and connection.alive:
            connection.send(payload, key)
            return
        if flow.transport in WEBSOCKETS:
            self._undelivered(key, f"{where}: the connection is gone, and only the peer can open another", where.host)
            return
        coming = self._connecting.get(where) or self._connect(where, flow.listener, peer, source, key)
        if coming is not None:
            self._wait(coming, where, payload, key)

    def has(self, flow: Flow) -> bool:
        """Whether the connection of a flow still stands."""
        connection = self._all.get(flow.connection)
        return connection is not None and connection.alive and connection.flow.host == flow.host

    def _wait(self, coming: _Connecting, peer: Peer, payload: bytes, key: str) -> None:
        full = (
            len(coming.waiting) >= self.limits.connecting_queue
            or coming.waiting_bytes + len(payload) > self.limits.tcp_write_buffer_bytes
        )
        if full:
            reason = f"{peer}: too much waits for the connection (limits.connecting_queue)"
            self.troubles.note(Trouble.QUEUE_FULL, reason, peer.host)
            self._failed(key, reason)
            return
        coming.waiting.append((payload, key))
        coming.waiting_bytes += len(payload)

    def _connect(
        self, where: Peer, listener: int, peer: Numeric, source: Numeric | None, key: str
    ) -> _Connecting | None:
        """Begin to open a connection; None, and `key` told, when there is no room for it."""
        reason = ""
        if self._drained is not None:
            reason = "the server is stopping"
        elif len(self._connecting) >= self.limits.tcp_connecting:
            reason = f"{self.limits.tcp_connecting} other connections are being opened (limits.tcp_connecting)"
        elif not self._room.make():
            reason = f"{self.limits.tcp_connections} connections are open (limits.tcp_connections)"
        if reason:
            reason = f"{where}: {reason}"
            self.troubles.note(Trouble.CONNECTIONS_FULL, reason, where.host)
            self._failed(key, reason)
            return None
        coming = self._connecting[where] = _Connecting(listener)
        coming.task = spawn(self._open(coming, where, peer, source), f"connect {host_port(where.host, where.port)}")
        coming.task.add_done_callback(lambda _: self._opening_ended(where, coming))
        return coming

    async def _open(self, coming: _Connecting, where: Peer, peer: Numeric, source: Numeric | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            coming.socket = made = open_outgoing(peer, source)
            async with asyncio.timeout(self.limits.connect_timeout_s):
                await loop.sock_connect(made, peer.at(where.port))
            tune_connection(made, self.limits)
            flow = Flow(where.transport, where.host, where.port, coming.listener, self._number(), where.name)
            protocol = self._protocol(Connection(self, flow, accepted=False))
            if where.transport in ENCRYPTED:
                options = self._handshake_options()
                context = self._contexts().client
                await loop.create_connection(
                    protocol, sock=made, ssl=context, server_hostname=proven_name(where.name), **options
                )
            else:
                await loop.create_connection(protocol, sock=made)
        except TimeoutError:
            coming.reason = f"no connection in {self.limits.connect_timeout_s:g} s (limits.connect)"
        except OSError as error:
            coming.reason = why_failed(error, self.limits.handshake_s)

    def _opening_ended(self, where: Peer, coming: _Connecting) -> None:
        """Whatever still waits was not delivered; a socket that no connection has taken over is closed."""
        if self._connecting.get(where) is coming:
            del self._connecting[where]
        if not coming.opened and coming.socket is not None:
            coming.socket.close()
        for _, key in coming.waiting:
            self._undelivered(key, f"{where}: {coming.reason}", where.host)
        coming.waiting.clear()

    # ---------------------------------------------------------------------------------------------------- from the peer

    def accept(self, made: socket.socket, host: str, port: int, listener: int, transport: str = "TCP") -> None:
        """Take over an accepted socket, or close it when there is no room for it."""
        if not self._room.has_place_for(host, is_stopping=self._drained is not None):
            made.close()
            return
        try:
            tune_connection(made, self.limits)
        except OSError:  # the peer has already gone
            made.close()
            return
        flow = Flow(transport, host, port, listener, self._number())
        connection: LiveConnection
        protocol: Callable[[], asyncio.BaseProtocol]
        if transport in WEBSOCKETS:
            connection = WebSocketConnection(self, flow)
            protocol = self._websocket_server().protocol(connection)
        else:
            connection = Connection(self, flow, accepted=True)
            protocol = self._protocol(connection)
        self._take_in(connection)
        task = spawn(self._set_up(protocol, made, connection), f"accept {host_port(host, port)}")
        self._accepting[flow.connection] = task
        task.add_done_callback(lambda task: self._accepting_ended(task, connection, made))

    async def admit_websocket(self, request: web.BaseRequest, flow: Flow) -> web.StreamResponse:
        """Serve a WebSocket that came by somebody else's HTTP listener, until its end; `flow` lacks the number."""
        if not self._room.has_place_for(flow.host, is_stopping=self._drained is not None):
            return unavailable()
        connection = WebSocketConnection(self, flow._replace(connection=self._number()))
        connection.attach(request.transport)
        self._take_in(connection)
        try:
            return await connection.serve(request, self._websocket_server().origins)
        finally:
            connection.lost(None)

    def _take_in(self, connection: LiveConnection) -> None:
        """Count an accepted connection, and keep it."""
        self.counters.connections_accepted += 1
        self._keep(connection)
        self._room.take(connection)

    async def _set_up(
        self, protocol: Callable[[], asyncio.BaseProtocol], made: socket.socket, connection: LiveConnection
    ) -> bool:
        """Let the loop take over an accepted socket; whether the connection stands."""
        loop = asyncio.get_running_loop()
        if connection.flow.transport not in ENCRYPTED:
            await loop.connect_accepted_socket(protocol, made)
            return True
        try:
            options = self._handshake_options()
            context = self._contexts().server
            await loop.connect_accepted_socket(protocol, made, ssl=context, **options)
        except OSError as error:
            why = why_failed(error, self.limits.handshake_s)
            self.troubles.note(Trouble.HANDSHAKE, f"connection closed: {why}", connection.flow.host)
            return False
        return True

    def _accepting_ended(self, task: asyncio.Task[bool], connection: LiveConnection, made: socket.socket) -> None:
        """A connection that never came to stand must not keep its place."""
        self._accepting.pop(connection.flow.connection, None)
        if task.cancelled() or task.exception() is not None or not task.result():
            made.close()
            self.lost(connection, [], "")

    def _cut(self, connection: LiveConnection, why: str) -> None:
        """End a connection whose place is needed."""
        connection.abort(why)
        task = self._accepting.get(connection.flow.connection)
        if task is not None:  # it does not stand yet, so that there is nothing to abort
            task.cancel()

    def _contexts(self) -> TlsContexts:
        """The TLS contexts, with certificates as they are on the disk now."""
        assert self._tls is not None, "encrypted listeners are refused without contexts"
        trouble = self._tls.refresh(asyncio.get_running_loop().time())
        if trouble:
            self.troubles.note(Trouble.CERTIFICATE, trouble)
        return self._tls

    def _handshake_options(self) -> dict[str, Any]:
        return {"ssl_handshake_timeout": self.limits.handshake_s, "ssl_shutdown_timeout": self.limits.close_s}

    def _websocket_server(self) -> WebSocketServer:
        if self._websockets is None:
            self._websockets = WebSocketServer(self.limits.ws_origins)
        return self._websockets

    # ---------------------------------------------------------------------------------------------- told by connections

    def opened(self, connection: LiveConnection) -> None:
        """The connection stands: it is the one to use towards its peer, and what waited for it leaves first."""
        peer = peer_of(connection.flow, connection.flow.host)
        self._room.stands(connection)
        if peer.transport == "TCP" or not connection.accepted:
            self._to[peer] = connection
        if connection.accepted:
            return
        self.counters.connections_opened += 1
        self._keep(connection)
        coming = self._connecting.pop(peer, None)
        if coming is None:  # given up a moment ago
            connection.abort("the server is stopping")
            return
        coming.opened = True
        while coming.waiting and connection.alive:
            connection.send(*coming.waiting.popleft())

    def retired(self, connection: LiveConnection) -> None:
        """The next message to its peer needs another connection."""
        peer = peer_of(connection.flow, connection.flow.host)
        if self._to.get(peer) is connection:
            del self._to[peer]

    def lost(self, connection: LiveConnection, unwritten: list[str], reason: str) -> None:
        """The connection is gone."""
        if self._all.pop(connection.flow.connection, None) is None:
            return
        self.counters.connections_open = len(self._all)
        if connection.accepted:
            self._room.leave(connection)
        for key in unwritten:
            self._undelivered(key, reason, connection.flow.host)
        if self._drained is None:
            self._gone(connection.flow)
        if not self._all and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # ----------------------------------------------------------------------------------------------------------- inside

    async def stop(self) -> None:
        """Close every connection; what was written has `close_s` to leave, what waits is reported as failed."""
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Task[Any]] = []
        tasks += [coming.task for coming in self._connecting.values() if coming.task is not None]
        tasks += [self._accepting[number] for number in self._room.handshakes if number in self._accepting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._all.values()):
            connection.close("the server is stopping")
        if self._all:
            await asyncio.wait([self._drained], timeout=self.limits.close_s)
        for connection in list(self._all.values()):
            connection.abort("the server is stopping")
        if self._all:
            await asyncio.wait([self._drained], timeout=self.limits.close_s)
        if self._sweeping is not None:
            self._sweeping.cancel()

    def _undelivered(self, key: str, reason: str, host: str) -> None:
        self.troubles.note(Trouble.UNDELIVERED, f"a message was not delivered: {reason}", host)
        self._failed(key, reason)

    def _number(self) -> int:
        self._next_number += 1
        return self._next_number

    def _protocol(self, connection: Connection) -> Callable[[], Connection]:
        return lambda: connection

    def _keep(self, connection: LiveConnection) -> None:
        self._all[connection.flow.connection] = connection
        self.counters.connections_open = len(self._all)
        if self._sweeping is None:
            self._sweep_later()

    def _sweep_later(self) -> None:
        limits = self.limits
        shortest = min(limits.tcp_message_s, limits.tcp_idle_s, limits.close_s, limits.handshake_s)
        self._sweeping = asyncio.get_running_loop().call_later(min(SWEEP_S, shortest / 4), self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._all.values()):
            connection.overdue(now)
        if self._all:
            self._sweep_later()
