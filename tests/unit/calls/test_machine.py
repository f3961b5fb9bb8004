"""The call machine, row by row: each pair of state and input is either a row with its exact effects, or impossible."""

from __future__ import annotations

import pytest

from strowger.calls.call import FINAL_STATES, Branch, Call, Failure, Hop, Opening, State
from strowger.calls.identifier import phone_number
from strowger.calls.machine import (
    IMPOSSIBLE,
    TABLE,
    Announce,
    Finish,
    Input,
    Occurrence,
    Proceed,
    Ring,
    RingBranch,
    StopRinging,
    UnexpectedInput,
    handle,
)
from strowger.calls.ports import RingPlan

TO, NEXT = phone_number("+31201110001"), phone_number("+31201110002")
LAST = Branch("sip:eve@192.0.2.4", "c")
SENT_BACK = Finish(302, "Moved", None, ("sip:eve@192.0.2.2", "sip:eve@192.0.2.4"))
OPENING = (Input.HOLD, Input.RING, Input.NOBODY)


def a_call(state: State) -> Call:
    hops = [] if state is State.ARRIVED else [Hop(TO, 10.0, 40.0, "event-0", ("sip:bob@192.0.2.1",))]
    return Call("call", "dev", phone_number("+31612345678"), "", 10.0, hops, state)


def an_occurrence(what: Input) -> Occurrence:
    if what in OPENING:
        return Occurrence(20.0, RingPlan(NEXT, ("sip:eve@192.0.2.2",)), 50.0, "event-1", 480, "Unavailable", "because")
    if what is Input.BRANCH:
        return Occurrence(20.0, branch=Branch("sip:eve@192.0.2.3", "b", replaces=0), reserve=(LAST,))
    if what is Input.SEND_BACK:
        plan = RingPlan(NEXT, ("sip:eve@192.0.2.2",), "a", (LAST,))
        return Occurrence(20.0, plan, 50.0, status=302, reason="Moved", why="because")
    return Occurrence(20.0, status=486, reason="Busy Here", why="because")


def test_every_pair_is_a_row_or_impossible() -> None:
    pairs = {(state, what) for state in State for what in Input}
    assert set(TABLE) | IMPOSSIBLE == pairs
    assert not set(TABLE) & IMPOSSIBLE


@pytest.mark.parametrize(("state", "what"), sorted(IMPOSSIBLE))
def test_an_impossible_pair_is_our_mistake(state: State, what: Input) -> None:
    with pytest.raises(UnexpectedInput):
        handle(a_call(state), what, an_occurrence(what))


ROWS = [
    (State.ARRIVED, Input.HOLD, State.HELD, [Proceed(True), Announce()]),
    (State.ARRIVED, Input.RING, State.RINGING, [Proceed(False), Ring(0), Announce()]),
    (State.ARRIVED, Input.NOBODY, State.FAILED, [Finish(480, "Unavailable")]),
    (State.HELD, Input.HOLD, State.HELD, [Announce()]),
    (State.HELD, Input.RING, State.RINGING, [Ring(1), Announce()]),
    (State.HELD, Input.NOBODY, State.FAILED, [Finish(480, "Unavailable")]),
    (State.HELD, Input.BRANCH, State.RINGING, [RingBranch(0, 1)]),
    (State.HELD, Input.SEND_BACK, State.SENT_BACK, [SENT_BACK]),
    (State.HELD, Input.TOO_MANY, State.FAILED, [Finish(486, "Busy Here")]),
    (State.HELD, Input.REJECT, State.REJECTED, [Finish(486, "Busy Here")]),
    (State.HELD, Input.CANCEL, State.CANCELLED, [Finish(486, "Busy Here")]),
    (State.HELD, Input.DEADLINE, State.EXPIRED, [Finish(486, "Busy Here")]),
    (State.RINGING, Input.HOLD, State.HELD, [StopRinging(0, "redirected"), Announce()]),
    (State.RINGING, Input.RING, State.RINGING, [StopRinging(0, "redirected"), Ring(1), Announce()]),
    (State.RINGING, Input.NOBODY, State.FAILED, [StopRinging(0, "because"), Finish(480, "Unavailable")]),
    (State.RINGING, Input.BRANCH, State.RINGING, [RingBranch(0, 1)]),
    (State.RINGING, Input.BRANCH_ENDED, State.RINGING, []),
    (State.RINGING, Input.SEND_BACK, State.SENT_BACK, [StopRinging(0, "because"), SENT_BACK]),
    (State.RINGING, Input.TOO_MANY, State.FAILED, [StopRinging(0, "because"), Finish(486, "Busy Here")]),
    (State.RINGING, Input.REJECT, State.REJECTED, [StopRinging(0, "because"), Finish(486, "Busy Here")]),
    (State.RINGING, Input.CANCEL, State.CANCELLED, [StopRinging(0, "because"), Finish(486, "Busy Here")]),
    (State.RINGING, Input.DEADLINE, State.EXPIRED, [StopRinging(0, "because"), Finish(486, "Busy Here")]),
    (State.RINGING, Input.ANSWERED, State.ANSWERED, [Finish(486, "Busy Here")]),
    (State.RINGING, Input.HOP_FAILED, State.FAILED, [StopRinging(0, "because"), Finish(486, "Busy Here")]),
]


@pytest.mark.parametrize(("state", "what", "then", "effects"), ROWS)
def test_a_row(state: State, what: Input, then: State, effects: list[object]) -> None:
    before = a_call(state)
    after, got = handle(before, what, an_occurrence(what))
    assert (after.state, got) == (then, effects)
    assert before == a_call(state), "the call given in is never changed"


def test_the_rows_are_all_tested() -> None:
    final = {(state, what) for state, what in TABLE if state in FINAL_STATES}
    assert {(state, what) for state, what, _, _ in ROWS} == set(TABLE) - final


@pytest.mark.parametrize(("state", "what"), sorted(pair for pair in TABLE if pair[0] in FINAL_STATES))
def test_a_final_state_stays(state: State, what: Input) -> None:
    call = a_call(state)
    assert handle(call, what, an_occurrence(what)) == (call, [])


def test_a_redirect_closes_the_hop_and_opens_the_next() -> None:
    after, _ = handle(a_call(State.HELD), Input.RING, an_occurrence(Input.RING))
    first, second = after.hops
    assert (first.closed_at, first.decision) == (20.0, "because")
    assert second == Hop(NEXT, 20.0, 50.0, "event-1", ("sip:eve@192.0.2.2",))


def test_the_end_says_when_how_and_why() -> None:
    after, _ = handle(a_call(State.HELD), Input.REJECT, an_occurrence(Input.REJECT))
    assert (after.ended_at, after.final_status, after.why) == (20.0, 486, "because")
    assert after.is_over


def test_a_hop_without_an_event_is_not_announced() -> None:
    occurrence = Occurrence(20.0, RingPlan(NEXT, ("sip:eve@192.0.2.2",)), 50.0)
    _, effects = handle(a_call(State.HELD), Input.RING, occurrence)
    assert effects == [Ring(1)]


def test_a_branch_joins_the_open_hop_and_takes_from_its_reserve() -> None:
    after, _ = handle(a_call(State.RINGING), Input.BRANCH, an_occurrence(Input.BRANCH))
    (hop,) = after.hops
    assert hop.branches == (
        Branch("sip:bob@192.0.2.1"),
        Branch("sip:eve@192.0.2.3", "b", replaces=0, rung_at=20.0),
    )
    assert (hop.reserve, hop.closed_at) == ((LAST,), 0.0)


def test_a_call_that_is_sent_back_ends_with_the_target_as_its_last_hop() -> None:
    after, _ = handle(a_call(State.HELD), Input.SEND_BACK, an_occurrence(Input.SEND_BACK))
    assert (after.final_status, after.hop.to, after.hop.ring) == (302, NEXT, ("sip:eve@192.0.2.2",))


def test_a_hunt_goes_on_under_the_same_event() -> None:
    occurrence = Occurrence(20.0, RingPlan(TO, ("sip:eve@192.0.2.2",)), 50.0, "event-0", opening=Opening.HUNT)
    after, effects = handle(a_call(State.RINGING), Input.RING, occurrence)
    assert effects == [StopRinging(0, "redirected"), Ring(1)]
    assert (after.hop.opening, after.hop.event_id) == (Opening.HUNT, "event-0")


def test_a_hop_keeps_how_the_one_before_it_failed() -> None:
    failure = Failure("4:+1", 486, "Busy Here", "they are busy")
    occurrence = Occurrence(20.0, RingPlan(TO), 50.0, "event-1", opening=Opening.RETURNED, failure=failure)
    after, _ = handle(a_call(State.RINGING), Input.HOLD, occurrence)
    assert (after.state, after.hop.opening, after.hop.failure) == (State.HELD, Opening.RETURNED, failure)
