"""A bearer token as a request carries it, and what it says of itself (RFC 6750, RFC 7515 §4.1).

Nothing here says that a token is true. What is read before its signature is checked only tells whose token it would be
and which key to ask.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from strowger.acs import json_web_token
from strowger.acs.auth import AUTHORIZATION, BEARER
from strowger.acs.errors import TokenRefused
from strowger.acs.json_web_token import TokenMalformed
from strowger.acs.message import Headers

MAX_KEY_ID_CHARACTERS: Final = 256
TOKEN_TYPES: Final = ("jwt", "at+jwt")
"""What `typ` may say, in any case (RFC 9068 §2.1); most issuers write JWT, some nothing."""


class BearerToken(msgspec.Struct, frozen=True, gc=False):
    """A token whose signature nobody has checked."""

    text: str
    algorithm: str
    key_id: str
    """Empty when the token names no key."""
    claims: dict[str, Any]


def bearer_text(headers: Headers) -> str | None:
    """The bearer token of a request as it was written; None when there is none (RFC 6750 §2.1)."""
    scheme, _, text = (headers.first(AUTHORIZATION) or "").partition(" ")
    return text.strip(" ") if scheme.lower() == BEARER else None


def read_token(text: str) -> BearerToken:
    """What a token says of itself. Raises TokenRefused for one that is no signed token, or not clearly one."""
    try:
        unverified = json_web_token.read(text)
    except TokenMalformed as error:
        raise refused(f"The token is malformed: {error}.") from None
    header = unverified.header
    return BearerToken(text, _algorithm(header), _key_id(header), unverified.claims)


def refused(message: str) -> TokenRefused:
    """The refusal of a token; `message` holds nothing of it that is secret."""
    return TokenRefused(message, "Authorization")


def _algorithm(header: dict[str, Any]) -> str:
    if "crit" in header:  # we know none of what it may list (RFC 7515 §4.1.11)
        raise refused("The header of the token has the member crit, which is not understood.")
    kind = header.get("typ", TOKEN_TYPES[0])
    if not isinstance(kind, str) or kind.lower() not in TOKEN_TYPES:
        raise refused("The header of the token names another type than JWT.")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str):
        raise refused("The header of the token names no algorithm.")
    return algorithm


def _key_id(header: dict[str, Any]) -> str:
    key_id = header.get("kid", "")
    if not isinstance(key_id, str) or len(key_id) > MAX_KEY_ID_CHARACTERS:
        raise refused("The header of the token has a kid that is no text, or too long.")
    return key_id
