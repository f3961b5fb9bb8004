"""What came of an attempt, in the words that Event Grid uses in a dead letter (Event Grid: dead-letter events).

Also what a busy endpoint asks for.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final, NamedTuple


class Outcome(StrEnum):
    """The values of `lastDeliveryOutcome`."""

    DELIVERED = "Delivered"
    BAD_REQUEST = "BadRequest"
    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    NOT_FOUND = "NotFound"
    GONE = "Gone"
    TOO_LARGE = "PayloadTooLarge"
    TIMED_OUT = "TimedOut"
    BUSY = "Busy"
    SOCKET_ERROR = "SocketError"
    RESOLUTION_ERROR = "ResolutionError"
    OTHER = "GenericError"
    NOT_TRIED = "NotTried"
    """It never got as far as an attempt."""


_OF_STATUS: Final = {
    400: Outcome.BAD_REQUEST,
    401: Outcome.UNAUTHORIZED,
    403: Outcome.FORBIDDEN,
    404: Outcome.NOT_FOUND,
    408: Outcome.TIMED_OUT,
    410: Outcome.GONE,
    413: Outcome.TOO_LARGE,
    429: Outcome.BUSY,
    503: Outcome.BUSY,
    504: Outcome.TIMED_OUT,
} | dict.fromkeys((200, 201, 202, 203, 204), Outcome.DELIVERED)

_MAY_ASK: Final = frozenset((429, 503))
"""Statuses with which Retry-After is heeded."""


class Result(NamedTuple):
    """How one attempt ended."""

    status: int | None
    """None when no answer came."""
    outcome: Outcome
    why: str
    """For a person, safe to print."""
    asked_s: float = 0.0
    """What the endpoint asked for by Retry-After, seconds; 0 for nothing."""

    @property
    def is_failure_of_endpoint(self) -> bool:
        """Whether another endpoint may do better: there was no answer, or the server itself is in trouble."""
        return self.status is None or self.status >= 500


def answered(status: int, retry_after: str, wall: float) -> Result:
    """An answer as a result; `retry_after` is that header, empty when it was not there."""
    asked_s = retry_after_s(retry_after, wall) if status in _MAY_ASK else 0.0
    return Result(status, _OF_STATUS.get(status, Outcome.OTHER), f"answered {status}", asked_s)


def retry_after_s(value: str, wall: float) -> float:
    """Seconds that a Retry-After asks for at wall time `wall`, 0 when it cannot be read (RFC 9110 §10.2.3)."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - wall)
    except (ValueError, OverflowError):
        return 0.0
