from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from strowger.storage.addition import Addition
from strowger.storage.retention import Retention
from strowger.storage.sqlite import SqliteStore
from tests.support.storage import an_event


@pytest.mark.asyncio
async def test_events_are_kept_once(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    store = SqliteStore.open(tmp_path / "strowger.db", loop=loop, retention=Retention(1, 1.0, 1, 1.0, 10))
    done: asyncio.Future[object] = loop.create_future()
    store._writer.submit(Addition([an_event("a"), an_event("b"), an_event("a")]), done.set_result)
    assert await done is None
    assert [entry.event_id for entry in store.pending_events()] == ["a", "b"]
    store.close()
