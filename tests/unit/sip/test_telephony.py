"""What is said to callers and targets once it is decided, line by line."""

from __future__ import annotations

import pytest

from strowger.calls.call import BranchReport, Failure
from strowger.calls.decision import RedirectCall
from strowger.calls.fallbacks import Fallbacks
from strowger.calls.identifier import phone_number
from strowger.calls.limits import Limits
from strowger.sip.flow import Flow
from strowger.sip.manners import Manners
from strowger.sip.message import Request, Response
from strowger.sip.outgoing import RecordRoute
from tests.support.exchange import ALICE, BOB, BY_TWO_TRUNKS, NUMBER, OUTSIDE, Bench, user
from tests.support.sip_edge import (
    ANN,
    FIRST,
    INVITE,
    OUT_URI,
    SECOND,
    TRUNK,
    US,
    EdgeBench,
    EverybodyBy,
    ack,
    by_two_trunks,
    bye_by,
    cancel,
    redirect,
    reject,
    request_to,
    ringing,
)


def test_nothing_is_sent_before_the_call_is_committed() -> None:
    edge = EdgeBench()
    assert edge.feed(INVITE.format(to=NUMBER, n=1, hops=70), flush=False) == []
    assert edge.feed(INVITE.format(to=NUMBER, n=1, hops=70), flush=False) == [], "a repeat is absorbed"
    assert edge.out() == [f"{ANN} 100 INVITE", f"{ANN} 180 INVITE"]
    assert len(edge.bench.store.rows) == 1


def test_redirected_answered() -> None:
    edge = EdgeBench()
    edge.invite()
    assert redirect(edge, phone_number(OUTSIDE)) == [f"{TRUNK} INVITE {OUT_URI}"]
    out = request_to(edge, "127.0.0.1")
    assert edge.answer(out, 100) == []
    assert edge.answer(out, 180) == [f"{ANN} 180 INVITE"]
    assert edge.answer(out, 200) == [f"{ANN} 200 INVITE"]
    answer = edge.last[0][1]
    assert isinstance(answer, Response)
    assert (answer.to_tag, len(answer.vias)) == ("t", 1)
    assert edge.answer(out, 200) == [f"{ANN} 200 INVITE"], "until the ACK arrives the target repeats itself"


def test_the_forwarded_invite_carries_our_via_and_one_hop_less() -> None:
    edge = EdgeBench()
    edge.invite(hops=5)
    redirect(edge, phone_number(OUTSIDE))
    out = request_to(edge, "127.0.0.1")
    assert out.vias[0].startswith(f"SIP/2.0/UDP {US};branch=z9hG4bK")
    assert out.vias[1] == "SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bKcaller1;rport=5062;received=192.0.2.9"
    assert (out.max_forwards, out.has("Record-Route")) == (4, False)


@pytest.mark.parametrize(("status", "told"), [(486, 486), (603, 603), (302, 302), (503, 500)])
def test_the_targets_refusal_reaches_the_caller(status: int, told: int) -> None:
    edge, out = ringing()
    assert edge.answer(out, status) == [f"{TRUNK} ACK {OUT_URI}", f"{ANN} {told} INVITE"]


def test_a_target_that_never_responds_is_408() -> None:
    edge = EdgeBench()
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    lines = edge.later(33)
    assert lines.count(f"{TRUNK} INVITE {OUT_URI}") == 6
    assert lines[6:][0] == f"{ANN} 408 INVITE"


def test_a_target_that_cannot_be_reached_is_500() -> None:
    edge = EdgeBench()
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    key = next(iter(edge.edge._forks._branches._known))
    edge.edge.transport_failed(key)
    assert edge.out() == [f"{ANN} 500 INVITE"]


@pytest.mark.parametrize("trouble", ["", "the carrier does not accept this user and password"])
def test_why_a_target_could_not_be_rung_is_kept_with_the_call(trouble: str) -> None:
    edge = EdgeBench()
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    (key, (_, fork, index)) = next(iter(edge.edge._forks._branches._known.items()))
    fork.attempts[index].trouble = trouble
    edge.edge.transport_failed(key)
    edge.out()
    call = edge.bench.store.stored(next(iter(edge.bench.store.rows)))
    assert call.why == f"{OUT_URI}: {trouble or 'it could not be reached'}"


def test_nobody_answers_in_time() -> None:
    edge, out = ringing()
    assert edge.later(60)[:2] == [f"{TRUNK} CANCEL {OUT_URI}", f"{ANN} 480 INVITE"]
    assert edge.answer(out, 487) == [f"{TRUNK} ACK {OUT_URI}"]


def returning(limits: Limits | None = None) -> tuple[EdgeBench, Request]:
    """A call that rings outside and comes back to its application should it fail."""
    edge = EdgeBench(Bench(limits, fallbacks=Fallbacks(resources=["dev"])))
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    return edge, request_to(edge, "127.0.0.1")


def test_a_busy_target_gives_the_call_back_and_the_caller_hears_ringing() -> None:
    edge, out = returning()
    busy = Response.make(
        486,
        "Busy\x07Here",
        [
            *[("Via", via) for via in out.vias],
            *[(name, out.first(name) or "") for name in ("From", "To", "Call-ID", "CSeq")],
            ("Reason", 'SIP;cause=486, Q.850;cause=17;text="User busy"'),
        ],
    )
    said = edge.feed(busy.to_bytes(), Flow("UDP", "127.0.0.1", 5090, 0, 0))
    assert said == [f"{TRUNK} ACK {OUT_URI}", f"{ANN} 180 INVITE"]
    call = edge.bench.store.stored(next(iter(edge.bench.store.rows)))
    assert call.hop.failure == Failure(f"4:{OUTSIDE}", 486, "Busy\\x07Here", f"{OUT_URI}: 486 Busy\\x07Here", 17)
    assert "127.0.0.1:5072 INVITE sip:bob@127.0.0.1:5072" in redirect(edge, user(BOB), 2)
    edge.answer(request_to(edge, "127.0.0.1"), 200)


def test_a_target_that_does_not_answer_is_cancelled_and_the_call_comes_back() -> None:
    edge, out = returning(Limits(ring_s=5, hold_s=7))
    edge.answer(out, 180)
    assert edge.later(5) == [f"{TRUNK} CANCEL {OUT_URI}", f"{ANN} 180 INVITE"]
    edge.answer(out, 487)
    assert f"{ANN} 480 INVITE" in edge.later(7)


def test_a_target_that_cannot_be_reached_gives_the_call_back() -> None:
    edge, out = returning()
    edge.answer(out, 503)
    call = edge.bench.store.stored(next(iter(edge.bench.store.rows)))
    assert call.hop.failure == Failure(f"4:{OUTSIDE}", 500, "Server Internal Error", f"{OUT_URI}: 503 Reason")
    assert f"{ANN} 500 INVITE" in edge.later(30)


def test_a_target_that_cannot_be_reached_says_why_in_few_words_on_one_line() -> None:
    edge, out = returning()
    said = "No\x1b[2Jway" + "\x07" * 8_000
    edge.feed(out_of(out, 503, said), Flow("UDP", "127.0.0.1", 5090, 0, 0))
    call = edge.bench.store.stored(next(iter(edge.bench.store.rows)))
    assert call.hop.failure is not None
    assert call.hop.failure.why.startswith(f"{OUT_URI}: 503 No\\x1b[2Jway\\x07\\x07")
    assert len(call.hop.failure.why) <= len(f"{OUT_URI}: ") + 200


def out_of(invite: Request, status: int, reason: str) -> bytes:
    headers = [("Via", via) for via in invite.vias]
    headers += [(name, invite.first(name) or "") for name in ("From", "To", "Call-ID", "CSeq")]
    return Response.make(status, reason, headers).to_bytes()


def test_whatever_a_target_said_its_caller_gets_a_final_response() -> None:
    edge, out = returning(Limits(hold_s=7))
    headers = [("Via", via) for via in out.vias]
    headers += [(name, out.first(name) or "") for name in ("From", "To", "Call-ID", "CSeq")]
    busy = Response.make(486, "Bes\xe9t\x07" + "t" * 300, headers)
    assert f"{ANN} 180 INVITE" in edge.feed(busy.to_bytes(), Flow("UDP", "127.0.0.1", 5090, 0, 0))
    assert f"{ANN} 486 INVITE" in edge.later(7)
    (answer,) = {message.start_line for _, message in edge.last}
    assert answer == "SIP/2.0 486 Bes\xe9t\\x07" + "t" * 190


def test_a_challenge_of_the_target_is_the_callers() -> None:
    edge, out = returning()
    assert f"{ANN} 407 INVITE" in edge.answer(out, 407)


def test_nobody_decides_in_time() -> None:
    edge = EdgeBench()
    edge.invite()
    assert edge.later(29.9) == []
    assert edge.later(0.2) == [f"{ANN} 480 INVITE"]
    assert edge.feed(ack("x")) == []
    assert edge.later(60) == []
    assert len(edge.layer) == 0


def test_reject_is_repeated_until_acknowledged() -> None:
    edge = EdgeBench()
    edge.invite()
    assert reject(edge) == [f"{ANN} 603 INVITE"]
    assert edge.later(0.5) == [f"{ANN} 603 INVITE"]
    assert edge.feed(ack("x")) == []
    assert edge.later(40) == []


def test_cancel_while_held() -> None:
    edge = EdgeBench()
    edge.invite()
    assert edge.feed(cancel(), flush=False) == []
    assert edge.out() == [f"{ANN} 200 CANCEL", f"{ANN} 487 INVITE"]
    assert edge.feed(cancel()) == [f"{ANN} 200 CANCEL"]


def test_cancel_while_ringing() -> None:
    edge, out = ringing()
    assert edge.feed(cancel()) == [f"{TRUNK} CANCEL {OUT_URI}", f"{ANN} 200 CANCEL", f"{ANN} 487 INVITE"]
    sent = edge.last[0][1]
    assert isinstance(sent, Request)
    assert (sent.top_via.branch, sent.cseq.method) == (out.top_via.branch, "CANCEL")


def test_a_cancel_waits_for_the_targets_first_response() -> None:
    edge = EdgeBench()
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    out = request_to(edge, "127.0.0.1")
    assert edge.feed(cancel()) == [f"{ANN} 200 CANCEL", f"{ANN} 487 INVITE"]
    assert edge.answer(out, 180) == [f"{TRUNK} CANCEL {OUT_URI}"]


def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() -> None:
    edge, out = ringing()
    edge.feed(cancel())
    target = "sip:target@192.0.2.77:5090"
    assert edge.answer(out, 200) == [f"192.0.2.77:5090 ACK {target}", f"192.0.2.77:5090 BYE {target}"]
    bye = edge.last[1][1]
    assert isinstance(bye, Request)
    assert (bye.to_tag, bye.from_tag, bye.cseq) == ("t", "ann", (2, "BYE"))
    assert edge.answer(out, 200) == [f"192.0.2.77:5090 ACK {target}"], "its repeat is acknowledged, not ended twice"


def test_all_phones_of_a_user_ring_and_the_first_answer_silences_the_others() -> None:
    edge = EdgeBench()
    assert edge.invite("bob") == [
        f"{ANN} 100 INVITE",
        "127.0.0.1:5072 INVITE sip:bob@127.0.0.1:5072",
        "127.0.0.2:5072 INVITE sip:bob@127.0.0.2:5072",
    ]
    first, second = request_to(edge, "127.0.0.1"), request_to(edge, "127.0.0.2")
    edge.answer(first, 180, tag="1")
    edge.answer(second, 180, tag="2")
    assert edge.answer(first, 200, tag="1") == [f"{ANN} 200 INVITE", "127.0.0.2:5072 CANCEL sip:bob@127.0.0.2:5072"]
    sent = edge.last[1][1]
    assert isinstance(sent, Request)
    assert sent.first("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert edge.answer(second, 487, tag="2") == ["127.0.0.2:5072 ACK sip:bob@127.0.0.2:5072"]


def test_two_phones_answer_and_the_caller_hears_of_one() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    first, second = request_to(edge, "127.0.0.1"), request_to(edge, "127.0.0.2")
    edge.answer(first, 200, tag="1")
    lines = edge.answer(second, 200, tag="2", contact="sip:bob@127.0.0.2:5072")
    assert lines == ["127.0.0.2:5072 ACK sip:bob@127.0.0.2:5072", "127.0.0.2:5072 BYE sip:bob@127.0.0.2:5072"]


def test_a_user_is_redirected_away_while_ringing() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    first, second = request_to(edge, "127.0.0.1"), request_to(edge, "127.0.0.2")
    edge.answer(first, 180)
    assert redirect(edge, phone_number(OUTSIDE)) == [
        "127.0.0.1:5072 CANCEL sip:bob@127.0.0.1:5072",
        f"{TRUNK} INVITE {OUT_URI}",
    ]
    cancelled = edge.answer(second, 180)
    assert cancelled == ["127.0.0.2:5072 CANCEL sip:bob@127.0.0.2:5072"], "and the caller hears nothing of it"


def test_an_unusable_contact_harms_nobody_but_its_owner() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    first, second = request_to(edge, "127.0.0.1"), request_to(edge, "127.0.0.2")
    edge.answer(second, 180, tag="2")
    lines = edge.answer(first, 200, tag="1", contact="*")
    assert lines == [f"{ANN} 200 INVITE", "127.0.0.2:5072 CANCEL sip:bob@127.0.0.2:5072"]
    call = edge.bench.store.stored(next(iter(edge.bench.store.rows)))
    assert call.state.value == "answered"


@pytest.mark.parametrize("contact", ["sips:t@192.0.2.77", "tel:+1", "sip:t@192.0.2.77;transport=sctp"])
def test_an_unwanted_answer_that_cannot_be_reached_is_ended_where_the_invite_went(contact: str) -> None:
    edge, out = ringing()
    edge.feed(cancel())
    assert edge.answer(out, 200, contact=contact) == [f"{TRUNK} ACK {contact}", f"{TRUNK} BYE {contact}"]


def test_a_phone_that_was_redirected_away_from_and_stays_silent_is_cancelled_once() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    edge.answer(request_to(edge, "127.0.0.1"), 180)
    redirect(edge, phone_number(OUTSIDE))
    out = edge.last[-1][1]
    assert isinstance(out, Request)
    assert edge.answer(out, 200) == [f"{ANN} 200 INVITE"]
    call = edge.bench.store.stored(next(iter(edge.bench.store.rows)))
    assert (call.state.value, call.why) == ("answered", f"answered by {OUT_URI}")


def test_a_target_that_never_ends_its_cancelled_call_is_forgotten() -> None:
    edge, _ = ringing()
    edge.feed(cancel())
    edge.feed(ack("x"))
    edge.later(200)
    assert (len(edge.layer), len(edge.edge), len(edge.edge._forks)) == (0, 0, 0)


def test_a_disowned_answer_is_disowned_each_time() -> None:
    edge = EdgeBench()
    edge.invite("bob")
    out = request_to(edge, "127.0.0.1")
    call_id = next(iter(edge.bench.store.rows))
    context = edge.bench.recorder.contexts[f"{call_id}/0"]
    edge.bench.exchange.redirect(RedirectCall("dev", context, phone_number(OUTSIDE)), lambda outcome: None)
    target = "sip:target@192.0.2.77:5090"
    lines = edge.answer(out, 200)
    assert f"192.0.2.77:5090 BYE {target}" in lines
    assert f"{ANN} 200 INVITE" not in lines
    assert edge.answer(out, 200) == [f"192.0.2.77:5090 ACK {target}"]


def test_two_dialogs_beyond_one_unwanted_branch_are_both_ended() -> None:
    edge, out = ringing()
    edge.feed(cancel())
    target = "sip:target@192.0.2.77:5090"
    both = [f"192.0.2.77:5090 ACK {target}", f"192.0.2.77:5090 BYE {target}"]
    assert edge.answer(out, 200, tag="x1") == both
    assert edge.answer(out, 200, tag="x2") == both


@pytest.mark.parametrize("record_route", list(RecordRoute))
def test_an_answered_call_to_a_trunk_counts_until_it_is_hung_up_if_that_comes_by_us(
    record_route: RecordRoute,
) -> None:
    edge = EdgeBench(manners=Manners(record_route=record_route))
    edge.invite()
    redirect(edge, phone_number(BY_TWO_TRUNKS))
    edge.answer(request_to(edge, "127.0.0.3"), 200)
    running = edge.bench.exchange.outside.running
    assert list(running()) == [("dev", 1)]
    route = edge.last[-1][1].first("Record-Route")
    assert (route is None) is (record_route is RecordRoute.OFF)
    edge.feed(bye_by(route or f"<sip:{US};lr>"))
    [(_, bye)] = edge.last
    assert isinstance(bye, Request)
    assert list(running()) == [("dev", 1)]
    edge.answer(bye, 200)
    assert list(running()) == ([("dev", 1)] if record_route is RecordRoute.OFF else [])


def test_an_answer_that_nobody_wants_is_not_followed() -> None:
    edge = EdgeBench(manners=Manners(record_route=RecordRoute.ON))
    edge.invite()
    redirect(edge, phone_number(BY_TWO_TRUNKS))
    out = request_to(edge, "127.0.0.3")
    edge.feed(cancel(), flush=False)
    edge.answer(out, 200, flush=False)
    assert f"{ANN} 487 INVITE" in edge.out()
    assert (len(edge.edge._followed), edge.bench.exchange.outside.running()) == (0, [])


def test_an_answered_call_to_one_of_our_phones_is_not_outside() -> None:
    edge = EdgeBench(manners=Manners(record_route=RecordRoute.OUTSIDE))
    edge.invite()
    redirect(edge, user(ALICE))
    assert not edge.last[-1][1].has("Record-Route")


def test_a_call_goes_on_to_the_next_trunk_and_the_caller_hears_nothing_of_it() -> None:
    edge, out = by_two_trunks()
    assert edge.answer(out, 503) == [
        f"{FIRST} ACK sip:{BY_TWO_TRUNKS}@{FIRST}",
        f"{SECOND} INVITE sip:{BY_TWO_TRUNKS}@{SECOND}",
    ]
    out = request_to(edge, "127.0.0.4")
    assert edge.answer(out, 180) == [f"{ANN} 180 INVITE"]
    assert edge.answer(out, 200) == [f"{ANN} 200 INVITE"]


def test_a_silent_trunk_is_left_after_some_seconds_and_the_caller_waits_no_longer() -> None:
    edge, _ = by_two_trunks()
    lines = edge.later(4.5)
    assert lines[-1] == f"{SECOND} INVITE sip:{BY_TWO_TRUNKS}@{SECOND}"
    assert edge.answer(request_to(edge, "127.0.0.4"), 486)[-1] == f"{ANN} 486 INVITE"


def test_hanging_up_while_the_next_trunk_is_being_written_silences_it() -> None:
    edge, out = by_two_trunks()
    edge.answer(out, 503, flush=False)
    assert edge.feed(cancel()) == [
        f"{SECOND} INVITE sip:{BY_TWO_TRUNKS}@{SECOND}",
        f"{ANN} 200 CANCEL",
        f"{ANN} 487 INVITE",
    ]
    out = next(m for flow, m in edge.last if flow.host == "127.0.0.4" and isinstance(m, Request))
    assert edge.answer(out, 180) == [f"{SECOND} CANCEL sip:{BY_TWO_TRUNKS}@{SECOND}"]


def test_a_caller_is_told_that_its_call_is_forwarded_if_that_is_wanted() -> None:
    edge = EdgeBench(manners=Manners(says_forwarded=True))
    edge.invite()
    assert redirect(edge, phone_number(OUTSIDE)) == [f"{ANN} 181 INVITE", f"{TRUNK} INVITE {OUT_URI}"]


def test_a_caller_that_is_to_call_the_target_itself_gets_it_as_its_contact() -> None:
    edge = EdgeBench(admission=EverybodyBy("back"))
    edge.invite()
    assert redirect(edge, phone_number(BY_TWO_TRUNKS)) == [f"{ANN} 302 INVITE"]
    (answer,) = (message for _, message in edge.last)
    assert answer.values("Contact") == [
        f"<sip:{BY_TWO_TRUNKS}@{FIRST}>;q=1.0",
        f"<sip:{BY_TWO_TRUNKS}@{SECOND}>;q=0.9",
    ]


def test_the_ringing_and_the_end_of_a_branch_are_kept_with_the_call() -> None:
    edge, out = ringing()
    edge.bench.clock.now += 3
    edge.answer(out, 486, more=[("Reason", 'Q.850;cause=17;text="User busy"')])
    hop = edge.bench.store.stored(next(iter(edge.bench.store.rows))).hop
    at = edge.bench.clock.wall()
    assert hop.branch_reports == (BranchReport(0, at - 3, at, 486, "Busy Here", 17),)
