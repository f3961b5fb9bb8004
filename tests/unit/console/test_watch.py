"""One watcher's queue."""

from __future__ import annotations

import asyncio
import json

import pytest

from strowger.console.watch import Watch, WatchLimits
from tests.support.console import a_call

pytestmark = pytest.mark.asyncio


class Paper:
    """A response that keeps what is written, or never takes it."""

    def __init__(self, *, is_stuck: bool = False) -> None:
        self.lines: list[dict] = []
        self.is_stuck = is_stuck

    async def write(self, octets: bytes) -> None:
        if self.is_stuck:
            await asyncio.Event().wait()
        assert octets.endswith(b"\n")
        self.lines.append(json.loads(octets))

    @property
    def what(self) -> list[str]:
        return [line["what"] for line in self.lines]


async def test_changes_come_in_order_and_the_end_last() -> None:
    watch, paper = Watch(WatchLimits()), Paper()
    watch.tell(a_call(), "hold")
    watch.tell(a_call(), "ring")
    watch.stop()
    watch.tell(a_call(), "cancel")
    await watch.pump(paper)  # type: ignore[arg-type]
    assert paper.what == ["watching", "hold", "ring", "stopping"]


@pytest.mark.parametrize(("changes", "last"), [(3, "stopping"), (4, "dropped")])
async def test_so_many_changes_may_wait(changes: int, last: str) -> None:
    watch, paper = Watch(WatchLimits(changes_waiting=3)), Paper()
    for _ in range(changes):
        watch.tell(a_call(), "hold")
    watch.stop()
    await watch.pump(paper)  # type: ignore[arg-type]
    assert paper.what == ["watching", "hold", "hold", "hold", last]


async def test_a_client_that_does_not_read_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        await Watch(WatchLimits(write_s=0.0)).pump(Paper(is_stuck=True))  # type: ignore[arg-type]
