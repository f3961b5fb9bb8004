"""What is read out of an arriving request, and what is noted in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strowger.sip.arrival import (
    arrival_of,
    caller,
    dialled,
    is_for_somebody,
    require_forwardable,
    require_understood,
    stamp_source,
    summary,
    top_route,
)
from strowger.sip.flow import Flow
from strowger.sip.message import Refusal, Request, Response, parse_message
from strowger.sip.sender import STRANGER, TRUSTED, Sender
from strowger.sip.trunk.numbers import NumberFormat
from strowger.sip.trunk.trunk import Trunk
from tests.support.sip_edge import INVITE


def a_request(*changes: tuple[str, str], to: str = "+31201110001") -> Request:
    text = INVITE.format(to=to, n=1, hops=70)
    for before, after in changes:
        text = text.replace(before, after)
    message = parse_message(text.replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("via", "flow", "stamped", "way_back"),
    [
        (";rport", Flow("UDP", "192.0.2.9", 5062, 0), ";rport=5062;received=192.0.2.9", ("192.0.2.9", 5062)),
        (";rport", Flow("UDP", "198.51.100.7", 9, 0), ";rport=9;received=198.51.100.7", ("198.51.100.7", 9)),
        ("", Flow("UDP", "192.0.2.9", 5062, 0), "", ("192.0.2.9", 5062)),
        ("", Flow("UDP", "198.51.100.7", 9, 0), ";received=198.51.100.7", ("198.51.100.7", 5062)),
        (";received=203.0.113.5", Flow("UDP", "192.0.2.9", 9, 0), ";received=192.0.2.9", ("192.0.2.9", 5062)),
        ("", Flow("TCP", "192.0.2.9", 40_000, 0, 7), "", ("192.0.2.9", 5062)),
        (";rport", Flow("TCP", "192.0.2.9", 40_000, 0, 7), ";rport=40000;received=192.0.2.9", ("192.0.2.9", 5062)),
    ],
)
def test_the_source_is_noted_and_the_answer_finds_its_way(
    via: str, flow: Flow, stamped: str, way_back: tuple[str, int]
) -> None:
    request = a_request((";rport", via))
    back = stamp_source(request, flow)
    assert request.vias[0].partition("z9hG4bKcaller1")[2] == stamped
    assert (back.host, back.port, back.connection) == (*way_back, flow.connection)


def test_an_ipv6_source_is_noted_without_its_zone() -> None:
    request = a_request()
    stamp_source(request, Flow("UDP", "fe80::1%eth0", 5060, 0))
    assert request.top_via.received == "fe80::1"


def test_a_host_name_in_the_via_is_not_looked_up() -> None:
    request = a_request(("192.0.2.9:5062;branch", "phone.example:5062;branch"), (";rport", ""))
    stamp_source(request, Flow("UDP", "192.0.2.9", 5062, 0))
    assert request.top_via.received == "192.0.2.9"


@pytest.mark.parametrize(
    ("uri", "named"),
    [("sip:bob@h", True), ("tel:+31201110001", True), ("sip:192.0.2.1", False), ("im:bob@h", False)],
)
def test_a_request_for_somebody(uri: str, named: bool) -> None:
    assert is_for_somebody(a_request(("sip:+31201110001@192.0.2.1 SIP", f"{uri} SIP"))) is named


def test_the_limits_of_forwarding() -> None:
    require_forwardable(a_request())
    with pytest.raises(Refusal) as refused:
        require_forwardable(a_request(("Forwards: 70", "Forwards: 0")))
    assert refused.value.status == 483
    with pytest.raises(Refusal) as refused:
        require_forwardable(a_request(("Max-Forwards", "Proxy-Require: foo\nMax-Forwards")))
    assert (refused.value.status, refused.value.headers) == (420, (("Unsupported", "foo"),))
    require_forwardable(a_request(("Max-Forwards", "Require: 100rel\nMax-Forwards")))
    with pytest.raises(Refusal):
        require_understood(a_request(("Max-Forwards", "Require: 100rel\nMax-Forwards")))


@pytest.mark.parametrize(
    ("uri", "dialled"),
    [
        ("sip:+31201110001@192.0.2.1", "+31201110001"),
        ("sip:%2B31201110001@192.0.2.1;user=phone", "+31201110001"),
        ("sip:+31201110001;isub=1@192.0.2.1", "+31201110001"),
        ("sip:8%3Aacs%3Ar_u@192.0.2.1", "8:acs:r_u"),
        ("sip:192.0.2.1", ""),
        ("tel:+31201110001", "+31201110001"),
        ("tel:+31-20-111-0001", "+31201110001"),
    ],
)
def test_whom_the_request_uri_dials(uri: str, dialled: str) -> None:
    request = a_request(("INVITE sip:+31201110001@192.0.2.1", f"INVITE {uri}"))
    assert arrival_of(request, "192.0.2.9", b"").dialled == dialled


def test_who_calls() -> None:
    got = arrival_of(a_request(('"Ann"', '"Änn"')), "192.0.2.9", b"leg")
    assert (got.caller, got.display_name, got.source, got.leg) == ("+31612345678", "Änn", "192.0.2.9", b"leg")
    foreign = arrival_of(a_request(("<sip:+31612345678@192.0.2.9>", "<im:ann@example.org>")), "192.0.2.9", b"")
    assert (foreign.caller, foreign.caller_uri) == ("", "im:ann@example.org")


def test_its_own_headers_are_told_and_stay_in_the_message() -> None:
    request = a_request(("Max-Forwards", "x-ms-custom-Tier :  gold\nX-Long: " + "1" * 257 + "\nMax-Forwards"))
    before = request.to_bytes()
    got = arrival_of(request, "192.0.2.9", b"")
    assert got.custom_headers == {"x-ms-custom-Tier": "gold"}
    assert got.headers_left_out == ("X-Long: its value is longer than 256 characters",)
    assert request.to_bytes() == before


def test_the_first_route() -> None:
    assert top_route(a_request()) is None
    route = top_route(a_request(("Max-Forwards", "Route: <sip:token@192.0.2.1;lr>, <sip:b;lr>\nMax-Forwards")))
    assert route is not None
    assert route.user == "token"


def test_a_message_in_a_few_words() -> None:
    assert summary(a_request()) == "INVITE"
    assert summary(Response.make(180, "Ringing", [])) == "180 Ringing"
    assert summary(None) == ""


def test_what_is_known_of_the_sender() -> None:
    trunk = Trunk("carrier", "sip:carrier.example")
    got = [arrival_of(a_request(), "192.0.2.9", b"", each) for each in (Sender("8:acs:r_u", trunk), TRUSTED, STRANGER)]
    assert [(each.caller_user, each.came_by, each.is_stranger) for each in got] == [
        ("8:acs:r_u", "carrier", False),
        ("", "", False),
        ("", "", True),
    ]


BERLIN = Trunk("berlin", "sip:pbx.example", number_format=NumberFormat("national", "49"))


def test_numbers_of_a_trunk_are_read_as_it_writes_them() -> None:
    request = a_request(("<sip:+31612345678@", "<sip:030111222333@"), to="0049301110001")
    got = arrival_of(request, "192.0.2.9", b"", Sender(trunk=BERLIN))
    assert (got.dialled, got.caller) == ("+49301110001", "+4930111222333")
    assert dialled(request, Sender(trunk=BERLIN)) == "+49301110001"
    assert dialled(request) == "0049301110001"


CARRIER = Trunk("c", "sip:c.example", username="us", register_expires_s=60.0, number="+31201110001")


@pytest.mark.parametrize(
    ("trunk", "uri", "to", "asked"),
    [
        (CARRIER, "sip:us@192.0.2.1", "sip:us@c.example", "+31201110001"),
        (CARRIER, "sip:u%73;x=1@192.0.2.1", "sip:us@c.example", "+31201110001"),
        (CARRIER, "sip:us@192.0.2.1", "sip:+31201110002@c.example", "+31201110002"),
        (CARRIER, "sip:us@192.0.2.1", "tel:+31201110002", "+31201110002"),
        (replace(CARRIER, number_format=NumberFormat("digits")), "sip:us@x", "sip:31201110002@y", "+31201110002"),
        (CARRIER, "sip:us@192.0.2.1", "sip:0201110002@c.example", "+31201110001"),
        (CARRIER, "sip:+31201110003@192.0.2.1", "sip:+31201110002@c.example", "+31201110003"),
        (replace(CARRIER, number=""), "sip:us@192.0.2.1", "sip:us@c.example", "us"),
        (replace(CARRIER, register_expires_s=None), "sip:us@192.0.2.1", "sip:+31201110002@c.example", "us"),
        (None, "sip:us@192.0.2.1", "sip:+31201110002@c.example", "us"),
    ],
)
def test_a_call_to_what_we_registered_is_for_the_number_in_to_or_for_that_of_the_trunk(
    trunk: Trunk | None, uri: str, to: str, asked: str
) -> None:
    request = a_request(("INVITE sip:+31201110001@192.0.2.1", f"INVITE {uri}"), ("<sip:+31201110001@", f"<{to}>\nX: <"))
    assert dialled(request, Sender(trunk=trunk)) == asked
    assert arrival_of(request, "192.0.2.9", b"", Sender(trunk=trunk)).dialled == asked


TRUSTING = Trunk("carrier", "sip:carrier.example", is_trusted=True, number_format=NumberFormat("digits"))
ASSERTED = 'P-Asserted-Identity: "Eve" <sip:31208880000@carrier.example>, <tel:+31208880000>\n'


@pytest.mark.parametrize(
    ("trunk", "lines", "who"),
    [
        (TRUSTING, ASSERTED, ("+31208880000", "Eve", "sip:31208880000@carrier.example")),
        (TRUSTING, "P-Asserted-Identity: <im:x@y>, <tel:+31208880000>\n", ("+31208880000", "Ann", "tel:+31208880000")),
        (TRUSTING, f"{ASSERTED}Privacy: id\n", ("+31612345678", "Ann", "sip:+31612345678@192.0.2.9")),
        (TRUSTING, "P-Asserted-Identity: <\n", ("+31612345678", "Ann", "sip:+31612345678@192.0.2.9")),
        (BERLIN, ASSERTED, ("+31612345678", "Ann", "sip:+31612345678@192.0.2.9")),
        (None, ASSERTED, ("+31612345678", "Ann", "sip:+31612345678@192.0.2.9")),
    ],
)
def test_only_a_trunk_we_trust_is_believed_who_calls(
    trunk: Trunk | None, lines: str, who: tuple[str, str, str]
) -> None:
    got = arrival_of(a_request(("Max-Forwards", f"{lines}Max-Forwards")), "192.0.2.9", b"", Sender(trunk=trunk))
    assert (got.caller, got.display_name, got.caller_uri) == who


@pytest.mark.parametrize(
    ("uri", "who"),
    [("sip:b%6Fb@x", "bob"), ("sips:bob;x=1@x", "bob"), ("tel:+31-6", "+316"), ("sip:x", ""), ("im:bob@x", "")],
)
def test_who_the_caller_says_it_is(uri: str, who: str) -> None:
    assert caller(a_request(("<sip:+31612345678@192.0.2.9>", f"<{uri}>"))) == who
