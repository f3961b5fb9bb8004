"""Who may send requests within a dialog through us, and how many dialogs are remembered."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow
from strowger.sip.followed_calls import FollowedCalls, Over
from strowger.sip.in_dialog import InDialog
from strowger.sip.message import Request, Response, parse_message
from strowger.sip.message.build import response_to
from strowger.sip.message.errors import Refusal
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.record_route import route_towards_caller, route_value
from tests.support.sip_edge import CALLER, INVITE, Wire

TARGET = "sip:target@192.0.2.77:5090"


def an_invite(n: int) -> Request:
    message = parse_message(INVITE.format(to="bob", n=n, hops=70).replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


def an_answer(n: int, contact: str = f"<{TARGET}>") -> Response:
    invite = an_invite(n)
    headers = [(name, invite.first(name) or "") for name in ("Via", "From", "Call-ID", "CSeq")]
    return Response.make(200, "OK", [*headers, ("To", f"{invite.first('To')};tag=t"), ("Contact", contact)])


def a_bye(n: int, uri: str = TARGET) -> Request:
    bye = an_invite(n)
    bye.set("To", f"{bye.first('To')};tag=t")
    bye.set("CSeq", "2 BYE")
    return Request("BYE", uri, bye.lines)


def test_the_oldest_dialog_is_forgotten_at_the_limit() -> None:
    wire = Wire()
    dialogs = InDialog(wire, Forwarding(b"f" * 32), limit=2)
    for n in range(3):
        dialogs.remember(an_invite(n), an_answer(n))
    assert len(dialogs) == 2
    assert [dialogs.forward(a_bye(n), CALLER) for n in range(3)] == [False, True, True]
    assert [flow.host for flow, _ in wire.take()] == ["192.0.2.77", "192.0.2.77"]


def test_both_parties_may_be_reached_and_nobody_else() -> None:
    dialogs = InDialog(Wire(), Forwarding(b"f" * 32))
    dialogs.remember(an_invite(1), an_answer(1))
    assert dialogs.forward(a_bye(1, "sip:ann@192.0.2.9:5062"), CALLER)
    assert not dialogs.forward(a_bye(1, "sip:ann@192.0.2.9:5063"), CALLER)
    assert not dialogs.forward(a_bye(1, "mailto:ann@example.org"), CALLER)


def test_an_answer_without_a_usable_contact_opens_nothing() -> None:
    dialogs = InDialog(Wire(), Forwarding(b"f" * 32))
    dialogs.remember(an_invite(1), an_answer(1, "<mailto:x@example.org>"))
    assert not dialogs.forward(a_bye(1, "mailto:x@example.org"), CALLER)


def test_a_foreign_response_is_not_passed_back() -> None:
    assert not InDialog(Wire(), Forwarding(b"f" * 32)).pass_back(an_answer(1))


def into(ended: list[str]) -> Over:
    """Takes the ids of calls that have ended down."""

    def over(call_id: str, *, is_by_caller: bool | None) -> None:
        ended.append(call_id)

    return over


@pytest.mark.parametrize(("status", "over"), [(200, ["one"]), (481, []), (500, [])])
def test_the_answer_to_a_bye_ends_a_call_that_is_followed(status: int, over: list[str]) -> None:
    wire, told = Wire(), list[str]()
    followed = FollowedCalls(into(told))
    followed.follow("one", an_answer(1))
    dialogs = InDialog(wire, Forwarding(b"f" * 32), followed=followed)
    dialogs.remember(an_invite(1), an_answer(1))
    assert dialogs.forward(a_bye(1), CALLER)
    [(_, sent)] = wire.take()
    assert told == []
    assert isinstance(sent, Request)
    assert dialogs.pass_back(response_to(sent, status))
    assert told == over


def test_credentials_for_us_go_no_further() -> None:
    wire = Wire()
    dialogs = InDialog(wire, Forwarding(b"f" * 32), realm="ours")
    dialogs.remember(an_invite(1), an_answer(1))
    bye = a_bye(1)
    for realm in ("theirs", "ours"):
        bye.append("Proxy-Authorization", f'Digest realm="{realm}", nonce="1"')
    bye.append("Authorization", "Bearer token")
    assert dialogs.forward(bye, CALLER)
    [(_, sent)] = wire.take()
    assert sent.all("Proxy-Authorization") == ['Digest realm="theirs", nonce="1"']
    assert not sent.has("Authorization")


@pytest.mark.parametrize(
    ("flow", "fails"),
    [
        (Flow("WS", "198.51.100.4", 40_000, 1, 7), True),
        (Flow("TLS", "198.51.100.4", 40_000, 1, 7), True),
        (Flow("TCP", "198.51.100.4", 40_000, 1, 7), True),
        (Flow("WS", "198.51.100.4", 40_000, 1, 8), False),
        (Flow("UDP", "198.51.100.4", 40_000, 0), False),  # behind a NAT: nobody can know before trying
    ],
)
def test_a_connection_that_is_gone_is_said_to_have_failed(flow: Flow, *, fails: bool) -> None:
    wire, forwarding = Wire(), Forwarding(b"f" * 32)
    wire.gone.add(7)
    token = route_towards_caller(forwarding, an_invite(1), flow, only_flow=True)
    bye = a_bye(1)
    bye.append("Route", route_value(token, "192.0.2.1:5060", CALLER))
    over: list[str] = []
    followed = FollowedCalls(into(over))
    followed.follow("one", an_answer(1))
    dialogs = InDialog(wire, forwarding, followed=followed)
    if fails:
        with pytest.raises(Refusal) as refused:
            dialogs.forward_routed(bye, CALLER)
        assert (refused.value.status, wire.take(), over) == (430, [], ["one"])
    else:
        assert dialogs.forward_routed(bye, CALLER)
        assert ([sent for sent, _ in wire.take()], over) == ([flow], [])


@pytest.mark.parametrize(
    ("now", "reached"),
    [
        (None, False),
        (Flow("WS", "198.51.100.9", 40_001, 1, 7), False),
        (Flow("WS", "198.51.100.9", 40_001, 1, 8), True),
        (Flow("UDP", "198.51.100.9", 5060, 0), True),
    ],
)
def test_a_phone_is_reached_by_the_way_it_has_registered_since(now: Flow | None, *, reached: bool) -> None:
    wire, forwarding = Wire(), Forwarding(b"f" * 32)
    wire.gone.add(7)
    gone = Flow("WS", "198.51.100.4", 40_000, 1, 7)
    bye = a_bye(1)
    bye.append("Route", route_value(route_towards_caller(forwarding, an_invite(1), gone), "192.0.2.1:5060", CALLER))
    asked: list[tuple[Flow, str]] = []

    def flow_since(flow: Flow, uri: str) -> Flow | None:
        asked.append((flow, uri))
        return now

    dialogs = InDialog(wire, forwarding, flow_since=flow_since)
    if reached:
        assert dialogs.forward_routed(bye, CALLER)
    else:
        with pytest.raises(Refusal, match="Flow Failed"):
            dialogs.forward_routed(bye, CALLER)
    assert asked == [(gone, TARGET)]
    assert [sent for sent, _ in wire.take()] == ([now] if reached else [])
