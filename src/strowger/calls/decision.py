"""The decisions an application may take about a call that is addressed to it, as commands."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec

from strowger.calls.errors import CallError
from strowger.calls.identifier import Identifier
from strowger.calls.ports import Receipt


class RejectReason(StrEnum):
    """Why the application does not want the call (ACS: CallRejectReason)."""

    NONE = "none"
    BUSY = "busy"
    FORBIDDEN = "forbidden"


def rejection(reason: RejectReason, without_reason: int) -> tuple[int, str]:
    """The SIP status for the caller and its reason phrase; `without_reason` is the status for NONE."""
    return {
        RejectReason.NONE: (without_reason, "Decline"),
        RejectReason.BUSY: (486, "Busy Here"),
        RejectReason.FORBIDDEN: (403, "Forbidden"),
    }[reason]


class RedirectCall(msgspec.Struct, frozen=True, gc=False):
    """Let the call ring at `target` instead (ACS: Redirect Call, 2026-03-12)."""

    resource: str
    """Name of the resource whose credentials were used."""
    incoming_call_context: str
    target: Identifier
    receipt: Receipt | None = None
    """Written in the same transaction as the decision, with the correlation id filled in."""
    user: str = ""
    """The raw id of the user who decides; empty when the resource itself does. A user decides about calls to itself."""


class RejectCall(msgspec.Struct, frozen=True, gc=False):
    """Turn the caller away (ACS: Reject Call, 2026-03-12)."""

    resource: str
    incoming_call_context: str
    reason: RejectReason = RejectReason.NONE
    receipt: Receipt | None = None
    user: str = ""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The decision is durable."""

    correlation_id: str


Answer = Callable[[Accepted | CallError], None]
"""Called once, on the event loop's thread, possibly before the method that takes it returned."""


class CallControl(Protocol):
    """The use cases offered to applications."""

    def redirect(self, command: RedirectCall, answer: Answer) -> None:
        """Close the current hop and open one for the target. Answers a `DecisionRefused` or `StoreUnavailable`
        otherwise.
        """

    def reject(self, command: RejectCall, answer: Answer) -> None:
        """Close the current hop and end the call. Answers a `DecisionRefused` or `StoreUnavailable` otherwise."""
