"""The end of answers nobody wants. The ladder around it is in test_forks and test_edge."""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch
from strowger.sip.flow import Flow
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Fork, Leg
from strowger.sip.message import Request, Response
from strowger.sip.message.errors import SipError
from strowger.sip.outgoing import NoTrunks, Outgoing, RecordRoute
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.unwanted import DIALOGS_ENDED_PER_FORK, UnwantedAnswers
from tests.support.sip_edge import CALLER, INVITE, Wire

WENT = Flow("UDP", "192.0.2.10", 5060, 0)


class Rig:
    def __init__(self, flow: Flow = WENT, *, is_behind_nat: bool = False) -> None:
        self.wire, forwarding = Wire(), Forwarding(b"f" * 32)
        self.byes: list[tuple[str, str]] = []
        self.flows: list[Flow] = []
        """Of all ACKs and BYEs."""
        outgoing = Outgoing(self.wire, forwarding, NoTrunks(), record_route=RecordRoute.OFF)
        in_dialog = InDialog(self.wire, forwarding)
        self.unwanted = UnwantedAnswers(self.wire, forwarding, in_dialog, outgoing, self._bye)
        self.leg = Leg("call", "key", CALLER, INVITE.format(to="bob", n=1, hops=70).replace("\n", "\r\n").encode())
        self.fork = Fork("call", 0, [Branch("sip:b@192.0.2.10")], 0.0, 185.0)
        attempt = self.fork.attempts[0]
        attempt.flow, attempt.is_behind_nat = flow, is_behind_nat

    def _bye(self, leg: Leg, request: Request, flow: Flow) -> None:
        self.flows.append(flow)
        self.byes.append((f"{flow.host} {request.method}", request.to_tag or ""))

    def end(self, tag: str = "t", contact: str = "<sip:b@192.0.2.77>") -> list[str]:
        """Whom the ACK goes to."""
        headers = [("Via", "SIP/2.0/UDP us;branch=z9hG4bKx"), ("From", "<sip:a@b>;tag=ann")]
        headers += [("To", f"<sip:b@c>;tag={tag}"), ("Call-ID", "c"), ("CSeq", "1 INVITE"), ("Contact", contact)]
        answer = Response.make(200, "OK", headers)
        self.unwanted.end(self.leg, self.fork, self.fork.attempts[0], answer)
        acks = [(flow, m) for flow, m in self.wire.take() if isinstance(m, Request)]
        self.flows += [flow for flow, _ in acks]
        return [f"{flow.host} {m.method}" for flow, m in acks]


def test_each_repeat_is_acknowledged_and_the_dialog_ended_once() -> None:
    rig = Rig()
    assert [rig.end(), rig.end()] == [["192.0.2.77 ACK"]] * 2
    assert rig.byes == [("192.0.2.77 BYE", "t")]
    rig.end(tag="other")
    assert rig.byes[1:] == [("192.0.2.77 BYE", "other")]


def test_what_cannot_be_reached_otherwise_is_reached_where_the_invite_went() -> None:
    assert Rig().end(contact="<sip:b@192.0.2.77;transport=sctp>") == ["192.0.2.10 ACK"]
    assert Rig(Flow("WS", "198.51.100.4", 40_000, 1, 7)).end() == ["198.51.100.4 ACK"]
    assert Rig(is_behind_nat=True).end() == ["192.0.2.10 ACK"]


def test_a_tls_peer_that_names_its_address_is_reached_by_the_name_it_has_proven() -> None:
    went = Flow("TCP", "192.0.2.10", 5061, 0, name="sbc.example")
    rig = Rig(went)
    rig.end(contact="<sip:b@192.0.2.10:5061;transport=tcp>")
    assert rig.flows == [went, went]


def test_an_answer_without_a_contact_cannot_be_ended() -> None:
    with pytest.raises(SipError):
        Rig().end(contact="*")


def test_no_more_dialogs_are_ended_than_the_limit() -> None:
    rig = Rig()
    for number in range(DIALOGS_ENDED_PER_FORK + 1):
        rig.end(tag=f"t{number}")
    assert len(rig.byes) == DIALOGS_ENDED_PER_FORK
