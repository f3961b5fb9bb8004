"""What can go wrong with a call.

CallError
├── DecisionRefused          the application's fault; carries the ACS status and code to answer
│   ├── ContextMalformed     400 8523   not one of our contexts, or tampered with
│   ├── ContextForeign       403 7507   a context of another resource
│   ├── CallOver             404 8522   the call has ended
│   ├── HopClosed            409 8519   the hop has taken its decision; the call lives on elsewhere
│   ├── TooManyRedirects     400 8521   the chain of hops is as long as it may get
│   ├── TargetInvalid        400 8523   no such user, or not a target at all
│   ├── TargetUnroutable     405 8520   no route leads there
│   ├── TargetForbidden      405 8520   a route leads there, but the resource may not take it
│   ├── CallThrottled        429 85xx   too many calls to the outside; its own code says of what limit
│   └── TargetUnreachable    400 8549   a route leads there, but none of its trunks serves now
├── IdentityRefused          the application's fault; carries the ACS status and code to answer
│   ├── IdentityUnknown      404 404    no such identity in this resource
│   ├── IdentityOfSettings   400 8523   a user of the settings, which only they can end
│   └── TooManyIdentities    429 429    as many as there may be
├── CallRefused              the caller's fault or ours; carries the SIP status to answer
└── StoreUnavailable         ours: nothing was done; answer 503 and try again
"""

from __future__ import annotations


class CallError(Exception):
    """Root of the room."""


class DecisionRefused(CallError):
    """A decision of the application that was not carried out; the call is as it was, except for TooManyRedirects."""

    status = 400
    code = "8523"
    target: str | None = None
    """The member of the request at fault."""


class ContextMalformed(DecisionRefused):
    """The incomingCallContext is not one that this server made."""

    target = "incomingCallContext"


class ContextForeign(DecisionRefused):
    """The incomingCallContext belongs to another resource."""

    status = 403
    code = "7507"
    target = "incomingCallContext"


class CallOver(DecisionRefused):
    """The call has ended."""

    status = 404
    code = "8522"


class HopClosed(DecisionRefused):
    """Somebody else decided first; the call goes on under another context."""

    status = 409
    code = "8519"


class TooManyRedirects(DecisionRefused):
    """The call has been redirected as often as it may be, and is ended."""

    code = "8521"


class TargetInvalid(DecisionRefused):
    """Nobody can be found behind the target."""

    target = "target"


class TargetUnroutable(DecisionRefused):
    """The target is outside and no route leads there."""

    status = 405
    code = "8520"
    target = "target"


class TargetForbidden(DecisionRefused):
    """The target is outside, and no number that the resource may call."""

    status = 405
    code = "8520"
    target = "target"


class CallThrottled(DecisionRefused):
    """The resource or the caller has as many calls to the outside as it may. Another decision is still possible."""

    status = 429
    target = "target"

    def __init__(self, why: str, code: str) -> None:
        """`code` is 8516, 8529 or 8530 (ACS: Call Automation error codes)."""
        super().__init__(why)
        self.code = code


class TargetUnreachable(DecisionRefused):
    """A route leads to the target, but none of its trunks serves now. The call is still the application's to decide."""

    code = "8549"
    target = "target"


class IdentityRefused(CallError):
    """Something asked of an identity that was not carried out."""

    status = 400
    code = "8523"
    target: str | None = None
    """The part of the request at fault."""


class IdentityUnknown(IdentityRefused):
    """No identity of the resource has this id."""

    status = 404
    code = "404"
    target = "id"


class IdentityOfSettings(IdentityRefused):
    """The settings say that this user exists; it ends with them."""

    target = "id"


class TooManyIdentities(IdentityRefused):
    """The resource has as many identities as it may have."""

    status = 429
    code = "429"


class CallRefused(CallError):
    """A call that is not taken; `status` is the SIP status for the caller, `retry_after_s` is 0 when a repeat is
    pointless.
    """

    def __init__(self, status: int, why: str, *, retry_after_s: int = 0) -> None:
        super().__init__(why)
        self.status = status
        self.retry_after_s = retry_after_s


class StoreUnavailable(CallError):
    """The store did not take the change; nothing of it holds."""
