"""The edge as a ladder: which message goes where, after which message or decision came in."""

from __future__ import annotations

import pytest

from strowger.calls.call import BranchReport, Failure
from strowger.calls.decision import RedirectCall, RejectCall
from strowger.calls.fallbacks import Fallbacks
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.limits import Limits
from strowger.calls.reports import CallBegan, CallEnded
from strowger.sip.edge import Manners
from strowger.sip.flow import Flow
from strowger.sip.message import MessageLimits, Refusal, Request, Response
from strowger.sip.outgoing import RecordRoute
from strowger.sip.overload import Overload, OverloadLimits
from strowger.sip.rate_limits import RateLimits, Rates
from strowger.sip.throttle import Throttle
from tests.support.admission import REALM, an_admission
from tests.support.digest import credentials
from tests.support.exchange import ALICE, BOB, BY_TWO_TRUNKS, NUMBER, OUTSIDE, Bench, user
from tests.support.sip_edge import CALLER, INVITE, US, EdgeBench, EverybodyBy

ANN = "192.0.2.9:5062"
TRUNK = "127.0.0.1:5090"
OUT_URI = f"sip:{OUTSIDE}@127.0.0.1:5090"


def redirect(edge: EdgeBench, target: Identifier, hop_index: int = 0) -> list[str]:
    call_id = next(iter(edge.bench.store.rows))
    context = edge.bench.recorder.contexts[f"{call_id}/{hop_index}"]
    edge.bench.exchange.redirect(RedirectCall("dev", context, target), lambda outcome: None)
    return edge.out()


def reject(edge: EdgeBench) -> list[str]:
    call_id = next(iter(edge.bench.store.rows))
    edge.bench.exchange.reject(RejectCall("dev", edge.bench.recorder.contexts[f"{call_id}/0"]), lambda outcome: None)
    return edge.out()


def request_to(edge: EdgeBench, host: str, method: str = "INVITE") -> Request:
    """The last request that was sent to a host."""
    for flow, message in reversed(edge.last):
        if flow.host == host and isinstance(message, Request) and message.method == method:
            return message
    raise AssertionError(f"no {method} was sent to {host}")


def ringing() -> tuple[EdgeBench, Request]:
    edge = EdgeBench()
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    out = request_to(edge, "127.0.0.1")
    edge.answer(out, 180)
    return edge, out


def ack(to_tag: str, uri: str = f"sip:{NUMBER}@192.0.2.1") -> str:
    return (
        INVITE.format(to=NUMBER, n=1, hops=70)
        .replace(f"INVITE sip:{NUMBER}@192.0.2.1", f"ACK {uri}")
        .replace("1 INVITE", "1 ACK")
        .replace("@192.0.2.1>\nCall-ID", f"@192.0.2.1>;tag={to_tag}\nCall-ID")
    )


def cancel() -> str:
    return INVITE.format(to=NUMBER, n=1, hops=70).replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL")


def test_nothing_is_sent_before_the_call_is_committed() -> None:
    edge = EdgeBench()
    assert edge.feed(INVITE.format(to=NUMBER, n=1, hops=70), flush=False) == []
    assert edge.feed(INVITE.format(to=NUMBER, n=1, hops=70), flush=False) == [], "a repeat is absorbed"
    assert edge.out() == [f"{ANN} 100 INVITE", f"{ANN} 180 INVITE"]
    assert len(edge.bench.store.rows) == 1


def test_a_repeated_invite_gets_the_last_response_again() -> None:
    edge = EdgeBench()
    edge.invite()
    assert edge.invite() == [f"{ANN} 180 INVITE"]


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
    assert call.hop.failure == Failure(
        f"4:{OUTSIDE}", 486, "Busy\\x07Here", f"{OUT_URI}: 486 Busy\\x07Here", 17
    )
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


def test_a_cancel_of_nothing_is_481_and_one_after_the_answer_changes_nothing() -> None:
    edge, out = ringing()
    assert EdgeBench().feed(cancel()) == [f"{ANN} 481 CANCEL"]
    edge.answer(out, 200)
    assert edge.feed(cancel()) == [f"{ANN} 200 CANCEL"]


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


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("Max-Forwards: 70", "Max-Forwards: 0"), 483),
        (("Max-Forwards: 70", "Max-Forwards: 70\nProxy-Require: teleport"), 420),
        ((f"INVITE sip:{NUMBER}", "INVITE sip:carol"), 404),
        (("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), 400),
        (("INVITE sip:+31201110001@192.0.2.1 ", "INVITE mailto:ann@example.org "), 416),
    ],
)
def test_an_invite_that_is_not_taken(change: tuple[str, str], status: int) -> None:
    edge = EdgeBench()
    text = INVITE.format(to=NUMBER, n=1, hops=70).replace(*change, 1)
    lines = edge.feed(text)
    assert [line.split()[1] for line in lines] == [str(status)]
    assert edge.bench.store.rows == {}


def test_message_limits_as_they_are_set() -> None:
    edge = EdgeBench(manners=Manners(message_limits=MessageLimits(vias=2)))
    invite = INVITE.format(to=NUMBER, n=1, hops=70)
    via = "Via: SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bKbefore\n"
    assert edge.feed(invite.replace("Max-Forwards", via * 2 + "Max-Forwards")) == ["192.0.2.9:5062 513 INVITE"]
    assert edge.feed(invite.replace("Max-Forwards", via + "Max-Forwards"))[0] == "192.0.2.9:5062 100 INVITE"


def guarded(edge_options: Rates) -> tuple[EdgeBench, Throttle]:
    throttle = Throttle(
        RateLimits(edge_options, lambda host: False),
        Overload(OverloadLimits(lag_s=0.5), lambda: 0),
        chance=lambda: 0.25,
    )
    return EdgeBench(throttle=throttle), throttle


def test_a_call_above_the_rate_gets_503_and_calls_in_progress_go_on() -> None:
    edge, throttle = guarded(Rates(calls_per_source=0.5))
    assert edge.invite() == [f"{ANN} 100 INVITE", f"{ANN} 180 INVITE"]
    assert edge.invite(n=2) == [f"{ANN} 503 INVITE"]
    assert edge.last[0][1].first("Retry-After") == "3"
    assert edge.invite() == [f"{ANN} 180 INVITE"], "a repeat of a known INVITE"
    assert len(edge.layer) == 1
    assert edge.feed(cancel())[0] == f"{ANN} 200 CANCEL"
    assert throttle.refused == {"calls_per_source": 1}


def test_calls_of_all_above_the_rate_get_503() -> None:
    edge, throttle = guarded(Rates(calls=0.5))
    assert edge.invite() == [f"{ANN} 100 INVITE", f"{ANN} 180 INVITE"]
    assert edge.invite(n=2) == [f"{ANN} 503 INVITE"]
    assert throttle.refused == {"calls_per_second": 1}


class Desk:
    """A registration that asks everybody for a password."""

    way = flow_since = None

    def require_allowed(self, request: Request, flow: Flow, now: float) -> None:
        raise Refusal(401, "Unauthorized")


def test_under_overload_registrations_get_503() -> None:
    _, throttle = guarded(Rates())
    edge = EdgeBench(throttle=throttle, registration=Desk())
    register = INVITE.format(to=NUMBER, n=1, hops=70).replace("INVITE", "REGISTER")
    assert edge.feed(register) == [f"{ANN} 401 REGISTER"]
    throttle.overload.look(0.0, 1.0)
    assert edge.feed(register) == [f"{ANN} 503 REGISTER"]
    assert edge.last[0][1].first("Retry-After") == "3"


def test_under_overload_calls_in_progress_go_on() -> None:
    edge, throttle = guarded(Rates())
    edge.invite()
    throttle.overload.look(0.0, 1.0)
    assert edge.invite(n=2) == [f"{ANN} 503 INVITE"]
    redirect(edge, phone_number(OUTSIDE))
    ((_, invite),) = edge.last
    assert isinstance(invite, Request)
    assert edge.answer(invite, 200) == [f"{ANN} 200 INVITE"]
    assert throttle.refused == {"loop_lag": 1}


def test_a_request_that_loops_is_482() -> None:
    edge = EdgeBench()
    edge.invite()
    redirect(edge, user(BOB))
    looped = request_to(edge, "127.0.0.1").copy()
    looped.uri = f"sip:{NUMBER}@192.0.2.1"
    assert "482 INVITE" in edge.feed(looped.to_bytes())[0]


@pytest.mark.parametrize(
    ("method", "line"), [("OPTIONS", "200"), ("REGISTER", "405"), ("MESSAGE", "405"), ("FOO", "405"), ("PRACK", "405")]
)
def test_requests_outside_a_dialog(method: str, line: str) -> None:
    edge = EdgeBench()
    text = INVITE.format(to=NUMBER, n=1, hops=70).replace("INVITE", method)
    assert edge.feed(text) == [f"{ANN} {line} {method}"]
    assert edge.last[0][1].first("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS"
    assert len(edge.layer) == 0, "answered without keeping anything"


def test_an_unknown_extension_is_required_of_us() -> None:
    text = INVITE.format(to=NUMBER, n=1, hops=70).replace("INVITE", "OPTIONS").replace("Max", "Require: a, b\nMax")
    edge = EdgeBench()
    assert edge.feed(text) == [f"{ANN} 420 OPTIONS"]
    assert edge.last[0][1].first("Unsupported") == "a, b"


@pytest.mark.parametrize(("to", "status"), [(f"sip:{NUMBER}@192.0.2.1", 483), ("sip:192.0.2.1", 200)])
def test_options_for_somebody_go_no_further_than_the_last_hop(to: str, status: int) -> None:
    text = INVITE.format(to=NUMBER, n=1, hops=0).replace("INVITE", "OPTIONS").replace(f"sip:{NUMBER}@192.0.2.1", to, 1)
    assert EdgeBench().feed(text) == [f"{ANN} {status} OPTIONS"]


def test_without_rport_the_answer_goes_to_the_port_of_the_via() -> None:
    edge = EdgeBench()
    text = INVITE.format(to=NUMBER, n=1, hops=70).replace(";rport", "")
    assert edge.feed(text, Flow("UDP", "198.51.100.7", 33333, 0, 0))[0] == "198.51.100.7:5062 100 INVITE"
    response = edge.last[0][1]
    assert response.vias == ["SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bKcaller1;received=198.51.100.7"]


def test_in_dialog_requests_of_an_answered_call_reach_only_its_parties() -> None:
    edge, out = ringing()
    edge.answer(out, 200)
    assert edge.feed(ack("t", "sip:target@192.0.2.77:5090")) == ["192.0.2.77:5090 ACK sip:target@192.0.2.77:5090"]
    bye = ack("t", "sip:target@192.0.2.77:5090").replace("ACK", "BYE").replace("caller1", "bye")
    assert edge.feed(bye) == ["192.0.2.77:5090 BYE sip:target@192.0.2.77:5090"]
    assert edge.answer(request_to(edge, "192.0.2.77", "BYE"), 200) == [f"{ANN} 200 BYE"]
    elsewhere = bye.replace("192.0.2.77", "203.0.113.1")
    assert edge.feed(elsewhere) == [f"{ANN} 481 BYE"]
    assert edge.feed(bye.replace(";tag=t\n", ";tag=guessed\n")) == [f"{ANN} 481 BYE"]


def routed(edge: EdgeBench) -> tuple[str, str]:
    """An answered call whose dialog stays with us: the routes of the caller and of the target."""
    edge.invite()
    redirect(edge, phone_number(OUTSIDE))
    out = request_to(edge, "127.0.0.1")
    edge.answer(out, 200)
    caller, target = edge.last[0][1].first("Record-Route"), out.first("Record-Route")
    assert caller is not None
    assert target is not None
    return caller, target


def bye_by(route: str, *, uri: str = "sip:target@192.0.2.77:5090", to_tag: str = ";tag=t") -> str:
    bye = ack("t", uri).replace("ACK", "BYE").replace("Max", f"Route: {route}\nMax")
    return bye.replace(";tag=t\n", f"{to_tag}\n")


def test_with_record_route_each_side_reaches_the_other_even_after_a_restart() -> None:
    edge = EdgeBench(manners=Manners(record_route=RecordRoute.ON))
    caller, target = routed(edge)
    for server in (edge, EdgeBench(manners=Manners(record_route=RecordRoute.ON))):
        assert server.feed(bye_by(caller)) == ["192.0.2.77:5090 BYE sip:target@192.0.2.77:5090"]
        assert not server.last[0][1].has("Route")
        assert server.feed(bye_by(target, uri="sip:ann@192.0.2.9:5062")) == [f"{ANN} BYE sip:ann@192.0.2.9:5062"]


def test_a_route_of_ours_leads_nobody_anywhere_else() -> None:
    edge = EdgeBench(manners=Manners(record_route=RecordRoute.ON))
    caller, target = routed(edge)
    assert edge.feed(bye_by(caller, uri="sip:+19005551234@203.0.113.1")) == [f"{ANN} 481 BYE"]
    assert edge.feed(bye_by(target)) == [f"{ANN} 481 BYE"], "the other side's proof"
    assert edge.feed(bye_by(caller).replace("call-1@", "call-2@")) == [f"{ANN} 481 BYE"], "another call"
    assert edge.feed(bye_by(caller, to_tag="")) == [f"{ANN} 481 BYE"], "no dialog at all"
    toll = bye_by(caller, to_tag="", uri="sip:+19005551234@192.0.2.77:5090").replace("BYE", "INVITE")
    assert [line.split()[1] for line in edge.feed(toll.replace("caller1", "toll"))] == ["404"]


def test_a_proxy_in_front_of_us_stays_in_the_path() -> None:
    edge = EdgeBench(manners=Manners(record_route=RecordRoute.ON))
    edge.feed(INVITE.format(to=NUMBER, n=1, hops=70).replace("Max", "Record-Route: <sip:edge.example;lr>\nMax"))
    redirect(edge, phone_number(OUTSIDE))
    out = request_to(edge, "127.0.0.1")
    ours, upstream = out.values("Record-Route")
    assert upstream == "<sip:edge.example;lr>"
    bye = bye_by(f"{ours}, {upstream}", uri="sip:ann@192.0.2.9:5062")
    assert edge.feed(bye) == ["edge.example:5060 BYE sip:ann@192.0.2.9:5062"]


def test_a_phone_that_names_us_as_its_route_is_let_through() -> None:
    edge, out = ringing()
    edge.answer(out, 200)
    assert edge.feed(bye_by(f"<sip:{US};lr>")) == ["192.0.2.77:5090 BYE sip:target@192.0.2.77:5090"]
    assert edge.feed(bye_by("<sip:203.0.113.1;lr>")) == [f"{ANN} 481 BYE"]


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


def test_a_caller_that_is_turned_away_costs_nothing() -> None:
    edge = EdgeBench()
    assert edge.invite("carol") == [f"{ANN} 404 INVITE"]
    assert len(edge.layer) == 0
    assert edge.later(40) == []
    assert edge.feed(ack("x").replace(NUMBER, "carol")) == []


def test_a_caller_that_requires_reliable_responses_gets_none_of_ours() -> None:
    edge = EdgeBench()
    text = INVITE.format(to=NUMBER, n=1, hops=70).replace("Max", "Require: 100rel\nMax")
    assert edge.feed(text) == [f"{ANN} 100 INVITE"]


def test_a_call_that_asked_for_tls_on_every_hop_is_not_downgraded() -> None:
    edge = EdgeBench()
    assert edge.feed(INVITE.format(to=NUMBER, n=1, hops=70).replace("INVITE sip:", "INVITE sips:")) == [
        f"{ANN} 416 INVITE"
    ]


def test_an_early_dialog_with_reliable_responses_may_acknowledge_them_through_us() -> None:
    edge, out = ringing()
    headers = [("Via", via) for via in out.vias] + [(n, out.first(n) or "") for n in ("From", "Call-ID", "CSeq")]
    headers += [("To", f"{out.first('To')};tag=t"), ("Contact", "<sip:target@192.0.2.77:5090>"), ("RSeq", "1")]
    edge.feed(Response.make(183, "Session Progress", headers).to_bytes(), Flow("UDP", "127.0.0.1", 5090, 0, 0))
    prack = bye_by("x").replace("Route: x\n", "").replace("BYE", "PRACK")
    assert edge.feed(prack) == ["192.0.2.77:5090 PRACK sip:target@192.0.2.77:5090"]


def test_a_stray_response_goes_nowhere() -> None:
    edge, out = ringing()
    stray = out.copy()
    stray.replace_value("Via", f"SIP/2.0/UDP {US};branch=z9hG4bKforged")
    assert edge.answer(stray, 200) == []
    assert edge.ignored


def test_nothing_is_left_of_a_call_once_its_timers_have_run_out() -> None:
    edge, out = ringing()
    edge.answer(out, 200)
    edge.later(70)
    assert (len(edge.layer), len(edge.edge), edge.edge._callers._legs_by_key, len(edge.edge._forks)) == (0, 0, {}, 0)
    assert edge.edge.next_deadline() is None


def test_the_caller_is_the_source_of_the_call() -> None:
    edge = EdgeBench()
    edge.invite()
    call = edge.bench.store.stored(next(iter(edge.bench.store.rows)))
    assert (call.caller.raw_id, call.display_name, call.resource) == ("4:+31612345678", "Ann", "dev")
    assert CALLER.host == "192.0.2.9"


def test_a_call_from_a_trunk_says_so() -> None:
    edge = EdgeBench(admission=an_admission())
    edge.invite()
    assert edge.bench.store.stored(next(iter(edge.bench.store.rows))).came_by == "carrier"


STRANGER = Flow("UDP", "198.51.100.7", 5062, 0, 0)
INVITE_FROM_BOB = INVITE.format(to=NUMBER, n=1, hops=70).replace("+31612345678@", "bob@")


def challenge_of(edge: EdgeBench) -> str:
    return edge.last[-1][1].first("Proxy-Authenticate") or ""


def invite_of_bob(edge: EdgeBench, *more: str, password: str = "his") -> str:
    """With the answer to the last challenge, between other header lines."""
    uri = f"sip:{NUMBER}@192.0.2.1"
    value = credentials(challenge_of(edge), password, user="bob", method="INVITE", uri=uri)
    lines = "\n".join((f"Proxy-Authorization: {value}", *more))
    return INVITE_FROM_BOB.replace("z9hG4bKcaller1", "z9hG4bKcaller2").replace("Contact", f"{lines}\nContact")


def test_whoever_is_unknown_is_challenged_and_nothing_is_kept() -> None:
    edge = EdgeBench(admission=an_admission())
    for _ in range(3):
        assert edge.feed(INVITE_FROM_BOB, STRANGER) == ["198.51.100.7:5062 407 INVITE"]
    assert challenge_of(edge).startswith(f'Digest realm="{REALM}", algorithm=SHA-256')
    assert (len(edge.layer), len(edge.edge), edge.bench.store.rows) == (0, 0, {})
    assert edge.edge.next_deadline() is None
    assert edge.feed(ack(edge.last[0][1].to_tag or ""), STRANGER) == []


def test_a_user_calls_by_digest_and_its_credentials_go_no_further() -> None:
    edge = EdgeBench(admission=an_admission())
    edge.feed(INVITE_FROM_BOB, STRANGER)
    foreign = 'Proxy-Authorization: Digest  username="x",realm="elsewhere", nonce="1", uri="sip:x", response="2"'
    invite = invite_of_bob(edge, foreign)
    assert edge.feed(invite, STRANGER) == ["198.51.100.7:5062 100 INVITE", "198.51.100.7:5062 180 INVITE"]
    assert edge.feed(invite, STRANGER) == ["198.51.100.7:5062 180 INVITE"]
    [row] = edge.bench.store.rows.values()
    assert edge.bench.store.stored(row[0].call_id).caller == user(BOB)
    assert b'realm="example.com"' not in row[1]
    redirect(edge, phone_number(OUTSIDE))
    assert request_to(edge, "127.0.0.1").lines_of("Proxy-Authorization") == [foreign]


def test_who_exists_is_told_to_nobody_unknown() -> None:
    edge = EdgeBench(admission=an_admission())
    for dialled in ("bob", "nobody", NUMBER):
        assert edge.feed(INVITE.format(to=dialled, n=1, hops=70), STRANGER) == ["198.51.100.7:5062 407 INVITE"]


def test_after_many_wrong_passwords_a_caller_is_met_by_silence() -> None:
    edge = EdgeBench(admission=an_admission())
    edge.feed(INVITE_FROM_BOB, STRANGER)
    for _ in range(5):
        assert edge.feed(invite_of_bob(edge, password="guess"), STRANGER) == ["198.51.100.7:5062 407 INVITE"]
    assert edge.feed(invite_of_bob(edge), STRANGER) == []
    assert edge.ignored == ["too many wrong passwords from this address within a minute"]
    assert len(edge.layer) == 0


def test_one_sender_is_not_taken_for_another() -> None:
    edge = EdgeBench(admission=an_admission(takes_strangers=True))
    edge.invite()
    edge.feed(INVITE.format(to=NUMBER, n=2, hops=70), STRANGER)
    assert [edge.bench.store.stored(call_id).came_by for call_id in edge.bench.store.rows] == ["carrier", ""]


TERSE = "OPTIONS sip:x SIP/2.0\nv:SIP/2.0/{} a;branch=z9hG4bKa\nf:<sip:a>;tag=1\nt:<sip:a>\ni:1\nCSeq:1 OPTIONS\n\n"


def test_an_answer_much_larger_than_the_request_is_not_sent_over_udp() -> None:
    edge = EdgeBench(admission=an_admission())
    assert edge.feed(TERSE.format("UDP"), STRANGER) == []
    assert edge.ignored == ["the answer would be much larger than the request"]
    assert edge.feed(TERSE.format("TCP"), STRANGER._replace(transport="TCP")) == ["198.51.100.7:5060 200 OPTIONS"]


FIRST, SECOND = "127.0.0.3:5090", "127.0.0.4:5090"


def by_two_trunks() -> tuple[EdgeBench, Request]:
    edge = EdgeBench()
    edge.invite()
    assert redirect(edge, phone_number(BY_TWO_TRUNKS)) == [f"{FIRST} INVITE sip:{BY_TWO_TRUNKS}@{FIRST}"]
    return edge, request_to(edge, "127.0.0.3")


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


@pytest.mark.parametrize("record_route", [True, False])
def test_the_end_of_a_call_between_users_is_told_if_it_comes_by_us(*, record_route: bool) -> None:
    edge = EdgeBench(manners=Manners(record_route=RecordRoute.ON if record_route else RecordRoute.OFF))
    alice = Flow("UDP", "127.0.0.1", 5071, 0, 0)
    invite = INVITE.format(to="alice", n=1, hops=70).replace("<sip:+31612345678@", "<sip:alice@")
    edge.feed(invite.replace("192.0.2.9", "127.0.0.1"), alice)
    edge.answer(request_to(edge, "127.0.0.1"), 200)
    assert [type(each) for each in edge.bench.recorder.reports] == [CallBegan]
    route = edge.last[-1][1].first("Record-Route") or f"<sip:{US};lr>"
    edge.feed(bye_by(route).replace("call-1@192.0.2.9", "call-1@127.0.0.1"), alice)
    edge.answer(request_to(edge, "192.0.2.77", "BYE"), 200)
    told = edge.bench.recorder.reports[1:]
    assert [each.is_by_caller for each in told if isinstance(each, CallEnded)] == [True] * record_route
