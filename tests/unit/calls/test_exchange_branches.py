"""Branches that join a hop, ring and end while others of it ring on."""

from __future__ import annotations

from strowger.calls.call import Branch, State
from strowger.calls.decision import RedirectCall
from strowger.calls.errors import StoreUnavailable
from strowger.calls.exchange import BRANCHES_PER_HOP
from strowger.calls.identifier import phone_number
from strowger.calls.limits import Limits
from tests.support.exchange import ALICE, BOB, BY_TWO_TRUNKS, NOBODY, OUTSIDE, Bench, redirect, user

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


def test_a_phone_that_rang_as_soon_as_it_was_known_does_not_ring_twice() -> None:
    bench = Bench()
    bench.arrive("bob")
    bench.take()
    known = "sip:bob@127.0.0.1:5072"
    bench.exchange.phone_registered(BOB, [known], bench.clock.wall())  # durable only now
    bench.store.flush()
    assert bench.take() == []
    bench.clock.now += 1
    bench.exchange.phone_registered(BOB, [known], bench.clock.wall())  # by another connection: the first is gone
    bench.store.flush()
    assert bench.take() == [("ring_branch", 0, 2, known)]


def test_a_phone_that_registers_while_its_call_is_being_written_rings() -> None:
    bench = Bench()
    call_id = bench.arrive("bob", flush=False)
    bench.exchange.phone_registered(BOB, ["sip:bob@192.0.2.50"], bench.clock.wall())
    bench.store.flush()
    assert bench.take()[-1] == ("ring_branch", 0, 2, "sip:bob@192.0.2.50")
    context = bench.context(call_id)
    bench.exchange.redirect(RedirectCall("dev", context, user(ALICE)), lambda outcome: None)
    bench.store.failure = StoreUnavailable("the disk is full")
    bench.store.flush()
    assert (bench.exchange._ledger.calls_for(ALICE), bench.exchange._ledger.calls_for(BOB)) == ([], [call_id])
    bench.arrive("alice")  # which the store refuses as well
    assert bench.exchange._ledger.calls_for(ALICE) == []


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
