"""History-Info: whom a request was for on its way, and why it went on (RFC 7044, with the causes of RFC 4458).

    <sip:+31201110001@ours?Reason=SIP%3Bcause%3D302>;index=1,      for whom it came in, and what became of it there
    <sip:+31612345678@trunk;cause=302>;index=1.1;mp=1              for whom it is now, mapped from the entry 1

Entries that came in keep their bytes, but for a Reason that the last one gets. The cause stands in the new entries only
and not in the Request-URI: a parameter that one of two URIs lacks leaves them equal (RFC 3261 §19.1.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri, parse_uri
from strowger.sip.trunk.passage import Cause, Step
from strowger.sip.trunk.privacy import ANONYMOUS_URI, privacy_of
from strowger.sip.trunk.values import rewrite

NAME: Final = "History-Info"
MAX_ENTRIES: Final = 64
"""Entries that came in beyond which none are added: such a request goes round in circles."""
MAX_INDEX: Final = 128
"""Characters of an index that others are derived from."""

_HIDES_ALL: Final = frozenset(("history", "header", "session"))
_HEADER_VALUE_PLAIN: Final = "[]/?:+$-_.!~*'()"
"""What stands unescaped in a header of a URI (RFC 3261 §25.1, hvalue)."""


def add_history(request: Request, steps: Sequence[Step], goes_to: str) -> None:
    """Add to `request` an entry for each step, where the first is not there yet, and one for the URI it goes to.

    Nothing is added without steps, to history that cannot be read, or to too much of it.
    """
    known = _entries(request)
    if not steps or known is None or len(known) >= MAX_ENTRIES:
        return
    index = _incoming_index(known, steps[0].uri)
    if index is None:
        return
    first, *later = _own_entries(index, steps, goes_to)
    if known and _same_target(known[-1].uri, steps[0].uri):
        _give_reason(request, steps[0].status)
    else:
        request.append(NAME, first)
    for entry in later:
        request.append(NAME, entry)


def hide_history(request: Request) -> None:
    """Make the entries anonymous whose own URI asks for privacy, or all if the request does (RFC 7044 §10.1.2)."""
    hides_all = not _HIDES_ALL.isdisjoint(privacy_of(request))

    def hidden(value: str) -> str:
        try:
            entry = Address.parse(value)
        except ParseError:
            return f"<{ANONYMOUS_URI}>;index=1" if hides_all else value
        if not hides_all and "privacy=history" not in entry.uri.partition("?")[2].lower():
            return value
        parameters = "".join(f";{name}" + (f"={text}" if text else "") for name, text in entry.params.items())
        return f"<{ANONYMOUS_URI}>{parameters}"

    rewrite(request, NAME, hidden)


def _entries(request: Request) -> list[Address] | None:
    """The entries that came in; None when they cannot be read."""
    try:
        return [Address.parse(value) for value in request.values(NAME)]
    except ParseError:
        return None


def _incoming_index(known: Sequence[Address], came_for: str) -> str | None:
    """The index of the entry for the Request-URI that came in; None when it cannot be told.

    Whoever sent the request on without an entry left a gap, which a 0 marks (RFC 7044 §10.3).
    """
    if not known:
        return "1"
    last = known[-1].params.get("index") or ""
    if len(last) > MAX_INDEX or not all(part.isascii() and part.isdigit() for part in last.split(".")):
        return None
    return last if _same_target(known[-1].uri, came_for) else f"{last}.0.1"


def _own_entries(first: str, steps: Sequence[Step], goes_to: str) -> list[str]:
    """An entry for each step and for the target, all but the first one level below it: the request was retargeted
    within one and the same server (RFC 7044 §10.3).
    """
    entries = [_entry(steps[0].uri, None, steps[0].status, first)]
    mapped_from = first
    for position, step in enumerate([*steps[1:], Step(goes_to, Cause.UNCONDITIONAL)], start=1):
        index = f"{first}.{position}"
        entries.append(_entry(step.uri, steps[position - 1].cause, step.status, f"{index};mp={mapped_from}"))
        mapped_from = index
    return entries


def _entry(uri: str, cause: Cause | None, status: int, index: str) -> str:
    bare = uri.partition("?")[0]
    if bare[:4].lower() == "tel:":  # it has neither this parameter nor headers
        return f"<{bare}>;index={index}"
    if cause is not None and ";cause=" not in bare:
        bare += f";cause={cause.value}"
    return f"<{_with_reason(bare, status)}>;index={index}"


def _with_reason(uri: str, status: int) -> str:
    """The URI with a Reason among its headers, unless there is one, or no status (RFC 7044 §10.2)."""
    bare, _, headers = uri.partition("?")
    if not status or "reason=" in headers.lower() or bare[:4].lower() == "tel:":
        return uri
    reason = f"Reason={quote(f'SIP;cause={status}', safe=_HEADER_VALUE_PLAIN)}"
    return f"{bare}?{headers}&{reason}" if headers else f"{bare}?{reason}"


def _give_reason(request: Request, status: int) -> None:
    """Note in the last entry that came in why the request went on from there."""
    last = request.values(NAME)[-1]
    uri = Address.parse(last).uri
    before, found, after = last.rpartition(f"<{uri}>")
    reasoned = f"{before}<{_with_reason(uri, status)}>{after}" if found else last
    rewrite(request, NAME, lambda value: reasoned if value == last else value)


def _same_target(one: str, other: str) -> bool:
    """Whether two URIs lead to the same user at the same host: parameters and headers may differ."""
    try:
        first, second = parse_uri(one), parse_uri(other)
    except ParseError:
        return False
    if isinstance(first, SipUri) and isinstance(second, SipUri):
        return (first.user_unescaped, first.host, first.port) == (second.user_unescaped, second.host, second.port)
    return not isinstance(first, SipUri) and not isinstance(second, SipUri) and first.number == second.number
