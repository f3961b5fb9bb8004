"""Both stores, for tests of what they keep beside calls."""

from __future__ import annotations

import asyncio

import pytest_asyncio

from strowger.storage.memory import MemoryStore
from strowger.storage.retention import Retention
from tests.support.storage import open_sqlite


@pytest_asyncio.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    memory = request.param == "memory"
    opened = MemoryStore(asyncio.get_running_loop().call_soon, Retention()) if memory else open_sqlite(tmp_path)
    yield opened
    opened.close()
