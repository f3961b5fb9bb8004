"""The edge as a ladder: which message goes where, after which message or decision came in."""

from __future__ import annotations

import pytest

from strowger.calls.identifier import phone_number
from strowger.calls.reports import CallBegan, CallEnded
from strowger.sip.flow import Flow
from strowger.sip.manners import Manners
from strowger.sip.message import MessageLimits, Refusal, Request, Response
from strowger.sip.outgoing import RecordRoute
from strowger.sip.overload import Overload, OverloadLimits
from strowger.sip.rate_limits import RateLimits, Rates
from strowger.sip.throttle import Throttle
from tests.support.admission import REALM, an_admission
from tests.support.digest import credentials
from tests.support.exchange import BOB, NUMBER, OUTSIDE, user
from tests.support.sip_edge import (
    ANN,
    CALLER,
    INVITE,
    US,
    EdgeBench,
    ack,
    bye_by,
    cancel,
    redirect,
    request_to,
    ringing,
)


def test_a_repeated_invite_gets_the_last_response_again() -> None:
    edge = EdgeBench()
    edge.invite()
    assert edge.invite() == [f"{ANN} 180 INVITE"]


def test_a_cancel_of_nothing_is_481_and_one_after_the_answer_changes_nothing() -> None:
    edge, out = ringing()
    assert EdgeBench().feed(cancel()) == [f"{ANN} 481 CANCEL"]
    edge.answer(out, 200)
    assert edge.feed(cancel()) == [f"{ANN} 200 CANCEL"]


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
