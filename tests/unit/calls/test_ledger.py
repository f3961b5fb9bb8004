"""The ledger's own promises; what follows from them for calls is in test_exchange and the race property."""

from __future__ import annotations

from strowger.calls.call import BranchReport
from strowger.calls.errors import StoreUnavailable
from strowger.calls.limits import Limits
from tests.support.exchange import Bench


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


def test_of_a_call_that_is_over_nothing_more_is_kept() -> None:
    bench = Bench()
    call_id = bench.arrive("alice")
    bench.exchange.cancel(call_id)
    bench.store.flush()
    bench.exchange.rang(call_id, 0, 0)
    bench.exchange.branch_ended(call_id, 0, 0, 487, "Request Terminated", 0)
    assert bench.exchange.live_call(call_id) is None
