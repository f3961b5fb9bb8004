"""Header names: case, compact forms and white space before the colon (RFC 3261 §7.3.1, §7.3.3).

Every room compares names through this file alone, so `v`, `VIA` and `Via :` cannot be three different headers to three
readers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strowger.sip.message.grammar import TOKEN

COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""The compact forms of RFC 3261 §20 and of the extensions in the IANA registry."""

_USUAL: Final = """
    Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authorization Call-ID Call-Info Contact
    Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date Diversion Event Expires
    From History-Info Identity Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Asserted-Identity
    P-Preferred-Identity Path Priority Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason
    Record-Route Refer-To Referred-By Remote-Party-ID Replaces Require Retry-After Route RSeq Server Service-Route
    Session-Expires Subject Subscription-State Supported Timestamp To Unsupported User-Agent Via Warning
    WWW-Authenticate
"""


def _spellings() -> dict[str, str]:
    known = {spelling: name.lower() for name in _USUAL.split() for spelling in (name, name.lower(), name.upper())}
    for letter, name in COMPACT.items():
        known[letter] = known[letter.upper()] = name
    return known


class _Names(dict[str, str]):
    """Canonical names by spelling; an unusual spelling is worked out each time, never stored."""

    def __missing__(self, name: str) -> str:
        name = name.rstrip(" \t")
        if name.strip(TOKEN):
            return ""
        name = name.lower()
        return COMPACT.get(name, name)


_BY_SPELLING: Final = _Names(_spellings())

# The dictionary's own method, because names are looked up some sixty times per call.
canonical: Final[Callable[[str], str]] = _BY_SPELLING.__getitem__
"""The long lower-case name for any spelling; empty when the argument is no header name."""


def names_of(lines: list[str]) -> list[str]:
    """The canonical name of each header line; empty for a line that has none."""
    return [_BY_SPELLING[line.partition(":")[0]] if ":" in line else "" for line in lines]
