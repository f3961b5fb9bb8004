"""The clocks of strowger.base.clock."""

from __future__ import annotations

import time

import pytest

from strowger.base.clock import Clock, SystemClock, VirtualClock


def test_the_system_clock_reads_the_machine() -> None:
    clock: Clock = SystemClock()
    before, wall_before = time.monotonic(), time.time()
    monotonic, wall = clock.monotonic(), clock.wall()
    assert before <= monotonic <= time.monotonic()
    assert wall_before <= wall <= time.time()


def test_a_virtual_clock_stands_still_until_told() -> None:
    clock: Clock = VirtualClock()
    assert (clock.monotonic(), clock.wall()) == (0.0, 1_767_225_600.0)
    assert (clock.monotonic(), clock.wall()) == (0.0, 1_767_225_600.0)


def test_advancing_moves_both_times() -> None:
    clock = VirtualClock(monotonic=5.0, wall=1_000.0)
    clock.advance(0.5)
    clock.advance(0.0)
    assert (clock.monotonic(), clock.wall()) == (5.5, 1_000.5)


def test_monotonic_time_never_goes_back() -> None:
    clock = VirtualClock()
    with pytest.raises(ValueError, match="-1"):
        clock.advance(-1)
    assert clock.monotonic() == 0.0


def test_setting_the_wall_clock_leaves_deadlines_alone() -> None:
    clock = VirtualClock(monotonic=7.0)
    clock.set_wall(12.0)
    assert (clock.monotonic(), clock.wall()) == (7.0, 12.0)
