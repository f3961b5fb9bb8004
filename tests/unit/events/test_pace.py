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
