"""The targets' side alone: what goes out to whom, and what the listener is told. The whole ladder is in test_edge."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strowger.calls.call import Branch
from strowger.sip.authentication.client import Account, DigestClient
from strowger.sip.authentication.credentials import Credential
from strowger.sip.failover import PATIENCE_S
from strowger.sip.flow import Flow
from strowger.sip.forks import Forks
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Attempt, Fork, Leg
from strowger.sip.location.records import Answer as DnsAnswer
from strowger.sip.location.records import Kind, Question
from strowger.sip.message import Request, Response
from strowger.sip.outgoing import RecordRoute
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.registration import Way
from strowger.sip.transaction.invite_client import State
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import Send
from strowger.sip.trunk.trunk import Trunk
from tests.support.sip_edge import CALLER, INVITE, Names, Wire


class Listening:
    """Does what the layer asks and writes down the rest."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.told: list[tuple[object, ...]] = []
        self.branches: list[tuple[object, ...]] = []
        """What was told of single branches."""

    def perform(self, outputs: object) -> None:
        for output in outputs:  # type: ignore[attr-defined]
            if isinstance(output, Send):
                self.wire.send(output.flow, output.payload, output.key)  # type: ignore[arg-type]

    def ringing(self, leg: Leg, response: Response) -> None:
        self.told.append(("ringing", response.status))

    def answered(self, leg: Leg, fork: Fork, attempt: Attempt, response: Response) -> None:
        self.told.append(("answered", attempt.number))

    def answered_again(self, leg: Leg, response: Response) -> None:
        self.told.append(("again",))

    def failed(self, fork: Fork, attempt: Attempt, status: int, response: Response | None) -> None:
        self.told.append(("failed", attempt.number, status))

    def branch_rang(self, fork: Fork, number: int) -> None:
        self.branches.append((number,))

    def branch_ended(self, fork: Fork, number: int, status: int, reason: str, cause: int) -> None:
        self.branches.append((number, status, reason))

    def branch_wanted(self, fork: Fork, branch: Branch, refused: Callable[[], None]) -> None:
        self.told.append(("wanted", branch))
        self.wanted, self.refused = branch, refused

    def ignored(self, reason: str, summary: str) -> None:
        self.told.append(("ignored", reason))


class TrunksByHand:
    """Trunks, and what was told of them."""

    def __init__(self) -> None:
        self.known: dict[str, Trunk] = {}
        self.accounts: dict[str, DigestClient] = {}
        self.told: list[tuple[object, ...]] = []

    def trunk(self, name: str) -> Trunk | None:
        return self.known.get(name)

    def account(self, name: str) -> DigestClient | None:
        return self.accounts.get(name)

    def at(self, host: str, domain: str = "") -> str:
        return ""

    def heard(self, name: str, status: int, retry_after_s: float | None) -> None:
        self.told.append((name, status, retry_after_s))

    def failed(self, name: str, why: str) -> None:
        self.told.append((name, why))


class Rig:
    """Forks over a wire that is a list."""

    def __init__(self, way: Way | None = None) -> None:
        """Everybody's phones are reached by `way`."""
        self.wire, self.names, self.trunks, self.now = Wire(), Names(), TrunksByHand(), 100.0
        self.listener = Listening(self.wire)
        forwarding = Forwarding(b"f" * 32)
        in_dialog = InDialog(self.wire, forwarding)
        self.layer = TransactionLayer()
        self.forks = Forks(
            self.listener,
            self.layer,
            self.wire,
            self.names,
            forwarding,
            in_dialog,
            self.trunks,
            monotonic=lambda: self.now,
            record_route=RecordRoute.OFF,
            way=lambda user, uri: way if user == "8:acs:r_bob" else None,
        )
        invite = INVITE.format(to="bob", n=1, hops=70).replace("\n", "\r\n").encode()
        self.leg = Leg("call", "key", CALLER, invite)

    def sent(self) -> list[str]:
        return [f"{flow.host} {m.method}" for flow, m in self.wire.take() if isinstance(m, Request)]

    def respond(self, fork: Fork, branch: int, status: int) -> None:
        headers = [("Via", "SIP/2.0/UDP 192.0.2.1"), ("CSeq", "1 INVITE"), ("Contact", "<sip:t@192.0.2.7>")]
        more = [("From", "<sip:a@b>;tag=a"), ("To", "<sip:t@b>;tag=t"), ("Call-ID", "c")]
        self.forks.receive(fork.attempts[branch].key, Response.make(status, "Reason", headers + more))


def a_fork(uris: tuple[str, ...], user: str = "", trunk: str = "", reserve: tuple[Branch, ...] = ()) -> Fork:
    branches = [Branch(uri, trunk) for uri in uris]
    return Fork("call", 0, branches, 100.0, 185.0, user=user, reserve=reserve)


def test_every_branch_is_rung_and_one_that_cannot_be_is_a_failure_of_its_own() -> None:
    rig = Rig()
    rung = a_fork(("sip:a@192.0.2.7", "sip:b@192.0.2.8;transport=sctp"))
    rig.forks.start(rig.leg, rung)
    assert rig.sent() == ["192.0.2.7 INVITE"]
    assert rig.listener.told[0][0] == "ignored"
    rig.respond(rung, 0, 486)
    assert rig.listener.told[-1] == ("failed", 0, 486), "a busy phone says more than one that cannot be reached"


def test_a_registered_phone_is_rung_and_its_unwanted_answer_ended_by_the_way_it_came() -> None:
    phone = Flow("TCP", "198.51.100.4", 40_000, 0, 7)
    rig = Rig(Way((phone,), ("<sip:edge.example;lr>",)))
    rung = a_fork(("sip:b@10.0.0.7",), user="8:acs:r_bob")
    rig.forks.start(rig.leg, rung)
    (flow, invite) = rig.wire.take()[0]
    assert (flow, invite.first("Route")) == (phone, "<sip:edge.example;lr>")
    rig.forks.cancel(rig.leg, rung)
    rig.respond(rung, 0, 200)
    sent = rig.wire.take()
    assert [(flow, message.method) for flow, message in sent if isinstance(message, Request)] == [
        (phone, "ACK"),
        (phone, "BYE"),
    ]


def test_a_way_belongs_to_its_user() -> None:
    rig = Rig(Way((Flow("TCP", "198.51.100.4", 40_000, 0, 7),), ()))
    rig.forks.start(rig.leg, a_fork(("sip:b@192.0.2.7",), user="8:acs:r_ann"))
    assert rig.sent() == ["192.0.2.7 INVITE"]


def test_nobody_can_be_rung_at_all() -> None:
    rig = Rig()
    rung = a_fork(("tel:+1",))
    rig.forks.start(rig.leg, rung)
    assert rig.listener.told[-1] == ("failed", 0, 500)
    assert rung.attempts[0].trouble


def test_timer_c_silences_a_phone_that_rings_for_ever() -> None:
    rig = Rig()
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, rung)
    rig.respond(rung, 0, 180)
    rig.sent()
    deadline = rig.forks.next_deadline()
    assert deadline == rig.now + 185
    rig.now = deadline
    rig.forks.advance(rig.now)
    assert rig.sent() == ["192.0.2.7 CANCEL"]


def test_adopted_branches_are_cancelled_without_being_rung_again() -> None:
    rig = Rig()
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.adopt(rig.leg, rung, State.PROCEEDING)
    assert rig.sent() == []
    rig.forks.cancel(rig.leg, rung)
    assert rig.sent() == ["192.0.2.7 CANCEL"]


def test_a_dropped_leg_still_waits_for_cancelled_branches_and_then_forgets_them() -> None:
    rig = Rig()
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, rung)
    rig.respond(rung, 0, 180)
    rig.forks.cancel(rig.leg, rung)
    rig.forks.drop(rig.leg)
    deadline = rig.forks.next_deadline()
    assert deadline == rig.now + 32
    rig.now = deadline
    rig.forks.advance(rig.now)
    assert (rig.forks.next_deadline(), len(rig.forks)) == (None, 0)


def test_a_dropped_leg_whose_branches_have_ended_leaves_no_deadline() -> None:
    rig = Rig()
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, rung)
    rig.respond(rung, 0, 486)
    rig.forks.drop(rig.leg)
    assert rig.forks.next_deadline() is None


# From one place to the next -----------------------------------------------------------------------------------------

A, B = "sip:1@192.0.2.10", "sip:1@192.0.2.11"


def by_two_trunks() -> tuple[Rig, Fork]:
    rig = Rig()
    rung = a_fork((A,), trunk="a", reserve=(Branch(B, "b"),))
    rig.forks.start(rig.leg, rung)
    assert rig.sent() == ["192.0.2.10 INVITE"]
    return rig, rung


def ring_what_is_wanted(rig: Rig, rung: Fork, number: int = 1) -> None:
    rig.forks.ring_branch(rig.leg, rung, number, rig.listener.wanted)


def test_a_trunk_that_does_not_serve_gives_way_to_the_next_once_that_is_kept() -> None:
    rig, rung = by_two_trunks()
    rig.respond(rung, 0, 503)
    wanted = Branch(B, "b", replaces=0, because="503 Reason")
    assert rig.listener.told == [("wanted", wanted)], "nobody is told of a failure yet"
    assert (rig.sent(), rung.reserve) == ([], ())
    ring_what_is_wanted(rig, rung)
    assert rig.sent() == ["192.0.2.11 INVITE"]
    rig.respond(rung, 1, 486)
    assert rig.listener.told[-1] == ("failed", 1, 486)
    assert rig.trunks.told == [("a", 503, None), ("b", 486, None)]


def test_where_somebody_rang_nobody_else_is_tried() -> None:
    rig, rung = by_two_trunks()
    rig.respond(rung, 0, 180)
    rig.respond(rung, 0, 503)
    assert rig.listener.told == [("ringing", 180), ("failed", 0, 500)]


def test_what_tells_of_the_callee_ends_it() -> None:
    rig, rung = by_two_trunks()
    rig.respond(rung, 0, 486)
    assert rig.listener.told == [("failed", 0, 486)]


def test_a_silent_trunk_is_waited_for_in_vain_for_some_seconds_and_cancelled_if_it_wakes_up() -> None:
    rig, rung = by_two_trunks()
    assert rig.forks.next_deadline() == rig.now + PATIENCE_S
    rig.now += PATIENCE_S
    rig.forks.advance(rig.now)
    assert rig.listener.wanted.because == "no response within 4 s"
    ring_what_is_wanted(rig, rung)
    assert rig.sent() == ["192.0.2.11 INVITE"]
    assert rig.trunks.told == [("a", "it did not answer a call within 4 s")]
    rig.respond(rung, 0, 180)
    assert rig.sent() == ["192.0.2.10 CANCEL"]
    rig.respond(rung, 1, 486)
    assert rig.listener.told[-1] == ("failed", 1, 486), "the one that woke up keeps nobody waiting"


def test_100_is_a_sign_of_life() -> None:
    rig, rung = by_two_trunks()
    rig.respond(rung, 0, 100)
    assert rig.forks.next_deadline() == rig.now + 185


def test_the_trunks_patience_counts() -> None:
    rig = Rig()
    rig.trunks.known["a"] = Trunk("a", "sip:192.0.2.10", patience_s=1.5)
    rig.forks.start(rig.leg, a_fork((A,), trunk="a", reserve=(Branch(B, "b"),)))
    assert rig.forks.next_deadline() == rig.now + 1.5


def test_a_trunk_that_cannot_be_reached_gives_way_too() -> None:
    rig, rung = by_two_trunks()
    rig.forks.unreachable(rung.attempts[0].key)
    assert rig.listener.told == [("wanted", Branch(B, "b", replaces=0, because="it could not be reached"))]
    assert rig.trunks.told == [("a", "a call could not be sent to it")]
    assert rig.names.avoided == ["192.0.2.10"]


def test_when_the_next_one_cannot_be_kept_the_call_fails() -> None:
    rig, rung = by_two_trunks()
    rig.respond(rung, 0, 503)
    rig.listener.refused()
    assert rig.listener.told[-1] == ("failed", -1, 500)


def test_nothing_is_tried_for_a_call_that_was_decided_otherwise() -> None:
    rig, rung = by_two_trunks()
    rig.respond(rung, 0, 503)
    rig.sent()
    rig.forks.cancel(rig.leg, rung)
    ring_what_is_wanted(rig, rung)
    assert rig.sent() == []


def test_the_next_address_of_a_trunk_comes_before_the_next_trunk() -> None:
    rig = Rig()
    rig.names.records[Question(Kind.A, "sbc.example")] = DnsAnswer(("192.0.2.20", "192.0.2.21"))
    rung = a_fork(("sip:1@sbc.example:5060",), trunk="a", reserve=(Branch(B, "b"),))
    rig.forks.start(rig.leg, rung)
    rig.respond(rung, 0, 503)
    branch = Branch("sip:1@sbc.example:5060", "a", "UDP/192.0.2.21/5060/sbc.example", 0, because="503 Reason")
    assert rig.listener.told == [("wanted", branch)]
    ring_what_is_wanted(rig, rung)
    assert rig.sent() == ["192.0.2.20 INVITE", "192.0.2.21 INVITE"]
    rig.respond(rung, 1, 503)
    assert rig.listener.told[-1] == ("wanted", Branch(B, "b", replaces=1, because="503 Reason"))


def test_a_user_whose_server_is_out_of_service_is_tried_at_its_next_address() -> None:
    rig = Rig()
    rig.names.records[Question(Kind.A, "pbx.example")] = DnsAnswer(("192.0.2.20", "192.0.2.21"))
    rung = a_fork(("sip:bob@pbx.example:5060",))
    rig.forks.start(rig.leg, rung)
    rig.respond(rung, 0, 503)
    ring_what_is_wanted(rig, rung)
    assert rig.sent()[-1] == "192.0.2.21 INVITE"
    rig.respond(rung, 1, 500)
    assert rig.listener.told[-1] == ("failed", 1, 500), "500 is the phone's own word"


def test_a_name_that_is_looked_up_late_is_rung_late_or_not_at_all() -> None:
    rig = Rig()
    rig.names.is_slow = True
    first, second = a_fork(("sip:a@192.0.2.7",)), a_fork(("sip:b@192.0.2.8",))
    rig.forks.start(rig.leg, first)
    rig.forks.start(rig.leg, second)
    rig.forks.cancel(rig.leg, second)
    rig.names.answer()
    assert rig.sent() == ["192.0.2.7 INVITE"]


def test_an_adopted_branch_that_is_looked_up_late_is_cancelled_then() -> None:
    rig = Rig()
    rig.names.is_slow = True
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.adopt(rig.leg, rung, State.PROCEEDING)
    rig.forks.cancel(rig.leg, rung)
    rig.names.answer()
    assert rig.sent() == ["192.0.2.7 CANCEL"]


def test_an_adopted_branch_that_is_looked_up_late_is_rung_again_then() -> None:
    rig = Rig()
    rig.names.is_slow = True
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.adopt(rig.leg, rung, State.PROCEEDING)
    rig.forks.ring_again(rig.leg, rung)
    assert rig.sent() == []
    rig.names.answer()
    assert rig.sent() == ["192.0.2.7 INVITE"]


def test_after_a_restart_only_the_branch_that_was_tried_last_is_taken_up() -> None:
    rig = Rig()
    branches = [Branch(A, "a"), Branch(B, "b", replaces=0)]
    rung = Fork("call", 0, branches, 100.0, 185.0)
    rig.forks.adopt(rig.leg, rung, State.PROCEEDING)
    rig.forks.ring_again(rig.leg, rung)
    assert rig.sent() == ["192.0.2.11 INVITE"]
    rig.respond(rung, 1, 486)
    assert rig.listener.told == [("failed", 1, 486)]


# A long INVITE ------------------------------------------------------------------------------------------------------


def long_rig() -> Rig:
    rig = Rig()
    body = "v=0\r\n" + "a=x:" + "y" * 1_200 + "\r\n"
    with_body = f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    rig.leg.invite = rig.leg.invite.replace(b"Content-Length: 0\r\n\r\n", with_body)
    return rig


def test_a_long_invite_takes_tcp_and_falls_back_to_udp() -> None:
    rig = long_rig()
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, rung)
    (flow, invite), *_ = rig.wire.take()
    assert (flow.transport, invite.top_via.transport) == ("TCP", "TCP")
    rig.forks.unreachable(rung.attempts[0].key)
    (flow, invite), *_ = rig.wire.take()
    assert (flow.transport, invite.top_via.transport) == ("UDP", "UDP")
    rig.respond(rung, 0, 486)
    assert rig.listener.told == [("failed", 0, 486)]


def test_a_long_invite_takes_what_its_uri_asks_for() -> None:
    rig = long_rig()
    rig.forks.start(rig.leg, a_fork(("sip:a@192.0.2.7;transport=udp",)))
    assert rig.wire.take()[0][0].transport == "UDP"


# Phones that join, and connections that go --------------------------------------------------------------------------


def test_a_phone_that_joins_rings_beside_the_others() -> None:
    rig = Rig()
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, rung)
    rig.forks.ring_branch(rig.leg, rung, 1, Branch("sip:b@192.0.2.8"))
    assert rig.sent() == ["192.0.2.7 INVITE", "192.0.2.8 INVITE"]
    rig.respond(rung, 0, 486)
    rig.respond(rung, 1, 200)
    assert rig.listener.told == [("answered", 1)]


def test_a_branch_is_lost_with_its_connection_and_another_flow_of_the_phone_tried() -> None:
    first, second = Flow("WS", "198.51.100.4", 40_000, 0, 7), Flow("WS", "198.51.100.4", 40_001, 0, 8)
    rig = Rig(Way((first, second), ()))
    rung = a_fork(("sip:b@x.invalid",), user="8:acs:r_bob")
    rig.forks.start(rig.leg, rung)
    rig.forks.flow_lost(first)
    assert [flow.connection for flow, _ in rig.wire.take()] == [7, 8]
    rig.forks.flow_lost(second)
    assert rig.listener.told == [("failed", 0, 500)]
    assert len(rig.forks) == 0


def test_a_phone_that_declined_is_not_rung_by_another_flow_when_our_ack_cannot_be_sent() -> None:
    first, second = Flow("UDP", "198.51.100.4", 40_000, 0), Flow("UDP", "198.51.100.4", 40_001, 0)
    rig = Rig(Way((first, second), ()))
    rung = a_fork(("sip:b@10.0.0.7", "sip:c@10.0.0.7"), user="8:acs:r_bob")
    rig.forks.start(rig.leg, rung)
    rig.respond(rung, 0, 486)
    rig.wire.take()
    rig.forks.unreachable(rung.attempts[0].key)
    assert rig.sent() == []


def test_nobody_else_is_rung_once_somebody_has_answered() -> None:
    rig, rung = by_two_trunks()
    rig.now += PATIENCE_S
    rig.forks.advance(rig.now)
    rig.respond(rung, 0, 200)
    ring_what_is_wanted(rig, rung)
    assert rig.listener.told[-1] == ("answered", 0)
    assert rig.sent() == [], "the next trunk had not been asked yet"


# Who we are ---------------------------------------------------------------------------------------------------------

CHALLENGE = 'Digest realm="carrier", nonce="n1", algorithm=MD5, qop="auth"'


def challenged(rig: Rig, rung: Fork, branch: int = 0, challenge: str = CHALLENGE, status: int = 407) -> None:
    name = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}[status]
    headers = [("Via", "SIP/2.0/UDP 192.0.2.1"), ("CSeq", "1 INVITE"), ("From", "<sip:a@b>;tag=a")]
    headers += [("To", "<sip:t@b>;tag=t"), ("Call-ID", "c"), (name, challenge)]
    rig.forks.receive(rung.attempts[branch].key, Response.make(status, "Reason", headers))


def with_an_account() -> tuple[Rig, Fork, Request]:
    rig, rung = by_two_trunks()
    credential = Credential.of_password("strowger", "carrier", "s3cret", md5=True)
    rig.trunks.accounts["a"] = DigestClient(Account(credential, frozenset(("192.0.2.10",))), lambda: "cnonce")
    first = rig.forks._attempts.as_sent(rig.leg, rung, rung.attempts[0])
    return rig, rung, first


@pytest.mark.parametrize(("status", "name"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_the_challenge_of_a_trunk_is_answered_as_a_request_of_its_own(status: int, name: str) -> None:
    rig, rung, first = with_an_account()
    challenged(rig, rung, status=status)
    ((flow, again),) = rig.wire.take()
    assert isinstance(again, Request)
    assert (flow.host, again.method) == ("192.0.2.10", "INVITE")
    assert (again.first(name) or "").startswith('Digest username="strowger", realm="carrier", nonce="n1"')
    assert again.top_via.branch != first.top_via.branch
    assert again.cseq == first.cseq, "the caller's ACK and BYE have to fit"
    assert rig.listener.told == []
    rig.respond(rung, 0, 200)
    assert rig.listener.told == [("answered", 0)]


def test_a_trunk_that_refuses_our_password_gives_way_to_the_next() -> None:
    rig, rung, _ = with_an_account()
    challenged(rig, rung)
    challenged(rig, rung)
    because = "the carrier does not accept this user and password"
    assert rig.listener.told[-1] == ("wanted", Branch(B, "b", replaces=0, because=because))
    assert "does not accept" in str(rig.listener.told[0])


def test_nobody_but_the_carrier_gets_an_answer() -> None:
    rig, rung, _ = with_an_account()
    challenged(rig, rung, challenge=CHALLENGE.replace("carrier", "evil"))
    assert not any("Authorization" in message.to_bytes().decode() for _, message in rig.wire.take())
    because = "no Digest challenge for the realm 'carrier', but for 'evil'"
    assert rig.listener.told[-1] == ("wanted", Branch(B, "b", replaces=0, because=because))


def test_a_challenge_of_a_trunk_without_an_account_is_the_callers_to_answer() -> None:
    rig, rung = by_two_trunks()
    challenged(rig, rung)
    assert rig.listener.told == [("failed", 0, 407)]


def test_a_call_given_up_meanwhile_is_not_sent_again() -> None:
    rig, rung, _ = with_an_account()
    rig.forks.cancel(rig.leg, rung)
    challenged(rig, rung)
    assert rig.sent() == []


def test_after_a_restart_the_invite_is_cancelled_whether_it_had_been_challenged_or_not() -> None:
    before, rung, first = with_an_account()
    challenged(before, rung)
    ((_, again),) = before.wire.take()
    for is_heard, branches in ((False, [first.top_via.branch, again.top_via.branch]), (True, [first.top_via.branch])):
        rig, adopted = Rig(), a_fork((A,), trunk="a")
        rig.trunks.accounts = before.trunks.accounts
        rig.forks.adopt(rig.leg, adopted, State.PROCEEDING)
        if is_heard:
            rig.respond(adopted, 0, 180)
        rig.forks.cancel(rig.leg, adopted)
        assert [message.top_via.branch for _, message in rig.wire.take()] == branches


def test_after_a_restart_a_trunk_without_an_account_is_sent_one_cancel() -> None:
    rig = Rig()
    adopted = a_fork((A,), trunk="a")
    rig.forks.adopt(rig.leg, adopted, State.PROCEEDING)
    rig.forks.cancel(rig.leg, adopted)
    assert rig.sent() == ["192.0.2.10 CANCEL"]


def test_after_a_restart_a_trunk_that_may_be_absorbing_our_invite_is_waited_for() -> None:
    before, _, _ = with_an_account()
    rig, adopted = Rig(), a_fork((A,), trunk="a", reserve=(Branch(B, "b"),))
    rig.trunks.accounts = before.trunks.accounts
    rig.forks.adopt(rig.leg, adopted, State.PROCEEDING)
    rig.forks.ring_again(rig.leg, adopted)
    assert adopted.attempts[0].patient_until is None
    challenged(rig, adopted)
    assert adopted.attempts[0].patient_until == rig.now + PATIENCE_S


# What is told of single branches -------------------------------------------------------------------------------------


def test_each_branch_tells_when_it_rings_and_how_it_ended() -> None:
    rig = Rig()
    rung = a_fork(("sip:a@192.0.2.7", "sip:b@192.0.2.8", "sip:c@192.0.2.9;transport=sctp"))
    rig.forks.start(rig.leg, rung)
    for branch, status in ((0, 100), (0, 180), (1, 183), (1, 486), (0, 200)):
        rig.respond(rung, branch, status)
    assert rig.listener.branches == [
        (2, 503, "the transport sctp is none that this URI can use"),
        (0,),
        (1,),
        (1, 486, "Reason"),
        (0, 200, "Reason"),
    ]


def test_a_branch_tells_of_its_end_before_another_one_is_asked_for() -> None:
    rig, rung = by_two_trunks()
    rig.respond(rung, 0, 503)
    assert (rig.listener.branches, rig.listener.told[0][0]) == ([(0, 503, "Reason")], "wanted")
    ring_what_is_wanted(rig, rung)
    rig.forks.silence(rung.attempts[1].key)
    assert rig.listener.branches[1:] == [(1, 408, "no response at all")]


def test_a_cancelled_branch_that_stays_silent_is_given_up() -> None:
    rig = Rig()
    rung = a_fork(("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, rung)
    rig.forks.cancel(rig.leg, rung)
    rig.now += 32
    rig.forks.advance(rig.now)
    assert rig.listener.branches == [(0, 408, "")]
