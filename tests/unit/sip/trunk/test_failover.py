"""From one trunk to the next, and when not."""

from __future__ import annotations

import pytest

from strowger.sip.trunk.failover import GOES_ON, Attempt, Failover, Over, State
from strowger.sip.trunk.selection import Candidate

A, B, C = (Candidate(name, f"sip:1@{name}.example") for name in "abc")


@pytest.mark.parametrize(
    "status", [300, 302, 400, 401, 403, 404, 407, 408, 480, 484, 486, 487, 488, *range(500, 506), 513, 600, 603]
)
def test_which_final_responses_go_on(status: int) -> None:
    outcome = Failover([A, B]).final(0, status)
    assert outcome == (Attempt(1, B) if status in GOES_ON else Over(0, status))


def test_what_goes_on() -> None:
    assert sorted(GOES_ON) == [408, 500, 502, 503, 504]


def test_a_success_ends_it() -> None:
    assert Failover([A, B]).final(0, 200) == Over(0, 200)


def test_silence_and_an_unreachable_trunk_go_on() -> None:
    calls = Failover([A, B, C])
    assert calls.current == Attempt(0, A)
    assert calls.silence(0) == Attempt(1, B)
    assert calls.unreachable(1) == Attempt(2, C)
    assert calls.silence(2) == Over(2, 408)
    assert calls.state is State.OVER


@pytest.mark.parametrize("provisional", [101, 180, 181, 183, 199])
def test_after_a_provisional_above_100_nobody_else_is_rung(provisional: int) -> None:
    calls = Failover([A, B])
    calls.provisional(0, provisional)
    assert calls.state is State.COMMITTED
    assert calls.final(0, 503) == Over(0, 503)


def test_100_commits_to_nothing() -> None:
    calls = Failover([A, B])
    calls.provisional(0, 100)
    assert calls.final(0, 503) == Attempt(1, B)


def test_what_an_abandoned_trunk_says_later_counts_no_more() -> None:
    calls = Failover([A, B])
    calls.silence(0)
    calls.provisional(0, 180)
    assert calls.state is State.ATTEMPTING
    assert calls.final(0, 404) is None
    assert calls.final(1, 404) == Over(1, 404)
    assert calls.final(1, 404) is None


def test_a_decision_elsewhere_ends_it() -> None:
    calls = Failover([A, B])
    calls.give_up()
    assert calls.final(0, 503) is None


def test_taking_up_where_it_was() -> None:
    assert Failover([A, B], 1).current == Attempt(1, B)
    for branch in (-1, 2):
        with pytest.raises(ValueError, match="no such candidate"):
            Failover([A, B], branch)
