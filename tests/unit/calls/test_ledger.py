"""The ledger's own promises; what follows from them for calls is in test_exchange and the race property."""

from __future__ import annotations

from strowger.calls.call import BranchReport, State
from strowger.calls.decision import RedirectCall
from strowger.calls.errors import StoreUnavailable
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.ledger import SAVE_AGAIN_S
from strowger.calls.limits import Limits
from strowger.calls.reports import CallBegan, CallEnded, RedirectOutcome, Result
from tests.support.exchange import BOB, OUTSIDE, Bench, user


def test_a_call_is_in_the_ledger_until_it_has_ended() -> None:
    bench = Bench()
    call_id = bench.arrive(flush=False)
    ledger = bench.exchange._ledger
    assert call_id in ledger
    bench.store.flush()
    bench.exchange.cancel(call_id)
    assert len(ledger) == 1, "its end is not written yet"
    bench.store.flush()
    assert call_id not in ledger


def test_ends_kept_for_a_store_that_is_down_are_bounded() -> None:
    bench = Bench(Limits(held_calls=2))
    calls = [bench.arrive(), bench.arrive()]
    bench.store.failure = StoreUnavailable("disk full")
    for call_id in calls:
        bench.exchange.cancel(call_id)
    bench.store.flush()
    assert len(bench.exchange._ledger._unsaved) == 2


def test_reports_of_branches_are_seen_at_once_and_written_with_the_next_change() -> None:
    bench = Bench()
    call_id = bench.arrive("alice")
    bench.exchange.rang(call_id, 0, 0)
    bench.exchange.branch_ended(call_id, 0, 0, 486, "Busy Here", 17)
    report = BranchReport(0, bench.clock.wall(), bench.clock.wall(), 486, "Busy Here", 17)
    live = bench.exchange.live_call(call_id)
    assert live is not None and live.hop.branch_reports == (report,)
    assert bench.store.waiting == [], "a report alone is not written"
    assert bench.store.stored(call_id).hop.branch_reports == ()
    bench.exchange.hop_failed(call_id, 0, 486, "Busy Here", "sip:alice: 486 Busy Here", None)
    bench.store.flush()
    assert bench.store.stored(call_id).hop.branch_reports == (report,)


def test_what_a_branch_repeats_does_not_wait_for_its_call() -> None:
    bench = Bench()
    call_id = bench.arrive("bob")
    bench.exchange.redirect(RedirectCall("dev", bench.context(call_id), phone_number(OUTSIDE)), lambda outcome: None)
    for _ in range(100):
        bench.exchange.rang(call_id, 0, 0)
        bench.exchange.branch_ended(call_id, 0, 0, 200, "OK", 0)
    waiting = bench.exchange._ledger._live[call_id].waiting
    assert waiting is not None
    assert len(waiting) == 2


def test_of_a_call_that_is_over_nothing_more_is_kept() -> None:
    bench = Bench()
    call_id = bench.arrive("alice")
    bench.exchange.cancel(call_id)
    bench.store.flush()
    bench.exchange.rang(call_id, 0, 0)
    bench.exchange.branch_ended(call_id, 0, 0, 487, "Request Terminated", 0)
    assert bench.exchange.live_call(call_id) is None


# Reports -------------------------------------------------------------------------------------------------------------


def redirected(bench: Bench, target: Identifier | None = None) -> str:
    call_id = bench.arrive()
    bench.exchange.redirect(RedirectCall("dev", bench.context(call_id), target or user(BOB)), lambda outcome: None)
    bench.store.flush()
    bench.take()
    return call_id


def a_wanting_bench() -> Bench:
    bench = Bench()
    bench.recorder.wants_reports = True
    return bench


def test_an_outcome_is_written_with_the_change_and_delivered_once_that_is_durable() -> None:
    bench = a_wanting_bench()
    call_id = redirected(bench)
    bench.exchange.hop_failed(call_id, 1, 486, "Busy", "sip:bob: 486 Busy", None)
    ((unit, _),) = bench.store.waiting
    assert [entry.event_id for entry in unit.events] == ["report-0"]
    assert bench.take() == [], "nothing is sent before"
    bench.store.flush()
    assert ("publish", "report-0") in bench.take()


def test_an_answer_of_which_somebody_is_told_is_written_before_it_is_passed_on() -> None:
    for wants_reports in (False, True):
        bench = Bench()
        bench.recorder.wants_reports = wants_reports
        call_id = redirected(bench, phone_number(OUTSIDE))
        bench.exchange.answered(call_id, 1, "sip:out", "200 OK")
        assert (("finish", 200, "200 OK") in bench.take()) is not wants_reports
        bench.store.flush()
        assert (("finish", 200, "200 OK") in bench.take()) is wants_reports


def test_an_outcome_that_the_store_refused_is_delivered_when_it_is_back() -> None:
    bench = a_wanting_bench()
    call_id = redirected(bench)
    bench.store.failure = StoreUnavailable("disk full")
    bench.exchange.cancel(call_id)
    bench.store.flush()
    assert ("publish", "report-0") not in bench.take(), "the end holds, but nobody is told of what is not durable"
    bench.store.failure = None
    bench.clock.now += SAVE_AGAIN_S
    bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    assert ("publish", "report-0") in bench.take()


def test_nothing_is_composed_of_a_call_that_was_not_redirected() -> None:
    bench = a_wanting_bench()
    bench.exchange.cancel(bench.arrive("alice"))
    bench.store.flush()
    assert bench.recorder.reports == []


def test_ringing_is_told_once_for_each_hop_apart_from_any_change() -> None:
    bench = a_wanting_bench()
    call_id = redirected(bench)
    for branch in (0, 1, 0):
        bench.exchange.rang(call_id, 1, branch)
    assert bench.store.waiting == []
    bench.store.flush()
    assert bench.take() == [("publish", "report-0")]
    (report,) = bench.recorder.reports
    assert isinstance(report, RedirectOutcome)
    assert (report.result, report.hop_index, report.branch) == (Result.RINGING, 1, 0)
    assert report.call.hop.report_of(0).rang_at == bench.clock.wall()


def test_ringing_that_cannot_be_written_is_lost_and_keeps_nothing_back() -> None:
    bench = a_wanting_bench()
    call_id = redirected(bench)
    bench.store.failure = StoreUnavailable("disk full")
    bench.exchange.rang(call_id, 1, 0)
    bench.store.flush()
    bench.store.failure = None
    bench.exchange.cancel(call_id)
    bench.store.flush()
    assert ("publish", "report-0") not in (log := bench.take())
    assert ("publish", "report-1") in log


def test_ringing_of_a_hop_that_is_decided_meanwhile_is_not_told() -> None:
    bench = a_wanting_bench()
    call_id = redirected(bench)
    bench.exchange.cancel(call_id)
    bench.exchange.rang(call_id, 1, 0)
    bench.store.flush()
    assert [report.result for report in bench.recorder.reports if isinstance(report, RedirectOutcome)] == [
        Result.CANCELLED
    ]


def test_what_rang_before_a_restart_is_not_told_again() -> None:
    bench = a_wanting_bench()
    call_id = redirected(bench)
    again = Bench(store=bench.store, clock=bench.clock)
    again.recorder.wants_reports = True
    for stored in bench.store.live_calls():
        again.exchange.restore(stored)
    again.exchange.rang(call_id, 1, 0)
    assert again.recorder.reports == []
    again.exchange.answered(call_id, 1, "sip:bob", "200 OK")
    assert len(again.recorder.reports) == 1


def test_a_call_between_users_is_told_to_have_begun_and_to_have_ended() -> None:
    bench = a_wanting_bench()
    call_id = bench.arrive("bob", caller="alice", source="127.0.0.1")
    assert bench.exchange.is_between_users(call_id)
    bench.exchange.answered(call_id, 0, "sip:bob", "200 OK", is_followed=True)
    bench.store.flush()
    bench.clock.now += 49
    bench.exchange.hung_up(call_id, is_by_caller=False)
    began, ended = bench.recorder.reports
    assert isinstance(began, CallBegan)
    assert isinstance(ended, CallEnded)
    assert (began.call.state, ended.at - ended.answered_at, ended.is_by_caller) == (State.ANSWERED, 49.0, False)
    bench.store.flush()
    assert bench.take()[-1] == ("publish", "report-1")


def test_the_end_of_a_call_of_which_we_hear_no_more_is_not_told() -> None:
    bench = a_wanting_bench()
    call_id = bench.arrive("bob", caller="alice", source="127.0.0.1")
    bench.exchange.answered(call_id, 0, "sip:bob", "200 OK", is_followed=True)
    bench.store.flush()
    bench.exchange.hung_up(call_id, is_by_caller=None)
    assert [type(report) for report in bench.recorder.reports] == [CallBegan]
    assert not bench.exchange.is_between_users(call_id), "it is over"


def test_where_nobody_listens_nothing_is_made_of_outcomes() -> None:
    bench = Bench()
    call_id = redirected(bench)
    bench.exchange.rang(call_id, 1, 0)
    bench.exchange.cancel(call_id)
    bench.store.flush()
    assert (bench.recorder.reports, bench.store.added) == ([], [])


def test_a_branch_of_a_hop_that_never_came_to_be_reports_nothing() -> None:
    bench = Bench()
    call_id = bench.arrive("alice")
    bench.exchange.rang(call_id, 1, 0)
    bench.exchange.branch_ended(call_id, 1, 0, 486, "", 0)
    live = bench.exchange.live_call(call_id)
    assert live is not None
    assert [hop.branch_reports for hop in live.hops] == [()]
