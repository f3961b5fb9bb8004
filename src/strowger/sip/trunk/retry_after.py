"""How long a peer wants to be left alone: the Retry-After of a response (RFC 3261 §20.33)."""

from __future__ import annotations

from typing import Final

from strowger.sip.message.grammar import decimal
from strowger.sip.message.message import Response

_MAX_S: Final = 2**31 - 1


def retry_after_of(response: Response) -> float | None:
    """Seconds, None when the header is absent or says nothing. The comment and the duration are for people."""
    value = response.first("Retry-After")
    if value is None:
        return None
    seconds = decimal(value.partition(";")[0].partition("(")[0].strip(" \t"), _MAX_S)
    return None if seconds is None else float(seconds)
