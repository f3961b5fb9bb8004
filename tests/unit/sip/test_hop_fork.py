"""What is known of a hop when it is rung."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from strowger.calls.call import Branch, Call, Failure, GroupStep, Hop, Opening, State
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.sip.hop_fork import fork_for
from strowger.sip.outgoing import NoTrunks
from strowger.sip.trunk.identity import Caller
from strowger.sip.trunk.passage import Cause, Step
from strowger.sip.trunk.trunk import Trunk

BOB = "8:acs:r_bob"
HOPS = [
    Hop(phone_number("+31201110001"), 1.0, 2.0),
    Hop(from_raw_id(BOB), 2.0, 3.0, ring=("sip:bob@192.0.2.7",)),
    Hop(phone_number("+15550100"), 3.0, 4.0, "", ("sip:1@a",), "a", reserve=(Branch("sip:1@b", "b"),)),
]


class Trusting(NoTrunks):
    def trunk(self, name: str) -> Trunk | None:
        return Trunk(name, "sip:192.0.2.1", is_trusted=name == "inside")


def a_call(came_by: str = "") -> Call:
    return Call("call", "dev", phone_number("+49"), "", 1.0, HOPS, State.RINGING, came_by=came_by)


def test_the_way_a_call_has_come() -> None:
    fork = fork_for(a_call(), 2, NoTrunks(), 0.0, 185.0)
    assert fork.steps == (
        Step("", Cause.UNCONDITIONAL, 302),
        Step(f"sip:{BOB.replace(':', '%3A')}", Cause.DEFLECTED_WHILE_RINGING, 302),
    )
    assert [each.branch for each in fork.attempts] == [Branch("sip:1@a", "a")]
    assert (fork.reserve, fork.user, fork.name) == ((Branch("sip:1@b", "b"),), "4:+15550100", "call/2")
    assert fork_for(a_call(), 0, NoTrunks(), 0.0, 185.0).steps == ()


@pytest.mark.parametrize(
    ("status", "cause"),
    [(486, Cause.BUSY), (480, Cause.NO_ANSWER), (604, Cause.NOT_AVAILABLE), (500, Cause.UNREACHABLE)],
)
def test_the_way_says_who_could_not_be_reached_and_not_that_the_call_was_returned(status: int, cause: Cause) -> None:
    number, bob, out = HOPS
    back = Hop(number.to, 2.5, 2.8, opening=Opening.RETURNED, failure=Failure(BOB, status, "", "bob is busy"))
    call = replace(a_call(), hops=[number, bob, back, out])
    steps = fork_for(call, 3, NoTrunks(), 0.0, 185.0).steps
    assert [(step.cause, step.status) for step in steps] == [(Cause.UNCONDITIONAL, 302), (cause, status)]


def test_a_default_is_a_call_that_nobody_answered() -> None:
    call = replace(a_call(), hops=[HOPS[0], replace(HOPS[2], opening=Opening.DEFAULT)])
    assert fork_for(call, 1, NoTrunks(), 0.0, 185.0).steps == (Step("", Cause.NO_ANSWER, 302),)


def test_who_calls() -> None:
    assert fork_for(a_call(), 2, NoTrunks(), 0.0, 185.0).caller == Caller(dialled="+31201110001")
    for trunk, is_trusted in (("inside", True), ("outside", False)):
        assert fork_for(a_call(trunk), 2, Trusting(), 0.0, 185.0).caller.is_trusted is is_trusted


def in_group(position: int, opening: Opening, at: float) -> Hop:
    step = GroupStep((Branch("sip:1@a", "a", member="4:+15550100"),), position=position, members=3)
    return Hop(phone_number("+31201110002"), at, at + 1.0, opening=opening, group=step)


def test_the_members_of_a_group_are_told_that_the_call_was_for_it() -> None:
    hops = [HOPS[0], in_group(1, Opening.REDIRECT, 2.0), in_group(2, Opening.HUNT, 3.0)]
    call = Call("call", "dev", phone_number("+49"), "", 1.0, hops, State.RINGING)
    way = (Step("", Cause.UNCONDITIONAL, 302), Step("sip:+31201110002", Cause.UNCONDITIONAL, 302))
    assert [fork_for(call, number, NoTrunks(), 0.0, 185.0).steps for number in (1, 2)] == [way, way]


def test_a_group_that_was_dialled() -> None:
    hops = [in_group(1, Opening.ARRIVAL, 2.0), in_group(2, Opening.HUNT, 3.0)]
    call = Call("call", "dev", phone_number("+49"), "", 1.0, hops, State.RINGING)
    assert fork_for(call, 1, NoTrunks(), 0.0, 185.0).steps == (Step("", Cause.UNCONDITIONAL, 302),)


def test_after_a_group_it_was_for_the_group_once() -> None:
    hops = [in_group(1, Opening.ARRIVAL, 2.0), in_group(2, Opening.HUNT, 3.0), HOPS[2]]
    call = Call("call", "dev", phone_number("+49"), "", 1.0, hops, State.RINGING)
    assert fork_for(call, 2, NoTrunks(), 0.0, 185.0).steps == (Step("", Cause.DEFLECTED_WHILE_RINGING, 302),)
