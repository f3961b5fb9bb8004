"""ACS: Reject Call, 2026-03-12. Schema of the request, and the command it becomes."""

from __future__ import annotations

from typing import Final

import msgspec

from strowger.acs.auth import Principal
from strowger.acs.errors import ArgumentInvalid
from strowger.acs.operations.body import decode
from strowger.acs.operations.context import ContextText, context
from strowger.calls.decision import Answer, CallControl, RejectCall, RejectReason
from strowger.calls.ports import Receipt


class RejectCallRequest(msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body (ACS: RejectCallRequest)."""

    incoming_call_context: ContextText
    call_reject_reason: str | None = None


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A valid request to reject, ready to be decided."""

    incoming_call_context: str
    reason: RejectReason

    def submit(self, control: CallControl, principal: Principal, receipt: Receipt | None, answer: Answer) -> None:
        """Ask for the decision in the name of `principal`."""
        command = RejectCall(principal.resource, self.incoming_call_context, self.reason, receipt, principal.user)
        control.reject(command, answer)


_decoder: Final = msgspec.json.Decoder(RejectCallRequest)
_REASONS: Final = {reason.value: reason for reason in RejectReason}


def read(body: bytes) -> Reject:
    """The request in `body`. Raises ArgumentInvalid."""
    request = decode(_decoder, body)
    return Reject(context(request.incoming_call_context), _reason(request.call_reject_reason))


def _reason(written: str | None) -> RejectReason:
    if written is None:
        return RejectReason.NONE
    reason = _REASONS.get(written.lower())
    if reason is None:
        raise ArgumentInvalid(f"'{written[:40]}' is no reason; it is none, busy or forbidden.", "callRejectReason")
    return reason
