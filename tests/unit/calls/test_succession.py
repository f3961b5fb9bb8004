"""What follows a hop that led nowhere: the order of the steps, the budget, and what the exchange makes of it."""

from __future__ import annotations

import pytest

from strowger.calls.call import Failure, Opening, State
from strowger.calls.decision import Accepted, RejectCall
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.ledger import LiveCall
from strowger.calls.limits import Limits
from strowger.calls.machine import Input, Occurrence
from strowger.calls.outside_rules import OutsideRules
from strowger.calls.ports import RingPlan
from strowger.calls.succession import WORTHWHILE_S, Follower, Step, Succession
from tests.support.exchange import OUTSIDE, Bench

OUT = ("sip:+18005550199@127.0.0.1:5090",)
NEXT = ("sip:bob@127.0.0.7",)


def with_steps(*steps: Step, limits: Limits | None = None, outside: OutsideRules | None = None) -> Bench:
    bench = Bench(limits, outside=outside)
    bench.exchange._succession = Succession(bench.exchange._openings, steps)
    return bench


def hunt(live: LiveCall, failure: Failure) -> Follower | None:
    """One more phone of the same addressee, once."""
    hop, at = live.call.hop, live.call.hop.opened_at
    if hop.opening is Opening.HUNT:
        return None
    plan = RingPlan(hop.to, NEXT)
    return Input.RING, Occurrence(
        at, plan, at + 20.0, hop.event_id, why=f"{failure.why}; the next one", opening=Opening.HUNT
    )


def nothing(live: LiveCall, failure: Failure) -> Follower | None:
    return None


def outside(target: Identifier) -> Step:
    def step(live: LiveCall, failure: Failure) -> Follower | None:
        at = live.call.hop.opened_at
        plan = RingPlan(target, OUT, "near")
        return Input.RING, Occurrence(at, plan, at + 20.0, why=f"{failure.why}; by default", opening=Opening.DEFAULT)

    return step


def fail(bench: Bench, call_id: str, hop_index: int) -> None:
    bench.exchange.hop_failed(call_id, hop_index, 486, "Busy Here", "bob is busy", "their 486")
    bench.store.flush()


def test_the_first_step_that_knows_a_follower_wins() -> None:
    bench = with_steps(nothing, hunt, outside(phone_number(OUTSIDE)))
    call_id = bench.arrive("bob")
    bench.take()
    fail(bench, call_id, 0)
    assert bench.take() == [("stop_ringing", 0), ("ring", 1, NEXT)]
    call = bench.store.stored(call_id)
    assert (call.state, call.hops[0].decision) == (State.RINGING, "bob is busy; the next one")


def test_without_a_follower_the_failure_ends_the_call() -> None:
    bench = with_steps(nothing, hunt)
    call_id = bench.arrive("bob")
    fail(bench, call_id, 0)
    bench.take()
    fail(bench, call_id, 1)
    assert bench.take() == [("withdraw", "id-0001"), ("stop_ringing", 1), ("finish", 486, "their 486")]
    assert bench.store.stored(call_id).why == "bob is busy"


def test_the_context_of_a_hunted_addressee_stays_good() -> None:
    bench = with_steps(hunt)
    call_id = bench.arrive("bob")
    fail(bench, call_id, 0)
    bench.take()
    answers: list[Accepted | CallError] = []
    bench.exchange.reject(RejectCall("dev", bench.context(call_id)), answers.append)
    bench.store.flush()
    assert answers == [Accepted(call_id)]
    assert bench.take() == [("withdraw", "id-0001"), ("stop_ringing", 1), ("finish", 603, None)]


def test_the_answer_to_a_hunt_is_durable_before_it_is_passed_on() -> None:
    bench = with_steps(hunt)
    call_id = bench.arrive("bob")
    fail(bench, call_id, 0)
    bench.take()
    bench.exchange.answered(call_id, 1, NEXT[0], "200 OK")
    assert bench.take() == []
    bench.store.flush()
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 200, "200 OK")]


@pytest.mark.parametrize(("left_s", "state"), [(WORTHWHILE_S, State.RINGING), (WORTHWHILE_S - 0.01, State.FAILED)])
def test_nothing_is_opened_when_the_budget_is_over(left_s: float, state: State) -> None:
    bench = with_steps(hunt, limits=Limits(ring_budget_s=70))
    call_id = bench.arrive("bob")
    bench.clock.now += 70 - left_s
    fail(bench, call_id, 0)
    assert bench.store.stored(call_id).state is state


def test_a_store_that_refuses_the_follower_ends_the_call_with_the_failure() -> None:
    bench = with_steps(hunt)
    call_id = bench.arrive("bob")
    bench.take()
    bench.store.failure = StoreUnavailable("disk full")
    fail(bench, call_id, 0)
    assert bench.take() == [("withdraw", "id-0001"), ("stop_ringing", 0), ("finish", 486, "their 486")]
    assert len(bench.exchange) == 0


def test_a_decision_that_waited_for_a_refused_follower_comes_too_late() -> None:
    bench = with_steps(hunt)
    call_id = bench.arrive("bob")
    bench.exchange.hop_failed(call_id, 0, 486, "Busy Here", "bob is busy", "their 486")
    answers: list[Accepted | CallError] = []
    bench.exchange.reject(RejectCall("dev", bench.context(call_id)), answers.append)
    bench.store.failure = StoreUnavailable("disk full")
    bench.store.flush()
    assert [answer.code for answer in answers if isinstance(answer, CallError)] == ["8522"]  # type: ignore[attr-defined]


def test_a_follower_that_leads_outside_is_counted() -> None:
    bench = with_steps(outside(phone_number(OUTSIDE)))
    call_id = bench.arrive("bob")
    fail(bench, call_id, 0)
    assert list(bench.exchange.outside.running()) == [("dev", 1)]
    bench.exchange.cancel(call_id)
    bench.store.flush()
    assert list(bench.exchange.outside.running()) == []


def test_a_follower_that_may_not_go_outside_ends_the_call() -> None:
    bench = with_steps(outside(phone_number(OUTSIDE)), outside=OutsideRules(deny=frozenset(("+1800",))))
    call_id = bench.arrive("bob")
    bench.take()
    fail(bench, call_id, 0)
    assert bench.take() == [("withdraw", "id-0001"), ("stop_ringing", 0), ("finish", 486, "their 486")]
    why = bench.store.stored(call_id).why
    assert why.startswith("bob is busy; by default, refused: dev may not redirect to +18005550199"), why
