"""An event that an operator changed before it is sent again: it must still be that event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from strowger.events.errors import EventInvalid

FIXED: Final = ("id", "topic", "eventType", "dataVersion", "metadataVersion")
"""What an edit leaves as it is: these say which event it is, of what, and how its data is read."""


def edited(original: bytes, event: Mapping[str, object], limit: int) -> bytes:
    """`event` as it is stored, in the place of `original`, in at most `limit` octets. Raises EventInvalid."""
    before = msgspec.json.decode(original, type=dict[str, object])
    for name in before.keys() - event.keys():
        raise EventInvalid(f"{name} is missing")
    for name in event.keys() - before.keys():
        raise EventInvalid(f"an event has no {name[:40]!r}")
    for name, value in event.items():
        if type(value) is not type(before[name]):
            raise EventInvalid(f"{name} is {'an object' if isinstance(before[name], dict) else 'a text'}")
        if name in FIXED and value != before[name]:
            raise EventInvalid(f"{name} says which event it is, and stays {before[name]!r}")
    body = msgspec.json.encode({name: event[name] for name in before})
    if len(body) > limit:
        raise EventInvalid(f"it has {len(body)} octets, and limits.event_bytes is {limit}")
    return body
