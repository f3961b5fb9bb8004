"""The proof in a Record-Route: each side of a dialog may reach the other side's host, and nobody anything else."""

from __future__ import annotations

import pytest

from strowger.sip.flow import Flow, any_word_of
from strowger.sip.message import Request, Response
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.record_route import (
    Admission,
    host_of,
    is_behind_nat,
    rewrite_for_caller,
    route_towards_caller,
    route_value,
    take_route,
)

FORWARDING = Forwarding(b"f" * 32)
FLOW = Flow("TCP", "192.0.2.9", 5060, 0)


def an_invite(*more: tuple[str, str]) -> Request:
    return Request.make("INVITE", "sip:b@192.0.2.1", [("Call-ID", "c"), ("Contact", "<sip:a@192.0.2.9>"), *more])


def a_bye(route: str, uri: str = "sip:a@192.0.2.9:5099", tag: str = ";tag=t") -> Request:
    return Request.make("BYE", uri, [("Route", route), ("Call-ID", "c"), ("To", f"<sip:x@y>{tag}")])


def test_the_targets_side_reaches_the_caller() -> None:
    token = route_towards_caller(FORWARDING, an_invite(), FLOW)
    route = route_value(token, "192.0.2.1:5060", FLOW)
    assert route == f"<sip:{token}@192.0.2.1:5060;transport=tcp;lr>"
    bye = a_bye(route)
    assert take_route(FORWARDING, bye)
    assert not bye.has("Route")


@pytest.mark.parametrize(
    ("uri", "tag"),
    [("sip:a@203.0.113.1", ";tag=t"), ("tel:+1900", ";tag=t"), ("garbage", ";tag=t"), ("sip:a@192.0.2.9", "")],
)
def test_it_leads_nowhere_else(uri: str, tag: str) -> None:
    route = route_value(route_towards_caller(FORWARDING, an_invite(), FLOW), "192.0.2.1", FLOW)
    bye = a_bye(route, uri, tag)
    assert not take_route(FORWARDING, bye)
    assert bye.has("Route")


def test_a_caller_that_only_its_own_connection_reaches_is_reached_by_it() -> None:
    phone = Flow("WS", "192.0.2.9", 40_000, 2, 7)
    token = route_towards_caller(FORWARDING, an_invite(), phone)
    route = route_value(token, "192.0.2.1:80", phone)
    bye = a_bye(route, "sip:x@anything.invalid;transport=ws")
    assert take_route(FORWARDING, bye) == Admission(phone)
    forged = route.replace("2-7-ws", "2-8-ws")
    assert forged != route
    assert take_route(FORWARDING, a_bye(forged)) is None


def test_a_caller_without_a_contact_cannot_be_reached() -> None:
    invite = Request.make("INVITE", "sip:b@c", [("Call-ID", "c")])
    route = route_value(route_towards_caller(FORWARDING, invite, FLOW), "192.0.2.1", FLOW)
    assert not take_route(FORWARDING, a_bye(route, "tel:+1"))


def test_the_response_carries_the_callers_proof() -> None:
    token = route_towards_caller(FORWARDING, an_invite(), FLOW)
    ours = route_value(token, "192.0.2.1", FLOW)
    headers = [("Call-ID", "c"), ("Contact", "<sip:b@192.0.2.7>"), ("Record-Route", ours)]
    response = Response.make(200, "OK", headers)
    rewrite_for_caller(FORWARDING, response, token, "192.0.2.1", FLOW)
    route = response.first("Record-Route")
    assert route is not None
    assert take_route(FORWARDING, a_bye(route, "sip:b@192.0.2.7:6000"))
    assert not take_route(FORWARDING, a_bye(route, "sip:a@192.0.2.9"))


def test_a_target_that_only_its_own_connection_reaches_is_reached_by_it() -> None:
    token, phone = route_towards_caller(FORWARDING, an_invite(), FLOW), Flow("WS", "192.0.2.7", 40_000, 2, 9)
    headers = [("Call-ID", "c"), ("Contact", "<sip:b@x.invalid>")]
    response = Response.make(200, "OK", [*headers, ("Record-Route", route_value(token, "192.0.2.1", phone))])
    rewrite_for_caller(FORWARDING, response, token, "192.0.2.1", FLOW, phone)
    route = response.first("Record-Route")
    assert route is not None
    assert take_route(FORWARDING, a_bye(route, "sip:b@x.invalid")) == Admission(phone)


@pytest.mark.parametrize(
    ("contact", "leads_by_name"),
    [
        ("sip:b@203.0.113.9:5061;transport=tls", True),
        ("sip:b@203.0.113.9;transport=tls", True),
        ("sip:b@203.0.113.9:5071;transport=tls", False),
        ("sip:b@203.0.113.10:5061;transport=tls", False),
        ("sip:b@sbc.example;transport=tls", False),
    ],
)
def test_a_tls_peer_that_names_its_address_is_reached_by_the_name_it_has_proven(
    contact: str, leads_by_name: bool
) -> None:
    went = Flow("TLS", "203.0.113.9", 5061, 1, name="sbc.example")
    token = route_towards_caller(FORWARDING, an_invite(), FLOW)
    headers = [("Call-ID", "c"), ("Contact", f"<{contact}>"), ("Record-Route", route_value(token, "192.0.2.1", went))]
    response = Response.make(200, "OK", headers)
    rewrite_for_caller(FORWARDING, response, token, "192.0.2.1", FLOW, went)
    admission = take_route(FORWARDING, a_bye(response.first("Record-Route") or "", contact))
    assert admission == Admission(went if leads_by_name else None)


def test_a_proxy_beyond_us_comes_next() -> None:
    token = route_towards_caller(FORWARDING, an_invite(), FLOW)
    ours = route_value(token, "192.0.2.1", FLOW)
    values = f"<sip:beyond.example;lr>, {ours}, <sip:edge.example;lr>"
    response = Response.make(200, "OK", [("Call-ID", "c"), ("Record-Route", values), ("Contact", "<sip:b@192.0.2.7>")])
    rewrite_for_caller(FORWARDING, response, token, "192.0.2.1", FLOW)
    beyond, rewritten, edge = response.values("Record-Route")
    assert (beyond, edge) == ("<sip:beyond.example;lr>", "<sip:edge.example;lr>")
    assert take_route(FORWARDING, a_bye(f"{rewritten}, <sip:beyond.example;lr>", "sip:b@192.0.2.7"))


def test_a_response_without_our_value_is_left_alone() -> None:
    response = Response.make(200, "OK", [("Call-ID", "c"), ("Record-Route", "<sip:other;lr>")])
    before = response.to_bytes()
    rewrite_for_caller(FORWARDING, response, "token", "192.0.2.1", FLOW)
    assert response.to_bytes() == before


def test_the_host_of_what_is_no_sip_uri_is_nobodys() -> None:
    assert (host_of("sip:a@H.example:1"), host_of("tel:+1"), host_of("x")) == ("h.example", "", "")


@pytest.mark.parametrize(
    ("contact", "vias", "flow", "behind"),
    [
        ("sip:a@10.0.0.7", 1, Flow("UDP", "198.51.100.4", 5060, 0), True),
        ("sip:a@198.51.100.4:5090", 1, Flow("UDP", "198.51.100.4", 5060, 0), False),
        ("sip:a@phone.example", 1, Flow("UDP", "198.51.100.4", 5060, 0), False),
        ("sip:a@10.0.0.7", 2, Flow("UDP", "198.51.100.4", 5060, 0), False),  # that is the address of a proxy
        ("sip:a@10.0.0.7", 1, Flow("TLS", "198.51.100.4", 5060, 0, 4), False),  # its connection leads back anyway
        ("sip:a@[2001:db8::1]", 1, Flow("UDP", "2001:db8::1", 5060, 0), False),
    ],
)
def test_who_is_behind_a_nat(contact: str, vias: int, flow: Flow, behind: bool) -> None:
    headers = [("Via", f"SIP/2.0/UDP 192.0.2.{n}") for n in range(vias)]
    invite = Request.make("INVITE", "sip:b@192.0.2.1", [*headers, ("Contact", f"<{contact}>")])
    assert is_behind_nat(invite, flow) is behind


def test_a_caller_behind_a_nat_is_reached_by_the_way_it_came() -> None:
    flow = Flow("UDP", "198.51.100.4", 40_000, 1)
    token = route_towards_caller(FORWARDING, an_invite(), flow, only_flow=True)
    assert token.endswith(any_word_of(flow))
    bye = a_bye(route_value(token, "192.0.2.1:5060", FLOW))
    assert take_route(FORWARDING, bye) == Admission(flow)
