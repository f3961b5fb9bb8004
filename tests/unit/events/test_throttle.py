"""Log lines about frequent trouble."""

from __future__ import annotations

from strowger.events.throttle import REPORT_EVERY_S, Throttle


def test_the_first_is_told_at_once_and_the_others_are_summed_up():
    throttle = Throttle()
    assert throttle.count(100.0) == 1
    assert [throttle.count(101.0) for _ in range(5)] == [0] * 5
    assert throttle.count(100.0 + REPORT_EVERY_S) == 6
    assert throttle.count(101.0 + REPORT_EVERY_S) == 0


def test_a_clock_that_starts_below_zero():
    assert Throttle().count(-50.0) == 1
