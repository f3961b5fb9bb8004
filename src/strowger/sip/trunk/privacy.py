"""What a caller wants kept to itself: the Privacy header (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1)."""

from __future__ import annotations

from typing import Final

from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri, parse_uri

ANONYMOUS_URI: Final = "sip:anonymous@anonymous.invalid"
"""RFC 3323 §4.1.1.3"""

_HIDES_CALLER: Final = frozenset(("user", "header", "id"))


def privacy_of(request: Request) -> frozenset[str]:
    """The priv-values asked for, lower case; empty when none are, or `none`."""
    asked = {word.strip().lower() for value in request.values("Privacy") for word in value.split(";")}
    return frozenset() if "none" in asked else frozenset(asked - {""})


def hides_caller(request: Request) -> bool:
    """Whether the caller's number must not be shown: asked for, or withheld already in From."""
    return not _HIDES_CALLER.isdisjoint(privacy_of(request)) or _is_anonymous(request)


def set_privacy(request: Request, asked: frozenset[str]) -> None:
    """Ask for exactly these; no header when there are none, or only `critical`, which says nothing by itself."""
    if asked - {"critical"}:
        request.set("Privacy", ";".join(sorted(asked)))
    else:
        request.remove("Privacy")


def _is_anonymous(request: Request) -> bool:
    try:
        address: Address = request.from_
        uri = parse_uri(address.uri)
    except ParseError:  # another scheme, which names no number either way
        return False
    return isinstance(uri, SipUri) and (uri.host == "anonymous.invalid" or (uri.user or "").lower() == "anonymous")
