"""The envelope of an event in the Event Grid schema, whatever its `data` (Event Grid: event schema)."""

from __future__ import annotations

from typing import Final

import msgspec

from strowger.events import cloud_events
from strowger.events.schema import DATA_VERSION, METADATA_VERSION, event_time


class Event(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One event."""

    id: str
    topic: str
    subject: str
    data: msgspec.Struct
    event_type: str
    data_version: str
    metadata_version: str
    event_time: str


_encoder: Final = msgspec.json.Encoder()


def envelope(event_id: str, topic: str, subject: str, event_type: str, at: float, data: msgspec.Struct) -> Event:
    """An event of what happened at that time (wall clock, seconds)."""
    return Event(event_id, topic, subject, data, event_type, DATA_VERSION, METADATA_VERSION, event_time(at))


def encoded(event: Event) -> bytes:
    """One JSON object, without the surrounding array."""
    return _encoder.encode(event)


def filterable(event: Event) -> dict[str, object]:
    """The event as filters see it, with the members of both schemas."""
    members: dict[str, object] = msgspec.to_builtins(event)
    return members | cloud_events.filterable(members)
