"""Who may decide about a call just now, and by which of its contexts."""

from __future__ import annotations

from strowger.calls.call import Call
from strowger.calls.errors import CallOver, HopClosed


def require_own(call: Call | None, user: str) -> None:
    """For a user, calls to anybody else do not exist; nothing in the answer tells whether one does. Raises CallOver.

    Asked before the call's queue as well: waiting there for a commit would tell.
    """
    if user and (call is None or not call.hops or call.is_over or call.hop.to.raw_id.lower() != user.lower()):
        raise not_found()


def require_open(call: Call, hop_index: int) -> None:
    """The hop has not taken its decision yet. Raises CallOver, HopClosed."""
    if call.is_over:
        raise CallOver("Call not found: it has ended.")
    if not call.is_open(hop_index):
        raise HopClosed(
            "the call has gone on since: decide with the incomingCallContext of its newest IncomingCall event"
        )


def not_found() -> CallOver:
    """What is said of a call that is not here, or is none of the asker's business."""
    return CallOver("Call not found: it has ended, or it was never here.")
