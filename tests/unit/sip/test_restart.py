"""Calls of before a restart, as ladders: what is sent when they are taken up, and what when they go on."""

from __future__ import annotations

import msgspec

from strowger.calls.call import Call
from strowger.calls.identifier import phone_number
from strowger.calls.ports import StoredCall
from tests.support.exchange import BY_TWO_TRUNKS, OUTSIDE, Bench, HandStore
from tests.support.sip_edge import EdgeBench, EverybodyBy
from tests.unit.sip.test_edge import ANN, FIRST, OUT_URI, SECOND, TRUNK, by_two_trunks, cancel, redirect, ringing


def restarted(edge: EdgeBench) -> EdgeBench:
    """kill -9 and start again: the store and the clocks stay."""
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    for stored in edge.bench.store.live_calls():
        after.bench.exchange.restore(stored)
    return after


def test_a_held_call_goes_on_after_a_restart() -> None:
    edge = EdgeBench()
    edge.invite()
    after = restarted(edge)
    assert after.invite() == [], "a repeat finds its transaction"
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert after.out() == [f"{ANN} 180 INVITE"]
    after.bench.recorder.contexts = edge.bench.recorder.contexts
    assert redirect(after, phone_number(OUTSIDE)) == [f"{TRUNK} INVITE {OUT_URI}"]


def test_a_ringing_target_gets_the_very_same_invite_after_a_restart() -> None:
    edge, out = ringing()
    after = restarted(edge)
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert after.out() == [f"{ANN} 180 INVITE", f"{TRUNK} INVITE {OUT_URI}"]
    assert after.last[1][1].to_bytes() == out.to_bytes()
    assert after.answer(out, 200) == [f"{ANN} 200 INVITE"]


def test_a_call_cancelled_before_it_is_resumed_is_cancelled_at_the_target_at_once() -> None:
    edge, _ = ringing()
    after = restarted(edge)
    assert after.feed(cancel()) == [f"{TRUNK} CANCEL {OUT_URI}", f"{ANN} 200 CANCEL", f"{ANN} 487 INVITE"]
    after.edge.resume(next(iter(after.bench.store.rows)))
    assert after.out() == []


def test_a_listener_that_is_gone_ends_the_call_and_not_the_server() -> None:
    edge = EdgeBench()
    edge.invite()
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    after.wire.is_dead = True
    for stored in edge.bench.store.live_calls():
        after.bench.exchange.restore(stored)
    assert after.out() == []
    assert (len(after.bench.exchange), len(after.edge)) == (0, 0)
    for stored in ended_calls(after.bench.store):
        after.edge.restore_ended(stored)
    assert len(after.edge) == 0


def test_a_cancel_lost_in_a_crash_is_sent_after_the_restart() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    redirect(edge, phone_number(OUTSIDE))
    after = restarted(edge)
    assert sorted(after.out()) == [
        "127.0.0.1:5072 CANCEL sip:bob@127.0.0.1:5072",
        "127.0.0.2:5072 CANCEL sip:bob@127.0.0.2:5072",
    ]


def test_a_final_response_lost_in_a_crash_is_sent_after_the_restart() -> None:
    edge, _ = ringing()
    edge.feed(cancel())
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    for stored in ended_calls(edge.bench.store):
        after.edge.restore_ended(stored)
    assert after.out() == [f"{TRUNK} CANCEL {OUT_URI}"]
    after.edge.resume(next(iter(edge.bench.store.rows)))
    assert after.out() == [f"{ANN} 487 INVITE"]


def test_an_answer_lost_in_a_crash_is_relayed_when_the_target_repeats_it() -> None:
    edge, out = ringing()
    edge.answer(out, 200)
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    for stored in ended_calls(edge.bench.store):
        after.edge.restore_ended(stored)
    assert after.out() == []
    assert after.answer(out, 200) == [f"{ANN} 200 INVITE"]
    assert after.answer(out, 200) == [f"{ANN} 200 INVITE"]
    after.later(40)
    assert len(after.layer) == 0


def test_an_answered_call_that_everybody_knows_of_leaves_nothing_after_a_restart() -> None:
    edge, out = ringing()
    edge.answer(out, 200)
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    for stored in ended_calls(edge.bench.store):
        after.edge.restore_ended(stored)
    assert after.later(40) == []
    assert (len(after.layer), len(after.edge), after.edge.next_deadline()) == (0, 0, None)


def test_after_a_failover_only_the_trunk_that_was_tried_last_is_rung_again() -> None:
    edge, out = by_two_trunks()
    edge.answer(out, 503)
    second = next(m for flow, m in edge.last if flow.host == "127.0.0.4")
    after = restarted(edge)
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert after.out() == [f"{ANN} 180 INVITE", f"{SECOND} INVITE sip:{BY_TWO_TRUNKS}@{SECOND}"]
    assert after.last[1][1].to_bytes() == second.to_bytes()


def test_a_crash_between_the_failure_and_the_next_trunk_begins_with_the_first_again() -> None:
    edge, out = by_two_trunks()
    edge.answer(out, 100)
    after = restarted(edge)
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert after.out() == [f"{ANN} 180 INVITE", f"{FIRST} INVITE sip:{BY_TWO_TRUNKS}@{FIRST}"]
    assert after.answer(out, 503)[-1] == f"{SECOND} INVITE sip:{BY_TWO_TRUNKS}@{SECOND}"


def test_a_302_lost_in_a_crash_names_the_target_again() -> None:
    edge = EdgeBench(admission=EverybodyBy("back"))
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    for stored in ended_calls(edge.bench.store):
        after.edge.restore_ended(stored)
    assert after.out() == [], "nobody was rung"
    after.edge.resume(next(iter(edge.bench.store.rows)))
    assert after.out() == [f"{ANN} 302 INVITE"]
    assert after.last[0][1].values("Contact") == [f"<{OUT_URI}>"]


def ended_calls(store: HandStore) -> list[StoredCall]:
    decode = msgspec.json.Decoder(Call).decode
    return [StoredCall(decode(unit.call), unit.revision, leg) for unit, leg in store.rows.values() if unit.ended_at]
