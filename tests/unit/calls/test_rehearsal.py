"""Calls that nobody makes: played to their end by the rules of real ones, and nothing kept of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from strowger.calls import rehearsal
from strowger.calls.call import Call, State
from strowger.calls.context import ContextSigner
from strowger.calls.errors import CallRefused
from strowger.calls.exchange import Exchange
from strowger.calls.fallbacks import Default, Fallbacks
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.calls.limits import Limits
from strowger.calls.outside_policy import OutsidePolicy
from strowger.calls.outside_rules import OutsideRules
from strowger.calls.rehearsal import Course, LeapingClock, Notes, play
from strowger.calls.reports import RedirectOutcome, Report
from strowger.sip.transaction.timers import TimerHeap
from tests.support.exchange import ALICE, BOB, BY_TWO_TRUNKS, NOBODY, NUMBER, OTHER_NUMBER, OUTSIDE, arrival, directory

RETURNING = Fallbacks(resources=("dev",))


class Words:
    """Foretells in words."""

    def __init__(self, untold: Sequence[str] = ()) -> None:
        self.untold = untold

    def is_told(self, call: Call) -> bool:
        return call.hop.to.raw_id not in self.untold

    def told(self, call: Call, wall: float) -> list[str]:
        told = "" if self.is_told(call) else "not "
        return [f"{told}told of {call.hop.to.raw_id} at {wall:g}"]

    def reported(self, reports: Sequence[Report], wall: float) -> list[str]:
        return [each.result.value for each in reports if isinstance(each, RedirectOutcome)]


def rings(call: Call, hop_index: int) -> list[str]:
    hop = call.hops[hop_index]
    return [branch.uri for branch in (*hop.branches, *hop.reserve)]


def played(
    dialled: str = NUMBER,
    *targets: str,
    untold: Sequence[str] = (),
    rules: OutsideRules | None = None,
    came_by: str = "",
    **more: Any,
) -> Course[str, str]:
    clock = LeapingClock(100.0, 1_000.0)
    notes = Notes[str, str](clock, Words(untold), rings)
    numbers = itertools.count()
    exchange = Exchange(
        directory=directory(),
        contexts=ContextSigner(b"s"),
        store=notes,
        announcer=notes,
        clock=clock,
        deadlines=TimerHeap(),
        new_id=lambda: f"id-{next(numbers)}",
        outside=OutsidePolicy(usual=rules),
        observe=notes.observe,
        **more,
    )
    exchange.telephony = notes
    wanted = [phone_number(each) if each.startswith("+") else from_raw_id(each) for each in targets]
    return play(exchange, clock, notes, arrival(dialled, came_by=came_by), wanted)


def line(course: Course[str, str]) -> list[tuple[float, str, str]]:
    return [(moment.at_s, moment.what, moment.call.state.value) for moment in course.moments]


def test_the_clock_stands_until_it_leaps_and_never_goes_back() -> None:
    clock = LeapingClock(5.0, 105.0)
    clock.leap(7.5)
    clock.leap(6.0)
    assert (clock.monotonic(), clock.wall()) == (7.5, 107.5)


def test_an_application_that_says_nothing() -> None:
    course = played()
    assert line(course) == [(0.0, "hold", "held"), (30.0, "deadline", "expired")]
    first, last = course.moments
    assert (first.events, first.rings, first.is_heard) == ([f"told of 4:{NUMBER} at 1000"], [], True)
    assert (last.events, last.is_heard, last.reason) == ([], False, "Temporarily Unavailable")
    assert (course.end.final_status, course.is_whole, course.decisions) == (480, True, [])


def test_nobody_told_and_nobody_rung() -> None:
    course = played(NOBODY, OUTSIDE, untold=[NOBODY])
    assert line(course) == [(0.0, "nobody", "failed")]
    assert course.moments[0].events == [f"not told of {NOBODY} at 1000"]
    (decision,) = course.decisions
    assert (decision.is_asked, decision.refusal) == (False, None)


def test_trunks_in_their_order_and_an_outcome() -> None:
    course = played(NUMBER, BY_TWO_TRUNKS)
    assert line(course) == [(0.0, "hold", "held"), (0.0, "ring", "ringing"), (60.0, "deadline", "expired")]
    ringing, last = course.moments[1:]
    assert ringing.rings == [f"sip:{BY_TWO_TRUNKS}@127.0.0.3:5090", f"sip:{BY_TWO_TRUNKS}@127.0.0.4:5090"]
    assert (ringing.events, last.events) == (["Ringing"], ["Failed"])
    assert [(each.at_s, each.refusal) for each in course.decisions] == [(0.0, None)]


def test_each_target_is_judged_when_the_one_before_it_failed() -> None:
    course = played(NUMBER, "+49301234", BY_TWO_TRUNKS, BOB, OTHER_NUMBER, ALICE, fallbacks=RETURNING)
    refused, *others = course.decisions
    assert (refused.at_s, getattr(refused.refusal, "code", "")) == (0.0, "8520")
    assert [(each.at_s, each.is_asked, each.refusal) for each in others] == [
        (0.0, True, None),
        (60.0, True, None),
        (120.0, True, None),
        (120.0, True, None),
    ]
    assert line(course) == [
        (0.0, "hold", "held"),
        (0.0, "ring", "ringing"),
        (60.0, "hold", "held"),
        (60.0, "ring", "ringing"),
        (120.0, "hold", "held"),
        (120.0, "hold", "held"),
        (120.0, "ring", "ringing"),
        (180.0, "deadline", "expired"),  # the end of the ring budget
    ]
    assert [hop.opening.value for hop in course.end.hops] == [
        *("", "redirect", "returned", "redirect", "returned", "redirect", "redirect"),
    ]


def test_without_a_second_chance_the_application_is_asked_once() -> None:
    course = played(NUMBER, BOB, ALICE)
    assert [each.is_asked for each in course.decisions] == [True, False]
    assert (course.moments[-1].at_s, course.end.final_status) == (60.0, 480)


def test_a_chain_that_is_too_long_ends_the_call() -> None:
    course = played(NUMBER, OTHER_NUMBER, NUMBER, OTHER_NUMBER, limits=Limits(redirects_per_call=2))
    assert getattr(course.decisions[2].refusal, "code", "") == "8521"
    assert (course.end.state, course.end.final_status) == (State.FAILED, 482)


def test_a_trunk_that_calls_the_target_itself() -> None:
    course = played(NUMBER, OUTSIDE, came_by="back")
    assert line(course) == [(0.0, "hold", "held"), (0.0, "send_back", "sent back")]
    last = course.moments[-1]
    assert (last.reason, last.contacts) == ("Moved Temporarily", (f"sip:{OUTSIDE}@127.0.0.1:5090",))
    assert (course.end.final_status, last.rings) == (302, [])


def test_who_is_dialled_and_has_phones_rings_while_the_application_decides() -> None:
    course = played("alice", BOB)
    assert line(course)[:2] == [(0.0, "ring", "ringing"), (0.0, "ring", "ringing")]
    assert [len(moment.rings) for moment in course.moments] == [1, 2, 0]


def test_a_hunt_and_a_default() -> None:
    group = Group(
        phone_number(OTHER_NUMBER), Mode.IN_ORDER, (Member(from_raw_id(ALICE), 20.0), Member(from_raw_id(BOB), 15.0))
    )
    default = Fallbacks(defaults={NUMBER: Default(10.0, phone_number(OTHER_NUMBER))})
    course = played(groups=[group], fallbacks=default)
    assert line(course) == [
        (0.0, "hold", "held"),
        (10.0, "ring", "ringing"),
        (30.0, "ring", "ringing"),
        (45.0, "deadline", "expired"),
    ]
    assert [moment.events for moment in course.moments] == [
        [f"told of 4:{NUMBER} at 1000"],
        [f"told of 4:{OTHER_NUMBER} at 1010", "Ringing"],
        ["Ringing"],
        ["Failed"],
    ]


def test_a_limit_of_the_outside_is_a_refusal_with_its_code() -> None:
    course = played(NUMBER, OUTSIDE, OUTSIDE, BOB, fallbacks=RETURNING, rules=OutsideRules(calls_per_day=1))
    assert [getattr(each.refusal, "code", "") for each in course.decisions] == ["", "8529", ""]


def test_a_call_for_nobody_is_refused() -> None:
    with pytest.raises(CallRefused, match="nobody here is called"):
        played("+999")


def test_a_play_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "MOST_MOMENTS", 1)
    course = played()
    assert (line(course), course.is_whole) == ([(0.0, "hold", "held")], False)


def test_its_ports_keep_nothing() -> None:
    notes = Notes[str, str](LeapingClock(0.0, 0.0), Words(), rings)
    call = played().moments[0].call
    assert notes.compose(call, "context") == notes.report(()) == ()
    assert notes.tells_outcomes("dev")
    assert notes.restore(None) is False  # type: ignore[arg-type] # nothing of it is read
    notes.publish(())
    notes.withdraw("id")
    notes.stop_ringing("id", 0, "")
    notes.disown("id", 0, None)
    notes.resume("id")
    assert notes.moments == []
