"""Single attempts. How their forks go on is in test_forks."""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch
from strowger.sip.attempts import COMPLETED_ELSEWHERE, Attempts
from strowger.sip.authentication.client import Account, DigestClient
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.errors import ChallengeUnanswerable
from strowger.sip.failover import PATIENCE_S
from strowger.sip.flow import Flow
from strowger.sip.leg import Attempt, Fork, Leg
from strowger.sip.location.resolve import Destination
from strowger.sip.message import Response
from strowger.sip.outgoing import Outgoing, RecordRoute
from strowger.sip.places import Places
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.trunk.trunk import Trunk
from tests.support.sip_edge import CALLER, INVITE, Names, Wire
from tests.unit.sip.test_forks import TrunksByHand

LEG = Leg("call", "key", CALLER, INVITE.format(to="+31201110001", n=1, hops=70).replace("\n", "\r\n").encode())
PLACE = Destination("UDP", "192.0.2.10", 5060, "192.0.2.10")


class Rig:
    def __init__(self, trunk: str = "a", udp_request_bytes: int = 1_300) -> None:
        self.names, self.trunks, wire = Names(), TrunksByHand(), Wire()
        outgoing = Outgoing(wire, Forwarding(b"f" * 32), self.trunks, record_route=RecordRoute.OFF)
        places = Places(wire, self.names, lambda user, uri: None, lambda host, domain: "")
        self.attempts = Attempts(outgoing, places, self.trunks, self.names, udp_request_bytes)
        self.fork = Fork("call", 0, [Branch("sip:1@192.0.2.10", trunk)], 0.0, 185.0)
        self.attempt: Attempt = self.fork.attempts[0]
        self.attempt.flow, self.attempt.place = Flow("UDP", "192.0.2.10", 5060, 0), PLACE


def a(status: int, *headers: tuple[str, str]) -> Response:
    return Response.make(status, "Reason", [("Via", "SIP/2.0/UDP x"), ("CSeq", "1 INVITE"), *headers])


def test_the_longest_request_that_udp_takes() -> None:
    size = len(Rig().attempts.invite(LEG, Rig().fork, Rig().attempt).to_bytes())
    for limit, transport in ((size, "UDP"), (size - 1, "TCP")):
        rig = Rig(udp_request_bytes=limit)
        assert rig.attempts.invite(LEG, rig.fork, rig.attempt).top_via.transport == transport
        assert rig.attempts.as_sent(LEG, rig.fork, rig.attempt).top_via.transport == transport


def test_a_phone_that_is_cancelled_since_another_one_answered_is_told_so() -> None:
    rig = Rig()
    leg = Leg(LEG.call_id, LEG.key, LEG.flow, LEG.request().to_bytes())
    rig.attempts.invite(leg, rig.fork, rig.attempt)
    (cancel,) = rig.attempts.cancels(leg, rig.fork, rig.attempt)
    assert cancel.first("Reason") is None
    leg.is_answered = True
    (cancel,) = rig.attempts.cancels(leg, rig.fork, rig.attempt)
    assert cancel.first("Reason") == COMPLETED_ELSEWHERE


def test_patience_is_the_trunks_or_the_usual_one() -> None:
    rig = Rig()
    assert rig.attempts.patience_s(rig.attempt) == PATIENCE_S
    rig.trunks.known["a"] = Trunk("a", "sip:192.0.2.10", patience_s=2.5)
    assert rig.attempts.patience_s(rig.attempt) == 2.5


@pytest.mark.parametrize(
    ("response", "told", "avoided"),
    [
        (a(100), [], []),
        (a(180), [("a", 180, None)], []),
        (a(407), [], []),  # it wants to know who we are, which says nothing of its health
        (a(486), [("a", 486, None)], []),
        (a(503), [("a", 503, None)], ["192.0.2.10"]),
        (a(503, ("Retry-After", "30")), [("a", 503, 30.0)], ["192.0.2.10"]),
    ],
)
def test_what_is_learnt_from_a_response(response: Response, told: list[object], avoided: list[str]) -> None:
    rig = Rig()
    rig.attempts.note(rig.attempt, response)
    assert (rig.trunks.told, rig.names.avoided) == (told, avoided)


def test_what_is_learnt_from_silence() -> None:
    rig = Rig()
    rig.attempts.failed(rig.attempt, "it did not answer")
    assert (rig.trunks.told, rig.names.avoided) == ([("a", "it did not answer")], ["192.0.2.10"])


def test_a_users_phone_is_no_trunk() -> None:
    rig = Rig(trunk="")
    rig.attempts.note(rig.attempt, a(503))
    rig.attempts.failed(rig.attempt, "it did not answer")
    assert (rig.trunks.told, rig.attempts.can_answer(rig.attempt)) == ([], False)


def test_a_challenge_is_answered_with_the_account_of_the_trunk_or_not_at_all() -> None:
    rig = Rig()
    assert not rig.attempts.can_answer(rig.attempt)
    account = Account(Credential.of_password("us", "carrier", "s3cret"), frozenset(("192.0.2.10",)))
    rig.trunks.accounts["a"] = DigestClient(account, lambda: "cnonce")
    assert rig.attempts.can_answer(rig.attempt)
    challenge = 'Digest realm="carrier", nonce="n", algorithm=SHA-256, qop="auth"'
    rig.attempts.answer(LEG, rig.fork, rig.attempt, a(407, ("Proxy-Authenticate", challenge)))
    assert rig.attempt.challenges == 1
    assert rig.attempt.credentials is not None
    assert rig.attempt.credentials[0] == "Proxy-Authorization"
    with pytest.raises(ChallengeUnanswerable):
        rig.attempts.answer(LEG, rig.fork, rig.attempt, a(407, ("Proxy-Authenticate", challenge)))
    assert rig.attempt.challenges == 1
