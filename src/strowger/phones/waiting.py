"""Waiting for something to become true, without looking again and again.

A `Watch` belongs to an object that changes; whoever changes it calls `changed`, whoever waits says what to look for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Watch:
    """Those who wait for a change of one object."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def changed(self) -> None:
        """Let those go on whose wish has come true."""
        for is_there, future in self._waiting:
            if not future.done() and is_there():
                future.set_result(None)

    async def until(self, find: Callable[[], T | None], timeout_s: float) -> T:
        """What `find` finds, as soon as that is not None. Raises TimeoutError after `timeout_s` seconds."""
        found = find()
        async with asyncio.timeout(timeout_s):
            while found is None:
                await self._change(lambda: find() is not None)
                found = find()
        return found

    async def _change(self, is_there: Callable[[], bool]) -> None:
        entry = (is_there, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        finally:
            self._waiting.remove(entry)
