"""A call whose redirect led nowhere is held again for its application: once per redirect, and in one ring budget."""

from __future__ import annotations

import pytest

from strowger.calls.call import Call, Failure, Opening, State
from strowger.calls.decision import Accepted, RedirectCall, RejectCall
from strowger.calls.errors import CallError, CallOver, HopClosed, StoreUnavailable, TooManyRedirects
from strowger.calls.fallbacks import Default, Fallbacks
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.limits import Limits
from strowger.calls.succession import FOR_THE_CALLER, WORTHWHILE_S
from tests.support.exchange import (
    ALICE,
    BOB,
    BY_TWO_TRUNKS,
    NOBODY,
    NUMBER,
    OTHER_NUMBER,
    OUTSIDE,
    Bench,
    HandStore,
    reject,
    user,
)

ALICES = ("sip:alice@127.0.0.1:5071",)
BOBS = ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")
OUT = ("sip:+18005550199@127.0.0.1:5090",)
TOLD = Fallbacks(resources=["dev"])


def a_bench(limits: Limits | None = None, fallbacks: Fallbacks = TOLD, store: HandStore | None = None) -> Bench:
    return Bench(limits, store, fallbacks=fallbacks)


def redirected(bench: Bench, target: Identifier | None = None, dialled: str = NUMBER) -> str:
    """A call that rings at `target`."""
    call_id = bench.arrive(dialled)
    assert bench.redirect(bench.context(call_id), target or phone_number(OUTSIDE)) == Accepted(call_id)
    bench.take()
    return call_id


def fail(bench: Bench, call_id: str, hop_index: int = 1, status: int = 486, cause: int = 0) -> None:
    bench.exchange.hop_failed(call_id, hop_index, status, "Busy Here", "they are busy", "their response", cause)
    bench.store.flush()


def hops(call: Call) -> list[tuple[str, str]]:
    return [(hop.opening.value, hop.to.raw_id) for hop in call.hops]


def test_the_application_is_told_and_the_caller_hears_ringing() -> None:
    bench = a_bench()
    call_id = redirected(bench, user(BOB))
    fail(bench, call_id, cause=17)
    assert bench.take() == [
        ("publish", "id-0003"),
        ("withdraw", "id-0002"),
        ("stop_ringing", 1),
        ("proceed", True),
    ]
    call = bench.store.stored(call_id)
    assert (call.state, call.final_status) == (State.HELD, 0)
    assert hops(call) == [("", f"4:{NUMBER}"), ("redirect", BOB), ("returned", f"4:{NUMBER}")]
    assert call.hop.failure == Failure(BOB, 486, "Busy Here", "they are busy", 17)
    assert call.hops[1].decision == "they are busy; returned to the application"
    assert len({bench.context(call_id, hop) for hop in range(3)}) == 3


def test_it_may_redirect_again_and_only_with_its_new_context() -> None:
    bench = a_bench()
    call_id = redirected(bench)
    fail(bench, call_id)
    assert isinstance(bench.redirect(bench.context(call_id), user(BOB)), HopClosed)
    assert bench.redirect(bench.context(call_id, 2), user(BOB)) == Accepted(call_id)
    assert bench.take()[-1] == ("ring", 3, BOBS)
    bench.exchange.answered(call_id, 3, BOBS[0], "200")
    bench.store.flush()
    assert bench.take()[-1] == ("finish", 200, "200")


def test_nobody_answered_and_the_returned_hop_runs_out_of_time() -> None:
    bench = a_bench(Limits(ring_s=20, hold_s=30))
    call_id = redirected(bench)
    bench.later(20)
    assert bench.take() == [("publish", "id-0002"), ("stop_ringing", 1), ("proceed", True)]
    assert bench.store.stored(call_id).hop.failure == Failure(
        f"4:{OUTSIDE}", 480, "Temporarily Unavailable", "nobody answered within 20 s"
    )
    bench.later(30)
    assert bench.take() == [("withdraw", "id-0002"), ("finish", 480, None)]
    assert len(bench.exchange) == 0


def test_the_caller_gets_the_status_of_the_failure_when_its_time_is_over() -> None:
    bench = a_bench(Limits(hold_s=30))
    call_id = redirected(bench)
    fail(bench, call_id)
    bench.later(30)
    call = bench.store.stored(call_id)
    assert (call.state, call.final_status) == (State.EXPIRED, 486)
    told = "they are busy; told of it, the application neither redirected nor rejected the call within 30 s"
    assert call.why == told
    assert bench.take()[-1] == ("finish", 486, None)


def test_the_phones_of_a_dialled_user_count_too() -> None:
    bench = a_bench()
    call_id = bench.arrive("bob")
    bench.take()
    fail(bench, call_id, 0)
    assert bench.take() == [("publish", "id-0002"), ("withdraw", "id-0001"), ("stop_ringing", 0), ("proceed", True)]
    assert hops(bench.store.stored(call_id)) == [("", BOB), ("returned", BOB)]


def test_a_user_whose_application_redirected_gets_the_call_back() -> None:
    bench = a_bench()
    call_id = redirected(bench, user(BOB))
    assert bench.redirect(bench.context(call_id, 1), user(ALICE)) == Accepted(call_id)
    fail(bench, call_id, 2)
    assert hops(bench.store.stored(call_id))[-2:] == [("redirect", ALICE), ("returned", BOB)]


def test_a_user_without_phones_or_application_cannot_be_reached() -> None:
    bench = a_bench()
    bench.recorder.untold.add(NOBODY)
    call_id = redirected(bench, user(NOBODY))
    call = bench.store.stored(call_id)
    assert (call.state, call.hop.expires_at, call.hop.event_id) == (State.HELD, call.hop.opened_at, "")
    bench.later(0)
    assert bench.take() == [("publish", "id-0003"), ("proceed", True)]
    call = bench.store.stored(call_id)
    assert hops(call)[1:] == [("redirect", NOBODY), ("returned", f"4:{NUMBER}")]
    why = f"nobody can be reached as {NOBODY}: no phone, and no subscription is told of it"
    assert call.hop.failure == Failure(NOBODY, 480, "Temporarily Unavailable", why)


@pytest.mark.parametrize("target", [phone_number(OTHER_NUMBER), user(NOBODY)], ids=["number", "user without phones"])
def test_a_target_without_phones_whose_application_is_silent_gives_the_call_back(target: Identifier) -> None:
    bench = a_bench(Limits(hold_s=30))
    call_id = redirected(bench, target)
    assert bench.store.stored(call_id).state is State.HELD
    bench.later(30)
    call = bench.store.stored(call_id)
    assert hops(call)[1:] == [("redirect", target.raw_id), ("returned", f"4:{NUMBER}")]
    why = "the application neither redirected nor rejected the call within 30 s"
    assert call.hop.failure == Failure(target.raw_id, 480, "Temporarily Unavailable", why)
    bench.later(30)
    assert (call := bench.store.stored(call_id)).state is State.EXPIRED
    assert call.final_status == 480


def test_a_call_that_was_only_held_for_whom_it_was_for_does_not_come_back() -> None:
    bench = a_bench(Limits(hold_s=30))
    call_id = bench.arrive(NUMBER)
    bench.later(30)
    assert bench.store.stored(call_id).state is State.EXPIRED


def test_who_rejects_a_call_that_was_redirected_to_it_has_decided() -> None:
    bench = a_bench()
    call_id = redirected(bench, user(NOBODY))
    assert reject(bench, bench.context(call_id, 1)) == [Accepted(call_id)]
    assert bench.store.stored(call_id).state is State.REJECTED


def test_who_hears_of_it_is_set_by_number_before_resource() -> None:
    for fallbacks, state in (
        (Fallbacks(resources=["dev"], numbers={NUMBER: False}), State.FAILED),
        (Fallbacks(numbers={NUMBER: True}), State.HELD),
        (Fallbacks(resources=["other"]), State.FAILED),
    ):
        bench = a_bench(fallbacks=fallbacks)
        call_id = redirected(bench)
        fail(bench, call_id)
        assert bench.store.stored(call_id).state is state


def test_when_nobody_would_be_told_the_caller_gets_the_response() -> None:
    bench = a_bench()
    call_id = redirected(bench)
    bench.recorder.subscribed = False
    fail(bench, call_id)
    assert bench.take() == [("stop_ringing", 1), ("finish", 486, "their response")]
    bench.recorder.subscribed = True
    asked, failure = bench.recorder.asked[-1].hop, Failure(f"4:{OUTSIDE}", 486, "Busy Here", "they are busy")
    assert (asked.opening, asked.failure) == (Opening.RETURNED, failure)


@pytest.mark.parametrize("status", [302, 401, 407, 494])
def test_what_asks_the_caller_for_another_request_reaches_it(status: int) -> None:
    assert status in FOR_THE_CALLER
    bench = a_bench()
    call_id = redirected(bench)
    fail(bench, call_id, status=status)
    assert bench.take() == [("stop_ringing", 1), ("finish", status, "their response")]


@pytest.mark.parametrize(("left_s", "state"), [(WORTHWHILE_S, State.HELD), (WORTHWHILE_S - 0.001, State.FAILED)])
def test_the_ring_budget_at_its_edge(left_s: float, state: State) -> None:
    bench = a_bench(Limits(hold_s=30, ring_s=60, ring_budget_s=70))
    call_id = redirected(bench)
    bench.clock.now += 70 - left_s
    fail(bench, call_id)
    call = bench.store.stored(call_id)
    assert call.state is state
    if state is State.HELD:
        assert call.hop.expires_at - call.hop.opened_at == pytest.approx(left_s)
        bench.later(left_s)
        assert bench.store.stored(call_id).final_status == 486


def test_a_ring_that_the_budget_cut_short_ends_the_call() -> None:
    bench = a_bench(Limits(ring_s=60, ring_budget_s=50))
    call_id = redirected(bench)
    bench.later(50)
    call = bench.store.stored(call_id)
    assert (call.state, call.final_status, call.why) == (State.EXPIRED, 480, "nobody answered within 50 s")


def test_returns_are_not_redirects_but_redirects_are_bounded() -> None:
    bench = a_bench(Limits(redirects_per_call=2))
    call_id = redirected(bench)
    fail(bench, call_id)
    assert bench.redirect(bench.context(call_id, 2), phone_number(BY_TWO_TRUNKS)) == Accepted(call_id)
    fail(bench, call_id, 3)
    assert isinstance(bench.redirect(bench.context(call_id, 4), user(BOB)), TooManyRedirects)
    assert bench.take()[-1] == ("finish", 482, None)


def test_a_phone_that_joins_a_returned_hop_is_its_last_chance() -> None:
    bench = a_bench()
    call_id = bench.arrive("bob")
    fail(bench, call_id, 0)
    bench.take()
    bench.exchange.phone_registered(BOB, ["sip:bob@127.0.0.3"])
    bench.store.flush()
    assert bench.take() == [("ring_branch", 1, 0, "sip:bob@127.0.0.3")]
    fail(bench, call_id, 1, status=603)
    assert bench.take()[-1] == ("finish", 603, "their response")


def test_a_decision_that_raced_with_the_failure_is_told_of_the_new_event() -> None:
    bench = a_bench()
    call_id = redirected(bench, user(BOB))
    answers: list[Accepted | CallError] = []
    bench.exchange.hop_failed(call_id, 1, 486, "Busy Here", "they are busy", "their response")
    for context in (bench.context(call_id, 1), bench.context(call_id, 0)):
        bench.exchange.redirect(RedirectCall("dev", context, user(ALICE)), answers.append)
    bench.store.flush()
    assert [getattr(answer, "code", "") for answer in answers] == ["8519", "8519"]
    assert bench.redirect(bench.context(call_id, 2), user(ALICE)) == Accepted(call_id)


def test_a_decision_that_came_before_the_failure_stands() -> None:
    bench = a_bench()
    call_id = redirected(bench, user(BOB))
    answers: list[Accepted | CallError] = []
    bench.exchange.redirect(RedirectCall("dev", bench.context(call_id, 1), user(ALICE)), answers.append)
    bench.exchange.hop_failed(call_id, 1, 486, "Busy Here", "they are busy", "their response")
    bench.store.flush()
    assert answers == [Accepted(call_id)]
    assert hops(bench.store.stored(call_id))[-1] == ("redirect", ALICE)


def test_the_caller_who_hangs_up_while_the_call_returns_is_answered() -> None:
    bench = a_bench()
    call_id = redirected(bench)
    bench.exchange.hop_failed(call_id, 1, 486, "Busy Here", "they are busy", "their response")
    bench.exchange.cancel(call_id)
    bench.store.flush()
    assert bench.take()[-2:] == [("withdraw", "id-0002"), ("finish", 487, None)]


def test_a_failure_that_waited_for_a_decision_comes_too_late() -> None:
    bench = a_bench()
    call_id = redirected(bench, user(BOB))
    answers: list[Accepted | CallError] = []
    bench.exchange.reject(RejectCall("dev", bench.context(call_id, 1)), answers.append)
    bench.exchange.hop_failed(call_id, 1, 486, "Busy Here", "they are busy", "their response")
    bench.store.flush()
    assert answers == [Accepted(call_id)]
    assert bench.take() == [("withdraw", "id-0002"), ("stop_ringing", 1), ("finish", 603, None)]


def test_a_late_answer_of_the_failed_hop_is_disowned() -> None:
    bench = a_bench(Limits(ring_s=20))
    call_id = redirected(bench)
    bench.later(20)
    bench.take()
    bench.exchange.answered(call_id, 1, OUT[0], "late")
    assert bench.take() == [("disown", 1, "late")]


def test_a_store_that_refuses_the_return_ends_the_call_with_the_failure() -> None:
    bench = a_bench()
    call_id = redirected(bench)
    bench.store.failure = StoreUnavailable("disk full")
    fail(bench, call_id)
    assert bench.take() == [("stop_ringing", 1), ("finish", 486, "their response")]
    bench.store.failure = None
    bench.later(1)
    assert bench.store.stored(call_id).final_status == 486
    assert isinstance(bench.redirect(bench.context(call_id), user(BOB)), CallOver)


def test_the_outside_counts_a_call_only_while_it_is_there() -> None:
    bench = a_bench()
    call_id = redirected(bench)
    assert list(bench.exchange.outside.running()) == [("dev", 1)]
    fail(bench, call_id)
    assert list(bench.exchange.outside.running()) == []
    bench.redirect(bench.context(call_id, 2), phone_number(OUTSIDE))
    assert list(bench.exchange.outside.running()) == [("dev", 1)]


def test_a_returned_call_is_held_over_a_restart() -> None:
    first = a_bench(Limits(hold_s=30))
    call_id = redirected(first)
    fail(first, call_id)
    first.clock.now += 10
    second = a_bench(Limits(hold_s=30), store=first.store)
    second.clock.now, second.clock.offset = 5.0, first.clock.wall() - 5.0
    for stored in first.store.live_calls():
        second.exchange.restore(stored)
    assert second.exchange.next_deadline() == 25.0
    assert second.redirect(first.context(call_id, 2), user(BOB)) == Accepted(call_id)
    assert second.take()[-1] == ("ring", 3, BOBS)
    fail(second, call_id, 3, status=404)
    assert second.store.stored(call_id).hop.failure == Failure(BOB, 404, "Busy Here", "they are busy")


def test_a_ring_that_ended_during_a_restart_returns_the_call() -> None:
    first = a_bench(Limits(ring_s=20))
    call_id = redirected(first)
    second = a_bench(Limits(ring_s=20), store=first.store)
    second.clock.offset += 60
    for stored in first.store.live_calls():
        second.exchange.restore(stored)
    second.later(0)
    assert second.store.stored(call_id).state is State.HELD


def test_a_call_whose_caller_is_lost_over_a_restart_is_not_returned() -> None:
    first = a_bench()
    call_id = redirected(first)
    second = a_bench(store=first.store)
    second.recorder.reachable = False
    for stored in first.store.live_calls():
        second.exchange.restore(stored)
    second.store.flush()
    assert second.store.stored(call_id).state is State.EXPIRED


def test_a_default_that_leads_nowhere_is_the_end() -> None:
    bench = a_bench(fallbacks=Fallbacks(resources=["dev"], defaults={NUMBER: Default(10.0, user(BOB))}))
    call_id = bench.arrive()
    bench.later(10)
    bench.take()
    fail(bench, call_id)
    assert bench.take()[-1] == ("finish", 486, "their response")


def test_a_returned_call_has_no_default() -> None:
    bench = a_bench(
        Limits(hold_s=30), Fallbacks(resources=["dev"], defaults={NUMBER: Default(10.0, user(ALICE))})
    )
    call_id = redirected(bench)
    fail(bench, call_id)
    bench.take()
    bench.later(29.9)
    assert bench.take() == []
    bench.later(0.1)
    assert bench.take()[-1] == ("finish", 486, None)
