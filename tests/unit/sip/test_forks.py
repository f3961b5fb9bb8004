"""The targets' side alone: what goes out to whom, and what the listener is told. The whole ladder is in test_edge."""

from __future__ import annotations

from strowger.sip.flow import Flow
from strowger.sip.forks import Forks
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Fork, Leg
from strowger.sip.message import Request, Response
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.registration import Way
from strowger.sip.transaction.invite_client import State
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import Send
from tests.support.sip_edge import CALLER, INVITE, Wire


class Listening:
    """Does what the layer asks and writes down the rest."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.told: list[tuple[object, ...]] = []

    def perform(self, outputs: object) -> None:
        for output in outputs:  # type: ignore[attr-defined]
            if isinstance(output, Send):
                self.wire.send(output.flow, output.payload, output.key)  # type: ignore[arg-type]

    def ringing(self, leg: Leg, response: Response) -> None:
        self.told.append(("ringing", response.status))

    def answered(self, leg: Leg, fork: Fork, branch: int, response: Response) -> None:
        self.told.append(("answered", branch))

    def answered_again(self, leg: Leg, response: Response) -> None:
        self.told.append(("again",))

    def failed(self, fork: Fork, branch: int, status: int, response: Response | None) -> None:
        self.told.append(("failed", branch, status))

    def ignored(self, reason: str, summary: str) -> None:
        self.told.append(("ignored", reason))


class Rig:
    """Forks over a wire that is a list."""

    def __init__(self, way: Way | None = None) -> None:
        """Everybody's phones are reached by `way`."""
        self.wire, self.now = Wire(), 100.0
        self.listener = Listening(self.wire)
        forwarding = Forwarding(b"f" * 32)
        in_dialog = InDialog(self.wire, forwarding)
        self.layer = TransactionLayer()
        self.forks = Forks(
            self.listener,
            self.layer,
            self.wire,
            forwarding,
            in_dialog,
            monotonic=lambda: self.now,
            record_route=False,
            way=lambda user, uri: way if user == "8:acs:r_bob" else None,
        )
        invite = INVITE.format(to="bob", n=1, hops=70).replace("\n", "\r\n").encode()
        self.leg = Leg("call", "key", CALLER, invite)

    def sent(self) -> list[str]:
        return [f"{flow.host} {m.method}" for flow, m in self.wire.take() if isinstance(m, Request)]

    def respond(self, fork: Fork, branch: int, status: int) -> None:
        headers = [("Via", "SIP/2.0/UDP 192.0.2.1"), ("CSeq", "1 INVITE"), ("Contact", "<sip:t@192.0.2.7>")]
        more = [("From", "<sip:a@b>;tag=a"), ("To", "<sip:t@b>;tag=t"), ("Call-ID", "c")]
        self.forks.receive(fork.keys[branch], Response.make(status, "Reason", headers + more))


def test_every_branch_is_rung_and_one_that_cannot_be_is_a_failure_of_its_own() -> None:
    rig = Rig()
    fork = rig.forks.open(rig.leg, 0, ("sip:a@192.0.2.7", "sip:b@192.0.2.8;transport=sctp"))
    rig.forks.start(rig.leg, fork)
    assert rig.sent() == ["192.0.2.7 INVITE"]
    assert rig.listener.told[0][0] == "ignored"
    rig.respond(fork, 0, 486)
    assert rig.listener.told[-1] == ("failed", 0, 486), "a busy phone says more than one that cannot be reached"


def test_a_registered_phone_is_rung_and_its_unwanted_answer_ended_by_the_way_it_came() -> None:
    phone = Flow("TCP", "198.51.100.4", 40_000, 0, 7)
    rig = Rig(Way(phone, ("<sip:edge.example;lr>",)))
    fork = rig.forks.open(rig.leg, 0, ("sip:b@10.0.0.7",), "8:acs:r_bob")
    rig.forks.start(rig.leg, fork)
    (flow, invite) = rig.wire.take()[0]
    assert (flow, invite.first("Route")) == (phone, "<sip:edge.example;lr>")
    rig.forks.cancel(rig.leg, fork)
    rig.respond(fork, 0, 200)
    sent = rig.wire.take()
    assert [(flow, message.method) for flow, message in sent if isinstance(message, Request)] == [
        (phone, "ACK"),
        (phone, "BYE"),
    ]


def test_a_way_belongs_to_its_user() -> None:
    rig = Rig(Way(Flow("TCP", "198.51.100.4", 40_000, 0, 7), ()))
    rig.forks.start(rig.leg, rig.forks.open(rig.leg, 0, ("sip:b@192.0.2.7",), "8:acs:r_ann"))
    assert rig.sent() == ["192.0.2.7 INVITE"]


def test_nobody_can_be_rung_at_all() -> None:
    rig = Rig()
    rig.forks.start(rig.leg, rig.forks.open(rig.leg, 0, ("tel:+1",)))
    assert rig.listener.told[-1] == ("failed", 0, 500)


def test_timer_c_silences_a_phone_that_rings_for_ever() -> None:
    rig = Rig()
    fork = rig.forks.open(rig.leg, 0, ("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, fork)
    rig.respond(fork, 0, 180)
    rig.sent()
    deadline = rig.forks.next_deadline()
    assert deadline == rig.now + 185
    rig.now = deadline
    rig.forks.advance(rig.now)
    assert rig.sent() == ["192.0.2.7 CANCEL"]


def test_adopted_branches_are_cancelled_without_being_rung_again() -> None:
    rig = Rig()
    fork = rig.forks.open(rig.leg, 0, ("sip:a@192.0.2.7",))
    rig.forks.adopt(rig.leg, fork, State.PROCEEDING)
    assert rig.sent() == []
    rig.forks.cancel(rig.leg, fork)
    assert rig.sent() == ["192.0.2.7 CANCEL"]


def test_a_dropped_leg_still_waits_for_cancelled_branches_and_then_forgets_them() -> None:
    rig = Rig()
    fork = rig.forks.open(rig.leg, 0, ("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, fork)
    rig.respond(fork, 0, 180)
    rig.forks.cancel(rig.leg, fork)
    rig.forks.drop(rig.leg)
    deadline = rig.forks.next_deadline()
    assert deadline == rig.now + 32
    rig.now = deadline
    rig.forks.advance(rig.now)
    assert (rig.forks.next_deadline(), len(rig.forks)) == (None, 0)


def test_a_dropped_leg_whose_branches_have_ended_leaves_no_deadline() -> None:
    rig = Rig()
    fork = rig.forks.open(rig.leg, 0, ("sip:a@192.0.2.7",))
    rig.forks.start(rig.leg, fork)
    rig.respond(fork, 0, 486)
    rig.forks.drop(rig.leg)
    assert rig.forks.next_deadline() is None
