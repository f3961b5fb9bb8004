"""All TCP connections: which one leads to a peer, who may open one, which have outstayed (RFC 3261 §18, §18.2.2)."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from strowger.base.tasks import spawn
from strowger.sip.flow import Flow
from strowger.sip.transport.connection import READ_BYTES, Connection, Garbled
from strowger.sip.transport.flow import host_port
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.numeric import Numeric, group_of, printed
from strowger.sip.transport.sockets import open_outgoing, tune_connection
from strowger.sip.transport.trouble import Counters, Trouble, Troubles

SWEEP_S: Final = 1.0
"""Seconds between two looks at the deadlines of all connections; less when a deadline itself is that short."""

Peer: TypeAlias = tuple[str, int]
"""Numeric host and port of the other end."""

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
    """The TCP connections of all listeners."""

    def __init__(
        self,
        *,
        receive: Callable[[bytes, Flow], None],
        garbled: Garbled,
        failed: Failed,
        limits: TransportLimits,
        counters: Counters,
        troubles: Troubles,
        first_number: int,
    ) -> None:
        """Connections are numbered from `first_number`; choose it so that no number of an earlier run comes again."""
        self.receive = receive
        self.garbled = garbled
        self.limits = limits
        self.counters = counters
        self.troubles = troubles
        self.read_buffer = memoryview(bytearray(READ_BYTES))
        self._failed = failed
        self._next_number = first_number
        self._all: dict[int, Connection] = {}
        """Every connection that holds a socket, by number, closing ones included."""
        self._silent: dict[int, Connection] = {}
        """Accepted connections by age; those that have brought a message are taken out when looked at."""
        self._to: dict[Peer, Connection] = {}
        """The connection to use towards a peer."""
        self._connecting: dict[Peer, _Connecting] = {}
        self._accepted_from: dict[bytes, int] = {}
        """Accepted connections by the group of the peer's address."""
        self._sweeping: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        """Done when the last connection of a stopped pool is gone; exists from `stop` on."""

    # ------------------------------------------------------------------------------------------------- towards the peer

    def send(self, flow: Flow, peer: Numeric, payload: bytes, key: str, source: Numeric | None) -> None:
        """Write to the flow's connection if it lives, else to any to that peer, else to a new one.

        `peer` is the flow's host, read; `source` our address to connect from, None for the system's choice.
        """
        where = (printed(peer), flow.port)
        connection = self._all.get(flow.connection)
        if connection is None or not connection.alive or connection.flow.host != where[0]:
            connection = self._to.get(where)
        if connection is not None and connection.alive:
            connection.send(payload, key)
            return
        coming = self._connecting.get(where) or self._connect(where, flow.listener, peer, source, key)
        if coming is not None:
            self._wait(coming, where, payload, key)

    def _wait(self, coming: _Connecting, peer: Peer, payload: bytes, key: str) -> None:
        full = (
            len(coming.waiting) >= self.limits.connecting_queue
            or coming.waiting_bytes + len(payload) > self.limits.tcp_write_buffer_bytes
        )
        if full:
            reason = f"TCP to {host_port(*peer)}: too much waits for the connection (connecting_queue)"
            self.troubles.note(Trouble.QUEUE_FULL, reason, peer[0])
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
            reason = f"{self.limits.tcp_connecting} other connections are being opened (tcp_connecting)"
        elif not self._make_room():
            reason = f"{self.limits.tcp_connections} connections are open (tcp_connections)"
        if reason:
            reason = f"TCP to {host_port(*where)}: {reason}"
            self.troubles.note(Trouble.CONNECTIONS_FULL, reason, where[0])
            self._failed(key, reason)
            return None
        coming = self._connecting[where] = _Connecting(listener)
        coming.task = spawn(self._open(coming, where, peer, source), f"connect {host_port(*where)}")
        coming.task.add_done_callback(lambda _: self._opening_ended(where, coming))
        return coming

    async def _open(self, coming: _Connecting, where: Peer, peer: Numeric, source: Numeric | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            coming.socket = made = open_outgoing(peer, source)
            async with asyncio.timeout(self.limits.connect_timeout_s):
                await loop.sock_connect(made, peer.at(where[1]))
            tune_connection(made, self.limits)
            connection = Connection(self, Flow("TCP", *where, coming.listener, self._number()), accepted=False)
            await loop.create_connection(self._protocol(connection), sock=made)
        except TimeoutError:
            coming.reason = f"no connection in {self.limits.connect_timeout_s:g} s (connect_timeout_s)"
        except OSError as error:
            coming.reason = os.strerror(error.errno) if error.errno else str(error)  # asyncio words its own

    def _opening_ended(self, where: Peer, coming: _Connecting) -> None:
        """Whatever still waits was not delivered; a socket that no connection has taken over is closed."""
        if self._connecting.get(where) is coming:
            del self._connecting[where]
        if not coming.opened and coming.socket is not None:
            coming.socket.close()
        for _, key in coming.waiting:
            self._undelivered(key, f"TCP to {host_port(*where)}: {coming.reason}", where[0])
        coming.waiting.clear()

    # ---------------------------------------------------------------------------------------------------- from the peer

    def accept(self, made: socket.socket, host: str, port: int, listener: int) -> None:
        """Take over an accepted socket, or close it when there is no room for it."""
        group = group_of(host)
        if self._accepted_from.get(group, 0) >= self.limits.tcp_connections_per_address:
            limit = self.limits.tcp_connections_per_address
            why = f"its address has {limit} already (tcp_connections_per_address)"
            self._refuse(made, Trouble.ADDRESS_FULL, why, host)
            return
        if self._drained is not None or not self._make_room():
            limit = self.limits.tcp_connections
            self._refuse(made, Trouble.CONNECTIONS_FULL, f"{limit} connections are open (tcp_connections)", host)
            return
        try:
            tune_connection(made, self.limits)
        except OSError:  # the peer has already gone
            made.close()
            return
        self._take_over(made, Connection(self, Flow("TCP", host, port, listener, self._number()), accepted=True), group)

    def _take_over(self, made: socket.socket, connection: Connection, group: bytes) -> None:
        self.counters.connections_accepted += 1
        self._accepted_from[group] = self._accepted_from.get(group, 0) + 1
        self._keep(connection)
        self._silent[connection.flow.connection] = connection
        loop = asyncio.get_running_loop()
        task = spawn(
            loop.connect_accepted_socket(self._protocol(connection), made),
            f"accept {host_port(connection.flow.host, connection.flow.port)}",
        )
        task.add_done_callback(lambda task: self._accepting_ended(task, connection, made))

    def _accepting_ended(self, task: asyncio.Task[Any], connection: Connection, made: socket.socket) -> None:
        """A connection that never came to stand must not keep its place."""
        if task.cancelled() or task.exception() is not None:
            made.close()
            self.lost(connection, [], "")

    def _refuse(self, made: socket.socket, trouble: Trouble, why: str, host: str) -> None:
        made.close()
        self.troubles.note(trouble, f"a connection was refused: {why}", host)

    # ---------------------------------------------------------------------------------------------- told by connections

    def opened(self, connection: Connection) -> None:
        """The connection stands: it is the one to use towards its peer, and what waited for it leaves first."""
        peer = (connection.flow.host, connection.flow.port)
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

    def retired(self, connection: Connection) -> None:
        """The next message to its peer needs another connection."""
        peer = (connection.flow.host, connection.flow.port)
        if self._to.get(peer) is connection:
            del self._to[peer]

    def lost(self, connection: Connection, unwritten: list[str], reason: str) -> None:
        """The connection is gone."""
        number = connection.flow.connection
        if self._all.pop(number, None) is None:
            return
        self._silent.pop(number, None)
        self.counters.connections_open = len(self._all)
        if connection.accepted:
            self._one_less(group_of(connection.flow.host))
        for key in unwritten:
            self._undelivered(key, reason, connection.flow.host)
        if not self._all and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # ----------------------------------------------------------------------------------------------------------- inside

    async def stop(self) -> None:
        """Close every connection; what was written has `close_s` to leave, what waits is reported as failed."""
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
        tasks = [coming.task for coming in self._connecting.values() if coming.task is not None]
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

    def _keep(self, connection: Connection) -> None:
        self._all[connection.flow.connection] = connection
        self.counters.connections_open = len(self._all)
        if self._sweeping is None:
            self._sweep_later()

    def _make_room(self) -> bool:
        """Whether one more connection may exist; the oldest one that never brought a message is closed for it."""
        if len(self._all) + len(self._connecting) < self.limits.tcp_connections:
            return True
        while self._silent:
            number = next(iter(self._silent))
            connection = self._silent.pop(number)
            if connection.proven or connection.close_by:
                continue
            why = f"it brought no message and {self.limits.tcp_connections} are open (tcp_connections)"
            self.troubles.note(Trouble.CONNECTIONS_FULL, f"a connection was closed: {why}", connection.flow.host)
            connection.abort(why)
            return True
        return False

    def _one_less(self, group: bytes) -> None:
        left = self._accepted_from[group] - 1
        if left:
            self._accepted_from[group] = left
        else:
            del self._accepted_from[group]

    def _sweep_later(self) -> None:
        shortest = min(self.limits.tcp_message_s, self.limits.tcp_idle_s, self.limits.close_s)
        self._sweeping = asyncio.get_running_loop().call_later(min(SWEEP_S, shortest / 4), self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._all.values()):
            connection.overdue(now)
        if self._all:
            self._sweep_later()
