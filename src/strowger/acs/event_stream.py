"""Somebody who waits for events, and the stream of Server-Sent Events that it reads (HTML: Server-sent events §9.2).

    retry: 1000

    id: 12
    event: Microsoft.Communication.IncomingCall
    data: {"id":"…","eventType":"Microsoft.Communication.IncomingCall",…}

    :

The id is the event's number, so a reader that comes again with it as Last-Event-ID goes on behind it. A comment tells a
silent reader, and whatever lies between, that the stream lives. A stream ends by itself after a while, because its
reader is asked for a credential only when it begins.
"""

from __future__ import annotations

import asyncio
from typing import Final

from strowger.calls.pull import PulledEvent, PullQueues

BEGINNING: Final = b"retry: 1000\n\n"
"""A reader that lost its stream comes again after a second."""
KEEP_ALIVE: Final = b":\n\n"
EVENTS_AT_ONCE: Final = 16
"""Events of one piece, which waits as a whole for a reader that is slow."""


class Reading:
    """A `calls.pull.Reader`: one poll, or one stream."""

    __slots__ = ("_news", "is_over", "now")

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self.now = asyncio.get_running_loop().time
        """Tells the time that waiting is measured by, in seconds."""
        self.is_over = False
        """Whether nothing more will come, or nobody reads any more."""

    def wake(self) -> None:
        """There may be something new."""
        self._news.set()

    def end(self) -> None:
        """Nothing more will come, or nobody reads any more."""
        self.is_over = True
        self._news.set()

    async def woken(self, within_s: float) -> bool:
        """Wait for `wake` or `end`; False when neither came in time."""
        try:
            async with asyncio.timeout(within_s):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


class EventStream:
    """The pieces of one stream: an `acs.message.Pieces`. `reading` has joined the queue, and leaves it with the end."""

    __slots__ = ("_after", "_ends_at", "_keep_alive_s", "_queues", "_reading", "_subscription")

    def __init__(
        self,
        queues: PullQueues,
        subscription: str,
        after: int,
        reading: Reading,
        *,
        keep_alive_s: float,
        lasts_s: float,
    ) -> None:
        self._queues = queues
        self._subscription = subscription
        self._after = after
        self._reading = reading
        self._keep_alive_s = keep_alive_s
        self._ends_at = reading.now() + lasts_s

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> bytes:
        """What is to be sent next. Raises StoreUnavailable, after which the reader comes again."""
        while not self._reading.is_over:
            left_s = self._ends_at - self._reading.now()
            if left_s <= 0:
                break
            events = self._queues.waiting(self._subscription, self._after, EVENTS_AT_ONCE)
            if events:
                self._after = events[-1].number
                return b"".join(map(frame, events))
            if not await self._reading.woken(min(self._keep_alive_s, left_s)):
                return KEEP_ALIVE
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Nobody reads any more."""
        self._reading.end()
        self._queues.leave(self._subscription, self._reading)


def frame(event: PulledEvent) -> bytes:
    """One event as it is sent."""
    kind = b"".join(event.type.encode().split())  # a line break in it would begin a field of its own
    data = b"\ndata: ".join(event.body.splitlines())
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, kind, data)
