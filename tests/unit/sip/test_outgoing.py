"""The INVITE of a branch as it leaves."""

from __future__ import annotations

from strowger.calls.call import Branch
from strowger.sip.authentication.client import DigestClient
from strowger.sip.flow import Flow
from strowger.sip.leg import Fork, Leg
from strowger.sip.message import Request
from strowger.sip.outgoing import NoTrunks, Outgoing, RecordRoute
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.trunk.identity import Caller
from strowger.sip.trunk.passage import Cause, Step
from strowger.sip.trunk.trunk import CallerId, ForwardedAs, Trunk
from tests.support.sip_edge import CALLER, INVITE, US, Wire

CARRIER = Trunk(
    "carrier",
    "sip:192.0.2.10",
    caller_id=CallerId.OWNED,
    forwarded_as=frozenset((ForwardedAs.HISTORY_INFO, ForwardedAs.DIVERSION)),
)
URI = "sip:+15550100@192.0.2.10"


class OneTrunk(NoTrunks):
    def trunk(self, name: str) -> Trunk | None:
        return CARRIER if name == "carrier" else None

    def account(self, name: str) -> DigestClient | None:
        return None


def a_leg(flow: Flow = CALLER, contact: str = "") -> Leg:
    text = INVITE.format(to="+31201110001", n=1, hops=70)
    if contact:
        text = text.replace("Contact: <sip:ann@192.0.2.9:5062>", f"Contact: <{contact}>")
    return Leg("call", "key", flow, text.replace("\n", "\r\n").encode())


def a_fork(trunk: str = "carrier") -> Fork:
    steps = (Step("", Cause.UNCONDITIONAL, 302), Step("sip:bob", Cause.DEFLECTED_WHILE_RINGING, 302))
    caller = Caller(dialled="+31201110001")
    fork = Fork("call", 2, [Branch(URI, trunk)], 0.0, 185.0, steps=steps, caller=caller)
    fork.attempts[0].flow = Flow("UDP", "192.0.2.10", 5060, 0)
    return fork


def written(leg: Leg, fork: Fork, *, record_route: RecordRoute = RecordRoute.OFF) -> Request:
    outgoing = Outgoing(Wire(), Forwarding(b"f" * 32), OneTrunk(), record_route=record_route)
    first, again = (outgoing.invite(leg, fork, fork.attempts[0]) for _ in range(2))
    assert first.to_bytes() == again.to_bytes()
    return first


def test_a_trunk_is_told_how_the_call_came_and_shown_what_it_takes() -> None:
    leg = a_leg()
    invite = written(leg, a_fork())
    assert invite.uri == URI
    assert invite.first("From") == "<sip:+31201110001@192.0.2.10>;tag=ann"
    assert leg.has_other_from
    assert invite.values("History-Info") == [
        "<sip:+31201110001@192.0.2.1?Reason=SIP%3Bcause%3D302>;index=1",
        "<sip:bob@192.0.2.1;cause=302?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1",
        f"<{URI};cause=487>;index=1.2;mp=1.1",
    ]
    assert invite.values("Diversion") == [
        "<sip:bob@192.0.2.1>;reason=deflection;counter=1;privacy=off",
        "<sip:+31201110001@192.0.2.1>;reason=unconditional;counter=1;privacy=off",
    ]


def test_a_users_phone_and_a_trunk_that_is_gone_from_the_settings_get_the_invite_as_it_came() -> None:
    for trunk in ("", "gone"):
        leg = a_leg()
        invite = written(leg, a_fork(trunk))
        assert invite.lines_of("From") == leg.request().lines_of("From")
        assert not invite.has("History-Info")
        assert not leg.has_other_from


def test_each_answer_to_a_challenge_and_each_detour_is_a_request_of_its_own() -> None:
    branches = set()
    for challenges, detours in ((0, 0), (1, 0), (2, 0), (0, 1)):
        fork = a_fork()
        fork.attempts[0].challenges, fork.attempts[0].detours = challenges, detours
        branches.add(written(a_leg(), fork).top_via.branch)
    assert len(branches) == 4


def test_credentials_go_along() -> None:
    fork = a_fork()
    fork.attempts[0].credentials = ("Proxy-Authorization", "Digest x")
    assert written(a_leg(), fork).values("Proxy-Authorization") == ["Digest x"]


def test_the_route_of_a_phone_stands_first() -> None:
    fork = a_fork("")
    fork.attempts[0].route = ("<sip:p1.example;lr>", "<sip:p2.example;lr>")
    assert written(a_leg(), fork).values("Route") == ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]


def test_we_stay_in_the_path_only_where_that_is_wanted_or_a_flow_needs_it() -> None:
    assert not written(a_leg(), a_fork()).has("Record-Route")
    assert written(a_leg(), a_fork(), record_route=RecordRoute.ON).has("Record-Route")
    assert not written(a_leg(), a_fork(""), record_route=RecordRoute.OUTSIDE).has("Record-Route")
    assert written(a_leg(), a_fork(), record_route=RecordRoute.OUTSIDE).has("Record-Route")
    assert written(a_leg(Flow("WS", "192.0.2.9", 5062, 1, 4)), a_fork()).has("Record-Route")
    behind_nat = a_leg(contact="sip:ann@10.0.0.9")
    value = written(behind_nat, a_fork()).values("Record-Route")[0]
    assert f"-udp-{CALLER.host.encode().hex()}-" in value
    assert value.endswith(f"@{US};transport=udp;lr>")
    phone = a_fork("")
    phone.attempts[0].is_behind_nat = True
    assert written(a_leg(), phone).has("Record-Route")


def test_nobody_knows_anything_without_trunks() -> None:
    none = NoTrunks()
    assert (none.trunk("a"), none.account("a")) == (None, None)
    none.heard("a", 503, None)
    none.failed("a", "silence")


def test_a_phone_is_not_told_whom_the_caller_hides() -> None:
    leg = a_leg()
    hidden = b"P-Asserted-Identity: <sip:+31612345678@carrier>\r\nPrivacy: id\r\nContact"
    leg.invite = leg.invite.replace(b"Contact", hidden)
    invite = written(leg, a_fork(trunk=""))
    assert (invite.has("P-Asserted-Identity"), invite.first("Privacy")) == (False, "id")
