"""The ledger's own promises; what follows from them for calls is in test_exchange and the race property."""

from __future__ import annotations

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
