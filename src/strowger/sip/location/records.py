"""What is asked of the DNS and what comes back: the record types that SIP uses (RFC 3263 §4, RFC 3403, RFC 2782)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias


class Kind(StrEnum):
    """A record type."""

    NAPTR = "NAPTR"
    SRV = "SRV"
    A = "A"
    AAAA = "AAAA"


ADDRESS_KINDS = {4: Kind.A, 6: Kind.AAAA}
"""The record type of each address family."""


class Question(NamedTuple):
    """One question for the DNS."""

    kind: Kind
    name: str
    """Lower case, without the final dot."""


class Naptr(NamedTuple):
    """One way into a domain (RFC 3403 §4.1). There is no regular expression: SIP uses none (RFC 3263 §4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str
    """A name without the final dot."""


class Srv(NamedTuple):
    """One server of a service (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str
    """A name without the final dot; empty when the domain decidedly does not offer the service."""


Record: TypeAlias = Naptr | Srv | str
"""A string is a numeric address."""


class Answer(NamedTuple):
    """What a question brought. Without records and without a failure, the name has no such record."""

    records: Sequence[Record] = ()
    ttl_s: float = 0.0
    failure: str = ""
    """Why nothing is known: no name server answered, or none could. Empty when one did."""


class Lookup(Protocol):
    """Who answers questions: the DNS, or a table in a test."""

    async def ask(self, question: Question) -> Answer:
        """Ask once, repeats and time limit included. A failure is an answer; nothing is raised."""
