"""The bounds of the message room: what is larger is refused before it is read further.

A bound on size is answered 513 (RFC 3261 §21.5.7), the length of the Request-URI 414 (§21.4.11), a bound on a value
400. What an operator may want to change is in `MessageLimits`, with the constants here as its defaults; what follows
from a standard, or would only hide a broken peer, is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_MESSAGE_BYTES: Final = 65_536
"""Start line, header lines and body together, bytes."""
MAX_HEADER_LINES: Final = 256
"""Header lines of one message; a folded line counts once."""
MAX_HEADER_LINE_BYTES: Final = 8_192
"""One header line with its continuations, or the start line, bytes."""
MAX_VIA: Final = 64
"""Via values of one message."""
MAX_ADDRESSES: Final = 64
"""Values of Contact, of Route and of Record-Route in one message, each."""
MAX_PARAMETERS: Final = 128
"""Parameters of one Via, address or URI."""
MAX_URI_BYTES: Final = 2_048
"""One URI, bytes."""
LONGEST_URI_BYTES: Final = 8_192
"""No limit lets a URI be longer, wherever it stands, bytes."""
MAX_CSEQ: Final = 2**31 - 1
"""RFC 3261 §8.1.1.5."""
MAX_FORWARDS: Final = 255
"""RFC 3261 §20.22."""

REMEMBERED_VALUES: Final = 256
"""Addresses, URIs, Via values and the like, each, that are not read a second time (see `remembered`)."""
REMEMBERED_CHARACTERS: Final = 256
"""Longer values are read every time."""


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """What one received message may hold. Raises ValueError for limits by which no message could be read."""

    message_bytes: int = MAX_MESSAGE_BYTES
    header_lines: int = MAX_HEADER_LINES
    header_line_bytes: int = MAX_HEADER_LINE_BYTES
    vias: int = MAX_VIA
    addresses: int = MAX_ADDRESSES
    uri_bytes: int = MAX_URI_BYTES
    """The Request-URI, and the URI of each address in a header that is read."""

    def __post_init__(self) -> None:
        if min(self.message_bytes, self.header_lines, self.header_line_bytes, self.vias, self.addresses) < 1:
            raise ValueError("a message has at least one octet, one header line, one Via and one address")
        if not 0 < self.uri_bytes <= LONGEST_URI_BYTES:
            raise ValueError(f"a URI has from 1 to {LONGEST_URI_BYTES} octets")


DEFAULT_LIMITS: Final = MessageLimits()
"""What holds where nobody says otherwise."""
