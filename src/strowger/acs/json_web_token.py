"""A JSON Web Token in its compact form, read strictly and not yet believed (RFC 7515 §3.1, RFC 7519 §7.2, RFC 8725 §3).

Two readers of a token must not see two things in it: a member given twice, base64 with loose ends, text that is not
UTF-8 and anything but three parts is refused, before a key is looked for. Whose signature it is belongs to others.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import msgspec

MAX_TOKEN_CHARACTERS: Final = 8_192
"""Longest token that is read."""
MAX_DEPTH: Final = 16
"""Deepest nesting of header and claims."""

Members = dict[str, Any]


class TokenMalformed(Exception):
    """Not a token at all, or one with two meanings; the text says why and shows nothing of it."""


class Unverified(msgspec.Struct, frozen=True, gc=False):
    """What a token says of itself."""

    header: Members
    claims: Members


def read(token: str) -> Unverified:
    """Its header and claims. Raises TokenMalformed."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise TokenMalformed(f"it is longer than {MAX_TOKEN_CHARACTERS} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenMalformed("it has not three parts")
    header, claims, signature = map(_octets, parts)
    if not signature:
        raise TokenMalformed("it is not signed")
    return Unverified(_members(header), _members(claims))


def encode(octets: bytes) -> str:
    """As base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _octets(part: str) -> bytes:
    try:
        octets = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise TokenMalformed("a part of it is not base64url") from None
    if encode(octets) != part:  # another spelling of the same octets
        raise TokenMalformed("a part of it is not base64url as it has to be written")
    return octets


def _members(octets: bytes) -> Members:
    if max(octets.count(b"{"), octets.count(b"[")) > MAX_DEPTH:
        raise TokenMalformed("a part of it is nested too deeply")
    try:
        value = _decoder.decode(octets.decode())
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, _MemberRepeated) else "a part of it is not JSON"
        raise TokenMalformed(why) from None
    if not isinstance(value, dict):
        raise TokenMalformed("a part of it is not a JSON object")
    return value


class _MemberRepeated(ValueError):
    """A JSON object names one of its members twice."""


def _once(pairs: list[tuple[str, object]]) -> Members:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _MemberRepeated("a part of it gives a member twice")
    return members


def _refuse(literal: str) -> object:
    raise ValueError(f"{literal} is no JSON")


_decoder: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
