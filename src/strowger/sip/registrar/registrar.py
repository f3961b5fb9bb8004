"""What a REGISTER does to the bindings of its address of record (RFC 3261 §10.3, RFC 3327 §5.3, RFC 5626 §6).

Steps 2 and 6 to 8. Steps 1, 3, 4 and 5 are done before: the domain, who sent it, may he, and which address. A request
is carried out as a whole or not at all, and the answer must wait until its outcome is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from strowger.sip.flow import Flow
from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.grammar import decimal
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri
from strowger.sip.registrar.binding import Binding
from strowger.sip.registrar.contact import Contact
from strowger.sip.registrar.equivalence import same_uri
from strowger.sip.registrar.limits import Limits

EXTENSIONS: Final = frozenset(("path", "outbound"))
"""Option tags that a REGISTER may require of us."""
USER_AGENT_CHARACTERS: Final = 100
"""Characters kept of a phone's User-Agent."""

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Outcome(Struct, frozen=True):
    """The answer to a REGISTER and what is bound afterwards."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    bindings: tuple[Binding, ...]
    """Those before, unless the status is 200."""
    added: tuple[Binding, ...] = ()
    """Those of a contact that was not bound before: they join a call that is ringing."""
    is_changed: bool = False
    """Whether there is something to store."""


def register(
    bindings: Sequence[Binding], request: Request, flow: Flow, now: float, limits: Limits | None = None
) -> Outcome:
    """Judge a sound REGISTER, which came over `flow`, against the bindings there are. `now` is wall clock, seconds."""
    before = tuple(bindings)
    try:
        return _Registration(request, flow, now, limits or Limits()).outcome(before)
    except ParseError as error:
        return Outcome(error.status or 400, error.reason, (), before)
    except Refusal as refusal:
        return Outcome(refusal.status, refusal.reason, refusal.headers, before)


def live(bindings: Iterable[Binding], now: float) -> tuple[Binding, ...]:
    """The bindings that have not expired."""
    return tuple(binding for binding in bindings if binding.expires_at > now)


def next_expiry(bindings: Iterable[Binding]) -> float | None:
    """When the first of them expires, wall clock; None when there is none."""
    return min((binding.expires_at for binding in bindings), default=None)


class _Registration:
    """One REGISTER while it is carried out."""

    def __init__(self, request: Request, flow: Flow, now: float, limits: Limits) -> None:
        self._request = request
        self._flow = flow
        self._now = now
        self._limits = limits
        self._call_id = request.call_id
        self._cseq = request.cseq.number
        self._supported = {tag.lower() for tag in request.values("Supported") + request.values("Require")}
        self._uses_outbound = False
        self._require_extensions()
        self._path = self._read_path()

    def outcome(self, before: tuple[Binding, ...]) -> Outcome:
        bound = live(before, self._now)
        values = self._request.values("Contact")
        if "*" in values:
            after = self._remove_all(bound, values)
        elif values:
            after = self._apply(bound, self._contacts(values))
        else:
            after = bound
        if len(after) > max(self._limits.contacts, len(bound)):
            raise Refusal(403, "Too Many Contacts")
        added = tuple(each for each in after if not any(_is_same(each, old) for old in bound))
        return Outcome(200, "OK", self._headers(after), after, added, after != bound)

    # Step 2

    def _require_extensions(self) -> None:
        unknown = [tag for tag in self._request.values("Require") if tag.lower() not in EXTENSIONS]
        if unknown:
            raise Refusal(420, "Bad Extension", (("Unsupported", ", ".join(unknown)),))

    def _read_path(self) -> tuple[str, ...]:
        path = tuple(self._request.values("Path"))
        if len(path) > self._limits.path_values:
            raise ParseError(400, "Path: too many values")
        if any(Address.parse(value).uri.partition(":")[0].lower() not in ("sip", "sips") for value in path):
            raise ParseError(400, "Path: only sip and sips URIs lead back")
        if path and self._limits.requires_path_support and "path" not in self._supported:
            raise Refusal(420, "Bad Extension", (("Unsupported", "path"),))
        return path

    # Steps 6 and 7

    def _remove_all(self, bound: tuple[Binding, ...], values: list[str]) -> tuple[Binding, ...]:
        if len(values) > 1 or decimal(self._request.first("Expires") or "", 0) != 0:
            raise ParseError(400, "Contact: * stands alone and with Expires: 0")
        for binding in bound:
            if binding.call_id == self._call_id and binding.cseq >= self._cseq:
                raise ParseError(400, "CSeq is not above that of a binding")
        return ()

    def _contacts(self, values: list[str]) -> list[Contact]:
        expires = self._request.first("Expires")
        contacts = [Contact.parse(value, expires, self._limits) for value in values]
        if any(0 < contact.expires_s < self._limits.min_expires_s for contact in contacts):
            raise Refusal(423, "Interval Too Brief", (("Min-Expires", str(self._limits.min_expires_s)),))
        if "outbound" in self._supported:
            self._check_flows([contact for contact in contacts if contact.names_a_flow and contact.expires_s])
        return contacts

    def _check_flows(self, contacts: list[Contact]) -> None:
        """RFC 5626 §6: one flow at a time, and only if the first proxy on the way keeps it."""
        if len(contacts) > 1:
            raise ParseError(400, "Contact: only one flow can be registered at a time")
        if not contacts:
            return
        if len(self._request.vias) > 1 and not self._is_kept_by_first_hop():
            raise Refusal(439, "First Hop Lacks Outbound Support")
        self._uses_outbound = True

    def _is_kept_by_first_hop(self) -> bool:
        return bool(self._path) and "ob" in SipUri.parse(Address.parse(self._path[-1]).uri).params

    def _apply(self, bound: tuple[Binding, ...], contacts: list[Contact]) -> tuple[Binding, ...]:
        after = list(bound)
        for contact in contacts:
            index = self._find(after, contact)
            old = after[index] if index is not None else None
            if old is not None and old.call_id == self._call_id:
                if old.cseq > self._cseq:
                    raise ParseError(400, "CSeq is below that of the binding")
                if old.cseq == self._cseq:  # the same request once more, after a crash, or the same contact in it
                    continue
            if contact.expires_s:
                after = _with(after, index, self._binding(contact))
            elif index is not None:
                del after[index]
        return tuple(after)

    def _find(self, bindings: list[Binding], contact: Contact) -> int | None:
        """The binding to update: the same flow of the same instance, else the same URI (RFC 5626 §6)."""
        if self._is_flow(contact):
            for index, binding in enumerate(bindings):
                if (binding.instance, binding.reg_id) == (contact.instance, contact.reg_id):
                    return index
        for index, binding in enumerate(bindings):
            is_other_flow = binding.reg_id > 0 and self._is_flow(contact)
            if not is_other_flow and same_uri(binding.uri, contact.uri):
                return index
        return None

    def _is_flow(self, contact: Contact) -> bool:
        return contact.names_a_flow and "outbound" in self._supported

    def _binding(self, contact: Contact) -> Binding:
        return Binding(
            contact=contact.uri.raw,
            expires_at=self._now + contact.expires_s,
            call_id=self._call_id,
            cseq=self._cseq,
            flow=self._flow,
            updated_at=self._now,
            q=contact.q,
            path=self._path,
            instance=contact.instance,
            reg_id=contact.reg_id if self._is_flow(contact) else 0,
            features=contact.features,
            user_agent=(self._request.first("User-Agent") or "")[:USER_AGENT_CHARACTERS],
        )

    # Step 8

    def _headers(self, bindings: tuple[Binding, ...]) -> tuple[tuple[str, str], ...]:
        headers = [("Contact", binding.contact_value(self._now)) for binding in bindings]
        if "path" in self._supported:
            headers += [("Path", value) for value in self._path]
        if self._uses_outbound:
            headers.append(("Require", "outbound"))
            if self._limits.flow_timer_s:
                headers.append(("Flow-Timer", str(self._limits.flow_timer_s)))
        headers.append(("Date", sip_date(self._now)))
        return tuple(headers)


def _with(bindings: list[Binding], index: int | None, binding: Binding) -> list[Binding]:
    if index is None:
        return [*bindings, binding]
    return [*bindings[:index], binding, *bindings[index + 1 :]]


def _is_same(one: Binding, other: Binding) -> bool:
    """Whether a call that rings the one rings the other already; over a new connection it does not."""
    return (one.contact, one.flow.connection) == (other.contact, other.flow.connection)


def sip_date(now: float) -> str:
    """The value of Date (RFC 3261 §20.17)."""
    at = datetime.fromtimestamp(now, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S} GMT"
