"""Are two URIs the same address? (RFC 3261 §19.1.4)

The relation is not transitive, as the RFC has it: a parameter that only one of two URIs has is mostly ignored.
"""

from __future__ import annotations

from typing import Final

from strowger.sip.message.grammar import ALPHANUMERIC
from strowger.sip.message.uri import SipUri

_UNRESERVED: Final = frozenset(ALPHANUMERIC + "-_.!~*'()")
_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")
_NEVER_IGNORED: Final = ("user", "ttl", "method", "maddr", "transport")
"""In one URI only, each of these makes a difference, even with its default value."""


def same_uri(one: SipUri, other: SipUri) -> bool:
    """Whether two SIP or SIPS URIs are equivalent."""
    if one.raw == other.raw:
        return True
    if (one.scheme, one.host, one.port) != (other.scheme, other.host, other.port):
        return False
    if _plain(one.user) != _plain(other.user) or _plain(one.password) != _plain(other.password):
        return False
    return _same_parameters(one, other) and _headers(one) == _headers(other)


def _same_parameters(one: SipUri, other: SipUri) -> bool:
    if not one.params and not other.params:
        return True
    ours, theirs = _parameters(one), _parameters(other)
    if any((name in ours) != (name in theirs) for name in _NEVER_IGNORED):
        return False
    return all(theirs[name] == value for name, value in ours.items() if name in theirs)


def _parameters(uri: SipUri) -> dict[str, str]:
    return {plain(name).lower(): plain(value or "").lower() for name, value in uri.params.items()}


def _headers(uri: SipUri) -> list[tuple[str, str]]:
    if not uri.headers:
        return []
    parts = (part.partition("=") for part in uri.headers.split("&"))
    return sorted((plain(name).lower(), plain(value)) for name, _, value in parts)


def _plain(text: str | None) -> str | None:
    return text if text is None else plain(text)


def plain(text: str) -> str:
    """`text` with the escapes resolved that need not be there, and all others in capitals (RFC 3261 §19.1.4)."""
    if "%" not in text:
        return text
    head, *pieces = text.split("%")
    return head + "".join(map(_resolved, pieces))


def _resolved(piece: str) -> str:
    digits, rest = piece[:2], piece[2:]
    if len(digits) < 2 or not _HEXADECIMAL.issuperset(digits):
        return f"%{piece}"
    character = chr(int(digits, 16))
    return (character if character in _UNRESERVED else f"%{digits.upper()}") + rest
