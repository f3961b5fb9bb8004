"""Durations by letter, and the heap of deadlines."""

from __future__ import annotations

import pytest

from strowger.sip.transaction.timers import TimerHeap, Timings, earliest

DURATIONS = {
    "A": (0.5, 0.0),
    "B": (32.0, 32.0),
    "D": (32.0, 0.0),
    "E": (0.5, 0.0),
    "F": (32.0, 32.0),
    "G": (0.5, 0.0),
    "H": (32.0, 32.0),
    "I": (5.0, 0.0),
    "J": (32.0, 0.0),
    "K": (5.0, 0.0),
    "L": (32.0, 32.0),
    "M": (32.0, 32.0),
}


@pytest.mark.parametrize("letter", DURATIONS)
def test_duration(letter: str) -> None:
    timings = Timings()
    assert (timings.duration(letter), timings.duration(letter, reliable=True)) == DURATIONS[letter]


def test_durations_follow_t1_and_t4() -> None:
    timings = Timings(t1=0.1, t2=1.0, t4=2.0)
    lengths = [pytest.approx(length) for length in (0.1, 6.4, 2.0)]
    assert [timings.duration(letter) for letter in "ABI"] == lengths


def test_timer_d_is_never_shorter_than_32_seconds() -> None:
    assert Timings(t1=0.1).duration("D") == 32.0
    assert Timings(t1=1.0).duration("D") == 64.0


@pytest.mark.parametrize("letter", ["C", "N", "", "AB"])
def test_other_letters_are_no_transaction_timers(letter: str) -> None:
    with pytest.raises(KeyError):
        Timings().duration(letter)


@pytest.mark.parametrize("field", ["t1", "t2", "t4"])
def test_zero_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="longer than zero"):
        Timings(**{field: 0.0})


def test_due_keys_come_in_order_of_deadline_then_of_arming() -> None:
    heap = TimerHeap()
    for key, deadline in (("late", 3.0), ("second", 1.0), ("third", 1.0), ("first", 0.5)):
        heap.arm(key, deadline)
    assert heap.next_deadline() == 0.5
    assert heap.due(0.499) == []
    assert heap.due(1.0) == ["first", "second", "third"]
    assert heap.due(1.0) == []
    assert heap.next_deadline() == 3.0
    assert len(heap) == 1


def test_arming_again_moves_the_deadline() -> None:
    heap = TimerHeap()
    heap.arm("a", 5.0)
    heap.arm("a", 1.0)
    assert heap.next_deadline() == 1.0
    heap.arm("a", 9.0)
    assert heap.next_deadline() == 9.0
    assert heap.due(8.0) == []
    assert heap.due(9.0) == ["a"]
    assert heap.next_deadline() is None


def test_disarmed_key_is_never_due() -> None:
    heap = TimerHeap()
    heap.arm("a", 1.0)
    heap.arm("b", 2.0)
    heap.disarm("a")
    heap.disarm("never armed")
    assert heap.next_deadline() == 2.0
    assert heap.due(10.0) == ["b"]


def test_a_moved_deadline_is_due_once() -> None:
    heap = TimerHeap()
    heap.arm("a", 5.0)
    heap.arm("a", 6.0)
    heap.arm("a", 5.0)
    assert heap.due(10.0) == ["a"]


def test_dead_entries_are_bounded() -> None:
    heap = TimerHeap()
    for step in range(10_000):
        heap.arm("a", float(step))
    assert len(heap._heap) <= 2 * 1 + TimerHeap.SLACK
    for step in range(10_000):
        heap.arm(f"k{step}", 32.0)
        heap.disarm(f"k{step}")
    assert len(heap._heap) <= 2 * 1 + TimerHeap.SLACK
    assert heap.due(1e9) == ["a"]


def test_arming_the_same_deadline_costs_no_entry() -> None:
    heap = TimerHeap()
    for _ in range(10):
        heap.arm("a", 1.0)
    assert len(heap._heap) == 1


def test_the_earliest_deadline_of_several() -> None:
    early, late, empty = TimerHeap(), TimerHeap(), TimerHeap()
    late.arm("late", 3.0)
    early.arm("early", 2.0)
    assert earliest((empty, late, early)) == 2.0
    assert earliest((empty,)) is None
    assert earliest(()) is None
