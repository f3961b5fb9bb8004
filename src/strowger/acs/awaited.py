"""The bridge from callbacks to await: the domain and the store call back, coroutines of this room wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def awaited(ask: Callable[[Callable[[T], None]], None]) -> T:
    """What `ask` hands to the callback that it is given, now or later. Nobody may be waiting any more when it does."""
    answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    ask(lambda value: None if answer.done() else answer.set_result(value))
    return await answer
