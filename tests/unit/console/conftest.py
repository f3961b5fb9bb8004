"""The console on a free port, in front of a server that knows only what the test tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from strowger.base.clock import VirtualClock
from strowger.console.body import BodyLimits
from strowger.console.console import Console
from strowger.console.watch import WatchLimits
from tests.support.console import TOKEN, Bench, ScriptedQueries


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    queries, clock = ScriptedQueries(), VirtualClock()
    console = Console(
        queries,
        TOKEN,
        clock.wall,
        administration=queries.administration,
        hosts=("console.test",),
        body=BodyLimits(octets=1_000, within_s=0.05),
        watch=WatchLimits(watchers=2, changes_waiting=3),
    )
    port = await console.start("127.0.0.1", 0)
    yield Bench(console, queries, clock, port)
    await console.stop()
