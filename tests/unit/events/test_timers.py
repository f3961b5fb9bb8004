"""One heap for all deadlines."""

from __future__ import annotations

from strowger.events.timers import TimerHeap


def test_due_ones_come_in_order_and_once():
    timers = TimerHeap()
    for key, at in ((1, 3.0), (2, 1.0), (3, 2.0)):
        timers.arm(key, at)
    assert timers.next_deadline() == 1.0
    assert timers.due(0.999) == []
    assert timers.due(2.0) == [2, 3]
    assert timers.due(2.0) == []
    assert len(timers) == 1


def test_arming_again_moves_the_deadline():
    timers = TimerHeap()
    timers.arm(1, 1.0)
    timers.arm(1, 5.0)
    assert timers.next_deadline() == 5.0
    assert timers.due(4.0) == []
    timers.arm(1, 2.0)
    timers.arm(1, 2.0)
    assert timers.due(9.0) == [1]


def test_disarmed_ones_never_come():
    timers = TimerHeap()
    timers.arm(1, 1.0)
    timers.disarm(1)
    timers.disarm(7)
    assert timers.next_deadline() is None
    assert timers.due(9.0) == []


def test_outdated_items_do_not_pile_up():
    timers = TimerHeap()
    for key in range(10_000):
        timers.arm(key, 1e9 - key)
        timers.disarm(key)
    assert len(timers._heap) <= 65
