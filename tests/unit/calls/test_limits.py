"""The bounds of calls, as they are when nothing is set."""

from __future__ import annotations

from strowger.calls.limits import Limits


def test_the_budget_of_a_call_holds_more_than_one_hop() -> None:
    limits = Limits()
    assert limits.ring_budget_s >= limits.hold_s + limits.ring_s
    assert limits.redirects_per_call == 5
