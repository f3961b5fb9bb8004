"""Whom a group rings: all at once, or one step after the other; who is left out, and what is counted."""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch, Call, GroupStep, Hop, State
from strowger.calls.groups import BRANCHES, Group, Groups, Member, Mode, Prospect, outside_of
from strowger.calls.identifier import Identifier, from_raw_id, phone_number
from strowger.calls.outside_policy import OutsidePolicy
from strowger.calls.outside_rules import OutsideRules
from strowger.calls.ports import RingPlan
from tests.support.exchange import ALICE, BOB, BY_TWO_TRUNKS, NOBODY, NUMBER, OTHER_NUMBER, OUTSIDE, directory

CALLER = phone_number("+31612345678")
SALES = phone_number(NUMBER)
ALICES = Branch("sip:alice@127.0.0.1:5071", member=ALICE)
BOBS = [Branch(f"sip:bob@127.0.0.{n}:5072", member=BOB) for n in (1, 2)]
FAR = Branch(f"sip:{OUTSIDE}@127.0.0.1:5090", "near", member=f"4:{OUTSIDE}")
WITHOUT_PHONE = f"{NOBODY}: no phone of this user is registered"


class Phones:
    """What users have registered."""

    def __init__(self, **of: tuple[str, ...]) -> None:
        self.of = of

    def contacts(self, user: str) -> tuple[str, ...]:
        return self.of.get({NOBODY: "nobody", ALICE: "alice"}.get(user, ""), ())

    def addresses(self, user: str) -> frozenset[str]:
        return frozenset()


def member(who: str, time_s: float = 20.0) -> Member:
    return Member(phone_number(who) if who.startswith("+") else from_raw_id(who), time_s)


def groups(
    mode: Mode,
    *members: Member,
    to: Identifier = SALES,
    rules: OutsideRules | None = None,
    phones: Phones | None = None,
    ends_on: tuple[int, ...] = (486, 603),
) -> Groups:
    group = Group(to, mode, members, ends_on)
    return Groups([group], directory(phones), OutsidePolicy(usual=rules))


def a_call(*hops: Hop, caller: Identifier = CALLER) -> Call:
    return Call("call", "dev", caller, "", 0.0, list(hops), State.RINGING)


def first(found: Groups, to: Identifier = SALES, call: Call | None = None) -> RingPlan:
    return found.first(call or a_call(), RingPlan(to, announced=True), 0.0)


def step(plan: RingPlan) -> GroupStep:
    assert plan.group is not None
    return plan.group


# All at once ---------------------------------------------------------------------------------------------------------


def test_what_is_no_group_stays_as_it_is() -> None:
    plan = RingPlan(phone_number(OTHER_NUMBER), announced=True)
    assert groups(Mode.ALL, member(ALICE)).first(a_call(), plan, 0.0) is plan


def test_all_ring_each_members_first_phone_first() -> None:
    plan = first(groups(Mode.ALL, member(BOB), member(ALICE), member(OUTSIDE), member(NOBODY)))
    assert plan == RingPlan(
        SALES,
        announced=True,
        group=GroupStep(
            branches=(BOBS[0], ALICES, FAR, BOBS[1]),
            users=(BOB, ALICE, NOBODY),
            left_out=(WITHOUT_PHONE,),
            members=4,
            global_failures=(603,),
        ),
    )
    assert plan.rings


def test_phones_that_are_registered_just_now_ring() -> None:
    phones = Phones(nobody=("sip:n@192.0.2.1",), alice=("sip:alice@192.0.2.2",))
    plan = first(groups(Mode.ALL, member(NOBODY), member(ALICE), phones=phones))
    assert [branch.uri for branch in step(plan).branches] == [
        "sip:n@192.0.2.1",
        "sip:alice@127.0.0.1:5071",
        "sip:alice@192.0.2.2",
    ]
    assert step(plan).left_out == ()


def test_each_outside_member_keeps_its_own_reserve() -> None:
    numbers = (BY_TWO_TRUNKS, OUTSIDE, "+18885550101")
    plan = first(groups(Mode.ALL, *map(member, numbers), rules=OutsideRules(caller_calls=3)))
    assert [(branch.trunk, branch.member) for branch in step(plan).branches] == [
        ("first", f"4:{BY_TWO_TRUNKS}"),
        ("near", f"4:{OUTSIDE}"),
        ("first", "4:+18885550101"),
    ]
    assert plan.reserve == (
        Branch(f"sip:{BY_TWO_TRUNKS}@127.0.0.4:5090", "second", replaces=0, member=f"4:{BY_TWO_TRUNKS}"),
        Branch("sip:+18885550101@127.0.0.4:5090", "second", replaces=2, member="4:+18885550101"),
    )
    assert outside_of(plan) == tuple(map(phone_number, numbers))


def test_one_phone_of_two_members_rings_once() -> None:
    phones = Phones(nobody=("sip:alice@127.0.0.1:5071",))
    plan = first(groups(Mode.ALL, member(ALICE), member(NOBODY), phones=phones))
    assert [branch.uri for branch in step(plan).branches] == ["sip:alice@127.0.0.1:5071"]


@pytest.mark.parametrize(("number", "left_out"), [(BRANCHES - 1, 0), (BRANCHES, 1)])
def test_so_many_phones_ring_and_no_more(number: int, left_out: int) -> None:
    phones = Phones(nobody=tuple(f"sip:n{n}@192.0.2.1" for n in range(number)))
    plan = first(groups(Mode.ALL, member(NOBODY), member(ALICE), phones=phones))
    assert len(step(plan).branches) == BRANCHES
    assert len(step(plan).left_out) == left_out


def test_nobody_can_be_rung() -> None:
    plan = first(groups(Mode.ALL, member(NOBODY), member("+4911")))
    assert not plan.rings
    assert step(plan).users == (NOBODY,)
    assert [each.partition(":")[0] for each in step(plan).left_out] == ["8", "4"]


@pytest.mark.parametrize(
    ("ends_on", "declines"), [((486, 603), (603,)), ((486,), ()), ((600, 603, 606), (600, 603, 606)), ((), ())]
)
def test_one_busy_member_does_not_speak_for_the_others(ends_on: tuple[int, ...], declines: tuple[int, ...]) -> None:
    assert step(first(groups(Mode.ALL, member(ALICE), ends_on=ends_on))).global_failures == declines


# What may leave ------------------------------------------------------------------------------------------------------


def test_a_member_that_may_not_be_called_is_left_out_and_the_refusal_counted() -> None:
    found = groups(Mode.ALL, member(OUTSIDE), member(ALICE), rules=OutsideRules(deny=frozenset(("+1800",))))
    plan = first(found)
    assert step(plan).branches == (ALICES,)
    assert step(plan).left_out == (
        f"4:{OUTSIDE}: dev may not redirect to {OUTSIDE}: see [[outside]] deny",
    )
    assert found._outside.refusals == {"denied": 1}


def test_outside_members_count_one_by_one() -> None:
    found = groups(Mode.ALL, *(member(f"+1800555019{n}") for n in range(3)), rules=OutsideRules(caller_calls=2))
    plan = first(found)
    assert len(step(plan).branches) == 2
    assert "caller_calls = 2" in step(plan).left_out[0]


def test_a_call_for_an_emergency_number_does_not_leave() -> None:
    found = groups(Mode.ALL, member(OUTSIDE), rules=OutsideRules(emergency=frozenset((NUMBER.removeprefix("+"),))))
    assert not first(found).rings


def test_what_would_be_said_of_each_member_counts_nothing() -> None:
    rules = OutsideRules(deny=frozenset(("+1800",)))
    found = groups(Mode.ALL, member(OUTSIDE), member(ALICE), member(NOBODY), rules=rules)
    assert found.prospects(a_call(Hop(SALES, 0.0, 0.0)), 0.0) == [
        Prospect(member(OUTSIDE), why=f"dev may not redirect to {OUTSIDE}: see [[outside]] deny"),
        Prospect(member(ALICE), (ALICES.uri,)),
        Prospect(member(NOBODY), why="no phone of this user is registered"),
    ]
    assert not found._outside.refusals
    assert found.prospects(a_call(Hop(phone_number(OTHER_NUMBER), 0.0, 0.0)), 0.0) == []


# One after the other -------------------------------------------------------------------------------------------------


def test_a_hunt_begins_with_the_first_that_can_be_rung() -> None:
    plan = first(groups(Mode.IN_ORDER, member(NOBODY, 5.0), member(BOB, 7.0), member(ALICE, 11.0), member(OUTSIDE)))
    assert plan == RingPlan(
        SALES,
        announced=True,
        group=GroupStep(branches=tuple(BOBS), users=(BOB,), left_out=(WITHOUT_PHONE,), position=2, members=4),
        time_s=7.0,
        later_s=31.0,
    )


def test_the_steps_of_a_hunt_to_its_end() -> None:
    found = groups(Mode.IN_ORDER, member(ALICE, 5.0), member(NOBODY), member(BY_TWO_TRUNKS, 9.0))
    plan = first(found)
    hop = Hop(plan.to, 0.0, 5.0, group=plan.group)
    following = found.following(a_call(hop), 5.0)
    assert following == RingPlan(
        SALES,
        reserve=(Branch(f"sip:{BY_TWO_TRUNKS}@127.0.0.4:5090", "second", replaces=0, member=f"4:{BY_TWO_TRUNKS}"),),
        announced=True,
        group=GroupStep(
            branches=(Branch(f"sip:{BY_TWO_TRUNKS}@127.0.0.3:5090", "first", member=f"4:{BY_TWO_TRUNKS}"),),
            left_out=(WITHOUT_PHONE,),
            position=3,
            members=3,
        ),
        time_s=9.0,
    )
    last = Hop(plan.to, 5.0, 14.0, group=following.group)
    assert found.following(a_call(hop, last), 14.0) is None


def test_a_hunt_in_which_nobody_can_be_rung_waits_for_all() -> None:
    plan = first(groups(Mode.IN_ORDER, member(NOBODY), member("+4911")))
    assert not plan.rings
    assert (step(plan).users, step(plan).position, len(step(plan).left_out)) == ((NOBODY,), 2, 2)


def test_nobody_follows_where_all_ring_or_the_settings_have_changed() -> None:
    ringing = groups(Mode.ALL, member(ALICE), member(BOB))
    hop = Hop(SALES, 0.0, 5.0, group=first(ringing).group)
    assert ringing.following(a_call(hop), 1.0) is None
    hunting = groups(Mode.IN_ORDER, member(ALICE), member(BOB))
    assert hunting.following(a_call(hop), 1.0) is None
    other = groups(Mode.IN_ORDER, member(ALICE), member(BOB), to=phone_number(OTHER_NUMBER))
    step_1 = Hop(SALES, 0.0, 5.0, group=first(hunting).group)
    assert other.following(a_call(step_1), 1.0) is None
    assert hunting.following(a_call(step_1), 1.0) is not None


@pytest.mark.parametrize(("status", "ends"), [(486, True), (603, True), (480, False), (408, False), (600, False)])
def test_which_final_responses_end_a_hunt(status: int, ends: bool) -> None:
    assert groups(Mode.IN_ORDER, member(ALICE)).ends(Hop(SALES, 0.0, 1.0), status) is ends


def test_of_a_group_that_is_there_no_more_nothing_goes_on() -> None:
    assert groups(Mode.IN_ORDER, member(ALICE)).ends(Hop(phone_number(OTHER_NUMBER), 0.0, 1.0), 480)


def test_a_user_that_is_a_group_is_rung_at_its_own_phones_by_others() -> None:
    of_alice = Group(from_raw_id(ALICE), Mode.ALL, (member(ALICE), member(BOB)))
    of_sales = Group(SALES, Mode.ALL, (member(ALICE),))
    found = Groups([of_alice, of_sales], directory(), OutsidePolicy())
    assert len(found) == 2
    assert step(first(found)).branches == (ALICES,)
    assert step(first(found, from_raw_id(ALICE))).branches == (ALICES, *BOBS)
