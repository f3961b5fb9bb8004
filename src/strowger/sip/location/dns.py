"""The DNS, asked through dnspython beside the event loop.

Which name servers, and which domains short host names are completed with, is read from the resolver's configuration
and read again when that changes. The hosts file goes before the DNS. Remembering answers is left to the cache.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.message
import dns.rdatatype
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.NAPTR
import dns.rdtypes.IN.SRV
import dns.resolver
from dns.name import Name
from dns.rdata import Rdata

from strowger.base.text import printable
from strowger.sip.location.hosts import HostsFile
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.records import ADDRESS_KINDS, Answer, Kind, Naptr, Question, Record, Srv

RESOLVER_CONFIGURATION: Final = Path("/etc/resolv.conf")
TRIES: Final = 2
"""How often a name server is asked within the time for one question, so that one lost datagram loses no call."""


class Dns:
    """Implements `records.Lookup`."""

    def __init__(
        self,
        limits: LocationLimits,
        *,
        hosts: HostsFile | None = None,
        resolver: dns.asyncresolver.Resolver | None = None,
    ) -> None:
        """With a `resolver` that one is used, as it is configured; its time limits are replaced."""
        self._limits = limits
        self._hosts = hosts or HostsFile()
        self._resolver = resolver
        self._is_given = resolver is not None
        self._stamp: tuple[int, int] | None = None

    async def ask(self, question: Question) -> Answer:
        """Ask once; a failure is an answer."""
        local = self._hosts.find(_host_of(question))
        if local is not None:
            family = next((family for family, kind in ADDRESS_KINDS.items() if kind is question.kind), 0)
            return Answer(local.get(family, ()), self._limits.ttl_floor_s)
        try:
            return await self._ask_servers(question)
        except dns.resolver.NoAnswer as error:
            return _absent([error.response()])  # type: ignore[no-untyped-call]
        except dns.resolver.NXDOMAIN as error:
            return _absent(error.responses().values())  # type: ignore[no-untyped-call]
        except dns.exception.DNSException as error:
            return Answer(failure=_failure(question, error))

    async def _ask_servers(self, question: Question) -> Answer:
        is_address = question.kind in (Kind.A, Kind.AAAA)
        # Completing a short name is for hosts; `_sip._udp.example` must not become `_sip._udp.example.our.domain`.
        name = question.name if is_address else f"{question.name}."
        found = await self._current().resolve(name, question.kind.value, search=is_address)
        return Answer(tuple(_record(record) for record in found), found.chaining_result.minimum_ttl)

    def _current(self) -> dns.asyncresolver.Resolver:
        """The resolver of the present configuration. Raises DNSException when there is no name server in it."""
        stamp = _stamp(RESOLVER_CONFIGURATION)
        if self._resolver is None or (stamp != self._stamp and not self._is_given):
            self._resolver, self._stamp = dns.asyncresolver.Resolver(), stamp
        self._resolver.lifetime = self._limits.question_s
        self._resolver.timeout = self._limits.question_s / TRIES
        return self._resolver


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _host_of(question: Question) -> str:
    """The host that a question is about: without the labels of a service."""
    name = question.name
    while name.startswith("_"):
        name = name.partition(".")[2]
    return name


def _failure(question: Question, error: dns.exception.DNSException) -> str:
    if isinstance(error, dns.resolver.LifetimeTimeout):
        why = "no name server answered in time"
    elif isinstance(error, dns.resolver.NoNameservers):
        why = "the name servers could not say"
    elif isinstance(error, dns.resolver.NoResolverConfiguration):
        why = f"no name server is configured in {RESOLVER_CONFIGURATION}"
    else:
        why = printable(str(error) or error.__class__.__name__, 80)
    return f"{question.kind} of {printable(question.name)}: {why}"


def _absent(responses: Iterable[dns.message.Message]) -> Answer:
    """There is no such record, for as long as its zone says (RFC 2308 §5)."""
    return Answer((), min((_soa_ttl(response) for response in responses), default=0.0))


def _soa_ttl(response: dns.message.Message) -> float:
    for found in response.authority:
        if found.rdtype == dns.rdatatype.SOA and len(found):
            return float(min(found.ttl, found[0].minimum))
    return 0.0


def _record(record: Rdata) -> Record:
    if isinstance(record, dns.rdtypes.IN.NAPTR.NAPTR):
        flags, service = record.flags.decode("latin-1"), record.service.decode("latin-1")
        return Naptr(record.order, record.preference, flags, service, _text(record.replacement))
    if isinstance(record, dns.rdtypes.IN.SRV.SRV):
        return Srv(record.priority, record.weight, record.port, _text(record.target))
    assert isinstance(record, dns.rdtypes.IN.A.A | dns.rdtypes.IN.AAAA.AAAA)  # dnspython gives what was asked for
    address = ipaddress.ip_address(record.address)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _text(name: Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
