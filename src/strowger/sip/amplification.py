"""No answer to somebody unproven is much larger than what it answers (RFC 3261 §26.3.2.4, RFC 8085 §3.1.1).

Over UDP the source of a request may be the victim of whoever sent it. One packet out for one packet in, and at most
twice its bytes: whoever writes so tersely that this does not hold gets none.
"""

from __future__ import annotations

from typing import Final

from strowger.sip.flow import Flow
from strowger.sip.message.message import Request

MOST_TIMES: Final = 2
"""How often the bytes of an answer may hold those of its request."""
_PORT_DIGITS: Final = 5


def is_bounded(answer: bytes, received: int, flow: Flow) -> bool:
    """Whether an answer to so many bytes is within the bound, or goes where nobody can be hurt: over a connection."""
    return flow.reliable or len(answer) <= MOST_TIMES * received


def received_bytes(request: Request, flow: Flow) -> int:
    """At least so many bytes came: without what we noted in the Via ourselves."""
    noted = len(f";received={flow.received}=") + _PORT_DIGITS
    return len(request.to_bytes()) - noted
