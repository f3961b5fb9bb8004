"""RFC 3263 §4: from a URI to destinations, with the DNS as a table."""

from __future__ import annotations

import pytest

from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.records import Answer, Naptr, Question, Record, Srv
from strowger.sip.location.resolve import Destination, Reach, locate, run
from strowger.sip.location.target import target_of

EVERYTHING = Reach(("UDP", "TCP", "TLS"), (6, 4))
FAILED = Answer(failure="no name server answered in time")

ZONE: dict[str, list[Record]] = {
    "A a.example": ["192.0.2.1"],
    "A b.example": ["192.0.2.2", "192.0.2.3"],
    "AAAA b.example": ["2001:db8::2"],
    "A plain.example": ["192.0.2.9"],
    "NAPTR full.example": [
        Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.full.example"),
        Naptr(50, 60, "S", "sip+d2t", "_sip._tcp.full.example"),
        Naptr(60, 10, "s", "SIP+D2U", "_sip._udp.full.example"),
        Naptr(10, 10, "u", "E2U+sip", ""),
        Naptr(10, 10, "s", "SIP+D2S", "_sip._sctp.full.example"),
    ],
    "SRV _sips._tcp.full.example": [Srv(1, 1, 5061, "a.example")],
    "SRV _sip._tcp.full.example": [Srv(2, 1, 5060, "a.example"), Srv(1, 1, 5080, "b.example")],
    "SRV _sip._udp.full.example": [Srv(1, 1, 5090, "a.example")],
    "SRV _sip._udp.srv.example": [Srv(1, 1, 5062, "a.example")],
    "SRV _sip._tcp.srv.example": [Srv(1, 1, 5063, "b.example")],
    "A srv.example": ["192.0.2.80"],
    "SRV _sip._udp.closed.example": [Srv(0, 0, 0, "")],
    "A closed.example": ["192.0.2.81"],
    "SRV _sip._udp.odd.example": [Srv(0, 0, 5060, "192.0.2.4"), Srv(1, 0, 0, "a.example")],
}


class Dns:
    """The zone above, perhaps with failures; notes what was asked."""

    def __init__(self, failing: tuple[str, ...] = ()) -> None:
        self.failing = failing
        self.asked: list[str] = []

    def __call__(self, question: Question) -> Answer:
        text = f"{question.kind} {question.name}"
        self.asked.append(text)
        return FAILED if text in self.failing else Answer(tuple(ZONE.get(text, ())), 60.0)


def located(uri: str, dns: Dns | None = None, reach: Reach = EVERYTHING, limits: LocationLimits | None = None) -> str:
    procedure = locate(target_of(uri), reach, lambda: 0.0, limits or LocationLimits())
    return " ".join(f"{each.transport}:{each.host}:{each.port}" for each in run(procedure, dns or Dns()))


@pytest.mark.parametrize(
    ("uri", "destinations", "questions"),
    [
        # numeric: nobody is asked
        ("sip:192.0.2.7", "UDP:192.0.2.7:5060", []),
        ("sip:192.0.2.7:5070;transport=tcp", "TCP:192.0.2.7:5070", []),
        ("sips:192.0.2.7", "TLS:192.0.2.7:5061", []),
        ("sip:[2001:db8::7]", "UDP:2001:db8::7:5060", []),
        ("sip:192.0.2.7;transport=tls", "TLS:192.0.2.7:5061", []),
        # a port: addresses only, whatever NAPTR or SRV there may be
        ("sip:srv.example:5070", "UDP:192.0.2.80:5070", ["AAAA srv.example", "A srv.example"]),
        ("sips:srv.example:5070", "TLS:192.0.2.80:5070", ["AAAA srv.example", "A srv.example"]),
        # a transport: SRV of that one
        (
            "sip:srv.example;transport=tcp",
            "TCP:2001:db8::2:5063 TCP:192.0.2.2:5063 TCP:192.0.2.3:5063",
            ["SRV _sip._tcp.srv.example", "AAAA b.example", "A b.example"],
        ),
        # neither, and NAPTR: the most preferred transport first, the other of the same order as a reserve
        (
            "sip:full.example",
            "TLS:192.0.2.1:5061 TCP:2001:db8::2:5080 TCP:192.0.2.2:5080 TCP:192.0.2.3:5080 TCP:192.0.2.1:5060",
            [
                "NAPTR full.example",
                "SRV _sips._tcp.full.example",
                "SRV _sip._tcp.full.example",
                "AAAA a.example",
                "A a.example",
                "AAAA b.example",
                "A b.example",
            ],
        ),
        ("sips:full.example", "TLS:192.0.2.1:5061", None),
        # neither, and no NAPTR: SRV of all transports, UDP first
        ("sip:srv.example", "UDP:192.0.2.1:5062 TCP:2001:db8::2:5063 TCP:192.0.2.2:5063 TCP:192.0.2.3:5063", None),
        # nothing but addresses
        (
            "sip:plain.example",
            "UDP:192.0.2.9:5060",
            [
                "NAPTR plain.example",
                "SRV _sip._udp.plain.example",
                "SRV _sip._tcp.plain.example",
                "SRV _sips._tcp.plain.example",
                "AAAA plain.example",
                "A plain.example",
            ],
        ),
        ("sips:plain.example", "TLS:192.0.2.9:5061", None),
        ("sip:x@elsewhere.example;maddr=192.0.2.7", "UDP:192.0.2.7:5060", []),
    ],
)
def test_the_procedure(uri: str, destinations: str, questions: list[str] | None) -> None:
    dns = Dns()
    assert located(uri, dns) == destinations
    assert questions is None or dns.asked == questions


def test_the_certificate_is_for_the_domain_of_the_uri() -> None:
    procedure = locate(target_of("sips:full.example"), EVERYTHING, lambda: 0.0, LocationLimits())
    assert run(procedure, Dns()) == [Destination("TLS", "192.0.2.1", 5061, "full.example")]


def test_naptr_for_transports_that_we_do_not_speak_counts_as_none() -> None:
    dns = Dns()
    with pytest.raises(Unlocatable, match="no address"):
        located("sip:full.example", dns, Reach(("WS",), (4,)))
    assert dns.asked == ["NAPTR full.example", "SRV _sip._ws.full.example", "A full.example"]


def test_a_name_server_that_knows_nothing_of_naptr_is_no_obstacle() -> None:
    assert located("sip:srv.example", Dns(("NAPTR srv.example",))).startswith("UDP:192.0.2.1:5062")


def test_without_an_answer_for_srv_nothing_is_guessed() -> None:
    dns = Dns(("SRV _sip._tcp.srv.example",))
    with pytest.raises(Unlocatable, match="no name server answered in time"):
        located("sip:srv.example;transport=tcp", dns)
    assert dns.asked == ["SRV _sip._tcp.srv.example"]


def test_one_transport_that_fails_leaves_the_others() -> None:
    assert located("sip:srv.example", Dns(("SRV _sip._tcp.srv.example",))) == "UDP:192.0.2.1:5062"


def test_one_family_that_fails_leaves_the_other() -> None:
    assert located("sip:a.example:5060", Dns(("AAAA a.example",))) == "UDP:192.0.2.1:5060"


@pytest.mark.parametrize(
    ("uri", "reach", "why"),
    [
        ("sip:closed.example", EVERYTHING, "offers no such service"),
        ("sip:nobody.example", EVERYTHING, r"nobody\.example has no address that we can reach"),
        ("sip:192.0.2.1", Reach(("UDP",), (6,)), "it is an IPv4 address, and no listener of ours has one"),
        ("sip:a.example;transport=tcp", Reach(("UDP",), (4,)), "it wants TCP, and no listener of ours speaks that"),
        ("sips:a.example", Reach(("UDP", "TCP"), (4,)), "a sips URI wants TLS"),
        ("sip:odd.example", EVERYTHING, "has no address"),  # SRV to an address is no SRV (RFC 2782)
        ("sip:a.example:5060", Reach(("UDP",), (6,)), "has no address"),
    ],
)
def test_what_cannot_be_located(uri: str, reach: Reach, why: str) -> None:
    with pytest.raises(Unlocatable, match=why):
        located(uri, Dns(), reach)


def test_failed_addresses_are_told_from_missing_ones() -> None:
    with pytest.raises(Unlocatable, match="no name server answered"):
        located("sip:a.example:5060", Dns(("A a.example", "AAAA a.example")))


def test_the_default_is_udp_though_another_transport_is_preferred() -> None:
    assert located("sip:192.0.2.7", reach=Reach(("TCP", "UDP"), (4,))) == "UDP:192.0.2.7:5060"
    assert located("sip:192.0.2.7", reach=Reach(("TCP",), (4,))) == "TCP:192.0.2.7:5060"


def test_an_address_found_twice_is_tried_once() -> None:
    ZONE["SRV _sip._udp.twice.example"] = [Srv(1, 0, 5060, "a.example"), Srv(2, 0, 5060, "a.example")]
    assert located("sip:twice.example;transport=udp") == "UDP:192.0.2.1:5060"


def test_no_more_records_and_destinations_than_allowed() -> None:
    ZONE["A many.example"] = [f"198.51.100.{n}" for n in range(200)]
    limits = LocationLimits(records=5, destinations=3)
    assert len(located("sip:many.example:5060", limits=limits).split()) == 3
    assert len(located("sip:many.example:5060").split()) == LocationLimits().destinations


def test_no_more_servers_are_looked_up_than_allowed() -> None:
    ZONE["SRV _sip._udp.wide.example"] = [Srv(n, 0, 5060, f"s{n}.example") for n in range(200)]
    dns = Dns()
    with pytest.raises(Unlocatable):
        located("sip:wide.example;transport=udp", dns, Reach(("UDP",), (4,)))
    assert len(dns.asked) == 1 + LocationLimits().destinations
