"""What a start takes up of the calls before it, in which order, and at which pace."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from strowger import recovery
from strowger.base.clock import VirtualClock
from strowger.recovery import CALLS_RECALLED, ENDED_LATELY_S, Recovery


def stored(call_id: str, *, is_over: bool = False, leg: bytes = b"leg") -> Any:
    return SimpleNamespace(call=SimpleNamespace(call_id=call_id, is_over=is_over), leg=leg)


class Bench:
    """A store with calls, and everything that is done about them in one list."""

    def __init__(self, live: list[Any], ended: list[Any]) -> None:
        self.log: list[tuple[object, ...]] = []
        self.clock = VirtualClock()
        self.recent = [stored("recent").call]
        self.live, self.ended = live, ended
        outside = SimpleNamespace(recall=lambda calls, now, wall: self.log.append(("recall", calls, now, wall)))
        exchange: Any = SimpleNamespace(restore=self.does("live"), resume=self.does_by_id("go on"), outside=outside)
        restart: Any = SimpleNamespace(restore_ended=self.does("ended"), resume=self.does_by_id("owed"))
        store: Any = self
        self.recovery = Recovery(store, exchange, restart, self.clock)

    def does(self, what: str) -> Any:
        return lambda stored: self.log.append((what, stored.call.call_id))

    def does_by_id(self, what: str) -> Any:
        return lambda call_id: self.log.append((what, call_id))

    def live_calls(self) -> list[Any]:
        return self.live

    def ended_calls(self, since: float) -> list[Any]:
        assert since == self.clock.wall() - ENDED_LATELY_S
        return self.ended

    def recent_calls(self, limit: int) -> list[Any]:
        assert limit == CALLS_RECALLED
        return self.recent


@pytest.mark.asyncio
async def test_every_call_is_known_before_anything_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "RESUME_PAUSE_S", 0.0)
    bench = Bench([stored("a"), stored("b")], [stored("c", is_over=True), stored("without a leg", leg=b"")])
    bench.recovery.restore()
    now, wall = bench.clock.monotonic(), bench.clock.wall()
    assert bench.log == [("live", "a"), ("live", "b"), ("ended", "c"), ("recall", bench.recent, now, wall)]
    bench.log.clear()
    await bench.recovery.resume()
    assert bench.log == [("go on", "a"), ("go on", "b"), ("owed", "c")]
    await bench.recovery.resume()
    assert len(bench.log) == 3, "once"


@pytest.mark.asyncio
async def test_calls_go_on_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "RESUMED_AT_ONCE", 2)
    bench = Bench([stored(f"call {n}") for n in range(5)], [])
    said_by_then: list[tuple[float, int]] = []

    async def sleep(seconds: float) -> None:
        said_by_then.append((seconds, len([what for what, *_ in bench.log if what == "go on"])))

    monkeypatch.setattr("strowger.recovery.asyncio.sleep", sleep)
    bench.recovery.restore()
    await bench.recovery.resume()
    assert said_by_then == [(recovery.RESUME_PAUSE_S, 2), (recovery.RESUME_PAUSE_S, 4), (recovery.RESUME_PAUSE_S, 5)]
