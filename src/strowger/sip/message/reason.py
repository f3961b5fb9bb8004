"""The Reason header field: why, besides the SIP status (RFC 3326)."""

from __future__ import annotations

from typing import Final

from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import decimal, parse_parameters
from strowger.sip.message.headers import Message

_Q850: Final = "q.850"
_MAX_CAUSE: Final = 127
"""Seven bits (ITU-T Q.850)."""


def q850_cause(message: Message) -> int:
    """The cause of the telephone network that a message carries, 1 to 127; 0 when it has none that can be read."""
    if not message.has("Reason"):  # nearly always
        return 0
    for value in message.values("Reason"):
        protocol, semicolon, parameters = value.partition(";")
        if protocol.strip(" \t").lower() == _Q850:
            return _cause(semicolon + parameters)
    return 0


def _cause(parameters: str) -> int:
    try:
        return decimal(parse_parameters(parameters).get("cause") or "", _MAX_CAUSE) or 0
    except ParseError:
        return 0
