"""The bounds of the message room: what is larger is refused before it is read further.

A bound on size is answered 513 (RFC 3261 §21.5.7), the length of the Request-URI 414 (§21.4.11), a bound on a value
400.
"""

from __future__ import annotations

from typing import Final

MAX_MESSAGE_BYTES: Final = 65_535
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
MAX_CSEQ: Final = 2**31 - 1
"""RFC 3261 §8.1.1.5."""
MAX_FORWARDS: Final = 255
"""RFC 3261 §20.22."""

REMEMBERED_VALUES: Final = 256
"""Addresses, URIs, Via values and the like, each, that are not read a second time (see `remembered`)."""
REMEMBERED_CHARACTERS: Final = 256
"""Longer values are read every time."""
