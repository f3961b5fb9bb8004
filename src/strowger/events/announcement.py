"""The IncomingCall event of a hop, made to fit its limit, and for each subscription that is told an outbox entry. Pure.

A caller chooses the custom headers and the display name, so these are what an oversize event loses, never the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from strowger.calls.call import Call
from strowger.calls.ports import OutboxEntry
from strowger.events.retry import Profile, Schedule
from strowger.events.schema import incoming_call
from strowger.events.subscribers import Subscribers
from strowger.events.subscription import Subscription

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


class Announcing:
    """Makes outbox entries of calls."""

    def __init__(
        self,
        subscribers: Subscribers,
        schedules: Mapping[Profile, Schedule],
        too_large: Callable[[str, str], None],
        event_bytes: int,
    ) -> None:
        """`too_large` is told the id of a call, and what its event left out."""
        self._subscribers = subscribers
        self._schedules = schedules
        self._too_large = too_large
        self._event_bytes = event_bytes

    def entries(self, call: Call, context: str, wall: float) -> tuple[OutboxEntry, ...]:
        """The entries that announce the current hop; none when nobody is to be told."""
        if not call.hop.event_id:
            return ()
        entries: list[OutboxEntry] = []
        topic, body = None, b""
        for subscription in self._subscribers.told(call):
            if subscription.topic != topic:
                topic, body = subscription.topic, self._body(call, context, subscription.topic, wall)
            if body:
                entries.append(self._entry(call, subscription, body, wall))
        return tuple(entries)

    def _body(self, call: Call, context: str, topic: str, wall: float) -> bytes:
        body, left_out = announce(call, context, topic, wall, self._event_bytes)
        if left_out:
            self._too_large(call.call_id, left_out)
        return body

    def _entry(self, call: Call, subscription: Subscription, body: bytes, wall: float) -> OutboxEntry:
        hop, lasts = call.hop, self._schedules[subscription.profile].outlives_hop
        expires_at = wall + subscription.terms.time_to_live_s if lasts else hop.open_until
        return OutboxEntry(hop.event_id, subscription.key, call.call_id, body, wall, expires_at, lasts)
