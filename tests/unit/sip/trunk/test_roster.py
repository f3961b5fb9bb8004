from __future__ import annotations

import pytest

from strowger.sip.trunk.health import HealthPolicy, SendOptions, State
from strowger.sip.trunk.roster import Entry, Report, Roster


def a_roster() -> Roster:
    return Roster([Entry("a", HealthPolicy()), Entry("b", HealthPolicy(asks=False))], 10.0, lambda: 0.0)


def test_each_trunk_that_is_asked_reports() -> None:
    roster = a_roster()
    assert roster.next_deadline() == 10.0
    assert roster.advance(10.0) == [Report("a", SendOptions(1))]
    assert roster.next_deadline() == 13.0


def test_how_the_trunks_are() -> None:
    roster = a_roster()
    roster["b"].call_answered(503, 20.0, 10.0)
    assert (roster.is_usable("a"), roster.is_usable("b")) == (True, False)
    assert (roster.held_until("a"), roster.held_until("b")) == (None, 30.0)
    assert roster.why("a") == "not heard of yet"
    assert {name: health.state for name, health in roster.items().items()} == {"a": State.UP, "b": State.HELD}
    with pytest.raises(KeyError):
        roster.is_usable("c")


def test_nobody_to_watch() -> None:
    assert Roster([], 0.0, lambda: 0.0).next_deadline() is None
