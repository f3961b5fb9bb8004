"""The way a call has come before it leaves for a trunk: whom it was for, and why it went on from there.

The reasons are those of RFC 4458 §2 and of 3GPP TS 24.604, written as SIP statuses; each has a word in RFC 5806 §3 too.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple


class Cause(IntEnum):
    """Why a call went on from an addressee (RFC 4458 §2)."""

    UNCONDITIONAL = 302
    """Forwarded without being rung: what an application does with a held call."""
    NOT_AVAILABLE = 404
    """Nobody known there, or nobody logged in."""
    NO_ANSWER = 408
    DEFLECTED = 480
    """Sent on by the addressee at once."""
    BUSY = 486
    DEFLECTED_WHILE_RINGING = 487
    UNREACHABLE = 503


DIVERSION_REASONS: Final = {
    Cause.UNCONDITIONAL: "unconditional",
    Cause.NOT_AVAILABLE: "unavailable",
    Cause.NO_ANSWER: "no-answer",
    Cause.DEFLECTED: "deflection",
    Cause.BUSY: "user-busy",
    Cause.DEFLECTED_WHILE_RINGING: "deflection",
    Cause.UNREACHABLE: "unavailable",
}
"""The word of RFC 5806 §3 for each cause."""


class Step(NamedTuple):
    """One addressee that a call was for, before the one it goes to now."""

    uri: str
    """Its SIP or tel URI; of the first step, the Request-URI as it came in."""
    cause: Cause
    """Why the call went on."""
    status: int = 0
    """The final response that made it go on, ours (302) or a phone's; 0 when there was none (RFC 7044 §10.2)."""
