"""One timer, set to the earliest of all times."""

from __future__ import annotations

import asyncio

import pytest

from strowger.events.alarm import Alarm

pytestmark = pytest.mark.asyncio


class Loop:
    """Timers of the loop that go off when the test says so; its clock stands at 100."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set: list[asyncio.TimerHandle] = []
        loop = asyncio.get_running_loop()

        def call_at(when: float, callback: object) -> asyncio.TimerHandle:
            handle = asyncio.TimerHandle(when, callback, (), loop)  # type: ignore[arg-type]
            self.set.append(handle)
            return handle

        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self)
        self.call_at = call_at
        self._timer_handle_cancelled = lambda handle: None

    def time(self) -> float:
        return 100.0

    def go_off(self) -> None:
        (handle,) = (each for each in self.set if not each.cancelled())
        self.set.clear()
        handle._run()

    def times(self) -> list[float]:
        return [each.when() for each in self.set if not each.cancelled()]


async def test_it_goes_off_for_the_earliest_time_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, woken = Loop(monkeypatch), list[str]()
    alarm = Alarm(lambda: woken.append("woken"))
    alarm.set(7.0, 2.0)
    alarm.set(9.0, 2.0)
    assert loop.times() == [105.0]
    alarm.set(3.0, 2.0)
    assert loop.times() == [101.0]
    loop.go_off()
    assert woken == ["woken"]
    alarm.set(9.0, 3.0)
    assert loop.times() == [106.0]


async def test_a_time_that_has_passed_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop(monkeypatch)
    Alarm(lambda: None).set(1.0, 2.0)
    assert loop.times() == [100.0]


async def test_once_cancelled_it_is_set_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop(monkeypatch)
    alarm = Alarm(lambda: None)
    alarm.cancel()
    alarm.set(3.0, 2.0)
    alarm.cancel()
    assert loop.times() == []
    alarm.set(9.0, 2.0)
    assert loop.times() == [107.0]
