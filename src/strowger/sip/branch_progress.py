"""What is told of single branches: that one rings, and how it ended. It decides nothing about their call."""

from __future__ import annotations

from typing import Final, Protocol

from strowger.base.text import printable
from strowger.sip.leg import Attempt, Fork
from strowger.sip.message.message import Response
from strowger.sip.message.reason import q850_cause

RINGS: Final = frozenset((180, 183))
"""The provisional responses that mean ringing, the second with a tone from there (RFC 3261 §21.1.2, §21.1.5)."""
REASON_CHARACTERS: Final = 120
"""What is kept of a reason phrase."""


class Listener(Protocol):
    """Whom it is told; the edge."""

    def branch_rang(self, fork: Fork, number: int) -> None:
        """A branch rings."""

    def branch_ended(self, fork: Fork, number: int, status: int, reason: str, cause: int) -> None:
        """A branch has a final response with that Q.850 cause, or 0 for none; or ended without a response."""


def heard(listener: Listener, fork: Fork, attempt: Attempt, response: Response) -> None:
    """A response came on a branch. One that the call does not keep yet has nothing to tell."""
    if attempt.number < 0:
        return
    if response.status in RINGS:
        listener.branch_rang(fork, attempt.number)
    elif response.status >= 200:
        reason = printable(response.reason, REASON_CHARACTERS)
        listener.branch_ended(fork, attempt.number, response.status, reason, q850_cause(response))


def silent(listener: Listener, fork: Fork, attempt: Attempt, status: int) -> None:
    """A branch ended without a response of its own; `status` stands for that (RFC 3261 §16.9)."""
    if attempt.number >= 0:
        listener.branch_ended(fork, attempt.number, status, printable(attempt.trouble, REASON_CHARACTERS), 0)
