"""Why a target goes where it goes."""

from __future__ import annotations

import pytest

from strowger.sip.trunk.explanation import Explanation, explain, shown_caller
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.selection import TRUNKS_PER_CALL, Selection
from strowger.sip.trunk.trunk import CallerId, Route, Trunk
from tests.unit.sip.trunk.test_selection import NUMBER, PHONE, ROUTES, TRUNKS, Known


def explained(dialled: str = NUMBER, known: Known | None = None, now: float = 100.0) -> Explanation:
    return explain(Selection(TRUNKS, ROUTES, known or Known()), PHONE, dialled, now)


def tried(explanation: Explanation) -> list[tuple[str, int, float]]:
    return [(way.trunk.name, way.place, way.share) for way in explanation.ways]


def test_every_route_that_matches_is_told_and_the_first_decides() -> None:
    found = explained()
    assert [route.match for route in found.routes] == ["+312*", "+31*"]
    assert tried(found) == [("b", 1, 1.0)]
    assert found.ways[0].uri == "sip:31201110001@b.example;transport=tcp"
    assert not found.is_drawn


def test_equals_are_shown_with_their_chance_to_be_first() -> None:
    found = explained("+31612345678")
    assert tried(found) == [("a", 1, 0.75), ("b", 2, 0.25), ("reserve", 3, 1.0)]
    assert [way.left_out for way in found.ways] == ["", "", ""]
    assert found.is_drawn


def test_what_does_not_serve_is_left_out_with_its_reason() -> None:
    found = explained("+31612345678", Known(["a"], {"reserve": 112.4}))
    assert tried(found) == [("b", 1, 1.0), ("a", 0, 0.0), ("reserve", 0, 0.0)]
    assert [way.left_out for way in found.ways] == [
        "",
        "it does not serve: a is dead",
        "on hold for another 12 s: reserve is dead",
    ]
    assert not found.is_drawn


def test_a_hold_that_is_just_over_is_no_negative_time() -> None:
    found = explained("+31900", Known(held={"reserve": 99.0}))
    assert found.ways[0].left_out == "on hold for another 0 s: reserve is dead"


def test_no_route_leads_there() -> None:
    assert explained("+4930123456") == Explanation((), ())


def test_weights_of_nothing_are_equal() -> None:
    trunks = [Trunk(name, f"sip:{name}.example", weight=0) for name in "ab"]
    found = explain(Selection(trunks, [Route(PHONE, "*", ("a", "b", "a"))], Known()), PHONE, "1", 0.0)
    assert tried(found) == [("a", 1, 0.5), ("b", 2, 0.5)]


def test_no_more_than_so_many_are_tried() -> None:
    trunks = [Trunk(f"t{n}", f"sip:t{n}.example", priority=n) for n in range(TRUNKS_PER_CALL + 1)]
    route = Route(PHONE, "*", tuple(trunk.name for trunk in trunks))
    *first, last = explain(Selection(trunks, [route], Known()), PHONE, "1", 0.0).ways
    assert [way.place for way in first] == list(range(1, TRUNKS_PER_CALL + 1))
    assert (last.place, last.left_out) == (0, "a call tries 8 trunks at the most")


@pytest.mark.parametrize(
    ("caller_id", "is_trusted", "caller", "dialled", "shown"),
    [
        ("pass", False, "", "", "the caller's own number"),
        ("pass", False, "+31612345678", "", "+31612345678"),
        ("pass", False, "anonymous", "", "anonymous"),
        ("pass", True, "anonymous", "", "anonymous"),
        ("trunk", False, "", "", "31201110009"),
        ("trunk", False, "+31612345678", "", "31201110009"),
        ("trunk", False, "anonymous", "", "anonymous"),
        ("owned", False, "+31612345678", "", "the number of ours that the caller dialled"),
        ("owned", False, "anonymous", "", "anonymous"),
        ("owned", False, "+31612345678", "+31201110001", "31201110001"),
    ],
)
def test_whom_a_trunk_sees(caller_id: str, caller: str, dialled: str, shown: str, *, is_trusted: bool) -> None:
    trunk = Trunk(
        "t", "sip:c.example", caller_id=CallerId(caller_id), number="+31201110009", is_trusted=is_trusted,
        number_format=NumberFormat("digits"),
    )  # fmt: skip
    assert shown_caller(trunk, caller, dialled) == shown
