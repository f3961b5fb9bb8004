"""The ways to the outside as calls ask for them."""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch
from strowger.calls.errors import TargetUnreachable, TargetUnroutable
from strowger.calls.identifier import Kind
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.selection import Selection
from strowger.sip.trunk.trunk import Route, Trunk
from strowger.sip.trunk.ways_out import TrunkWays
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


def test_a_trunk_that_would_read_another_number_is_not_asked() -> None:
    dutch = NumberFormat("national", country_code="31")
    trunks = [Trunk("plain", "sip:a.test"), Trunk("dutch", "sip:b.test", number_format=dutch)]
    routes = [Route("phoneNumber", "+31", ("plain", "dutch")), Route("phoneNumber", "+310", ("dutch",))]
    ways = TrunkWays(Selection(trunks, routes, Serving()), draw=lambda: 0.0, monotonic=lambda: 0.0)
    assert {each.trunk for each in ways.ways_out(Kind.PHONE_NUMBER, "+31201110001")} == {"plain", "dutch"}
    with pytest.raises(TargetUnroutable, match=r"\+31088216123456 would be another number in the form"):
        ways.ways_out(Kind.PHONE_NUMBER, "+31088216123456")


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
