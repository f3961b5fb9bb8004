"""What is reported of calls beside their IncomingCall: facts, of which nothing that an application answers decides.

A report is made of the change that brings it about and written with it, or, where nothing of the call changes, alone.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from strowger.calls.call import Call
from strowger.calls.identifier import Kind


class Result(StrEnum):
    """What became of a redirect. The last three are final: each redirect that was accepted has one of them."""

    RINGING = "Ringing"
    ANSWERED = "Answered"
    FAILED = "Failed"
    """Everybody refused or stayed silent, or the time was over."""
    CANCELLED = "Cancelled"
    """Somebody decided otherwise: the caller, the application, or a trunk that calls the target by itself."""


class RedirectOutcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one redirect: the hop it opened, and those that hunt on for its target."""

    result: Result
    call: Call
    """As it is after the change."""
    hop_index: int
    """The hop that the redirect opened."""
    last: int
    """The last hop that belongs to it."""
    at: float
    """Wall clock, seconds."""
    status: int = 0
    """The SIP status that tells of it; 0 where none does."""
    reason: str = ""
    """Its reason phrase."""
    cause: int = 0
    """The Q.850 cause that came with that; 0 for none."""
    why: str = ""
    """A sentence for a person."""
    branch: int = -1
    """The branch of the last hop that rings, or answered; -1 where it is none."""


class CallBegan(msgspec.Struct, frozen=True, gc=False):
    """A call between two users was answered."""

    call: Call
    at: float


class CallEnded(msgspec.Struct, frozen=True, gc=False):
    """A call between two users was hung up, and we saw it."""

    call: Call
    """As it was when it was answered."""
    answered_at: float
    at: float
    is_by_caller: bool
    """Who hung up: the caller, or whoever it was answered by."""


Report = RedirectOutcome | CallBegan | CallEnded


def is_between_users(call: Call) -> bool:
    """Whether both parties of a call are users of ours: of others ACS reports nothing but IncomingCall."""
    if call.caller.kind is not Kind.COMMUNICATION_USER:
        return False
    return call.hop.answered_by.kind is Kind.COMMUNICATION_USER
