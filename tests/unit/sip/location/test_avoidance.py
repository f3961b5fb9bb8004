"""What did not serve is tried last, for a while."""

from __future__ import annotations

from strowger.sip.location.avoidance import Avoidance
from strowger.sip.location.resolve import Destination

A, B, C = (Destination("UDP", f"192.0.2.{n}", 5060, "trunk.example") for n in (1, 2, 3))


def test_nothing_noted_changes_nothing() -> None:
    assert Avoidance(10).in_order([A, B], 0.0) == [A, B]


def test_an_avoided_one_goes_last_until_its_time_is_over() -> None:
    avoidance = Avoidance(10)
    avoidance.avoid(A, 30.0)
    assert avoidance.in_order([A, B, C], 29.9) == [B, C, A]
    assert avoidance.in_order([A, B, C], 30.0) == [A, B, C]


def test_it_is_never_left_out() -> None:
    avoidance = Avoidance(10)
    avoidance.avoid(A, 30.0)
    assert avoidance.in_order([A], 0.0) == [A]


def test_an_answer_rehabilitates() -> None:
    avoidance = Avoidance(10)
    avoidance.avoid(A, 30.0)
    avoidance.serves(A)
    avoidance.serves(B)
    assert avoidance.in_order([A, B], 0.0) == [A, B]


def test_the_one_noted_longest_ago_makes_room() -> None:
    avoidance = Avoidance(2)
    for destination in (A, B, A, C):
        avoidance.avoid(destination, 30.0)
    assert len(avoidance) == 2
    assert avoidance.in_order([A, C, B], 0.0) == [B, A, C]
