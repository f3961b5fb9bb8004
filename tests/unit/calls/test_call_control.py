"""What applications decide: durable before it is answered, once for each hop, and with a precise refusal."""

from __future__ import annotations

import pytest

from strowger.calls.call import State
from strowger.calls.decision import Accepted, RejectReason
from strowger.calls.errors import (
    CallError,
    CallOver,
    ContextForeign,
    ContextMalformed,
    HopClosed,
    StoreUnavailable,
    TargetInvalid,
    TargetUnroutable,
    TooManyRedirects,
)
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.ledger import INPUTS_WAITING_PER_CALL
from strowger.calls.limits import Limits
from strowger.calls.ports import Receipt
from tests.support.exchange import (
    BOB,
    BY_TWO_TRUNKS,
    NOBODY,
    NUMBER,
    OTHER_NUMBER,
    OUTSIDE,
    Bench,
    redirect,
    reject,
    user,
)

OUT = ("sip:+18005550199@127.0.0.1:5090",)
FIRST, SECOND = f"sip:{BY_TWO_TRUNKS}@127.0.0.3:5090", f"sip:{BY_TWO_TRUNKS}@127.0.0.4:5090"


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


@pytest.mark.parametrize(
    ("reason", "status"), [(RejectReason.NONE, 603), (RejectReason.BUSY, 486), (RejectReason.FORBIDDEN, 403)]
)
def test_reject(reason: RejectReason, status: int) -> None:
    bench = Bench()
    call_id = bench.arrive()
    bench.take()
    assert reject(bench, bench.context(call_id), reason) == [Accepted(call_id)]
    assert bench.take() == [("withdraw", "id-0001"), ("finish", status, None)]


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


def test_redirected_to_nobody_is_accepted_and_480_for_the_caller() -> None:
    bench = Bench()
    call_id = bench.arrive()
    bench.recorder.subscribed = False
    bench.take()
    assert isinstance(redirect(bench, bench.context(call_id), user(NOBODY))[0], Accepted)
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 480, None)]


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


def test_decisions_waiting_behind_one_commit_are_bounded() -> None:
    bench = Bench()
    context = bench.context(bench.arrive())
    redirect(bench, context, phone_number(OUTSIDE), flush=False)
    for _ in range(INPUTS_WAITING_PER_CALL):
        assert redirect(bench, context, phone_number(OUTSIDE), flush=False) == []
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE), flush=False)[0], HopClosed)


def test_beyond_the_chain_without_a_store_nothing_is_done() -> None:
    bench = Bench(Limits(redirects_per_call=0))
    context = bench.context(bench.arrive())
    bench.take()
    bench.store.failure = StoreUnavailable("disk full")
    assert isinstance(redirect(bench, context, phone_number(OUTSIDE))[0], StoreUnavailable)
    assert bench.take() == []


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
