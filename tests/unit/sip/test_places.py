"""Where branches lead."""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch
from strowger.sip.flow import Flow
from strowger.sip.leg import Attempt, Fork
from strowger.sip.location.records import Answer, Kind, Question
from strowger.sip.location.resolve import Destination
from strowger.sip.places import Places, read_destination, write_destination
from strowger.sip.registration import Way
from tests.support.sip_edge import Names, Wire

PHONE, SPARE = Flow("WS", "198.51.100.4", 40_000, 1, 7), Flow("WS", "198.51.100.4", 40_001, 1, 8)


def trunk_at(host: str, domain: str) -> str:
    return "carrier" if domain == "carrier.example" or host.startswith("192.0.2.9") else ""


def found(
    uri: str, *, way: Way | None = None, destination: str = "", names: Names | None = None, trunk: str = ""
) -> tuple[Attempt, str]:
    """The attempt, and why it has no way."""
    fork = Fork("call", 0, [Branch(uri, trunk, destination)], 0.0, 185.0, user="8:acs:r_bob")
    told: list[str] = []
    Places(Wire(), names or Names(), lambda user, _: way, trunk_at).find(fork, fork.attempts[0], told.append)
    return fork.attempts[0], told[0]


def test_a_registered_phone_is_where_it_registered_from_with_its_other_flows_in_reserve() -> None:
    attempt, why = found("sip:b@x.invalid", way=Way((PHONE, SPARE), ("<sip:p.example;lr>",), True))
    assert (attempt.flow, attempt.flows, why) == (PHONE, (SPARE,), "")
    assert (attempt.route, attempt.is_behind_nat) == (("<sip:p.example;lr>",), True)


def test_a_path_leads_to_its_first_proxy() -> None:
    names = Names()
    names.records[Question(Kind.A, "p.example")] = Answer(("192.0.2.50",))
    attempt, _ = found("sip:b@10.0.0.7", way=Way((), ("<sip:p.example:5070;lr>",)), names=names)
    assert attempt.flow == Flow("UDP", "192.0.2.50", 5070, 0)


@pytest.mark.parametrize(
    ("uri", "path", "destination"),
    [
        ("sip:+19005550100@carrier.example:5060", (), ""),
        ("sip:+19005550100@of-the-thief.example:5060", (), ""),
        ("sip:+19005550100@10.0.0.7", ("<sip:192.0.2.90;lr>",), ""),
        ("sip:+19005550100@10.0.0.7", ("<sip:of-the-thief.example:5060;lr>",), ""),
        ("sip:+19005550100@carrier.example:5060", (), "UDP/192.0.2.1/5060/carrier.example"),
    ],
)
def test_a_phone_is_no_way_to_a_trunk_unless_it_registered_from_there(
    uri: str, path: tuple[str, ...], destination: str
) -> None:
    names = Names()
    names.records[Question(Kind.A, "carrier.example")] = Answer(("192.0.2.1",))
    names.records[Question(Kind.A, "of-the-thief.example")] = Answer(("192.0.2.90",))
    attempt, why = found(uri, way=Way((), path, source="198.51.100.4"), destination=destination, names=names)
    assert (attempt.flow, why) == (None, "the phone registered a way to a trunk, where calls go by a route only")
    attempt, why = found(uri, way=Way((), path, source="192.0.2.91"), destination=destination, names=names)
    assert (attempt.flow is None, why) == (False, "")
    attempt, why = found(uri, way=Way((), path), destination=destination, names=names)
    assert attempt.flow is None, "one that is gone again is not trusted any more for that"
    attempt, why = found(uri, destination=destination or "UDP/192.0.2.90/5060/", names=names)
    assert (attempt.flow is None, why) == (False, ""), "what the settings say is not for a phone to say"
    attempt, why = found(uri, way=Way((), path), destination=destination, names=names, trunk="carrier")
    assert (attempt.flow is None, why) == (False, ""), "a route leads there"


def test_a_uri_leads_to_the_first_place_that_we_can_reach_and_keeps_the_others() -> None:
    names = Names()
    names.records[Question(Kind.A, "sbc.example")] = Answer(("192.0.2.50", "192.0.2.51"))
    attempt, _ = found("sip:b@sbc.example:5060", names=names)
    assert attempt.flow == Flow("UDP", "192.0.2.50", 5060, 0)
    assert attempt.place == Destination("UDP", "192.0.2.50", 5060, "sbc.example")
    assert attempt.places == (Destination("UDP", "192.0.2.51", 5060, "sbc.example"),)


def test_a_place_that_was_noted_is_not_looked_up_again() -> None:
    attempt, _ = found("sip:b@sbc.example", destination="TCP/192.0.2.51/5061/sbc.example")
    assert attempt.flow == Flow("TCP", "192.0.2.51", 5061, 0)


@pytest.mark.parametrize(
    ("uri", "destination", "why"),
    [
        ("tel:+1", "", "a tel URI names no server"),
        ("sip:b@nowhere.example:5060", "", "has no address"),
        ("sip:b@x", "TLS/192.0.2.51/5061/x", "no listener of ours leads there"),
    ],
)
def test_no_way_has_a_reason(uri: str, destination: str, why: str) -> None:
    attempt, told = found(uri, destination=destination)
    assert attempt.flow is None
    assert why in told


@pytest.mark.parametrize(
    ("uri", "transport"), [("sip:b@192.0.2.7", "TCP"), ("sip:b@192.0.2.7;transport=udp", "UDP"), ("tel:+1", None)]
)
def test_a_long_request_goes_over_tcp_where_the_uri_leaves_the_choice(uri: str, transport: str | None) -> None:
    attempt, _ = found(uri)
    before = attempt.flow
    Places(Wire(), Names(), lambda user, _: None, trunk_at).longer(attempt)
    assert (attempt.flow.transport if attempt.flow else None) == transport
    assert attempt.flows == ((before,) if transport == "TCP" else ())


def test_a_phone_behind_a_nat_keeps_its_flow_however_long_the_request() -> None:
    flow = Flow("UDP", "198.51.100.4", 40_000, 0)
    attempt, _ = found("sip:b@10.0.0.7", way=Way((flow,), (), True))
    Places(Wire(), Names(), lambda user, _: None, trunk_at).longer(attempt)
    assert attempt.flow == flow


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_a_destination_reads_back_the_same(host: str) -> None:
    place = Destination("TLS", host, 5061, "sbc.example")
    assert read_destination(write_destination(place)) == place


def test_a_phone_of_a_member_is_looked_up_as_that_members() -> None:
    members = [Branch("sip:a@x.invalid", member="8:acs:r_ann"), Branch("sip:b@x.invalid")]
    fork = Fork("call", 0, members, 0.0, 185.0, user="8:acs:r_sales")
    told: list[str] = []
    ways = {"8:acs:r_ann": Way((PHONE,), ()), "8:acs:r_sales": Way((SPARE,), ())}
    places = Places(Wire(), Names(), lambda user, _: ways[user], trunk_at)
    for attempt in fork.attempts:
        places.find(fork, attempt, told.append)
    assert [attempt.flow for attempt in fork.attempts] == [PHONE, SPARE]
    assert told == ["", ""]
