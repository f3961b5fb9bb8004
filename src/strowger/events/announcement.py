"""The IncomingCall event of a hop, made to fit its limit.

A caller chooses the custom headers and the display name, so these are what an oversize event loses, never the call.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from strowger.calls.call import Call
from strowger.events.schema import incoming_call

EVENT_BYTES: Final = 32 * 1024
"""One event as it is stored and sent; the default of the setting."""


class Announcement(NamedTuple):
    """An event, and what it had to leave out."""

    body: bytes
    """Empty when even the least event is too large."""
    left_out: str = ""


def announce(call: Call, context: str, topic: str, wall: float, limit: int) -> Announcement:
    """The event of the call's current hop in at most `limit` bytes."""
    body = incoming_call(call, context, topic, wall, display_name=call.display_name, headers=call.custom_headers)
    if len(body) <= limit:
        return Announcement(body)
    body = incoming_call(call, context, topic, wall, display_name=call.display_name, headers={})
    if len(body) <= limit:
        return Announcement(body, "custom headers")
    body = incoming_call(call, context, topic, wall, display_name="", headers={})
    if len(body) <= limit:
        return Announcement(body, "custom headers and display name")
    return Announcement(b"", "everything: its identifiers alone are too long")
