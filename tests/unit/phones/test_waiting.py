"""Waiting for a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from strowger.phones.waiting import Watch

pytestmark = pytest.mark.asyncio


async def test_what_is_there_is_found_without_waiting() -> None:
    assert await Watch().until(lambda: 7, 0) == 7


async def test_the_change_is_waited_for() -> None:
    watch = Watch()
    seen: list[int] = []

    def nth(number: int) -> Callable[[], int | None]:
        return lambda: seen[number] if len(seen) > number else None

    waiting = [asyncio.ensure_future(watch.until(nth(number), 5)) for number in (0, 1)]
    for number in (10, 11):
        await asyncio.sleep(0)
        seen.append(number)
        watch.changed()
    assert await asyncio.gather(*waiting) == [10, 11]


async def test_time_runs_out_and_nothing_is_left_behind() -> None:
    watch = Watch()
    with pytest.raises(TimeoutError):
        await watch.until(lambda: None, 0.001)
    assert watch._waiting == []
