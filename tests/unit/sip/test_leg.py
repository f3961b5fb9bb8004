"""What is remembered of a call on the SIP side, and what the store gets of it."""

from __future__ import annotations

from strowger.calls.call import Branch
from strowger.sip.flow import Flow
from strowger.sip.leg import Fork, Leg, StoredLeg, decode_leg, encode_leg
from strowger.sip.message.message import Response

BRANCHES = (Branch("sip:x@y"), Branch("sip:z@y"))
INVITE = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bKx\r\nContent-Length: 0\r\n\r\n"


def test_a_stored_leg_reads_back_the_same() -> None:
    stored = StoredLeg("UDP", "192.0.2.9", 5060, 1, INVITE)
    assert decode_leg(encode_leg(stored)) == stored


def test_a_leg_keeps_bytes_and_parses_them_when_asked() -> None:
    leg = Leg("call", "key", Flow("UDP", "192.0.2.9", 5060, 0), INVITE)
    assert leg.request().to_bytes() == INVITE
    assert leg.request() is not leg.request()


def test_legs_do_not_share_their_forks() -> None:
    first, second = (Leg(name, name, Flow("UDP", "192.0.2.9", 5060, 0), INVITE) for name in "ab")
    first.forks[1] = Fork("a", 1, BRANCHES, 0.0, 185.0)
    assert second.forks == {}
    assert (first.forks[1].name, first.forks[1].call_id, first.forks[1].hop_index) == ("a/1", "a", 1)


def test_a_response_leads_back_to_the_way_of_its_branch() -> None:
    leg, way = Leg("call", "key", Flow("UDP", "192.0.2.9", 5060, 0), INVITE), Flow("WS", "192.0.2.7", 40_000, 2, 9)
    leg.forks[1] = Fork("call", 1, BRANCHES, 0.0, 185.0)
    attempt = leg.forks[1].attempts[1]
    attempt.key, attempt.flow = "client INVITE z9hG4bKours", way
    assert leg.attempt_of(an_answer("z9hG4bKours")) is attempt
    assert leg.attempt_of(an_answer("z9hG4bKother")) is None


def an_answer(branch: str) -> Response:
    return Response.make(200, "OK", [("Via", f"SIP/2.0/UDP us;branch={branch}"), ("CSeq", "1 INVITE")])


def test_each_attempt_knows_the_first_of_its_line() -> None:
    branches = [Branch("sip:1@a"), Branch("sip:2@a"), Branch("sip:1@b", replaces=0), Branch("sip:1@c", replaces=2)]
    assert [attempt.first for attempt in Fork("call", 1, branches, 0.0, 185.0).attempts] == [0, 1, 0, 0]
