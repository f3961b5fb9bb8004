"""The ways to the outside as calls ask for them."""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch
from strowger.calls.errors import TargetUnreachable, TargetUnroutable
from strowger.calls.identifier import Kind
from tests.support.exchange import BY_TWO_TRUNKS, Serving, ways_out


def test_the_trunks_of_the_longest_match_by_priority() -> None:
    assert ways_out().ways_out(Kind.PHONE_NUMBER, BY_TWO_TRUNKS) == [
        Branch(f"sip:{BY_TWO_TRUNKS}@127.0.0.3:5090", "first"),
        Branch(f"sip:{BY_TWO_TRUNKS}@127.0.0.4:5090", "second"),
    ]


def test_a_trunk_that_is_down_is_left_out() -> None:
    fitness = Serving()
    fitness.down["first"] = "it did not answer"
    assert [each.trunk for each in ways_out(fitness).ways_out(Kind.PHONE_NUMBER, BY_TWO_TRUNKS)] == ["second"]


def test_no_route_says_what_to_add() -> None:
    with pytest.raises(TargetUnroutable, match=r'add a \[\[route\]\] with kind = "phoneNumber" .* such as "\+49'):
        ways_out().ways_out(Kind.PHONE_NUMBER, "+4930000")


def test_when_no_trunk_serves_the_application_may_decide_otherwise() -> None:
    fitness = Serving()
    fitness.down.update(first="it did not answer", second="it answered 503")
    why = r"second: it answered 503; first: it did not answer.*another target"
    with pytest.raises(TargetUnreachable, match=why) as e:
        ways_out(fitness).ways_out(Kind.PHONE_NUMBER, BY_TWO_TRUNKS)
    assert (e.value.status, e.value.code, e.value.target) == (400, "8549", "target")


def test_which_trunks_are_told_to_call_themselves() -> None:
    assert [ways_out().sends_back(name) for name in ("back", "first", "gone")] == [True, False, False]
