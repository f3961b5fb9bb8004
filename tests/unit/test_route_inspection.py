"""Where a redirect would lead, asked of the parts that decide about one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strowger.calls.call import Call
from strowger.calls.directory import Directory, Number, User
from strowger.calls.groups import Group, Groups, Member, Mode
from strowger.calls.identifier import Identifier, Kind, from_raw_id, phone_number, teams_app, teams_user
from strowger.calls.outside_policy import OutsidePolicy
from strowger.calls.outside_rules import OutsideRules
from strowger.console.errors import QueryInvalid
from strowger.console.queries import RouteQuestion
from strowger.console.sip_views import MemberView, RouteTestView, RouteView, WayView
from strowger.console.views import PartyView
from strowger.route_inspection import RouteInspection, identifier_of
from strowger.sip.trunk.health import HealthPolicy
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.roster import Entry, Roster
from strowger.sip.trunk.selection import Selection
from strowger.sip.trunk.trunk import CallerId, ForwardedAs, Route, Trunk
from strowger.sip.trunk.ways_out import TrunkWays
from tests.support.exchange import ALICE, BOB, NOBODY, NUMBER

PHONE = Kind.PHONE_NUMBER.value
TEAMS_ID = "2a4d0f3e-52a5-4d1f-9b0d-7a4a3f1f0001"
NUMBERS = [Number("dev", NUMBER), Number("other", "+4511223344")]
USERS = [
    User("dev", "alice", ALICE, ("sip:alice@127.0.0.1:5071",)),
    User("dev", "bob", BOB, ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")),
    User("dev", "nobody", NOBODY),
]
TRUNKS = [
    Trunk(
        "a",
        "sip:a.test;transport=tcp",
        weight=3,
        number_format=NumberFormat("national", country_code="31"),
        caller_id=CallerId.TRUNK,
        number="+31201110009",
        forwarded_as=frozenset(ForwardedAs),
    ),
    Trunk("b", "sip:b.test"),
    Trunk("c", "sip:c.test", priority=20),
]
ROUTES = [
    Route(PHONE, "+316", ("c", "a", "b")),
    Route(PHONE, "+3", ("c",)),
    Route(Kind.MICROSOFT_TEAMS_USER.value, "*", ("b",)),
]


def asked(
    target: str,
    *,
    told: bool | Callable[[Call], bool] = True,
    holds: tuple[str, ...] = (),
    may_dial_out: bool = True,
    rules: OutsideRules | None = None,
    group: Group | None = None,
    **more: str,
) -> RouteTestView:
    inspection = an_inspection(told=told, holds=holds, may_dial_out=may_dial_out, rules=rules, group=group)
    return inspection.test_route(RouteQuestion(target, **more))


def an_inspection(
    *,
    told: bool | Callable[[Call], bool] = True,
    holds: tuple[str, ...] = (),
    may_dial_out: bool = True,
    rules: OutsideRules | None = None,
    group: Group | None = None,
) -> RouteInspection:
    roster = Roster((Entry(trunk.name, HealthPolicy()) for trunk in TRUNKS), 0.0, lambda: 0.0)
    for name in holds:
        roster[name].call_answered(503, 20.0, 0.0)
    selection = Selection(TRUNKS, ROUTES, roster)
    ways = TrunkWays(selection, draw=lambda: 0.0, monotonic=lambda: 5.0)
    directory = Directory(numbers=NUMBERS, users=USERS, user_may_dial_out=may_dial_out, outside=ways)
    is_told = told if callable(told) else lambda call: told
    outside = OutsidePolicy(usual=rules)
    groups = Groups([group] if group is not None else [], directory, outside)
    return RouteInspection(selection, directory, lambda: 5.0, ["dev", "other"], is_told, outside, groups)


def test_a_number_outside() -> None:
    found: RouteTestView = asked("+31612345678")
    assert (found.outcome, found.code, found.resource, found.is_announced) == ("outside", "", "dev", False)
    assert (found.target.kind, found.target.raw_id, found.ring) == (PHONE, "4:+31612345678", ())
    assert found.says == "+31612345678 is outside: it is rung through a or b, then c."
    assert found.routes == (RouteView(PHONE, "+316", ("c", "a", "b")), RouteView(PHONE, "+3", ("c",)))
    assert found.is_drawn
    assert [(way.trunk, way.place, way.share, way.uri) for way in found.ways] == [
        ("a", 1, 0.75, "sip:0612345678@a.test;transport=tcp"),
        ("b", 2, 0.25, "sip:+31612345678@b.test"),
        ("c", 3, 1.0, "sip:+31612345678@c.test"),
    ]
    assert found.ways[0] == WayView(
        trunk="a",
        place=1,
        left_out="",
        priority=10,
        weight=3,
        share=0.75,
        uri="sip:0612345678@a.test;transport=tcp",
        number_format="national",
        caller_id="trunk",
        caller="0201110009",
        forwarded_as=("diversion", "history-info"),
    )


def test_who_calls_is_shown_as_each_trunk_would_see_it() -> None:
    assert [way.caller for way in asked("+31612345678").ways] == ["0201110009", *["the caller's own number"] * 2]
    seen = [way.caller for way in asked("+31612345678", caller="+31687654321").ways]
    assert seen == ["0201110009", "+31687654321", "+31687654321"]
    assert {way.caller for way in asked("+31612345678", caller="anonymous").ways} == {"anonymous"}


def test_the_subscriptions_are_asked_about_the_very_call() -> None:
    def told(call: Call) -> bool:
        return (call.resource, call.caller.raw_id, call.hop.to.raw_id) == ("dev", "4:+31687654321", f"4:{NUMBER}")

    assert asked(NUMBER, told=told, caller="+31687654321").is_announced
    assert not asked(NUMBER, told=told, caller="+31687654322").is_announced
    assert not asked(NOBODY, told=told, caller="+31687654321").is_announced


def test_a_trunk_on_hold_is_left_out() -> None:
    found = asked("+31612345678", holds=("a",))
    assert found.says == "+31612345678 is outside: it is rung through b, then c."
    assert [(way.trunk, way.place) for way in found.ways] == [("b", 1), ("c", 2), ("a", 0)]
    assert found.ways[2].left_out == (
        "on hold for another 15 s: it answered 503 and wants to be left alone for 20 s"
    )


def test_no_trunk_serves() -> None:
    found = asked("+31612345678", holds=("a", "b", "c"))
    assert (found.outcome, found.code) == ("refused", "8549")
    assert found.says.startswith("no trunk of the route +316 serves now")
    assert [way.place for way in found.ways] == [0, 0, 0]


def test_no_route_leads_there() -> None:
    found = asked("+4930123456")
    assert (found.outcome, found.code, found.routes, found.ways) == ("refused", "8520", (), ())
    assert found.says == (
        'no route leads to +4930123456: add a [[route]] with kind = "phoneNumber" and a match such as "+49*"'
    )


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (True, f"{NUMBER} is a number of dev: it is announced to dev, which decides anew."),
        (False, f"{NUMBER} is a number of dev: no [[subscription]] of dev is told of it, so that the caller gets 480."),
    ],
)
@pytest.mark.parametrize("target", [NUMBER, NUMBER[1:], f"4:{NUMBER}"])
def test_a_number_of_ours(target: str, says: str, *, told: bool) -> None:
    found = asked(target, told=told)
    assert (found.outcome, found.says, found.is_announced, found.routes) == ("ours", says, told, ())


def test_a_number_of_another_resource_is_outside_of_this_one() -> None:
    assert asked("+4511223344").resource == "other"
    found = asked("+4511223344", resource="dev")
    assert (found.outcome, found.code) == ("refused", "8520")


@pytest.mark.parametrize("target", ["bob", BOB, BOB.rpartition("_")[2]])
def test_a_user_with_phones(target: str) -> None:
    found = asked(target)
    assert (found.outcome, found.target.raw_id, found.is_announced) == ("ours", BOB, True)
    assert found.ring == ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")
    assert found.says == f"{BOB} is a user of dev: 2 phones ring, and it is announced to dev."
    assert asked("alice").says == f"{ALICE} is a user of dev: 1 phone rings, and it is announced to dev."


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        (True, "it is announced to dev."),
        (False, "no [[subscription]] of dev is told of it, so that the caller gets 480."),
    ],
)
def test_a_user_without_a_phone(ends: str, *, told: bool) -> None:
    assert asked(NOBODY, told=told).says == f"{NOBODY} is a user of dev without a phone just now: {ends}"


def test_a_user_that_does_not_exist() -> None:
    found = asked("8:acs:res_ghost")
    assert (found.outcome, found.code) == ("refused", "8523")
    assert "add a [[user]] with that id" in found.says


def test_a_caller_who_may_not_dial_out() -> None:
    assert asked("+31612345678", may_dial_out=False, caller="+31687654321").outcome == "outside"
    found = asked("+31612345678", may_dial_out=False, caller="bob")
    assert (found.outcome, found.code) == ("refused", "8520")
    assert "compat.voip_to_phone" in found.says
    assert len(found.ways) == 3, "what it would be otherwise"


def test_a_teams_user_by_its_bare_id() -> None:
    found = asked(TEAMS_ID, kind="microsoftTeamsUser")
    assert (found.outcome, found.target.raw_id) == ("outside", f"8:orgid:{TEAMS_ID}")
    assert [way.uri for way in found.ways] == [f"sip:{TEAMS_ID}@b.test"]


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ({"kind": "fax"}, "kind is one of communicationUser, phoneNumber"),
        ({"resource": "shop"}, "There is no resource 'shop' in the settings"),
        ({"kind": "communicationUser"}, "give its raw id"),
        ({"kind": "teamsExtensionUser"}, "give its raw id"),
    ],
)
def test_what_cannot_be_asked(question: dict[str, Any], problem: str) -> None:
    with pytest.raises(QueryInvalid, match=problem):
        asked("+31612345678", **question)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("+31612345678", "", phone_number("+31612345678")),
        ("112", "", phone_number("112")),
        ("4:+31612345678", "", phone_number("+31612345678")),
        ("4:+31612345678", "phoneNumber", phone_number("+31612345678")),
        ("911x", "phoneNumber", phone_number("911x")),
        ("112", "unknown", Identifier(Kind.UNKNOWN, "112")),
        ("8:orgid:x", "", teams_user("x")),
        ("8:orgid:x", "microsoftTeamsUser", teams_user("x")),
        ("x", "microsoftTeamsApp", teams_app("x")),
        ("99:x", "", Identifier(Kind.UNKNOWN, "99:x")),
    ],
)
def test_what_somebody_typed(text: str, kind: str, expected: Identifier) -> None:
    assert identifier_of(text, kind) == expected


def test_a_number_that_the_resource_may_not_call_is_told_with_the_way_it_would_take() -> None:
    found = asked("+31612345678", rules=OutsideRules(deny=frozenset(("+316",))))
    assert (found.outcome, found.code) == ("refused", "8520")
    assert found.says == "dev may not redirect to +31612345678: see [[outside]] deny"
    assert [way.trunk for way in found.ways] == ["a", "b", "c"]


def test_looking_counts_no_call() -> None:
    assert [asked("+31612345678", rules=OutsideRules(calls=1)).outcome for _ in range(3)] == ["outside"] * 3


@pytest.mark.parametrize(
    ("mode", "time_s", "how"), [(Mode.ALL, 0.0, "all at once"), (Mode.IN_ORDER, 20.0, "one after the other")]
)
def test_a_group(mode: Mode, time_s: float, how: str) -> None:
    who = [from_raw_id(NOBODY), from_raw_id(ALICE), phone_number("+31612345678"), phone_number("+4511")]
    found: RouteTestView = asked(NUMBER, group=Group(phone_number(NUMBER), mode, tuple(map(Member, who))))
    assert found.says == f"{NUMBER} is a group of dev: 2 of 4 members ring, {how}, and it is announced to dev."
    assert (found.outcome, found.is_announced, found.ring, found.ways) == ("ours", True, (), ())
    nobody, alice, outside, nowhere = found.members
    assert alice == MemberView(PartyView("communicationUser", ALICE), ("sip:alice@127.0.0.1:5071",), time_s, "")
    assert outside.ring == ("sip:0612345678@a.test;transport=tcp",)
    assert nobody.left_out == "no phone of this user is registered"
    assert nowhere.left_out.startswith("no route leads to +4511")


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        (True, "it is announced to dev."),
        (False, "no [[subscription]] of dev is told of it, so that the caller gets 480."),
    ],
)
def test_a_group_of_which_nobody_rings(ends: str, *, told: bool) -> None:
    group = Group(phone_number(NUMBER), Mode.ALL, (Member(from_raw_id(NOBODY)),))
    says = f"{NUMBER} is a group of dev of which nobody can be rung just now: {ends}"
    assert asked(NUMBER, told=told, group=group).says == says


def test_the_ways_to_somebody_who_is_named() -> None:
    inspection = an_inspection()
    assert inspection.target("alice").raw_id == ALICE
    routes, ways, is_drawn = inspection.ways(inspection.target("+31612345678"), "anonymous")
    assert ([each.match for each in routes], is_drawn) == (["+316", "+3"], True)
    assert [(way.trunk, way.caller) for way in ways] == [(name, "anonymous") for name in "abc"]
