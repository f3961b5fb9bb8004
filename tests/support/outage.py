"""A receiver of events that can fail in four ways, and that writes down when each attempt began and ended.

HTTP is read by hand: a server that shares two processors with what it measures must not be slow itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from tests.support.server import HOST, free_ports

_EVENT_ID: Final = re.compile(rb"\r\naeg-output-event-id: ([^\r]+)\r\n", re.IGNORECASE)
_COUNT: Final = re.compile(rb"\r\naeg-delivery-count: (\d+)\r\n", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""A socket that is closed with these sends RST."""


class Failure(StrEnum):
    """How it fails while it is down."""

    REFUSED = "refused"
    """Nobody listens."""
    HUNG = "hung"
    """It takes a request and never answers."""
    BUSY = "503"
    RESET = "reset"
    """It takes a request and breaks the connection."""


@dataclass
class Attempt:
    """One attempt at one event."""

    event_id: str
    count: int
    """What its header said: how many there were before."""
    call: str
    """The subject of the event: who calls whom."""
    age_s: float
    """How long ago the event was made when the attempt began, by the wall clock."""
    began_at: float
    """The loop's clock, seconds."""
    ended_at: float = 0.0
    """When we answered, broke the connection or saw it go; 0 before that."""


@dataclass
class Outage:
    """One receiver. `attempts` has those that reached it, in the order of their beginning."""

    failure: Failure
    is_down: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    taken: dict[str, Attempt] = field(default_factory=dict)
    """The attempt by which each event arrived first, by its id."""
    port: int = field(default_factory=lambda: free_ports(1)[0])

    def __post_init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/events"

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), HOST, self.port, backlog=4_096)

    async def go_down(self) -> None:
        self.is_down = True
        if self.failure is Failure.REFUSED:
            await self.close()

    async def come_back(self) -> None:
        self.is_down = False
        if self.failure is Failure.REFUSED:
            await self.listen()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._connections):
            connection.abort()

    def has_taken(self, events: int) -> bool:
        """Whether so many different events arrived."""
        return len(self.taken) >= events

    def told(self) -> str:
        """How it went, for a person."""
        return f"{self.failure}: {len(self.taken)} events, {len(self.attempts)} attempts"

    def pauses(self) -> Iterator[tuple[int, float]]:
        """The number of each attempt but the last of its event, from 0 on, and the seconds from its end to the
        beginning of the next one.
        """
        last: dict[str, Attempt] = {}
        for attempt in self.attempts:
            before = last.get(attempt.event_id)
            if before is not None and before.count + 1 == attempt.count:
                yield before.count, attempt.began_at - before.ended_at
            last[attempt.event_id] = attempt


class _Connection(asyncio.Protocol):
    """One connection: one request after the other."""

    def __init__(self, outage: Outage) -> None:
        self._outage = outage
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._buffer = b""
        self._hanging: list[Attempt] = []
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._outage._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._outage._connections.discard(self)
        for attempt in self._hanging:
            attempt.ended_at = self._clock()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        now = self._clock()
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, length = self._buffer[: end + 4], _LENGTH.search(self._buffer[: end + 4])
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < total:
                return
            body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
            self._take(head, body, now)

    def _take(self, head: bytes, body: bytes, now: float) -> None:
        event_id, count = _EVENT_ID.search(head), _COUNT.search(head)
        (event,) = json.loads(body)
        if event_id is None or count is None:
            code = event["data"].get("validationCode", "")
            self._fail_or_answer(None, json.dumps({"validationResponse": code}).encode())
            return
        age_s = (datetime.now(UTC) - datetime.fromisoformat(event["eventTime"][:26] + "+00:00")).total_seconds()
        attempt = Attempt(event_id[1].decode(), int(count[1]), event["subject"], age_s, now)
        self._outage.attempts.append(attempt)
        if not self._outage.is_down:
            self._outage.taken.setdefault(attempt.event_id, attempt)
        self._fail_or_answer(attempt, b"")

    def _fail_or_answer(self, attempt: Attempt | None, body: bytes) -> None:
        if self._outage.is_down and self._outage.failure is Failure.HUNG:
            self._hanging += [attempt] if attempt is not None else []
            return
        if not self._outage.is_down:
            self._answer(200, body)
        elif self._outage.failure is Failure.BUSY:
            self._answer(503)
        else:
            handle = self._transport.get_extra_info("socket")
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._transport.abort()
        if attempt is not None:
            attempt.ended_at = self._clock()

    def _answer(self, status: int, body: bytes = b"") -> None:
        self._transport.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
