"""Calls that leave for the outside, as the exchange begins, counts and ends them."""

from __future__ import annotations

import pytest

from strowger.calls.decision import Accepted
from strowger.calls.errors import CallThrottled, StoreUnavailable, TargetForbidden, TooManyRedirects
from strowger.calls.identifier import phone_number
from strowger.calls.limits import Limits
from strowger.calls.outside_rules import OutsideRules
from tests.support.exchange import ALICE, BOB, OTHER_NUMBER, OUTSIDE, Bench, redirect, user

ONE = OutsideRules(calls=1, calls_per_minute=0, caller_calls=0, caller_calls_per_minute=0)


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
