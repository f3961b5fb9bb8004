"""Our events as files, and as two independent readers want them: the Python SDK and the rules of the JavaScript one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent

from strowger.calls.call import Call, Hop, State
from strowger.calls.identifier import from_raw_id
from strowger.events import schema
from strowger.events.cloud_events import cloud_event

SHAPES = Path(__file__).parent / "shapes"
TOPIC = schema.resource_topic("1b5cc06b-f352-4571-b1e6-d9b259b7c776", "dev")
WALL = 1_767_225_600.25
CALLS = {
    "incoming_call_from_phone": ("4:+31612345678", "4:+31201110001", "", {}),
    "incoming_call_from_hidden_phone": ("4:anonymous", "4:+31201110001", "", {"X-MS-Custom-Account": "47"}),
    "incoming_call_between_users": (
        "8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_alice",
        "8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_bob",
        "Alice",
        {},
    ),
    "incoming_call_with_custom_headers": (
        "4:+31612345678",
        "4:+31201110001",
        "",
        {
            "User-To-User": "56a390f3d2b7310023a2;encoding=hex",
            "X-MS-Custom-Tier": 'gold “A” "B" \\ {}',
            "X-Account": "47\t11",
        },
    ),
    "incoming_call_from_unknown": ("sip:ann@example.com", "4:+31201110001", "Ann “A” Ørsted", {}),
}


def stored_call(name: str) -> bytes:
    caller, to, display_name, headers = CALLS[name]
    hop = Hop(from_raw_id(to), WALL, WALL + 30.0, event_id="3f1c0a52-9f10-4f2e-8a52-5b1b6a3c0001")
    call = Call(
        "a90f2b5e-6c3d-4d5e-9a77-0c5d3a2b0002", "dev", from_raw_id(caller), display_name, WALL, [hop], State.HELD
    )
    return schema.incoming_call(call, "aGVhZA.Y2xhaW1z.c2VhbA", TOPIC, WALL, display_name=display_name, headers=headers)


def validation() -> bytes:
    url = "https://localhost:7444/validate?code=512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
    event = schema.subscription_validation(
        "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66", TOPIC, "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", url, WALL
    )
    return schema.request_body(event)


STORED = {name: stored_call(name) for name in CALLS}
POSTED = {
    **{name: schema.request_body(event) for name, event in STORED.items()},
    "subscription_validation": validation(),
}
CLOUD_EVENTS = {name: cloud_event(event) for name, event in STORED.items()}


@pytest.mark.parametrize("name", POSTED)
def test_shape_is_exactly_the_file(name):
    assert POSTED[name].decode() == (SHAPES / f"{name}.json").read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("name", CLOUD_EVENTS)
def test_shape_of_the_cloud_event_is_exactly_the_file(name):
    file = SHAPES / "cloudevents" / f"{name}.json"
    assert CLOUD_EVENTS[name].decode() == file.read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("name", POSTED)
def test_rules_of_the_javascript_deserializer(name):
    body = json.loads(POSTED[name])
    assert isinstance(body, list)
    (event,) = body
    for member in ("topic", "dataVersion", "metadataVersion", "eventTime", "subject", "id", "eventType"):
        assert isinstance(event[member], str), member
    assert event["metadataVersion"] == "1"


@pytest.mark.parametrize("name", CALLS)
def test_members_that_readers_of_an_incoming_call_demand(name):
    members = json.loads(POSTED[name])[0]["data"]
    for member in ("serverCallId", "callerDisplayName", "incomingCallContext", "correlationId"):
        assert isinstance(members[member], str), member
    assert members["customContext"]["sipHeaders"] == CALLS[name][3]
    assert members["customContext"]["voipHeaders"] == {}
    for member in ("to", "from"):
        identifier = members[member]
        of_kind = set(identifier) - {"kind", "rawId"}
        assert of_kind == (set() if identifier["kind"] == "unknown" else {identifier["kind"]})
        assert identifier["rawId"]
    assert "null" not in POSTED[name].decode()


@pytest.mark.parametrize("name", POSTED)
def test_the_python_sdk_reads_it(name):
    event = EventGridEvent.from_dict(json.loads(POSTED[name])[0])
    assert event.topic == TOPIC
    assert event.event_time == datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    assert event.data == json.loads(POSTED[name])[0]["data"]
    if name in CALLS:
        assert event.event_type == "Microsoft.Communication.IncomingCall"
        assert event.subject == f"/caller/{CALLS[name][0]}/recipient/{CALLS[name][1]}"
        assert event.data["from"]["kind"] in ("phoneNumber", "communicationUser", "unknown")


@pytest.mark.parametrize("name", CLOUD_EVENTS)
def test_the_python_sdk_reads_the_cloud_event(name):
    event: CloudEvent[Any] = CloudEvent.from_dict(json.loads(CLOUD_EVENTS[name]))
    assert (event.specversion, event.type) == ("1.0", "Microsoft.Communication.IncomingCall")
    assert (event.id, event.source) == ("3f1c0a52-9f10-4f2e-8a52-5b1b6a3c0001", TOPIC)
    assert event.subject == f"/caller/{CALLS[name][0]}/recipient/{CALLS[name][1]}"
    assert event.time == datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    assert event.data == json.loads(STORED[name])["data"]
    assert not event.extensions


@pytest.mark.parametrize("name", CLOUD_EVENTS)
def test_rules_of_the_cloud_events_format(name):
    event = json.loads(CLOUD_EVENTS[name])
    assert set(event) == {"specversion", "type", "source", "id", "time", "subject", "data"}
    for member in ("specversion", "type", "source", "id", "time", "subject"):
        assert isinstance(event[member], str), member
        assert event[member], member
