"""Is a message fit to be acted upon? The checks above the split into lines (RFC 3261 §8.2, §16.3 step 1, §18.1.2).

Every header the rooms above read is read here once, so a malformed value is met at the door and not in the middle of a
call. What needs knowledge of the server is left to those rooms: known methods, Require, Max-Forwards 0, credentials,
body types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.grammar import count_values, has_blank_or_control, split_list
from strowger.sip.message.headers import Message
from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits
from strowger.sip.message.message import Request, Response
from strowger.sip.message.remembered import Remembered
from strowger.sip.message.uri import SipUri, parse_uri
from strowger.sip.message.via import Via

_ONCE: Final = (("from", "From"), ("to", "To"), ("call-id", "Call-ID"), ("cseq", "CSeq"))
_MANDATORY: Final = frozenset(key for key, _ in _ONCE)
_AT_MOST_ONCE: Final = (("max-forwards", "Max-Forwards"), ("content-type", "Content-Type"), ("expires", "Expires"))
_ADDRESSES: Final = (("contact", "Contact"), ("route", "Route"), ("record-route", "Record-Route"))
_OUR_SCHEMES: Final = ("sip", "sips", "tel")


def check_request(request: Request, limits: MessageLimits = DEFAULT_LIMITS) -> None:
    """Raises Refusal (400, 416 or 513) for a request that must not be acted upon."""
    try:
        _check(request, limits)
        if request.cseq.method != request.method:
            raise ParseError(400, "The method in CSeq is not that of the request")
        _check_request_uri(request.uri)
    except ParseError as error:
        raise Refusal(error.status or 400, error.reason) from error


def check_response(response: Response, limits: MessageLimits = DEFAULT_LIMITS) -> None:
    """Raises ParseError with status None for a response that must be dropped."""
    try:
        _check(response, limits)
    except ParseError as error:
        raise ParseError(None, error.reason) from error


def _check(message: Message, limits: MessageLimits) -> None:
    names = message.names
    present = set(names)
    if len(present) != len(names) or not present.issuperset(_MANDATORY):
        _check_counts(names)
    _check_party("From", message, limits.uri_bytes)
    _check_party("To", message, limits.uri_bytes)
    if has_blank_or_control(message.call_id):
        raise ParseError(400, "Call-ID holds white space or control characters")
    _ = message.cseq, message.max_forwards
    _check_vias(message, limits.vias)
    for key, name in _ADDRESSES:
        if key in present:
            _check_addresses(name, message, limits)


def _check_counts(names: Sequence[str]) -> None:
    for key, name in _ONCE:
        if (times := names.count(key)) != 1:
            raise ParseError(400, f"{name} is given twice" if times else f"{name} is missing")
    for key, name in _AT_MOST_ONCE:
        if names.count(key) > 1:
            raise ParseError(400, f"{name} is given twice")


def _check_party(name: str, message: Message, longest_uri: int) -> None:
    """From and To: one address, any scheme, but no broken URI of a scheme that is ours."""
    try:
        value = message.first(name)
        if not value:
            raise ParseError(400, f"{name} is missing")
        _require_length(_sound_parties[value], longest_uri)
    except ParseError as error:
        raise _about(name, error) from error


def _sound_party(value: str) -> Address:
    address = Address.parse(value)
    if "tag" in address.params and address.tag is None:
        raise ParseError(400, "The tag has no value")
    if address.uri.partition(":")[0].lower() in _OUR_SCHEMES:
        parse_uri(address.uri)
    return address


_sound_parties = Remembered(_sound_party)


def _check_vias(message: Message, maximum: int) -> None:
    try:
        _ = message.top_via
        for via in _bounded_values("Via", message, maximum)[1:]:
            Via.parse(via)
    except ParseError as error:
        raise _about("Via", error) from error


def _check_addresses(name: str, message: Message, limits: MessageLimits) -> None:
    try:
        for value in _bounded_values(name, message, limits.addresses):
            if value != "*" or name != "Contact":
                _require_length(Address.parse(value), limits.uri_bytes)
    except ParseError as error:
        raise _about(name, error) from error


def _require_length(address: Address, longest_uri: int) -> None:
    if len(address.uri) > longest_uri:
        raise ParseError(400, "The URI is too long")


def _check_request_uri(text: str) -> None:
    try:
        uri = parse_uri(text)
        if isinstance(uri, SipUri) and uri.headers is not None:
            raise ParseError(400, "The URI has a header part")
    except ParseError as error:
        raise _about("Request-URI", error) from error


def _bounded_values(name: str, message: Message, maximum: int) -> list[str]:
    lines = message.all(name)
    if len(lines) == 1 and "," not in lines[0]:
        return lines if lines[0] else []
    if len(lines) + "".join(lines).count(",") > maximum < sum(map(count_values, lines)):
        raise ParseError(513, "Too many values")
    return [value for line in lines for value in split_list(line)]


def _about(name: str, error: ParseError) -> ParseError:
    return ParseError(error.status, f"{name}: {error.reason}")
