"""The exchange: nothing is done before it is durable, one decision per hop, and a precise answer to everybody who comes
second.
"""

from __future__ import annotations

import pytest

from strowger.calls.call import State
from strowger.calls.decision import Accepted, RedirectCall
from strowger.calls.errors import CallOver, CallRefused, HopClosed, StoreUnavailable
from strowger.calls.identifier import phone_number
from strowger.calls.ledger import SAVE_AGAIN_S
from strowger.calls.limits import Limits
from tests.support.exchange import (
    ALICE,
    BOB,
    NOBODY,
    NUMBER,
    OTHER_NUMBER,
    OUTSIDE,
    Bench,
    HandStore,
    redirect,
    reject,
    user,
)

OUT = ("sip:+18005550199@127.0.0.1:5090",)
BOBS = ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")


def test_calls_are_counted_by_the_trunk_that_rings_for_them() -> None:
    bench = Bench()
    first, second, _ = bench.arrive(), bench.arrive(), bench.arrive()
    assert bench.exchange.ringing_through() == {}
    for call_id in (first, second):
        command = RedirectCall("dev", bench.context(call_id), phone_number(OUTSIDE))
        bench.exchange.redirect(command, lambda outcome: None)
    bench.store.flush()
    assert bench.exchange.ringing_through() == {"near": 2}
    bench.exchange.cancel(first)
    bench.store.flush()
    assert bench.exchange.ringing_through() == {"near": 1}
    assert bench.exchange.directory.addressee(NUMBER)[0] == "dev"


def test_the_custom_headers_are_kept_with_the_call() -> None:
    bench = Bench()
    call_id = bench.arrive(custom_headers={"X-A": "1"}, headers_left_out=("X-B: its value is not UTF-8",))
    stored = bench.store.stored(call_id)
    assert stored.custom_headers == {"X-A": "1"}
    assert stored.headers_left_out == ("X-B: its value is not UTF-8",)


def test_nothing_is_said_before_the_call_is_durable() -> None:
    bench = Bench()
    call_id = bench.arrive(flush=False)
    assert bench.take() == []
    bench.store.flush()
    assert bench.take() == [("publish", "id-0001"), ("proceed", True)]
    assert bench.store.stored(call_id).state is State.HELD


def test_the_targets_answer_reaches_the_caller_and_ends_the_call() -> None:
    bench = Bench()
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    bench.take()
    bench.exchange.answered(call_id, 1, OUT[0], "200 OK")
    assert bench.take() == [("finish", 200, "200 OK")], "nobody can decide otherwise any more"
    assert len(bench.exchange) == 0
    bench.store.flush()
    assert bench.store.stored(call_id).why == f"answered by {OUT[0]}"


def test_an_answer_that_a_decision_could_contradict_is_durable_first() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    bench.take()
    bench.exchange.answered(call_id, 0, BOBS[0], "200 OK")
    assert bench.take() == []
    bench.store.flush()
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 200, "200 OK")]


@pytest.mark.parametrize(("status", "state"), [(486, State.FAILED), (603, State.FAILED), (408, State.FAILED)])
def test_the_targets_refusal_reaches_the_caller(status: int, state: State) -> None:
    bench = Bench()
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    bench.take()
    bench.exchange.hop_failed(call_id, 1, status, "No", "they said no", "their response")
    bench.store.flush()
    assert bench.take() == [("stop_ringing", 1), ("finish", status, "their response")]
    assert bench.store.stored(call_id).state is state


def test_nobody_decided() -> None:
    bench = Bench(Limits(hold_s=30))
    call_id = bench.arrive()
    bench.take()
    assert bench.exchange.next_deadline() == bench.clock.now + 30
    bench.clock.now += 29.999
    bench.exchange.advance(bench.clock.now)
    assert bench.take() == []
    bench.clock.now += 0.001
    bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 480, None)]
    assert "neither redirected nor rejected the call within 30 s" in bench.store.stored(call_id).why
    assert bench.exchange.next_deadline() is None


def test_the_target_does_not_answer() -> None:
    bench = Bench(Limits(ring_s=60))
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    bench.take()
    bench.clock.now += 60
    bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    assert bench.take() == [("stop_ringing", 1), ("finish", 480, None)]


def test_all_ringing_fits_into_one_budget() -> None:
    bench = Bench(Limits(hold_s=30, ring_s=60, ring_budget_s=70))
    call_id = bench.arrive()
    bench.clock.now += 20
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    assert bench.exchange.next_deadline() == bench.clock.now + 50


def test_a_redirect_to_a_user_rings_and_is_announced_with_a_fresh_context() -> None:
    bench = Bench()
    call_id = bench.arrive()
    bench.take()
    redirect(bench, bench.context(call_id), user(BOB))
    assert bench.take() == [("publish", "id-0002"), ("withdraw", "id-0001"), ("ring", 1, BOBS)]
    call = bench.store.stored(call_id)
    assert (call.hop.to, call.caller, call.hop.event_id) == (user(BOB), phone_number("+31612345678"), "id-0002")
    assert bench.context(call_id, 1) != bench.context(call_id, 0)


def test_a_user_may_be_redirected_away_while_ringing() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    assert bench.take() == [("publish", "id-0001"), ("proceed", False), ("ring", 0, BOBS)]
    redirect(bench, bench.context(call_id), phone_number(OTHER_NUMBER))
    assert bench.take() == [("publish", "id-0002"), ("withdraw", "id-0001"), ("stop_ringing", 0)]
    assert bench.store.stored(call_id).state is State.HELD


def test_the_phone_answers_before_the_application_decides() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    bench.exchange.answered(call_id, 0, "bob", "200")
    answers = redirect(bench, bench.context(call_id), phone_number(OUTSIDE), flush=False)
    bench.take()
    bench.store.flush()
    assert [type(answer) for answer in answers] == [CallOver]
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 200, "200")]


def test_an_answer_after_the_hop_was_decided_is_disowned() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    bench.take()
    bench.exchange.answered(call_id, 0, "bob", "late")
    assert bench.take() == [("disown", 0, "late")]
    bench.exchange.answered(call_id, 1, "out", "in time")
    bench.exchange.answered(call_id, 1, "out", "too")
    bench.store.flush()
    assert bench.take() == [("finish", 200, "in time"), ("disown", 1, "too")]
    bench.exchange.answered(call_id, 1, "out", "long gone")
    assert bench.take() == [("disown", 1, "long gone")]


def test_a_failure_of_a_closed_hop_changes_nothing() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    bench.take()
    bench.exchange.hop_failed(call_id, 0, 487, "Request Terminated", "", None)
    bench.store.flush()
    assert bench.take() == []


def test_the_caller_hangs_up() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    bench.take()
    bench.exchange.cancel(call_id)
    answers = redirect(bench, bench.context(call_id), phone_number(OUTSIDE), flush=False)
    assert bench.take() == []
    bench.store.flush()
    assert bench.take() == [("withdraw", "id-0001"), ("stop_ringing", 0), ("finish", 487, None)]
    assert [type(answer) for answer in answers] == [CallOver]


def test_a_user_without_phones_is_announced_and_waits() -> None:
    bench = Bench()
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), user(NOBODY))
    assert bench.store.stored(call_id).state is State.HELD


def test_nobody_at_all_is_480_at_once() -> None:
    bench = Bench()
    bench.recorder.subscribed = False
    call_id = bench.arrive()
    assert bench.take() == [("finish", 480, None)]
    why = f"nobody can be reached as {NUMBER}: no phone, and no subscription is told of it"
    assert bench.store.stored(call_id).why == why


def test_a_call_whose_event_passes_no_filter_is_a_call_nobody_is_told_of() -> None:
    bench = Bench()
    bench.recorder.untold = {f"4:{NUMBER}", ALICE, NOBODY}
    call_id = bench.arrive()
    assert bench.take() == [("finish", 480, None)]
    assert bench.store.stored(call_id).hop.event_id == ""
    bench.arrive("alice")
    assert bench.take() == [("proceed", False), ("ring", 0, ("sip:alice@127.0.0.1:5071",))]
    told = bench.arrive(OTHER_NUMBER)
    assert bench.store.stored(told).state is State.HELD
    assert isinstance(redirect(bench, bench.context(told), user(NOBODY))[0], Accepted)
    assert bench.store.stored(told).final_status == 480


def test_the_announcer_is_asked_about_the_very_event_that_it_then_composes() -> None:
    bench = Bench()
    call_id = bench.arrive(custom_headers={"X-A": "1"})
    redirect(bench, bench.context(call_id), user(NOBODY))
    stored = bench.store.stored(call_id)
    asked = [(len(call.hops), call.hop.to, call.hop.event_id, call.custom_headers) for call in bench.recorder.asked]
    assert asked == [(n, hop.to, hop.event_id, {"X-A": "1"}) for n, hop in enumerate(stored.hops, 1)]
    assert {call.call_id for call in bench.recorder.asked} == {call_id}


def test_nobody_is_asked_about_a_target_that_is_not_announced() -> None:
    bench = Bench()
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    assert len(bench.recorder.asked) == 1


def test_a_phone_is_rung_without_any_subscription() -> None:
    bench = Bench()
    bench.recorder.subscribed = False
    bench.arrive("alice")
    assert bench.take() == [("proceed", False), ("ring", 0, ("sip:alice@127.0.0.1:5071",))]


def test_no_more_calls_than_the_limit() -> None:
    bench = Bench(Limits(held_calls=2))
    bench.arrive()
    bench.arrive()
    with pytest.raises(CallRefused) as refused:
        bench.arrive()
    assert (refused.value.status, refused.value.retry_after_s) == (503, 5)


def test_draining_takes_no_new_calls() -> None:
    bench = Bench()
    bench.exchange.is_draining = True
    with pytest.raises(CallRefused):
        bench.arrive()


def test_without_a_store_a_held_call_still_cancels_and_expires() -> None:
    bench = Bench()
    first, _ = bench.arrive(), bench.arrive()
    bench.take()
    bench.store.failure = StoreUnavailable("disk full")
    bench.exchange.cancel(first)
    bench.clock.now += 30
    bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    assert [entry for entry in bench.take() if entry[0] == "finish"] == [("finish", 487, None), ("finish", 480, None)]
    assert len(bench.exchange) == 0


def test_an_end_the_store_refused_is_saved_once_the_store_is_back() -> None:
    bench = Bench()
    call_id = bench.arrive()
    bench.store.failure = StoreUnavailable("disk full")
    bench.exchange.cancel(call_id)
    bench.store.flush()
    assert bench.store.stored(call_id).state is State.HELD
    bench.store.failure = None
    bench.clock.now += SAVE_AGAIN_S
    bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    assert bench.store.stored(call_id).state is State.CANCELLED
    assert bench.exchange.next_deadline() is None


def test_a_restart_keeps_calls_contexts_and_the_time_left() -> None:
    before = Bench(Limits(hold_s=30))
    held, ringing = before.arrive(), before.arrive()
    redirect(before, before.context(ringing), phone_number(OUTSIDE))
    before.clock.now += 10
    after = Bench(Limits(hold_s=30), store=before.store, clock=before.clock)
    for stored in before.store.live_calls():
        after.exchange.restore(stored)
    assert after.take() == [("restore", "held"), ("restore", "ringing")]
    assert after.exchange.next_deadline() == before.clock.now + 20
    after.exchange.resume(held)
    assert after.take() == [("resume",)]
    assert isinstance(redirect(after, before.context(held), phone_number(OUTSIDE))[0], Accepted)
    assert isinstance(redirect(after, before.context(ringing), user(ALICE))[0], HopClosed)


"""One call outside at a time, and no other limit that matters."""


def test_a_deadline_that_falls_due_during_a_redirect_is_that_of_the_old_hop() -> None:
    bench = Bench(Limits(hold_s=30))
    call_id = bench.arrive()
    bench.take()
    bench.clock.now += 29.99
    answers = redirect(bench, bench.context(call_id), phone_number(OUTSIDE), flush=False)
    bench.clock.now += 0.01
    bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    assert answers == [Accepted(call_id)]
    assert bench.take() == [("withdraw", "id-0001"), ("ring", 1, OUT)]
    assert bench.exchange.next_deadline() == bench.clock.now - 0.01 + 60


def test_a_wall_clock_that_is_set_takes_no_ring_time_away() -> None:
    bench = Bench(Limits(ring_s=60, ring_budget_s=180))
    call_id = bench.arrive()
    bench.clock.offset += 3_600
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    assert bench.exchange.next_deadline() == bench.clock.now + 60


def test_a_call_whose_caller_is_out_of_reach_after_a_restart_is_ended() -> None:
    before = Bench()
    call_id = before.arrive()
    after = Bench(store=before.store, clock=before.clock)
    after.recorder.reachable = False
    after.exchange.restore(before.store.live_calls()[0])
    after.store.flush()
    assert len(after.exchange) == 0
    assert "the listener it came by is gone" in after.store.stored(call_id).why


def test_a_call_whose_time_ran_out_during_the_outage_is_not_rung_again() -> None:
    before = Bench(Limits(hold_s=30))
    call_id = before.arrive()
    before.clock.now += 31
    after = Bench(store=before.store, clock=before.clock)
    after.exchange.restore(before.store.live_calls()[0])
    after.take()
    after.exchange.resume(call_id)
    assert after.take() == []
    after.exchange.advance(after.clock.now)
    after.store.flush()
    assert ("finish", 480, None) in after.take()


def test_an_end_that_is_written_already_is_not_offered_for_ever() -> None:
    bench = Bench()
    call_id = bench.arrive()
    bench.store.failure = StoreUnavailable("written, but the answer was lost")
    bench.exchange.cancel(call_id)
    bench.store.flush()
    bench.store.failure = HopClosed("revision 2 is there")
    bench.clock.now += SAVE_AGAIN_S
    bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    assert bench.exchange.next_deadline() is None


def test_a_clock_that_jumped_gives_no_hop_more_time_than_it_ever_had() -> None:
    before = Bench(Limits(hold_s=30))
    before.arrive()
    before.clock.offset -= 7_200
    after = Bench(store=before.store, clock=before.clock)
    after.exchange.restore(before.store.live_calls()[0])
    assert after.exchange.next_deadline() == before.clock.now + 30


def test_what_happened_is_observed_once_durable() -> None:
    bench = Bench(store=HandStore())
    call_id = bench.arrive(flush=False)
    assert bench.seen == []
    bench.store.flush()
    reject(bench, bench.context(call_id))
    assert bench.seen == [("held", "hold"), ("rejected", "reject")]
