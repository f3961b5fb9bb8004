"""A data directory of its own for every test, and a console to ask in the same process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from strowger.base.clock import VirtualClock
from strowger.console.console import Console
from tests.support.console import TOKEN, Bench, ScriptedQueries


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from outside, times in UTC, and nothing of the person who runs the tests."""
    import os
    import time

    for name in [name for name in os.environ if name.startswith("STROWGER")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    queries, clock = ScriptedQueries(), VirtualClock()
    console = Console(queries, TOKEN, clock.wall, administration=queries.administration)
    yield Bench(console, queries, clock, await console.start("127.0.0.1", 0))
    await console.stop()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """The admin token of the console, as an operator has it."""
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path
