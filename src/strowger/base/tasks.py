"""Background tasks that can neither vanish nor fail in silence.

The event loop holds tasks weakly, so one that nobody refers to may be collected while it runs; and an exception in a
task that nobody awaits is reported late or never. `spawn` keeps a reference until the task ends and reports its
exception at once. Stopping the tasks stays with whoever started them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final, TypeVar

import structlog

T = TypeVar("T")

_running: Final[dict[asyncio.Task[object], set[asyncio.Task[object]] | None]] = {}
"""Every task, and the set of its owner if it has one."""
_log: Final = structlog.stdlib.get_logger(__name__)


def spawn(
    work: Coroutine[object, object, T], name: str, owned: set[asyncio.Task[object]] | None = None
) -> asyncio.Task[T]:
    """Start `work` as a task called `name` in the running loop. Its exception is logged, and raised when awaited.

    The task is in `owned` while it runs, so that its owner can stop it.
    """
    task = asyncio.create_task(work, name=name)
    _running[task] = owned
    if owned is not None:
        owned.add(task)
    task.add_done_callback(_ended)
    return task


def running() -> list[str]:
    """The names of the tasks that have not ended, sorted: for a clean stop and for tests."""
    return sorted(task.get_name() for task in _running)


def _ended(task: asyncio.Task[object]) -> None:
    owned = _running.pop(task)
    if owned is not None:
        owned.discard(task)
    if task.cancelled():
        return
    error = task.exception()
    if error is not None:
        _log.error("task failed", task=task.get_name(), exc_info=error)
