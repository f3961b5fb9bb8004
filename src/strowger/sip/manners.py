"""How we speak SIP where the standards leave the choice."""

from __future__ import annotations

from dataclasses import dataclass

from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits
from strowger.sip.network import UDP_REQUEST_BYTES
from strowger.sip.outgoing import RecordRoute
from strowger.sip.proxy.response_context import TIMER_C_S


@dataclass(frozen=True, slots=True)
class Manners:
    """What an operator may choose."""

    record_route: RecordRoute = RecordRoute.OFF
    """Which answered calls we stay in the path of."""
    says_forwarded: bool = False
    """Whether a caller whose call is redirected is told so, by 181 (RFC 3261 §21.1.3)."""
    udp_request_bytes: int = UDP_REQUEST_BYTES
    """Octets of the longest request sent over UDP of our own choice (RFC 3261 §18.1.1)."""
    timer_c_s: float = TIMER_C_S
    """How long a branch may ring in silence (RFC 3261 §16.6 step 11)."""
    message_limits: MessageLimits = DEFAULT_LIMITS
