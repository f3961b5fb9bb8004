"""One live TCP or TLS connection (RFC 3261 §18.3): octets in, whole messages out; messages in, octets out.

    opened ──bytes──▶ framing ──messages──▶ receive
       │                 └─ cannot be framed ─▶ answer, half-close, drain ─┐
       └── silent, slow, idle, not reading, lost, stopped ─────────────────┴─▶ closed

Deadlines are kept as moments and judged by `overdue`, which the pool asks about every connection once in a while:
thousands of connections need no timer each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

from strowger.sip.flow import Flow
from strowger.sip.message.errors import ParseError
from strowger.sip.message.framing import StreamFramer
from strowger.sip.transport.flow import host_port
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.trouble import Counters, Trouble, Troubles

READ_BYTES: Final = 32 * 1024
"""Octets taken from one connection in one read."""

MESSAGES_PER_TURN: Final = 16
"""Messages of one read after which other connections get their turn first."""

PONG: Final = b"\r\n"
"""The answer to a double CRLF (RFC 5626 §3.5.1)."""

Garbled = Callable[[Flow, ParseError], bytes | None]
"""What to send before a connection that cannot be framed is closed, None for nothing."""

Pace = Callable[[Flow, int], float]
"""How many seconds not to read, after so many messages; TCP makes the peer wait."""


def unhurried(flow: Flow, messages: int) -> float:
    """The pace of a peer that may send as much as it likes."""
    return 0.0


class LiveConnection(Protocol):
    """What the pool needs of a connection, whatever is spoken on it."""

    flow: Flow
    accepted: bool
    proven: bool
    close_by: float

    @property
    def alive(self) -> bool:
        """Whether messages may be written to it."""

    def send(self, payload: bytes, key: str) -> None:
        """Write one message."""

    def close(self, why: str) -> None:
        """End it when what was written has left."""

    def abort(self, why: str) -> None:
        """End it at once."""

    def overdue(self, now: float) -> None:
        """Close it if one of its deadlines has passed."""


class Pool(Protocol):
    """What a connection needs of the pool that keeps it."""

    limits: TransportLimits
    counters: Counters
    troubles: Troubles
    receive: Callable[[bytes, Flow], None]
    garbled: Garbled
    pace: Pace
    read_buffer: memoryview
    """One for all connections: what a read puts here is copied out before the next read."""

    def opened(self, connection: LiveConnection) -> None:
        """The connection stands: messages may be written to it."""

    def retired(self, connection: LiveConnection) -> None:
        """Nothing more may be written to it; the next message needs another."""

    def lost(self, connection: LiveConnection, unwritten: list[str], reason: str) -> None:
        """It is gone, and with it the messages with the keys `unwritten`."""


class Connection(asyncio.BufferedProtocol):
    """One TCP or TLS connection, accepted or opened by us. What it is told of TLS begins after the handshake."""

    __slots__ = (
        "_active_at",
        "_cut",
        "_framer",
        "_handed",
        "_loop",
        "_opened_at",
        "_pool",
        "_started_at",
        "_transport",
        "_unwritten",
        "_why",
        "accepted",
        "close_by",
        "flow",
        "proven",
    )

    def __init__(self, pool: Pool, flow: Flow, *, accepted: bool) -> None:
        """`accepted`: the peer opened it, and owes a first message."""
        self.flow = flow
        self.accepted = accepted
        self.proven = not accepted
        """Whether it has brought a message."""
        self.close_by = 0.0
        """Loop time at which a closing connection is cut; 0 while it is alive."""
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._framer = StreamFramer(pool.limits.message)
        self._transport: asyncio.Transport | None = None
        self._opened_at = self._active_at = self._loop.time()
        self._started_at = 0.0
        """Loop time at which the unfinished message began; 0 when there is none."""
        self._handed = 0
        """Octets ever given to the transport."""
        self._unwritten: deque[tuple[int, str]] = deque()
        """Keys of messages that the kernel has not taken as far as we know, with the value of `_handed` behind each."""
        self._cut = False
        """Whether we ended it without waiting for what was written."""
        self._why = ""

    # ---------------------------------------------------------------------------------------------- towards the peer

    @property
    def alive(self) -> bool:
        """Whether messages may be written to it. The loop may know of the end before `connection_lost` says so."""
        return self._transport is not None and not self.close_by and not self._transport.is_closing()

    def send(self, payload: bytes, key: str) -> None:
        """Write one message. If it is not written before the connection ends, the pool is told its key."""
        transport = self._transport
        if transport is None or not self.alive:
            raise RuntimeError("written to a connection that is not alive")
        self._handed += len(payload)
        transport.write(payload)
        self._active_at = self._loop.time()
        self._pool.counters.messages_out += 1
        if self.close_by or transport.is_closing():  # the write filled the buffer, or found the connection broken
            self._unwritten.append((self._handed, key))
        elif transport.get_write_buffer_size():
            if not self._unwritten:
                self._loop.call_soon(self._settle)
            self._unwritten.append((self._handed, key))

    def close(self, why: str) -> None:
        """Stop reading and writing; what was written has `close_s` seconds to leave."""
        if self._retire(why) and self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """End at once; what the kernel has not taken is lost."""
        self._retire(why)
        if self._transport is not None:
            self._cut = True
            self._transport.abort()

    def overdue(self, now: float) -> None:
        """Close the connection if one of its deadlines has passed."""
        limits = self._pool.limits
        if self.close_by:
            if now >= self.close_by:
                self.abort(self._why)
            return
        self._settle()
        if self._started_at and now - self._started_at >= limits.tcp_message_s:
            why = f"no complete message in {limits.tcp_message_s:g} s (limits.tcp_message)"
            self._give_up(Trouble.SLOW_MESSAGE, why)
        elif not self.proven and now - self._opened_at >= limits.tcp_message_s:
            self._give_up(Trouble.SILENT, f"no message in {limits.tcp_message_s:g} s (limits.tcp_message)")
        elif now - self._active_at >= limits.tcp_idle_s:
            self._give_up(Trouble.IDLE, f"idle for {limits.tcp_idle_s:g} s (limits.tcp_idle)")

    # ---------------------------------------------------------------------------------------------- from the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop has taken over the socket."""
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        transport.set_write_buffer_limits(high=self._pool.limits.tcp_write_buffer_bytes)
        if self.close_by:  # given up while it was being set up
            transport.abort()
        else:
            self._pool.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the loop reads to."""
        return self._pool.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Cut what was read into messages.

        They are handed over by the loop, one by one: what a receiver raises then reaches the loop's exception handler
        and costs one message, not the connection.
        """
        if self.close_by:  # draining, so that our last words are not destroyed by a reset
            return
        self._active_at = self._loop.time()
        try:
            messages = self._framer.feed(bytes(self._pool.read_buffer[:nbytes]))
        except ParseError as error:
            self._loop.call_soon(self._unframeable, error)
            return
        for message in messages:
            self._loop.call_soon(self._pool.receive, message, self.flow)
        if messages:
            self.proven = True
            self._pool.counters.messages_in += len(messages)
        if self._framer.error is not None:
            self._loop.call_soon(self._unframeable, self._framer.error)
            return
        self._progress(completed=bool(messages))
        self._rest(len(messages))

    def pause_writing(self) -> None:
        """More waits in the buffer than one peer may owe us: it does not read. Cut later, not inside the write."""
        limit = self._pool.limits.tcp_write_buffer_bytes
        if self._retire(f"the peer does not read: {limit} octets wait for it (limits.tcp_write_buffer)"):
            self._pool.troubles.note(Trouble.NOT_READING, self._why, self._peer)
            self._loop.call_soon(self.abort, self._why)

    def eof_received(self) -> bool:
        """The peer has finished: what we had to say leaves, then the connection closes."""
        self._retire("the peer closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever caused it."""
        self._retire(f"the connection broke: {exc}" if exc else "the peer closed the connection")
        self._transport = None
        if exc is None and not self._cut:  # an orderly end waits until everything is written
            self._unwritten.clear()
        reason = f"{self.flow.transport} to {self._peer}: {self._why}"
        self._pool.lost(self, [key for _, key in self._unwritten], reason)

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

    def _give_up(self, trouble: Trouble, why: str) -> None:
        self._pool.troubles.note(trouble, f"connection closed: {why}", self._peer)
        self.close(why)

    def _progress(self, *, completed: bool) -> None:
        """Keep-alives are answered, and the clock of an unfinished message is set."""
        pings = self._framer.pings
        if pings and self._transport is not None:
            self._pool.counters.keep_alives += pings
            self._transport.write(PONG * pings)
            self._handed += len(PONG) * pings
        if not self._framer.pending:
            self._started_at = 0.0
        elif completed or not self._started_at:
            self._started_at = self._active_at

    def _unframeable(self, error: ParseError) -> None:
        """Say why if there is something to say, then read on into nothing until the peer has heard it."""
        if self._transport is None or not self.alive:
            return
        self._pool.troubles.note(Trouble.UNFRAMEABLE, f"connection closed: {error.reason}", self._peer)
        reply = self._pool.garbled(self.flow, error)
        if reply is None:
            self.abort(error.reason)
        elif self._retire(error.reason):
            self._transport.write(reply)
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:  # TLS ends both directions at once
                self._transport.close()

    def _rest(self, messages: int) -> None:
        """Read no further for a turn after many messages, and for longer where the peer may not send so many."""
        if not messages or self._transport is None:
            return
        seconds = self._pool.pace(self.flow, messages)
        if seconds > 0:
            self._transport.pause_reading()
            self._loop.call_later(seconds, self._read_on)
        elif messages > MESSAGES_PER_TURN:
            self._transport.pause_reading()
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._transport is not None and self.alive:
            self._transport.resume_reading()

    def _settle(self) -> None:
        """Forget the keys of messages that the kernel has taken."""
        if not self._unwritten or self._transport is None or self._transport.is_closing():
            return  # a broken transport has emptied its buffer without writing it
        taken = self._handed - self._transport.get_write_buffer_size()
        while self._unwritten and self._unwritten[0][0] <= taken:
            self._unwritten.popleft()
