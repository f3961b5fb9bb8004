"""ACS: Redirect Call, 2026-03-12. Schema of the request, and the command it becomes."""

from __future__ import annotations

from typing import Final

import msgspec

from strowger.acs.auth import Principal
from strowger.acs.identifiers import CommunicationIdentifier, identify
from strowger.acs.operations.body import decode
from strowger.acs.operations.context import ContextText, context
from strowger.calls.decision import Answer, CallControl, RedirectCall
from strowger.calls.identifier import Identifier
from strowger.calls.ports import Receipt


class RedirectCallRequest(msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body (ACS: RedirectCallRequest): these two members and no others."""

    incoming_call_context: ContextText
    target: CommunicationIdentifier


class Redirect(msgspec.Struct, frozen=True, gc=False):
    """A valid request to redirect, ready to be decided."""

    incoming_call_context: str
    target: Identifier

    def submit(self, control: CallControl, principal: Principal, receipt: Receipt | None, answer: Answer) -> None:
        """Ask for the decision in the name of `principal`."""
        command = RedirectCall(principal.resource, self.incoming_call_context, self.target, receipt, principal.user)
        control.redirect(command, answer)


_decoder: Final = msgspec.json.Decoder(RedirectCallRequest)


def read(body: bytes) -> Redirect:
    """The request in `body`. Raises ArgumentInvalid."""
    request = decode(_decoder, body)
    return Redirect(context(request.incoming_call_context), identify(request.target, "target"))
