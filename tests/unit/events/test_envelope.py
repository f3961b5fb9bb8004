from __future__ import annotations

import json

import msgspec

from strowger.events.envelope import encoded, envelope, filterable


class Members(msgspec.Struct, rename="camel"):
    call_id: str


EVENT = envelope("id", "/topic", "call/1", "Strowger.Redirect.Failed", 1_767_225_600.25, Members("one"))


def test_the_members_of_an_event() -> None:
    assert json.loads(encoded(EVENT)) == {
        "id": "id",
        "topic": "/topic",
        "subject": "call/1",
        "data": {"callId": "one"},
        "eventType": "Strowger.Redirect.Failed",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": "2026-01-01T00:00:00.2500000Z",
    }


def test_filters_see_the_members_of_both_schemas() -> None:
    seen = filterable(EVENT)
    assert seen["eventType"] == seen["type"] == "Strowger.Redirect.Failed"
    assert seen["data"] == {"callId": "one"}
    assert (seen["topic"], seen["source"], seen["specversion"]) == ("/topic", "/topic", "1.0")
