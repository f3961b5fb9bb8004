"""The errors of the message room.

SipError
├── ParseError   the peer's fault: these bytes, or this value, are no SIP
├── Refusal      the peer's fault: well-formed, but RFC 3261 wants it refused
└── BuildError   our fault: a value we were asked to write would break the message

No text of the peer is ever repeated in a reason: it may be sent as a reason phrase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strowger.sip.message.message import Request


class SipError(Exception):
    """Root of the tree."""


class ParseError(SipError):
    """The bytes are no SIP message, or a value in it breaks its grammar.

    `status` is the SIP status to answer, None when nothing may be answered. When `parse_message` or `StreamFramer`
    raises with a status, `request` holds the header lines an answer is made of (Via, From, To, Call-ID, CSeq), for
    `response_to`.
    """

    def __init__(self, status: int | None, reason: str, request: Request | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.request = request


class Refusal(SipError):
    """A request that must be refused with `status`, `reason` and the extra `headers`."""

    def __init__(self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class BuildError(SipError, ValueError):
    """A value to be written holds CR, LF, NUL or text outside Latin-1, or is no value of its kind."""
