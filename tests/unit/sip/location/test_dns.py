"""dnspython's side, against a name server of our own on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
import pytest_asyncio

from strowger.sip.location.dns import Dns
from strowger.sip.location.hosts import HostsFile
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.locator import Locator
from strowger.sip.location.records import Answer, Kind, Naptr, Question, Srv
from strowger.sip.location.resolve import Destination, Reach

LIMITS = LocationLimits(question_s=0.05)
SOA = "example. 900 IN SOA ns.example. admin.example. 1 3600 600 86400 120"
ZONE = {
    ("trunk.example.", "NAPTR"): ['300 IN NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp.Trunk.Example.'],
    ("_sip._udp.trunk.example.", "SRV"): [
        "200 IN SRV 10 60 5070 A.example.",
        "200 IN SRV 20 0 5071 b.example.",
        "200 IN SRV 30 0 0 .",
    ],
    ("a.example.", "A"): ["100 IN A 192.0.2.1", "100 IN A 192.0.2.2"],
    ("b.example.", "AAAA"): ["50 IN AAAA 2001:db8::2", "50 IN AAAA ::ffff:192.0.2.3"],
    ("alias.example.", "A"): ["30 IN CNAME a.example."],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers from the zone; `slow.example` never, `broken.example` with SERVFAIL, `lost.example` the second time."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), question.rdtype.name
        self.asked.append(f"{kind} {name}")
        if name == "slow.example." or (name == "lost.example." and len(self.asked) == 1):
            return
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if name == "broken.example.":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name == "lost.example.":
            reply.answer.append(dns.rrset.from_text(name, 10, "IN", kind, "192.0.2.9"))
        else:
            self._answer(reply, name, kind)
        self.transport.sendto(reply.to_wire(), addr)

    @staticmethod
    def _answer(reply: dns.message.Message, name: str, kind: str) -> None:
        lines = ZONE.get((name, kind), [])
        if name == "alias.example.":
            reply.answer += [
                dns.rrset.from_text(name, 30, "IN", "CNAME", "a.example."),
                dns.rrset.from_text("a.example.", 100, "IN", "A", "192.0.2.1"),
            ]
        elif lines:
            ttl = int(lines[0].split()[0])
            reply.answer.append(dns.rrset.from_text(name, ttl, "IN", kind, *(line.split(None, 3)[3] for line in lines)))
        else:
            owner, ttl_text, _, _, text = SOA.split(None, 4)
            if name != "bare.example.":
                reply.authority.append(dns.rrset.from_text(owner, int(ttl_text), "IN", "SOA", text))
            if not any(known == name for known, _ in ZONE):
                reply.set_rcode(dns.rcode.NXDOMAIN)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    yield protocol
    transport.close()


@pytest.fixture
def asking(server: NameServer, tmp_path: Path) -> Dns:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = server.transport.get_extra_info("sockname")[1]
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.77 written.example\n")
    return Dns(LIMITS, hosts=HostsFile(hosts), resolver=resolver)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            Question(Kind.NAPTR, "trunk.example"),
            Answer((Naptr(10, 20, "s", "SIP+D2U", "_sip._udp.trunk.example"),), 300.0),
        ),
        (
            Question(Kind.SRV, "_sip._udp.trunk.example"),
            Answer((Srv(10, 60, 5070, "a.example"), Srv(20, 0, 5071, "b.example"), Srv(30, 0, 0, "")), 200.0),
        ),
        (Question(Kind.A, "a.example"), Answer(("192.0.2.1", "192.0.2.2"), 100.0)),
        (Question(Kind.AAAA, "b.example"), Answer(("2001:db8::2", "192.0.2.3"), 50.0)),
        (Question(Kind.A, "alias.example"), Answer(("192.0.2.1",), 30.0)),
        (Question(Kind.A, "trunk.example"), Answer((), 120.0)),
        (Question(Kind.A, "nobody.example"), Answer((), 120.0)),
        (Question(Kind.A, "bare.example"), Answer((), 0.0)),
        (Question(Kind.A, "written.example"), Answer(("192.0.2.77",), 5.0)),
        (Question(Kind.AAAA, "written.example"), Answer((), 5.0)),
        (Question(Kind.SRV, "_sip._udp.written.example"), Answer((), 5.0)),
        (Question(Kind.A, "localhost"), Answer(("127.0.0.1",), 5.0)),
        (Question(Kind.A, "slow.example"), Answer(failure="A of slow.example: no name server answered in time")),
        (Question(Kind.A, "broken.example"), Answer(failure="A of broken.example: the name servers could not say")),
    ],
    ids=lambda value: f"{value.kind}-{value.name}" if isinstance(value, Question) else "",
)
@pytest.mark.asyncio
async def test_what_the_dns_says(asking: Dns, question: Question, answer: Answer) -> None:
    found = await asking.ask(question)
    assert found._replace(records=tuple(sorted(map(str, found.records)))) == answer._replace(
        records=tuple(sorted(map(str, answer.records)))
    )


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_lost_datagram_is_made_good(asking: Dns, server: NameServer) -> None:
    asking = Dns(LocationLimits(question_s=0.8), resolver=asking._current())
    assert await asking.ask(Question(Kind.A, "lost.example")) == Answer(("192.0.2.9",), 10.0)
    assert server.asked == ["A lost.example.", "A lost.example."]


@pytest.mark.asyncio
async def test_a_name_that_the_dns_cannot_hold_is_a_failure(asking: Dns) -> None:
    assert (await asking.ask(Question(Kind.A, f"{'a' * 64}.example"))).failure.startswith("A of aaaa")


@pytest.mark.asyncio
async def test_a_service_is_not_completed_with_our_own_domain(asking: Dns, server: NameServer) -> None:
    resolver = asking._current()
    resolver.search = [dns.name.from_text("ours.example")]
    await asking.ask(Question(Kind.SRV, "_sip._udp.sbc"))
    await asking.ask(Question(Kind.A, "sbc"))
    assert server.asked == ["SRV _sip._udp.sbc.", "A sbc.ours.example.", "A sbc."]


@pytest.mark.asyncio
async def test_without_a_name_server_there_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unconfigured() -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.asyncresolver, "Resolver", unconfigured)
    answer = await Dns(LIMITS, hosts=HostsFile(tmp_path / "none")).ask(Question(Kind.A, "a.example"))
    assert answer.failure == "A of a.example: no name server is configured in /etc/resolv.conf"


def test_a_changed_configuration_is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, made = tmp_path / "resolv.conf", 0

    def resolver() -> dns.asyncresolver.Resolver:
        nonlocal made
        made += 1
        return dns_resolver(configure=False)

    dns_resolver: Callable[..., dns.asyncresolver.Resolver] = dns.asyncresolver.Resolver
    monkeypatch.setattr(dns.asyncresolver, "Resolver", resolver)
    monkeypatch.setattr("strowger.sip.location.dns.RESOLVER_CONFIGURATION", path)
    asking = Dns(LIMITS)
    first = asking._current()
    assert asking._current() is first
    path.write_text("nameserver 192.0.2.53\n")
    assert asking._current() is not first
    assert asking._current().lifetime == LIMITS.question_s
    assert made == 2


@pytest.mark.asyncio
async def test_a_trunk_is_located_over_the_wire(asking: Dns, server: NameServer) -> None:
    loop = asyncio.get_running_loop()
    locator = Locator(asking, Reach(("UDP", "TCP"), (6, 4)), monotonic=loop.time)
    found = await locator.locate("sip:trunk.example", lambda: 0.0)
    assert found[0] in (Destination("UDP", f"192.0.2.{n}", 5070, "trunk.example") for n in (1, 2))
    assert {(each.host, each.port) for each in found[:2]} == {("192.0.2.1", 5070), ("192.0.2.2", 5070)}
    assert {(each.host, each.port) for each in found[2:]} == {("2001:db8::2", 5071), ("192.0.2.3", 5071)}
    assert server.asked[:2] == ["NAPTR trunk.example.", "SRV _sip._udp.trunk.example."]
    assert locator.known("sip:trunk.example", lambda: 0.0) == found
