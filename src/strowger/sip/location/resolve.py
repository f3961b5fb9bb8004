"""The procedure of RFC 3263 §4: which transport, which port, which addresses.

It asks nobody itself. It yields questions, all of which may be asked at once, and is sent their answers in the same
order; what it returns is the list of destinations, best first.

    numeric host ─────────────────────────────────────────▶ that address
    a port is given ──────────────────────────▶ A, AAAA ──▶ each address at that port
    transport is given ──────────────▶ SRV ───▶ A, AAAA ──▶ each server, by priority and weight
    neither ────────────▶ NAPTR ─────▶ SRV ───▶ A, AAAA ──▶ the same, for each transport offered
                            no NAPTR: SRV of every transport; no SRV: the addresses of the host at the default port
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.records import ADDRESS_KINDS, Answer, Kind, Naptr, Question, Srv
from strowger.sip.location.target import DEFAULT_PORTS, Target
from strowger.sip.location.weighted import Draw, by_lot, in_order

NUMERIC_REMEMBERED: Final = 1_024
"""Hosts of which it is remembered whether they are addresses: those of trunks come again with each call."""

_NAPTR_SERVICES: Final = {
    "SIP+D2U": "UDP",
    "SIP+D2T": "TCP",
    "SIPS+D2T": "TLS",
    "SIP+D2W": "WS",
    "SIPS+D2W": "WSS",
}
"""RFC 3263 §4.1, RFC 7118 §5.5."""
_SRV_PREFIXES: Final = {
    "UDP": "_sip._udp.",
    "TCP": "_sip._tcp.",
    "TLS": "_sips._tcp.",
    "WS": "_sip._ws.",
    "WSS": "_sips._ws.",
}
_SECURE: Final = frozenset(("TLS", "WSS"))


class Destination(NamedTuple):
    """Where to send a request."""

    transport: str
    host: str
    """A numeric address, IPv6 without brackets."""
    port: int
    domain: str
    """Whom a TLS peer's certificate must be made out to, whatever the DNS said (RFC 5922 §7.1)."""


class Reach(NamedTuple):
    """What this server can send over."""

    transports: Sequence[str]
    """Preferred first, where the domain has no opinion."""
    families: Sequence[int]
    """4 and 6, preferred first."""


Procedure: TypeAlias = Generator[Sequence[Question], Sequence[Answer], list[Destination]]


class _Service(NamedTuple):
    """A name whose SRV records list the servers of one transport."""

    name: str
    transport: str


class _Server(NamedTuple):
    """One server, not yet an address."""

    host: str
    port: int
    transport: str


def locate(target: Target, reach: Reach, draw: Draw, limits: LocationLimits) -> Procedure:
    """Find the destinations of a target. Raises Unlocatable, and never returns an empty list."""
    usable = _usable(target, reach)
    address = _numeric(target.host)
    if address is not None:
        return [_numeric_destination(target, address, usable[0], reach)]
    if target.port is not None:
        servers = [_Server(target.host, target.port, usable[0])]
    else:
        services = [] if target.transport else (yield from _services(target, usable, limits))
        services = services or [_Service(_SRV_PREFIXES[each] + target.host, each) for each in usable]
        servers = yield from _servers(services, draw, limits)
        servers = servers or [_Server(target.host, DEFAULT_PORTS[usable[0]], usable[0])]
    return (yield from _destinations(target, servers, reach, draw, limits))


def _usable(target: Target, reach: Reach) -> list[str]:
    """The transports that may be used, the default first: UDP, for sips TLS (RFC 3263 §4.1)."""
    if target.transport is not None:
        if target.transport not in reach.transports:
            raise Unlocatable(f"it wants {target.transport}, and no listener of ours speaks that")
        return [target.transport]
    wanted = [each for each in reach.transports if each in _SECURE] if target.is_secure else list(reach.transports)
    default = "TLS" if target.is_secure else "UDP"
    if not wanted:
        raise Unlocatable("a sips URI wants TLS, and no listener of ours speaks it")
    return sorted(wanted, key=lambda each: each != default)


@lru_cache(NUMERIC_REMEMBERED)
def _numeric(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _numeric_destination(
    target: Target, address: ipaddress.IPv4Address | ipaddress.IPv6Address, transport: str, reach: Reach
) -> Destination:
    if address.version not in reach.families:
        raise Unlocatable(f"it is an IPv{address.version} address, and no listener of ours has one")
    return Destination(transport, str(address), target.port or DEFAULT_PORTS[transport], target.domain)


def _services(
    target: Target, usable: Sequence[str], limits: LocationLimits
) -> Generator[Sequence[Question], Sequence[Answer], list[_Service]]:
    """The services that the domain's NAPTR records offer in a transport that may be used; none when it has none.

    A failed question counts as none: there are name servers on the way that know nothing of NAPTR, and SRV, asked next,
    shows whether they know anything at all.
    """
    (answer,) = yield (Question(Kind.NAPTR, target.host),)
    offers = [
        record
        for record in answer.records
        if isinstance(record, Naptr)
        and record.flags.lower() == "s"
        and record.replacement
        and _NAPTR_SERVICES.get(record.service.upper()) in usable
    ]
    offers.sort(key=lambda offer: (offer.order, offer.preference))
    # RFC 3403 §4.1: what has a higher order than the first match is not looked at.
    return [
        _Service(offer.replacement, _NAPTR_SERVICES[offer.service.upper()])
        for offer in offers[: limits.records]
        if offer.order == offers[0].order
    ]


def _servers(
    services: Sequence[_Service], draw: Draw, limits: LocationLimits
) -> Generator[Sequence[Question], Sequence[Answer], list[_Server]]:
    """The servers of the services, in order; none without SRV records. Raises Unlocatable when nobody knows."""
    answers = yield [Question(Kind.SRV, service.name) for service in services]
    servers: list[_Server] = []
    for service, answer in zip(services, answers, strict=True):
        records = [record for record in answer.records if isinstance(record, Srv)][: limits.records]
        servers += [
            _Server(record.target, record.port, service.transport)
            for record in in_order(records, draw)
            if record.target and record.port
        ]
    if not servers:
        failures = [answer.failure for answer in answers if answer.failure]
        if failures:  # to guess the host's own address now might ring its web server
            raise Unlocatable(failures[0])
        if any(answer.records for answer in answers):
            raise Unlocatable("its domain says that it offers no such service")  # RFC 2782: the target is "."
    return servers[: limits.destinations]


def _destinations(
    target: Target, servers: Sequence[_Server], reach: Reach, draw: Draw, limits: LocationLimits
) -> Procedure:
    """The addresses of the servers, each server's own together, families in the order preferred (RFC 7984 §4).

    Those of one family by lot: name servers turn them round, and the same call is to find the same one again.
    """
    hosts = [host for host in dict.fromkeys(server.host for server in servers) if _numeric(host) is None]
    questions = [Question(ADDRESS_KINDS[family], host) for host in hosts for family in reach.families]
    answers = dict(zip(questions, (yield questions), strict=True))

    def addresses(host: str) -> list[str]:
        kinds = [ADDRESS_KINDS[family] for family in reach.families]
        records = [answers[Question(kind, host)].records[: limits.records] for kind in kinds if host in hosts]
        return [each for found in records for each in by_lot([text for text in found if isinstance(text, str)], draw)]

    found = [
        Destination(server.transport, address, server.port, target.domain)
        for server in servers
        for address in addresses(server.host)
    ]
    if not found:
        failures = [answer.failure for answer in answers.values() if answer.failure]
        raise Unlocatable(failures[0] if failures else f"{target.host} has no address that we can reach")
    return list(dict.fromkeys(found))[: limits.destinations]


def run(procedure: Procedure, answer: Callable[[Question], Answer]) -> list[Destination]:
    """Carry a procedure through where every answer is at hand. Raises Unlocatable, and what `answer` raises."""
    try:
        questions = next(procedure)
        while True:
            questions = procedure.send([answer(question) for question in questions])
    except StopIteration as end:
        destinations: list[Destination] = end.value
        return destinations
