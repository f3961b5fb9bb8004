"""Which trunks a call takes, and in which order."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from strowger.sip.location.weighted import Draw
from strowger.sip.trunk.errors import EveryTrunkDown, NoRoute
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.selection import TRUNKS_PER_CALL, Candidate, Selection, uri_of
from strowger.sip.trunk.trunk import Route, Trunk

NUMBER = "+31201110001"
PHONE = "phoneNumber"


class Known:
    """How the trunks are, as told."""

    def __init__(self, down: Iterable[str] = (), held: dict[str, float] | None = None) -> None:
        self.held = held or {}
        self.down = {*down, *self.held}

    def is_usable(self, trunk: str) -> bool:
        return trunk not in self.down

    def why(self, trunk: str) -> str:
        return f"{trunk} is dead"

    def held_until(self, trunk: str) -> float | None:
        return self.held.get(trunk)


TRUNKS = [
    Trunk("a", "sip:a.example", priority=10, weight=3),
    Trunk("b", "sip:b.example;transport=tcp", priority=10, weight=1, number_format=NumberFormat("digits")),
    Trunk("reserve", "sip:r.example", priority=20),
    Trunk("teams", "sips:sbc.example:5061"),
]
ROUTES = [
    Route(PHONE, "+31*", ("reserve", "a", "b")),
    Route(PHONE, "+312*", ("b",)),
    Route(PHONE, "+31900*", ("reserve",)),
    Route(PHONE, "112", ("a",)),
    Route("microsoftTeamsUser", "*", ("teams",)),
]


def names(dialled: str, known: Known | None = None, draw: Draw = lambda: 0.0, kind: str = PHONE) -> str:
    selection = Selection(TRUNKS, ROUTES, known or Known())
    return " ".join(candidate.trunk for candidate in selection.candidates(kind, dialled, draw, 0.0))


@pytest.mark.parametrize(
    ("kind", "dialled", "trunks"),
    [
        (PHONE, "+31612345678", "a b reserve"),
        (PHONE, "+31201110001", "b"),
        (PHONE, "+31900123", "reserve"),
        (PHONE, "112", "a"),
        ("microsoftTeamsUser", "8:orgid:5f5b", "teams"),
    ],
)
def test_the_longest_match_picks_the_route(kind: str, dialled: str, trunks: str) -> None:
    assert names(dialled, kind=kind) == trunks


@pytest.mark.parametrize(("kind", "dialled"), [(PHONE, "+49301"), (PHONE, "113"), ("microsoftTeamsApp", "8:orgid:x")])
def test_where_no_route_leads(kind: str, dialled: str) -> None:
    with pytest.raises(NoRoute, match="no route leads to"):
        names(dialled, kind=kind)


def test_a_hostile_target_is_shown_harmlessly() -> None:
    with pytest.raises(NoRoute) as refused:
        names("\x1b[2J" + "9" * 500)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 100


def test_of_two_equal_routes_the_first_wins() -> None:
    routes = [Route(PHONE, "+31*", ("a",)), Route(PHONE, "+31*", ("b",))]
    assert Selection(TRUNKS, routes, Known()).route(PHONE, NUMBER).to == ("a",)


def test_the_lot_decides_among_equals() -> None:
    assert names("+31612345678", draw=lambda: 0.99) == "b a reserve"


def test_a_trunk_that_is_down_is_left_out() -> None:
    assert names("+31612345678", Known(["a"])) == "b reserve"


def test_when_none_serves_the_reason_names_each() -> None:
    with pytest.raises(EveryTrunkDown) as refused:
        names("+31612345678", Known(["reserve", "a"], {"b": 40.0}))
    assert str(refused.value) == (
        "no trunk of the route +31* serves now (reserve: reserve is dead; a: a is dead; b: b is dead)"
    )
    assert refused.value.retry_after_s == 40.0


def test_a_trunk_named_twice_is_tried_once() -> None:
    selection = Selection(TRUNKS, [Route(PHONE, "*", ("a", "a"))], Known())
    assert selection.candidates(PHONE, NUMBER, lambda: 0.0, 0.0) == [Candidate("a", "sip:+31201110001@a.example")]


def test_no_more_trunks_than_a_caller_waits_for() -> None:
    trunks = [Trunk(f"t{n}", "sip:t.example") for n in range(TRUNKS_PER_CALL + 1)]
    routes = [Route(PHONE, "*", tuple(trunk.name for trunk in trunks))]
    found = Selection(trunks, routes, Known()).candidates(PHONE, NUMBER, lambda: 0.5, 0.0)
    assert len(found) == TRUNKS_PER_CALL


@pytest.mark.parametrize("to", [("nobody",), ("a", "nobody"), ()])
def test_a_route_to_nowhere_is_a_mistake(to: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="leads to no trunk"):
        Selection(TRUNKS, [Route(PHONE, "*", to)], Known())


def test_a_trunk_by_its_name() -> None:
    assert Selection(TRUNKS, ROUTES, Known()).trunk("teams").uri == "sips:sbc.example:5061"


@pytest.mark.parametrize(
    ("trunk", "dialled", "uri"),
    [
        (TRUNKS[0], NUMBER, "sip:+31201110001@a.example"),
        (TRUNKS[1], NUMBER, "sip:31201110001@b.example;transport=tcp"),
        (TRUNKS[3], "8:orgid:x@y", "sips:8%3Aorgid%3Ax%40y@sbc.example:5061"),
        (Trunk("t", "sip:x@t.example;user=phone"), NUMBER, "sip:+31201110001@t.example;user=phone"),
        (Trunk("t", "sip:t.example", number_format=NumberFormat(prefix="42#")), "112", "sip:42%23112@t.example"),
        (Trunk("t", "sip:[2001:db8::1]:5070"), "112", "sip:112@[2001:db8::1]:5070"),
    ],
)
def test_the_request_uri(trunk: Trunk, dialled: str, uri: str) -> None:
    assert uri_of(trunk, dialled) == uri


def test_trunks_share_calls_by_weight() -> None:
    draw = random.Random(7).random
    firsts = [names("+31612345678", draw=draw).split()[0] for _ in range(2_000)]
    assert firsts.count("a") / 2_000 == pytest.approx(0.75, abs=0.04)


def test_every_route_that_matches_and_who_knows_of_the_trunks() -> None:
    known = Known()
    selection = Selection(TRUNKS, ROUTES, known)
    assert [route.match for route in selection.matching(PHONE, NUMBER)] == ["+312*", "+31*"]
    assert selection.matching(PHONE, "+49") == []
    assert selection.fitness is known
