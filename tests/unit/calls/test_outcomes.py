"""Every way a redirect can come to its end, told from the change alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from strowger.calls import machine
from strowger.calls.call import Branch, BranchReport, Call, Failure, Hop, Opening, State
from strowger.calls.identifier import Identifier, from_raw_id, phone_number
from strowger.calls.machine import Input, Occurrence
from strowger.calls.outcomes import redirect_of, reports_of, ringing
from strowger.calls.ports import RingPlan
from strowger.calls.reports import CallBegan, RedirectOutcome, Report, Result

ANN, BOB, EVE = (from_raw_id(f"8:acs:r_{name}") for name in ("ann", "bob", "eve"))
NUMBER = phone_number("+31201110001")
FIRST = Hop(NUMBER, 1.0, 31.0, "e0", closed_at=2.0, decision="redirect to bob")
AT = 9.0


def hop(opening: Opening = Opening.REDIRECT, *reports: BranchReport, ring: tuple[str, ...] = ("sip:b",)) -> Hop:
    return Hop(BOB, 2.0, 62.0, ring=ring, opening=opening, branch_reports=reports)


def a_call(*hops: Hop, state: State = State.RINGING, caller: Identifier = NUMBER) -> Call:
    return Call("id", "dev", caller, "Ann", 0.5, [FIRST, *hops], state)


def told(before: Call, what: Input, **brings: Any) -> list[Report]:
    occurrence = Occurrence(AT, **brings)
    after, _ = machine.handle(before, what, occurrence)
    return reports_of(before, after, what, occurrence)


def outcome(reports: list[Report]) -> tuple[object, ...]:
    """All of the only report but the call."""
    (only,) = reports
    assert isinstance(only, RedirectOutcome)
    _, *members = msgspec.structs.astuple(msgspec.structs.replace(only, call=None))
    assert members.pop(0) is None
    return (only.result, *members)


def plan(to: Identifier = EVE, ring: tuple[str, ...] = ("sip:e",)) -> RingPlan:
    return RingPlan(to, ring)


def test_answered_by_the_branch_whose_answer_came_first() -> None:
    reports = (BranchReport(0, 3.0), BranchReport(1, 3.0, 8.0, 200, "OK"), BranchReport(2, 3.0, 7.0, 200, "OK"))
    call = a_call(hop(Opening.REDIRECT, *reports, ring=("sip:a", "sip:b", "sip:c")))
    told_of = told(call, Input.ANSWERED, status=200, reason="OK", why="answered by sip:c")
    assert outcome(told_of) == (Result.ANSWERED, 1, 1, AT, 200, "OK", 0, "answered by sip:c", 2)
    assert told_of[0].call.state is State.ANSWERED


def test_failed_with_the_cause_of_the_response_that_counts() -> None:
    reports = (BranchReport(0, 3.0, 5.0, 486, "Busy", 17), BranchReport(1, 3.0, 6.0, 480, "", 18))
    call = a_call(hop(Opening.REDIRECT, *reports, ring=("sip:a", "sip:b")))
    told_of = told(call, Input.HOP_FAILED, status=486, reason="Busy", why="sip:a: 486 Busy")
    assert outcome(told_of) == (Result.FAILED, 1, 1, AT, 486, "Busy", 17, "sip:a: 486 Busy", -1)


@pytest.mark.parametrize("opening", [Opening.REDIRECT, Opening.DEFAULT])
@pytest.mark.parametrize("state", [State.HELD, State.RINGING])
@pytest.mark.parametrize(
    ("what", "result", "status"),
    [
        (Input.DEADLINE, Result.FAILED, 480),
        (Input.CANCEL, Result.CANCELLED, 487),
        (Input.REJECT, Result.CANCELLED, 603),
        (Input.TOO_MANY, Result.CANCELLED, 482),
    ],
)
def test_the_end_of_the_call(opening: Opening, state: State, what: Input, result: Result, status: int) -> None:
    told_of = told(a_call(hop(opening), state=state), what, status=status, reason="Reason", why="why")
    assert outcome(told_of) == (result, 1, 1, AT, status, "Reason", 0, "why", -1)


@pytest.mark.parametrize("what", [Input.RING, Input.HOLD])
def test_redirected_on(what: Input) -> None:
    told_of = told(a_call(hop()), what, plan=plan(), opening=Opening.REDIRECT, why="redirect to eve")
    assert outcome(told_of) == (Result.CANCELLED, 1, 1, AT, 0, "", 0, "redirect to eve", -1)


def test_redirected_on_to_nobody() -> None:
    nobody = plan(ring=())
    first, second = told(
        a_call(hop()), Input.NOBODY, plan=nobody, opening=Opening.REDIRECT, status=480, reason="No", why="redirect"
    )
    assert outcome([first]) == (Result.CANCELLED, 1, 1, AT, 0, "", 0, "redirect", -1)
    assert outcome([second]) == (Result.FAILED, 2, 2, AT, 480, "No", 0, "redirect", -1)


def test_a_trunk_calls_the_target_by_itself() -> None:
    told_of = told(
        Call("id", "dev", NUMBER, "", 0.5, [FIRST], State.HELD),
        Input.SEND_BACK,
        plan=plan(),
        opening=Opening.REDIRECT,
        status=302,
        reason="Moved Temporarily",
        why="told to",
    )
    assert outcome(told_of) == (Result.CANCELLED, 1, 1, AT, 302, "Moved Temporarily", 0, "told to", -1)


def test_returned_to_the_application_with_the_failure() -> None:
    call = a_call(hop(Opening.REDIRECT, BranchReport(0, 3.0, 5.0, 486, "Busy", 17)))
    failure = Failure(BOB.raw_id, 486, "Busy", "sip:b: 486 Busy")
    told_of = told(call, Input.HOLD, plan=plan(NUMBER), opening=Opening.RETURNED, failure=failure, why="returned")
    assert outcome(told_of) == (Result.FAILED, 1, 1, AT, 486, "Busy", 17, "sip:b: 486 Busy", -1)


def test_what_holds_when_the_application_is_silent() -> None:
    call = a_call(hop(), state=State.HELD)
    told_of = told(call, Input.RING, plan=plan(), opening=Opening.DEFAULT, why="the default")
    assert outcome(told_of) == (Result.FAILED, 1, 1, AT, 480, "Temporarily Unavailable", 0, "the default", -1)


def test_a_default_that_rejects_is_no_decision_of_anybody() -> None:
    call = a_call(hop(), state=State.HELD)
    told_of = told(call, Input.REJECT, status=486, reason="Busy Here", opening=Opening.DEFAULT, why="the default")
    assert outcome(told_of) == (Result.FAILED, 1, 1, AT, 486, "Busy Here", 0, "the default", -1)


def test_a_hunt_belongs_to_its_redirect() -> None:
    call = a_call(hop())
    assert told(call, Input.RING, plan=plan(BOB), opening=Opening.HUNT, why="no answer") == []
    hunting = a_call(hop(), hop(Opening.HUNT), hop(Opening.HUNT, BranchReport(0, 5.0, 6.0, 200)))
    told_of = told(hunting, Input.ANSWERED, status=200, reason="OK", why="answered")
    assert outcome(told_of) == (Result.ANSWERED, 1, 3, AT, 200, "OK", 0, "answered", 0)


@pytest.mark.parametrize(
    "hops",
    [
        (),
        (hop(Opening.HUNT),),
        (hop(), hop(Opening.RETURNED)),
        (hop(), hop(Opening.RETURNED), hop(Opening.HUNT)),
    ],
)
def test_where_no_redirect_is_in_force_nothing_is_told(hops: tuple[Hop, ...]) -> None:
    call = a_call(*hops)
    assert redirect_of(call, call.hop_index) == -1
    assert told(call, Input.CANCEL, status=487) == []
    assert ringing(call, call.hop_index, 0, AT) is None


@pytest.mark.parametrize("what", [Input.HOLD, Input.RING, Input.NOBODY])
def test_an_arrival_is_no_redirect(what: Input) -> None:
    assert told(Call("id", "dev", NUMBER, "", 0.5, []), what, plan=plan(), status=480) == []


def test_a_phone_that_joins_ends_nothing() -> None:
    assert told(a_call(hop()), Input.BRANCH, branch=Branch("sip:c")) == []


def test_what_comes_too_late_is_nothing() -> None:
    call = a_call(hop(), state=State.ANSWERED)
    after, _ = machine.handle(call, Input.CANCEL, Occurrence(AT))
    assert after is call, "the ledger asks for no reports of what changed nothing"


def test_ringing() -> None:
    call = a_call(hop(), hop(Opening.HUNT))
    assert ringing(call, 2, 4, AT) == RedirectOutcome(Result.RINGING, call, 1, 2, AT, branch=4)


def test_a_call_between_users_that_is_answered() -> None:
    call = Call("id", "dev", ANN, "", 0.5, [hop(Opening.ARRIVAL)], State.RINGING)
    (began,) = told(call, Input.ANSWERED, status=200)
    assert began == CallBegan(began.call, AT)
    assert told(a_call(hop(Opening.HUNT), caller=ANN), Input.HOP_FAILED, status=486) == []
    redirected = told(a_call(hop(), caller=ANN), Input.ANSWERED, status=200)
    assert [type(each) for each in redirected] == [RedirectOutcome, CallBegan]
