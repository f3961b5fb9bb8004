"""Requests in any minute."""

from __future__ import annotations

from strowger.events.pace import Pace


def test_so_many_in_any_minute():
    pace = Pace(2)
    assert pace.next_at(100.0) == 100.0
    pace.start(100.0)
    assert pace.next_at(100.0) == 100.0
    pace.start(130.0)
    assert pace.next_at(130.0) == 160.0
    assert pace.next_at(159.9) == 160.0
    assert pace.next_at(160.0) == 160.0
    pace.start(161.0)
    assert pace.next_at(161.0) == 190.0


def test_one_a_minute():
    pace = Pace(1)
    pace.start(5.0)
    assert (pace.next_at(5.0), pace.next_at(65.0), pace.next_at(70.0)) == (65.0, 65.0, 70.0)


def test_only_what_may_start_is_counted():
    pace = Pace(2)
    assert [pace.take(at) for at in (0.0, 0.0, 1.0, 59.9, 60.0, 60.0, 61.0)] == [
        True, True, False, False, True, True, False,
    ]  # fmt: skip
