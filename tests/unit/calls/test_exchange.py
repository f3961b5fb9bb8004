"""The exchange: nothing is done before it is durable, one decision per hop, and a precise answer to everybody who comes
second.
"""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch, State
from strowger.calls.decision import Accepted, RedirectCall, RejectCall, RejectReason
from strowger.calls.errors import (
    CallError,
    CallOver,
    CallRefused,
    CallThrottled,
    ContextForeign,
    ContextMalformed,
    HopClosed,
    StoreUnavailable,
    TargetForbidden,
    TargetInvalid,
    TargetUnroutable,
    TooManyRedirects,
)
from strowger.calls.exchange import BRANCHES_PER_HOP
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.ledger import INPUTS_WAITING_PER_CALL, SAVE_AGAIN_S
from strowger.calls.limits import Limits
from strowger.calls.outside_rules import OutsideRules
from strowger.calls.ports import Receipt
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
    user,
)

OUT = ("sip:+18005550199@127.0.0.1:5090",)
BOBS = ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")


def redirect(
    bench: Bench,
    context: str,
    target: Identifier,
    *,
    flush: bool = True,
    resource: str = "dev",
    receipt: Receipt | None = None,
) -> list[Accepted | CallError]:
    answers: list[Accepted | CallError] = []
    bench.exchange.redirect(RedirectCall(resource, context, target, receipt), answers.append)
    if flush:
        bench.store.flush()
    return answers


def reject(bench: Bench, context: str, reason: RejectReason = RejectReason.NONE) -> list[Accepted | CallError]:
    answers: list[Accepted | CallError] = []
    bench.exchange.reject(RejectCall("dev", context, reason), answers.append)
    bench.store.flush()
    return answers


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


def test_a_redirect_is_durable_before_it_is_answered_and_rung() -> None:
    bench = Bench()
    call_id = bench.arrive()
    bench.take()
    answers = redirect(bench, bench.context(call_id), phone_number(OUTSIDE), flush=False)
    assert (answers, bench.take()) == ([], [])
    bench.store.flush()
    assert answers == [Accepted(call_id)]
    assert bench.take() == [("withdraw", "id-0001"), ("ring", 1, OUT)]
    assert bench.store.stored(call_id).hop.ring == OUT


def test_the_receipt_is_written_with_the_decision() -> None:
    bench = Bench()
    call_id = bench.arrive()
    receipt = Receipt("dev POST /x", "request", b"f", 1.0, 204)
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE), receipt=receipt)
    assert bench.store.receipts == [Receipt("dev POST /x", "request", b"f", 1.0, 204, b"", call_id)]


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


@pytest.mark.parametrize(
    ("reason", "status"), [(RejectReason.NONE, 603), (RejectReason.BUSY, 486), (RejectReason.FORBIDDEN, 403)]
)
def test_reject(reason: RejectReason, status: int) -> None:
    bench = Bench()
    call_id = bench.arrive()
    bench.take()
    assert reject(bench, bench.context(call_id), reason) == [Accepted(call_id)]
    assert bench.take() == [("withdraw", "id-0001"), ("finish", status, None)]


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


def test_two_redirects_at_once_have_one_winner() -> None:
    bench = Bench()
    context = bench.context(bench.arrive())
    bench.take()
    first = redirect(bench, context, phone_number(OUTSIDE), flush=False)
    second = redirect(bench, context, user(BOB), flush=False)
    bench.store.flush()
    assert isinstance(first[0], Accepted)
    assert isinstance(second[0], HopClosed)
    assert bench.take() == [("withdraw", "id-0001"), ("ring", 1, OUT)]
    third = redirect(bench, context, phone_number(OUTSIDE))
    assert (third[0].status, third[0].code) == (409, "8519")  # type: ignore[union-attr]


def test_a_context_of_an_ended_call_is_not_found() -> None:
    bench = Bench()
    context = bench.context(bench.arrive())
    reject(bench, context)
    answer = redirect(bench, context, phone_number(OUTSIDE))[0]
    assert isinstance(answer, CallOver)
    assert (answer.status, answer.code) == (404, "8522")


@pytest.mark.parametrize("context", ["", "garbage", "a.b.c"])
def test_a_forged_context(context: str) -> None:
    assert isinstance(redirect(Bench(), context, phone_number(OUTSIDE))[0], ContextMalformed)


def test_a_foreign_context_is_refused_whether_or_not_the_call_lives() -> None:
    bench = Bench()
    context = bench.context(bench.arrive())
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE), resource="other")[0], ContextForeign)
    reject(bench, context)
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE), resource="other")[0], ContextForeign)


@pytest.mark.parametrize(
    ("target", "error"), [(phone_number("+4900"), TargetUnroutable), (user("8:acs:nobody_here"), TargetInvalid)]
)
def test_a_bad_target_changes_nothing(target: Identifier, error: type[CallError]) -> None:
    bench = Bench()
    context = bench.context(bench.arrive())
    bench.take()
    assert isinstance(redirect(bench, context, target)[0], error)
    assert bench.take() == []
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE))[0], Accepted)


def test_the_chain_is_bounded() -> None:
    bench = Bench(Limits(redirects_per_call=3))
    call_id = bench.arrive()
    for hop in range(3):
        target = phone_number(OTHER_NUMBER if hop % 2 == 0 else NUMBER)
        assert isinstance(redirect(bench, bench.context(call_id, hop), target)[0], Accepted)
    bench.take()
    answer = redirect(bench, bench.context(call_id, 3), phone_number(OUTSIDE))[0]
    assert isinstance(answer, TooManyRedirects)
    assert bench.take()[-1] == ("finish", 482, None)
    assert bench.store.stored(call_id).why == "redirected more than 3 times (limits.redirects_per_call)"


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


def test_redirected_to_nobody_is_accepted_and_480_for_the_caller() -> None:
    bench = Bench()
    call_id = bench.arrive()
    bench.recorder.subscribed = False
    bench.take()
    assert isinstance(redirect(bench, bench.context(call_id), user(NOBODY))[0], Accepted)
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 480, None)]


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


def test_without_a_store_a_call_is_refused_and_a_decision_can_be_repeated() -> None:
    bench = Bench()
    bench.store.failure = StoreUnavailable("disk full")
    bench.arrive()
    assert (bench.take(), len(bench.exchange)) == ([("finish", 503, None)], 0)
    bench.store.failure = None
    context = bench.context(bench.arrive())
    bench.take()
    bench.store.failure = StoreUnavailable("disk full")
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE))[0], StoreUnavailable)
    assert bench.take() == []
    bench.store.failure = None
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE))[0], Accepted)


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


def test_decisions_waiting_behind_one_commit_are_bounded() -> None:
    bench = Bench()
    context = bench.context(bench.arrive())
    redirect(bench, context, phone_number(OUTSIDE), flush=False)
    for _ in range(INPUTS_WAITING_PER_CALL):
        assert redirect(bench, context, phone_number(OUTSIDE), flush=False) == []
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE), flush=False)[0], HopClosed)


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


# To the outside ------------------------------------------------------------------------------------------------------

ONE = OutsideRules(calls=1, calls_per_minute=0, caller_calls=0, caller_calls_per_minute=0)
"""One call outside at a time, and no other limit that matters."""


def outside(bench: Bench) -> list[tuple[str, int]]:
    return list(bench.exchange.outside.running())


def test_a_call_beyond_the_limit_is_refused_and_stays_the_applications_to_decide() -> None:
    bench = Bench(outside=ONE)
    first, second = bench.arrive(), bench.arrive()
    assert isinstance(redirect(bench, bench.context(first), phone_number(OUTSIDE))[0], Accepted)
    bench.take()
    refusal = redirect(bench, bench.context(second), phone_number(OUTSIDE))[0]
    assert isinstance(refusal, CallThrottled)
    assert (refusal.status, refusal.code) == (429, "8530")
    assert bench.take() == []
    assert isinstance(redirect(bench, bench.context(second), user(BOB))[0], Accepted)


def test_many_redirects_at_once_are_counted_before_they_are_written() -> None:
    bench = Bench(outside=ONE)
    calls = [bench.arrive() for _ in range(5)]
    answers = [redirect(bench, bench.context(call), phone_number(OUTSIDE), flush=False) for call in calls]
    bench.store.flush()
    assert [type(answer[0]) for answer in answers] == [Accepted, *[CallThrottled] * 4]
    assert outside(bench) == [("dev", 1)]


def test_targets_that_are_ours_are_not_outside() -> None:
    bench = Bench(outside=ONE)
    for target in (user(ALICE), phone_number(OTHER_NUMBER), user(BOB)):
        assert isinstance(redirect(bench, bench.context(bench.arrive()), target)[0], Accepted)
    assert outside(bench) == []


@pytest.mark.parametrize("end", ["answered", "hop_failed", "cancel", "deadline"])
def test_a_call_outside_is_released_however_it_ends(end: str) -> None:
    bench = Bench(outside=ONE)
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    assert outside(bench) == [("dev", 1)]
    if end == "answered":
        bench.exchange.answered(call_id, 1, "somebody", "200")
    elif end == "hop_failed":
        bench.exchange.hop_failed(call_id, 1, 486, "Busy Here", "busy", None)
    elif end == "cancel":
        bench.exchange.cancel(call_id)
    else:
        bench.clock.now += 61
        bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    assert (len(bench.exchange), outside(bench)) == (0, [])
    assert isinstance(redirect(bench, bench.context(bench.arrive()), phone_number(OUTSIDE))[0], Accepted)


def test_an_answered_call_outside_is_released_when_it_is_hung_up_where_that_is_seen() -> None:
    bench = Bench(outside=ONE)
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    bench.exchange.answered(call_id, 1, "somebody", "200", is_outside=True, is_followed=True)
    bench.store.flush()
    assert (len(bench.exchange), outside(bench)) == (0, [("dev", 1)])
    bench.exchange.hung_up(call_id, is_by_caller=True)
    assert outside(bench) == []


def test_an_answered_call_outside_whose_end_is_not_seen_is_released_when_it_is_assumed() -> None:
    bench = Bench(outside=ONE)
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), phone_number(OUTSIDE))
    bench.exchange.answered(call_id, 1, "somebody", "200", is_outside=True)
    bench.store.flush()
    late = bench.context(bench.arrive())
    assert isinstance(redirect(bench, late, phone_number(OUTSIDE))[0], CallThrottled)
    bench.clock.now += ONE.assumed_call_s
    assert isinstance(redirect(bench, bench.context(bench.arrive()), phone_number(OUTSIDE))[0], Accepted)


def test_a_caller_that_is_sent_back_was_outside_for_a_moment() -> None:
    bench = Bench(outside=ONE)
    for _ in range(3):
        call_id = bench.arrive(came_by="back")
        assert redirect(bench, bench.context(call_id), phone_number(OUTSIDE)) == [Accepted(call_id)]
    assert outside(bench) == []


def test_a_redirect_that_was_not_written_is_not_counted() -> None:
    bench = Bench(outside=OutsideRules(calls_per_minute=1, calls=1))
    context = bench.context(bench.arrive())
    bench.store.failure = StoreUnavailable("disk full")
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE))[0], StoreUnavailable)
    assert outside(bench) == []
    bench.store.failure = None
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE))[0], Accepted)


def test_a_call_outside_counts_again_after_a_restart_until_it_ends() -> None:
    before = Bench(outside=ONE)
    ringing = before.arrive()
    held = before.arrive()
    redirect(before, before.context(ringing), phone_number(OUTSIDE))
    after = Bench(store=before.store, clock=before.clock, outside=ONE)
    for stored in before.store.live_calls():
        after.exchange.restore(stored)
    assert outside(after) == [("dev", 1)]
    assert isinstance(redirect(after, before.context(held), phone_number(OUTSIDE))[0], CallThrottled)
    after.exchange.answered(ringing, 1, "somebody", "200")
    after.store.flush()
    assert isinstance(redirect(after, before.context(held), phone_number(OUTSIDE))[0], Accepted)


def test_a_restored_call_that_cannot_go_on_is_released() -> None:
    before = Bench(outside=ONE)
    redirect(before, before.context(before.arrive()), phone_number(OUTSIDE))
    after = Bench(store=before.store, clock=before.clock, outside=ONE)
    after.recorder.reachable = False
    after.exchange.restore(before.store.live_calls()[0])
    after.store.flush()
    assert outside(after) == []


def test_a_forbidden_number_is_refused_wherever_a_route_leads() -> None:
    bench = Bench()
    context = bench.context(bench.arrive())
    refusal = redirect(bench, context, phone_number("+19005550100"))[0]
    assert isinstance(refusal, TargetForbidden)
    assert (refusal.status, refusal.code, refusal.target) == (405, "8520", "target")
    assert bench.exchange.outside.refusals == {"premium": 1}
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE))[0], Accepted)


def test_a_chain_that_is_too_long_counts_no_call() -> None:
    bench = Bench(Limits(redirects_per_call=0), outside=ONE)
    assert isinstance(redirect(bench, bench.context(bench.arrive()), phone_number(OUTSIDE))[0], TooManyRedirects)
    assert outside(bench) == []


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


def test_beyond_the_chain_without_a_store_nothing_is_done() -> None:
    bench = Bench(Limits(redirects_per_call=0))
    context = bench.context(bench.arrive())
    bench.take()
    bench.store.failure = StoreUnavailable("disk full")
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE))[0], StoreUnavailable)
    assert bench.take() == []


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


# Branches that join a hop -------------------------------------------------------------------------------------------

FIRST, SECOND = f"sip:{BY_TWO_TRUNKS}@127.0.0.3:5090", f"sip:{BY_TWO_TRUNKS}@127.0.0.4:5090"


def ringing_by_two_trunks() -> tuple[Bench, str]:
    bench = Bench()
    call_id = bench.arrive()
    redirect(bench, bench.context(call_id), phone_number(BY_TWO_TRUNKS))
    bench.take()
    return bench, call_id


def test_the_trunks_are_kept_with_the_call_in_the_order_to_try_them() -> None:
    bench, call_id = ringing_by_two_trunks()
    hop = bench.store.stored(call_id).hop
    assert (hop.ring, hop.via, hop.reserve) == ((FIRST,), "first", (Branch(SECOND, "second"),))


def test_the_next_trunk_is_kept_before_it_is_rung() -> None:
    bench, call_id = ringing_by_two_trunks()
    refused: list[str] = []
    bench.exchange.ring_branch(call_id, 1, Branch(SECOND, "second", replaces=0), (), lambda: refused.append("refused"))
    assert bench.take() == []
    bench.store.flush()
    assert bench.take() == [("ring_branch", 1, 1, SECOND)]
    hop = bench.store.stored(call_id).hop
    assert [(each.uri, each.replaces) for each in hop.branches] == [(FIRST, -1), (SECOND, 0)]
    assert (hop.reserve, refused) == ((), [])


def test_a_branch_changes_nothing_of_the_hops_time_and_event() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    bench.take()
    bench.clock.now += 20
    bench.exchange.phone_registered(BOB, ["sip:bob@192.0.2.50"])
    bench.store.flush()
    assert bench.take() == [("ring_branch", 0, 2, "sip:bob@192.0.2.50")], "no event is withdrawn"
    assert bench.exchange.next_deadline() == 1_000.0 + Limits().ring_s
    assert bench.store.stored(call_id).hop.event_id in bench.store.events


def test_a_branch_that_cannot_be_kept_is_refused() -> None:
    bench, call_id = ringing_by_two_trunks()
    bench.store.failure = StoreUnavailable("the disk is full")
    refused: list[str] = []
    bench.exchange.ring_branch(call_id, 1, Branch(SECOND, "second", replaces=0), (), lambda: refused.append("refused"))
    bench.store.flush()
    assert (refused, bench.take()) == (["refused"], [])


def test_a_branch_of_a_hop_that_was_decided_is_not_rung() -> None:
    bench, call_id = ringing_by_two_trunks()
    bench.exchange.cancel(call_id)
    bench.exchange.ring_branch(call_id, 1, Branch(SECOND, "second", replaces=0), (), lambda: None)
    bench.store.flush()
    assert [name for name, *_ in bench.take()] == ["stop_ringing", "finish"]


def test_a_phone_that_registers_rings_for_the_calls_of_its_user_alone() -> None:
    bench = Bench()
    bench.arrive("alice")
    held = bench.arrive("nobody")
    bench.take()
    bench.exchange.phone_registered(NOBODY.upper(), ["sip:n@192.0.2.51"])
    bench.store.flush()
    assert bench.take() == [("ring_branch", 0, 0, "sip:n@192.0.2.51")]
    assert bench.store.stored(held).state is State.RINGING, "the call that was held for it rings now"
    bench.exchange.phone_registered(BOB, ["sip:bob@192.0.2.50"])
    assert bench.store.waiting == []


def test_a_phone_that_registers_after_the_decision_is_not_rung() -> None:
    bench = Bench()
    call_id = bench.arrive("nobody")
    bench.exchange.redirect(RedirectCall("dev", bench.context(call_id), phone_number(OUTSIDE)), lambda _: None)
    bench.exchange.phone_registered(NOBODY, ["sip:n@192.0.2.51"])
    bench.take()
    bench.store.flush()
    assert [entry for entry in bench.take() if entry[0] == "ring_branch"] == []
    assert bench.exchange._ledger._for_user == {}, "nobody is waited for any more"


def test_a_phone_that_comes_and_goes_all_the_time_does_not_lengthen_a_call_for_ever() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    for n in range(BRANCHES_PER_HOP):
        bench.exchange.phone_registered(BOB, [f"sip:bob@192.0.2.50:{n + 1}"])
        bench.store.flush()
    hop = bench.store.stored(call_id).hop
    assert len(hop.branches) == BRANCHES_PER_HOP
    assert hop.branches[-1].uri == f"sip:bob@192.0.2.50:{BRANCHES_PER_HOP - 2}"


def test_a_restored_call_rings_at_a_phone_that_registers_too() -> None:
    bench = Bench()
    bench.arrive("bob")
    after = Bench(store=bench.store, clock=bench.clock)
    for stored in bench.store.live_calls():
        after.exchange.restore(stored)
    after.take()
    after.exchange.phone_registered(BOB, ["sip:bob@192.0.2.50"])
    after.store.flush()
    assert after.take() == [("ring_branch", 0, 2, "sip:bob@192.0.2.50")]


# A trunk that calls the target itself -------------------------------------------------------------------------------


def test_a_caller_of_such_a_trunk_is_told_whom_to_call() -> None:
    bench = Bench()
    call_id = bench.arrive(came_by="back")
    bench.take()
    assert redirect(bench, bench.context(call_id), phone_number(BY_TWO_TRUNKS)) == [Accepted(call_id)]
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 302, (FIRST, SECOND))]
    stored = bench.store.stored(call_id)
    assert (stored.state, stored.final_status, len(bench.exchange)) == (State.SENT_BACK, 302, 0)
    assert 'mode = "302"' in stored.why


def test_a_redirect_to_a_number_of_ours_is_held_whatever_the_trunk() -> None:
    bench = Bench()
    call_id = bench.arrive(came_by="back")
    bench.take()
    redirect(bench, bench.context(call_id), phone_number(OTHER_NUMBER))
    assert bench.store.stored(call_id).state is State.HELD


def test_a_refusal_is_written_while_others_ring_on() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    bench.exchange.branch_ended(call_id, 0, 0, 503, "Unavailable", 0)
    bench.exchange.branch_ended(call_id, 0, 1, 486, "Busy Here", 17)
    assert bench.store.waiting == [], "nobody rings on, or another place may be tried"
    other = bench.arrive("bob")
    bench.take()
    bench.exchange.branch_ended(other, 0, 0, 486, "Busy Here", 17)
    bench.store.flush()
    assert [each.status for each in bench.store.stored(other).hop.branch_reports] == [486]
    assert bench.take() == []
    bench.exchange.advance(bench.clock.now + 60.0)
    bench.store.flush()
    assert bench.take()[-1][:2] == ("finish", 480), "its time goes on"


def test_a_refusal_that_cannot_be_written_changes_nothing() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    bench.take()
    bench.exchange.branch_ended(call_id, 0, 0, 486, "Busy Here", 17)
    bench.store.failure = StoreUnavailable("down")
    bench.store.flush()
    bench.store.failure = None
    bench.exchange.answered(call_id, 0, "sip:bob", "200")
    bench.store.flush()
    assert bench.take()[-1] == ("finish", 200, "200")
