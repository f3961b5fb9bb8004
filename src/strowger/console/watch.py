"""One watcher of calls: a bounded queue between the path of a call and a client that reads as it pleases."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web

from strowger.calls.call import Call
from strowger.console.views import DROPPED, STOPPING, WATCHING, ChangeView, view

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """What watchers may take."""

    watchers: int = 32
    """Clients that may watch at one time."""
    changes_waiting: int = 1_000
    """Changes queued for one watcher; one that is further behind is dropped."""
    write_s: float = 10.0
    """Seconds that a watcher has to take what is sent; then the connection is cut."""


class Watch:
    """What one client has yet to be told."""

    def __init__(self, limits: WatchLimits) -> None:
        self._most = limits.changes_waiting
        self._write_s = limits.write_s
        self._changes: deque[tuple[Call, str]] = deque()
        self._last: ChangeView | None = None
        self._news = asyncio.Event()

    def tell(self, call: Call, what: str) -> None:
        """A `queries.Watcher`: keep the change for later. Costs the call next to nothing."""
        if self._last is not None:
            return
        if len(self._changes) >= self._most:
            self._end(ChangeView(DROPPED, message=f"{self._most} changes were waiting: this watcher reads too slowly"))
            return
        self._changes.append((call, what))
        self._news.set()

    def stop(self) -> None:
        """The server stops: tell what is waiting, and that."""
        self._end(ChangeView(STOPPING, message="the server stops"))

    def _end(self, last: ChangeView) -> None:
        if self._last is None:
            self._last = last
            self._news.set()

    async def pump(self, response: web.StreamResponse) -> None:
        """Write line after line until there is a last one. Raises TimeoutError when the client does not read."""
        await self._write(response, _line(ChangeView(WATCHING)))
        while self._last is None or self._changes:
            await self._news.wait()
            self._news.clear()
            while self._changes:
                call, what = self._changes.popleft()
                await self._write(response, _line(ChangeView(what, view(call))))
        await self._write(response, _line(self._last))

    async def _write(self, response: web.StreamResponse, line: bytes) -> None:
        async with asyncio.timeout(self._write_s):
            await response.write(line)


def _line(change: ChangeView) -> bytes:
    return _encode(change) + b"\n"
