"""The INVITEs of a call that nobody makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from strowger.calls.call import Branch, Call, Hop, Opening, State
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.sip import foreseeing
from strowger.sip.flow import Flow
from strowger.sip.foreseeing import Envisaged, Foreseeing, Prospect, Ways
from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.resolve import Destination
from strowger.sip.message.errors import BuildError, Refusal
from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits
from strowger.sip.outgoing import NoTrunks, RecordRoute
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.registration import Way
from strowger.sip.sender import TRUSTED
from strowger.sip.trunk.trunk import CallerId, ForwardedAs, Trunk
from tests.support.exchange import BOB, NUMBER
from tests.support.sip_edge import US, Wire

CARRIER = Trunk(
    "carrier",
    "sip:192.0.2.10",
    caller_id=CallerId.OWNED,
    forwarded_as=frozenset((ForwardedAs.DIVERSION,)),
    patience_s=7.0,
)
OUT = "sip:+15550100@192.0.2.10"


class OneTrunk(NoTrunks):
    def trunk(self, name: str) -> Trunk | None:
        return CARRIER if name == "carrier" else None


def known(uri: str, what: str) -> Sequence[Destination]:
    host = uri.rpartition("@")[2].partition(":")[0].partition(";")[0]
    if host == "nowhere.test":
        raise Unlocatable("nobody serves it")
    return [] if host.endswith(".test") else [Destination("UDP", host, 5060, "")]


def seen(
    wire: Wire | None = None, way: Way | None = None, limits: MessageLimits = DEFAULT_LIMITS, **changes: Any
) -> Foreseeing:
    values = {"uri": NUMBER, "caller": "sip:+31612345678@192.0.2.9", "display_name": 'Ann "A"', "headers": ()}
    envisaged = Envisaged(**{"source": "192.0.2.9", **values, **changes})
    network, forwarding = wire or Wire(), Forwarding(b"f" * 32)
    ways = Ways(
        network, forwarding, OneTrunk(), known, lambda user, uri: way, RecordRoute.OUTSIDE, message_limits=limits
    )
    return Foreseeing(ways, envisaged, 5.0)


def a_call(*branches: Branch, ring: tuple[str, ...] = (), via: str = "", reserve: tuple[Branch, ...] = ()) -> Call:
    first = Hop(phone_number(NUMBER), 0.0, 30.0)
    to = phone_number("+15550100") if via else from_raw_id(BOB)
    hop = Hop(to, 0.0, 60.0, ring=ring, via=via, reserve=reserve, joined=branches, opening=Opening.REDIRECT)
    return Call("call", "dev", phone_number("+31612345678"), "", 0.0, [first, hop], State.RINGING)


def test_the_invite_that_would_come_is_taken_in_like_any_other() -> None:
    sip = seen(headers=[("X-Shop", "zeven ü"), ("User-To-User", "01")])
    assert sip.invite.uri == f"sip:{NUMBER}@{US}"
    assert sip.invite.first("From") == '"Ann \\"A\\"" <sip:+31612345678@192.0.2.9>;tag=dry-run'
    arrival = sip.arrival(TRUSTED)
    assert (arrival.dialled, arrival.caller, arrival.source) == (NUMBER, "+31612345678", "192.0.2.9")
    assert arrival.custom_headers == {"X-Shop": "zeven ü", "User-To-User": "01"}
    assert (arrival.display_name, arrival.leg) == ('Ann "A"', b"")


@pytest.mark.parametrize("name", ["Via", "v", "FROM", "Content-Length", "Proxy-Authorization"])
def test_what_is_ours_to_write_cannot_be_given(name: str) -> None:
    with pytest.raises(BuildError, match=f"{name} is written here"):
        seen(headers=[(name, "x")])


@pytest.mark.parametrize("headers", [[("X-A", "a\r\nVia: x")], [("no token", "x")]])
def test_what_cannot_be_written_is_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(BuildError):
        seen(headers=headers)


def test_what_an_edge_refuses_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        seen(headers=[("Proxy-Require", "magic")])
    assert refused.value.status == 420


def test_a_trunk_and_another_in_reserve_with_what_they_are_told() -> None:
    wire = Wire()
    call = a_call(ring=(OUT,), via="carrier", reserve=(Branch("sip:+15550100@sbc.test;transport=tcp", "other"),))
    first, second = seen(wire).prospects(call, 1)
    assert (first.branch.uri, first.is_reserve) == (OUT, False)
    assert (first.goes_to, first.patience_s) == ("udp:192.0.2.10:5060", 7.0)
    assert dict(first.sets) | {"Via": "", "Record-Route": ""} == {
        "Via": "",
        "Record-Route": "",
        "Max-Forwards": "69",
        "From": f"<sip:{NUMBER}@192.0.2.10>;tag=dry-run",
        "Diversion": f"<sip:{NUMBER}@{US}>;reason=unconditional;counter=1;privacy=off",
        "P-Asserted-Identity": f"<sip:{NUMBER}@192.0.2.10>",
    }
    assert (second.is_reserve, second.goes_to, second.patience_s, second.trouble) == (True, "", 0.0, "")
    assert next(value for name, value in second.sets if name == "Via").startswith(f"SIP/2.0/TCP {US};")
    assert wire.sent == []


def test_each_of_a_line_is_waited_for_but_the_last() -> None:
    """Two members of a group that ring at once, each with its own trunks in reserve."""
    two = [Branch(f"sip:+1555010{n}@192.0.2.10", "carrier", member=f"4:+1555010{n}") for n in range(2)]
    reserve = tuple(Branch(f"sip:+1{n}@192.0.2.1{n}", "other", replaces=n % 2) for n in range(3))
    found = seen().prospects(a_call(*two, reserve=reserve), 1)
    assert [(each.is_reserve, each.patience_s) for each in found] == [
        (False, 7.0),
        (False, 7.0),
        (True, 4.0),
        (True, 0.0),
        (True, 0.0),
    ]


def test_a_phone_is_rung_by_its_flow_and_one_that_nothing_leads_to_is_told_of() -> None:
    flow = Flow("TCP", "192.0.2.77", 40_000, 0, 3)
    (phone,) = seen(way=Way((flow,), ())).prospects(a_call(ring=("sip:bob@10.0.0.1",)), 1)
    assert phone.goes_to == "tcp:192.0.2.77:40000"
    nowhere, secure = seen().prospects(a_call(ring=("sip:bob@nowhere.test", "sips:bob@lost.test")), 1)
    assert nowhere == Prospect(Branch("sip:bob@nowhere.test"), is_reserve=False, trouble="nobody serves it")
    assert secure.trouble == "no listener for TLS"


def test_what_the_caller_hides_does_not_leave() -> None:
    hidden = [("P-Asserted-Identity", "<sip:+1@x.test>"), ("Privacy", "id")]
    (prospect,) = seen(headers=hidden).prospects(a_call(ring=("sip:bob@10.0.0.1",)), 1)
    assert prospect.removes == ("P-Asserted-Identity",)


def test_no_more_invites_are_written_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseeing, "INVITES", 2)
    found = seen().prospects(a_call(ring=tuple(f"sip:bob@10.0.0.{n}" for n in range(3))), 1)
    assert [bool(each.sets) for each in found] == [True, True, False]


def test_each_course_has_as_many_invites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseeing, "INVITES", 1)
    sip, call = seen(), a_call(ring=("sip:bob@10.0.0.1",))
    found = [bool(sip.prospects(call, 1)[0].sets) for _ in range(2)]
    sip.begin()
    assert [*found, bool(sip.prospects(call, 1)[0].sets)] == [True, False, True]


def test_an_invite_beyond_the_limits_of_the_settings_is_refused() -> None:
    with pytest.raises(Refusal):
        seen(caller=f"sip:{'1' * 90}@192.0.2.9", limits=MessageLimits(uri_bytes=100))


def test_a_source_that_no_listener_leads_to() -> None:
    sip = seen(source="2001:db8::1")
    assert sip.flow == Flow("UDP", "2001:db8::1", 5060, 0, 0)
    assert sip.invite.first("Contact") == "<sip:[2001:db8::1]:5060>"
