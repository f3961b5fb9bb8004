"""What callers are told."""

from __future__ import annotations

from strowger.sip.callers import Callers, retry_after
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Leg
from strowger.sip.message import Request, Response, parse_message
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import Send
from tests.support.sip_edge import CALLER, INVITE, Wire


class Desk:
    """One caller, whose INVITE is in a transaction."""

    def __init__(self, *more: str) -> None:
        text = INVITE.format(to="bob", n=1, hops=70).replace("Contact", "\n".join([*more, "Contact"]))
        data = text.replace("\n", "\r\n").encode()
        self.layer, self.ignored = TransactionLayer(), list[str]()
        self.told: list[Response] = []
        forwarding, wire = Forwarding(b"f" * 32), Wire()
        self.in_dialog = InDialog(wire, forwarding)
        self.callers = Callers(
            self.layer,
            wire,
            forwarding,
            self.in_dialog,
            monotonic=lambda: 0.0,
            perform=self._perform,
            ignored=lambda reason, summary: self.ignored.append(reason),
        )
        invite = parse_message(data)
        assert isinstance(invite, Request)
        (arrived,) = self.layer.receive(invite, CALLER, 0.0, False)
        self.leg = Leg("call", arrived.key, CALLER, data)  # type: ignore[union-attr, arg-type]
        self.callers.add(self.leg)

    def _perform(self, outputs: object) -> None:
        for output in outputs:  # type: ignore[attr-defined]
            if isinstance(output, Send):
                message = parse_message(output.payload)
                assert isinstance(message, Response)
                self.told.append(message)

    def said(self) -> list[int]:
        return [response.status for response in self.told]

    def answer(self, status: int, *more: tuple[str, str]) -> Response:
        """A target's response to the INVITE that was forwarded."""
        vias = [("Via", "SIP/2.0/UDP us;branch=z9hG4bKours"), ("Via", self.leg.request().vias[0])]
        headers = [("From", "<sip:+1@carrier>;tag=ann"), ("To", "<sip:bob@x>;tag=t"), ("Call-ID", "call-1@192.0.2.9")]
        return Response.make(status, "Reason", [*vias, *headers, ("CSeq", "1 INVITE"), *more])


def test_a_held_caller_hears_ringing_and_another_one_only_that_it_is_worked_on() -> None:
    for ringing, said in ((True, [100, 180]), (False, [100])):
        desk = Desk()
        desk.leg.arriving = desk.leg.request()
        desk.callers.proceed(desk.leg, ringing=ringing)
        assert desk.said() == said


def test_a_caller_who_was_told_that_it_is_worked_on_is_not_told_again() -> None:
    desk = Desk()
    desk.callers.proceed(desk.leg, ringing=True)
    assert desk.said() == [180]


def test_a_caller_who_requires_reliable_ringing_gets_none_of_ours() -> None:
    desk = Desk("Require: 100rel")
    desk.callers.say(desk.leg, desk.leg.request(), 181)
    assert desk.said() == []


def test_the_store_being_down_is_a_matter_of_seconds() -> None:
    desk = Desk()
    desk.callers.finish(desk.leg, 503, "", ())
    assert (desk.said(), desk.told[0].first("Retry-After")) == ([503], "5")
    assert retry_after(0) == ()


def test_whom_to_call_instead_in_order() -> None:
    desk = Desk()
    desk.callers.finish(desk.leg, 302, "Moved Temporarily", tuple(f"sip:{n}@t" for n in range(12)))
    contacts = desk.told[0].values("Contact")
    assert contacts[:2] == ["<sip:0@t>;q=1.0", "<sip:1@t>;q=0.9"]
    assert contacts[-2:] == ["<sip:10@t>;q=0.1", "<sip:11@t>;q=0.1"]


def test_a_single_one_needs_no_preference() -> None:
    desk = Desk()
    desk.callers.finish(desk.leg, 302, "", ("sip:0@t",))
    assert desk.told[0].values("Contact") == ["<sip:0@t>"]


def test_a_caller_gets_its_own_from_back_where_a_trunk_was_shown_another() -> None:
    own, shown = '"Ann" <sip:+31612345678@192.0.2.9>;tag=ann', "<sip:+1@carrier>;tag=ann"
    for has_other_from, said in ((True, own), (False, shown)):
        desk = Desk()
        desk.leg.has_other_from = has_other_from
        desk.callers.relay(desk.leg, desk.answer(180))
        assert desk.told[0].first("From") == said
        assert len(desk.told[0].vias) == 1


def test_the_parties_of_an_answered_call_are_remembered_and_those_of_a_ringing_one_are_not() -> None:
    desk = Desk()
    desk.callers.relay(desk.leg, desk.answer(180))
    assert len(desk.in_dialog) == 0
    desk.callers.relay(desk.leg, desk.answer(183, ("RSeq", "1"), ("Contact", "<sip:bob@192.0.2.7>")))
    assert len(desk.in_dialog) == 1


def test_where_our_record_route_leads_nobody_is_remembered_and_beside_such_a_branch_the_others_are() -> None:
    for value, remembered in (("<sip:token@us;lr>", 0), ("<sip:their.proxy;lr>", 1)):
        desk = Desk()
        desk.leg.route_token = "token"  # of a branch over WebSocket, say
        desk.callers.relay(desk.leg, desk.answer(200, ("Record-Route", value), ("Contact", "<sip:bob@192.0.2.7>")))
        assert len(desk.in_dialog) == remembered


def test_what_comes_after_the_end_goes_nowhere() -> None:
    desk = Desk()
    desk.layer.forget(desk.leg.key)
    desk.callers.relay(desk.leg, desk.answer(180))
    assert desk.ignored == ["a response for a transaction that has ended"]


def test_callers_are_found_by_call_and_by_transaction_until_they_are_forgotten() -> None:
    desk = Desk()
    assert desk.callers.find("call") is desk.callers.find_by_key(desk.leg.key) is desk.leg
    assert desk.callers.find_by_key(None) is None
    assert desk.callers.forget(desk.leg.key) is desk.leg
    assert (len(desk.callers), desk.callers.forget(desk.leg.key)) == (0, None)
