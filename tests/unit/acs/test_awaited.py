from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from strowger.acs.awaited import awaited


@pytest.mark.asyncio
async def test_an_answer_that_comes_at_once() -> None:
    def ask(answer: Callable[[int], None]) -> None:
        answer(7)

    assert await awaited(ask) == 7


@pytest.mark.asyncio
async def test_an_answer_that_comes_later() -> None:
    loop = asyncio.get_running_loop()

    def ask(answer: Callable[[str], None]) -> None:
        loop.call_soon(answer, "late")

    assert await awaited(ask) == "late"


@pytest.mark.asyncio
async def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    callbacks: list[Callable[[int], None]] = []
    waiting = asyncio.ensure_future(awaited(callbacks.append))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    callbacks[0](1)
