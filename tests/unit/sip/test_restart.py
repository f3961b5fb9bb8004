"""Calls of before a restart, as ladders: what is sent when they are taken up, and what when they go on."""

from __future__ import annotations

import msgspec

from strowger.calls.call import Call
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.calls.ports import StoredCall
from tests.support.exchange import ALICE, BOB, BY_TWO_TRUNKS, NUMBER, OUTSIDE, Bench, HandStore
from tests.support.sip_edge import (
    ANN,
    FIRST,
    OUT_URI,
    SECOND,
    TRUNK,
    EdgeBench,
    EverybodyBy,
    by_two_trunks,
    cancel,
    redirect,
    request_to,
    ringing,
)


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
    after.edge.restart.resume(next(iter(after.bench.store.rows)))
    assert after.out() == []


def test_a_phone_is_not_rung_again_when_another_has_declined_for_all() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    first, second = (request_to(edge, host) for host in ("127.0.0.1", "127.0.0.2"))
    edge.answer(second, 180)
    edge.answer(first, 603)
    after = restarted(edge)
    assert after.out() == ["127.0.0.2:5072 CANCEL sip:bob@127.0.0.2:5072"]
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert after.out() == [f"{ANN} 180 INVITE"]
    assert after.answer(second, 487) == ["127.0.0.2:5072 ACK sip:bob@127.0.0.2:5072", f"{ANN} 603 INVITE"]


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
        after.edge.restart.restore_ended(stored)
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
        after.edge.restart.restore_ended(stored)
    assert after.out() == [f"{TRUNK} CANCEL {OUT_URI}"]
    after.edge.restart.resume(next(iter(edge.bench.store.rows)))
    assert after.out() == [f"{ANN} 487 INVITE"]


def test_an_answer_lost_in_a_crash_is_relayed_when_the_target_repeats_it() -> None:
    edge, out = ringing()
    edge.answer(out, 200)
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    for stored in ended_calls(edge.bench.store):
        after.edge.restart.restore_ended(stored)
    assert after.out() == []
    assert after.answer(out, 200) == [f"{ANN} 200 INVITE"]
    assert after.answer(out, 200) == [f"{ANN} 200 INVITE"]
    after.later(40)
    assert len(after.layer) == 0


def test_who_had_not_been_heard_of_when_another_answered_is_cancelled_after_the_restart() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    first, second = (request_to(edge, host) for host in ("127.0.0.1", "127.0.0.2"))
    edge.answer(second, 200, tag="second")
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    for stored in ended_calls(edge.bench.store):
        after.edge.restart.restore_ended(stored)
    assert after.out() == ["127.0.0.1:5072 CANCEL sip:bob@127.0.0.1:5072"]
    assert "Call completed elsewhere" in (request_to(after, "127.0.0.1", "CANCEL").first("Reason") or "")
    assert after.answer(first, 200, tag="first") == [
        "192.0.2.77:5090 ACK sip:target@192.0.2.77:5090",
        "192.0.2.77:5090 BYE sip:target@192.0.2.77:5090",
    ]
    assert after.answer(second, 200, tag="second") == [f"{ANN} 200 INVITE"]
    assert after.answer(second, 200, tag="second") == [f"{ANN} 200 INVITE"]
    after.later(80)
    assert (len(after.layer), len(after.edge), len(after.edge._forks)) == (0, 0, 0)


def test_an_answered_call_that_everybody_knows_of_leaves_nothing_after_a_restart() -> None:
    edge, out = ringing()
    edge.answer(out, 200)
    after = EdgeBench(Bench(store=edge.bench.store, clock=edge.bench.clock))
    for stored in ended_calls(edge.bench.store):
        after.edge.restart.restore_ended(stored)
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
        after.edge.restart.restore_ended(stored)
    assert after.out() == [], "nobody was rung"
    after.edge.restart.resume(next(iter(edge.bench.store.rows)))
    assert after.out() == [f"{ANN} 302 INVITE"]
    assert after.last[0][1].values("Contact") == [f"<{OUT_URI}>"]


def ended_calls(store: HandStore) -> list[StoredCall]:
    decode = msgspec.json.Decoder(Call).decode
    return [StoredCall(decode(unit.call), unit.revision, leg) for unit, leg in store.rows.values() if unit.ended_at]


def test_who_has_refused_is_not_rung_again_after_a_restart() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    first, second = (request_to(edge, host) for host in ("127.0.0.1", "127.0.0.2"))
    edge.answer(first, 180)
    edge.answer(second, 180)
    edge.answer(first, 486)
    after = restarted(edge)
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert after.out() == [f"{ANN} 180 INVITE", "127.0.0.2:5072 INVITE sip:bob@127.0.0.2:5072"]
    assert after.answer(second, 480)[-1] == f"{ANN} 486 INVITE"


def test_who_could_not_be_reached_is_tried_again_after_a_restart() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    edge.answer(request_to(edge, "127.0.0.1"), 503)
    after = restarted(edge)
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert len(after.out()) == 3


GROUP = Group(
    phone_number(NUMBER), Mode.ALL, (Member(from_raw_id(ALICE)), Member(phone_number(BY_TWO_TRUNKS)))
)


def test_a_group_rings_by_the_same_ways_after_a_restart() -> None:
    edge = EdgeBench(Bench(groups=[GROUP]))
    alice, first, second = "127.0.0.1:5071", f"sip:{BY_TWO_TRUNKS}@{FIRST}", f"sip:{BY_TWO_TRUNKS}@{SECOND}"
    assert edge.invite()[1:] == [f"{alice} INVITE sip:alice@{alice}", f"{FIRST} INVITE {first}"]
    at_alice = request_to(edge, "127.0.0.1")
    assert edge.answer(request_to(edge, "127.0.0.3"), 503) == [f"{FIRST} ACK {first}", f"{SECOND} INVITE {second}"]
    at_second = request_to(edge, "127.0.0.4")
    after = restarted(edge)
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert after.out() == [f"{ANN} 180 INVITE", f"{alice} INVITE sip:alice@{alice}", f"{SECOND} INVITE {second}"]
    assert [message.to_bytes() for _, message in after.last[1:]] == [at_alice.to_bytes(), at_second.to_bytes()]
    assert after.answer(at_alice, 180) == [f"{ANN} 180 INVITE"]
    assert after.answer(at_second, 200) == [f"{ANN} 200 INVITE", f"{alice} CANCEL sip:alice@{alice}"]
    reason = after.last[1][1].first("Reason")
    assert reason == 'SIP;cause=200;text="Call completed elsewhere"'


def test_of_a_hunt_the_member_before_is_cancelled_again_and_only_the_latest_rings() -> None:
    hunt = Group(phone_number(NUMBER), Mode.IN_ORDER, (Member(from_raw_id(ALICE), 10.0), Member(from_raw_id(BOB))))
    edge = EdgeBench(Bench(groups=[hunt]))
    edge.invite()
    edge.answer(request_to(edge, "127.0.0.1"), 180)
    edge.later(10.0)
    after = restarted(edge)
    assert after.out() == ["127.0.0.1:5071 CANCEL sip:alice@127.0.0.1:5071"]
    after.bench.exchange.resume(next(iter(after.bench.store.rows)))
    assert after.out() == [
        f"{ANN} 180 INVITE",
        "127.0.0.1:5072 INVITE sip:bob@127.0.0.1:5072",
        "127.0.0.2:5072 INVITE sip:bob@127.0.0.2:5072",
    ]
