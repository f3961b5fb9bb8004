"""Background tasks started by strowger.base.tasks."""

from __future__ import annotations

import asyncio
import gc

import pytest
from structlog.testing import capture_logs

from strowger.base.tasks import running, spawn


class BoomError(Exception):
    """What the failing task raises."""


async def _fail() -> None:
    raise BoomError("the wire was cut")


async def _answer() -> int:
    return 42


@pytest.mark.asyncio
async def test_a_task_has_its_name_and_result() -> None:
    task = spawn(_answer(), "answering")
    assert running() == ["answering"]
    assert await task == 42
    assert running() == []


@pytest.mark.asyncio
async def test_a_task_is_its_owners_while_it_runs() -> None:
    owned: set[asyncio.Task[object]] = set()
    task = spawn(_answer(), "answering", owned)
    assert owned == {task}
    await task
    assert owned == set()


@pytest.mark.asyncio
async def test_a_task_nobody_holds_survives_collection() -> None:
    begin, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        await begin.wait()
        ended.set()

    spawn(wait(), "forgotten")
    await asyncio.sleep(0)
    gc.collect()
    begin.set()
    await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.asyncio
async def test_a_failure_is_logged_and_raised() -> None:
    with capture_logs() as logs:
        with pytest.raises(BoomError):
            await spawn(_fail(), "failing")
        await asyncio.sleep(0)
    assert [(entry["log_level"], entry["event"], entry["task"], str(entry["exc_info"])) for entry in logs] == [
        ("error", "task failed", "failing", "the wire was cut")
    ]
    assert running() == []


@pytest.mark.asyncio
async def test_a_cancelled_task_is_no_failure() -> None:
    with capture_logs() as logs:
        task = spawn(asyncio.sleep(3600), "waiting")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
    assert logs == []
    assert running() == []
