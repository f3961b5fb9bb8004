"""Our events as files, and as two independent readers want them: the Python SDK and the rules of the JavaScript one."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, SystemEventNames

from strowger.calls.call import Call, Failure, Hop, Opening, State
from strowger.calls.identifier import from_raw_id
from strowger.events import call_events, schema
from strowger.events.cloud_events import cloud_event
from strowger.events.envelope import encoded
from strowger.events.event_types import EVENT_TYPES
from strowger.events.redirect_outcome import outcome_event
from strowger.events.subscription import Channel
from tests.support.reports import answered, began, cancelled, ended, failed, ringing

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
    "incoming_call_after_a_redirect": ("4:+31612345678", "4:+31201110001", "", {}),
}
FAILURE = Failure("4:+31612345678", 486, "Busy Here", "the target is busy", 17)
"""What became of the redirect after which a call came back."""


def stored_call(name: str) -> bytes:
    caller, to, display_name, headers = CALLS[name]
    hop = Hop(from_raw_id(to), WALL, WALL + 30.0, event_id="3f1c0a52-9f10-4f2e-8a52-5b1b6a3c0001")
    if name == "incoming_call_after_a_redirect":
        hop.opening, hop.failure = Opening.RETURNED, FAILURE
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


def deletion() -> bytes:
    event = schema.subscription_deleted("2d1781af-3a4c-4d7c-bd0c-e34b19da4e67", TOPIC, "my-app", WALL)
    return schema.request_body(event)


def events_of_reports() -> dict[str, bytes]:
    """Every event that only reports, as it is stored."""
    ids = (f"9c1f0a52-9f10-4f2e-8a52-5b1b6a3c{number:04}" for number in itertools.count(1)).__next__
    outcomes = [outcome_event(make(), ids(), TOPIC) for make in (ringing, answered, failed, cancelled)]
    starting, ending = call_events.began(began(), ids, TOPIC), call_events.ended(ended(), ids, TOPIC)
    events = [*outcomes, *starting[:2], *ending[1:]]
    return dict(zip(REPORTS, map(encoded, events), strict=True))


REPORTS = {
    "redirect_ringing": "Strowger.Redirect.Ringing",
    "redirect_answered": "Strowger.Redirect.Answered",
    "redirect_failed": "Strowger.Redirect.Failed",
    "redirect_cancelled": "Strowger.Redirect.Cancelled",
    "call_started": "Microsoft.Communication.CallStarted",
    "call_participant_added": "Microsoft.Communication.CallParticipantAdded",
    "call_participant_removed": "Microsoft.Communication.CallParticipantRemoved",
    "call_ended": "Microsoft.Communication.CallEnded",
}
TYPES = {**dict.fromkeys(CALLS, "Microsoft.Communication.IncomingCall"), **REPORTS}
STORED = {name: stored_call(name) for name in CALLS} | events_of_reports()
POSTED = {
    **{name: schema.request_body(event) for name, event in STORED.items()},
    "subscription_validation": validation(),
    "subscription_deleted": deletion(),
}
CLOUD_EVENTS = {name: cloud_event(event) for name, event in STORED.items()}


def test_every_type_of_event_has_its_shapes():
    assert set(TYPES.values()) == {name for of_channel in EVENT_TYPES.values() for name in of_channel}
    assert {file.stem for file in SHAPES.glob("*.json")} == set(POSTED)
    assert {file.stem for file in (SHAPES / "cloudevents").glob("*.json")} == set(CLOUD_EVENTS) == set(TYPES)


def test_types_are_spelled_as_the_python_sdk_spells_them():
    known = {each.value for each in SystemEventNames}
    ours = set(EVENT_TYPES[Channel.ACS]) | {schema.SUBSCRIPTION_VALIDATION, schema.SUBSCRIPTION_DELETED}
    assert ours - known <= {schema.SUBSCRIPTION_DELETED}, "which the SDK has no name for"
    assert known.isdisjoint(EVENT_TYPES[Channel.OUTCOMES])


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


@pytest.mark.parametrize("name", [name for name in REPORTS if name.startswith("call_")])
def test_members_that_readers_of_the_events_of_a_call_demand(name):
    event = json.loads(STORED[name])
    assert not event["subject"].startswith("/"), "only that of IncomingCall does"
    members = event["data"]
    assert isinstance(members["serverCallId"], str)
    assert isinstance(members["correlationId"], str)
    assert members["startedBy"]["role"] in ("Attendee", "Presenter", "Consumer", "Collaborator", "Organizer")
    assert members["startedBy"]["communicationIdentifier"]["communicationUser"]["id"]
    if "participant" in name:
        assert all(isinstance(members[each], str) for each in ("displayName", "participantId", "userAgent"))
        assert members["user"]["role"] == members["startedBy"]["role"]
    if name == "call_ended":
        assert isinstance(members["callDurationInSeconds"], float)
        assert {type(members["reason"][each]) for each in ("code", "subCode")} == {int}
        assert isinstance(members["reason"]["phrase"], str)
        assert members["endedBy"]["type"] == "Participant"
        assert isinstance(members["endedBy"]["name"], str)


@pytest.mark.parametrize("name", STORED)
def test_nothing_is_null(name):
    assert "null" not in STORED[name].decode()


@pytest.mark.parametrize("name", POSTED)
def test_the_python_sdk_reads_it(name):
    event = EventGridEvent.from_dict(json.loads(POSTED[name])[0])
    assert event.topic == TOPIC
    assert event.event_time == datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    assert event.data == json.loads(POSTED[name])[0]["data"]
    if name in TYPES:
        assert event.event_type == TYPES[name]
    if name in CALLS:
        assert event.subject == f"/caller/{CALLS[name][0]}/recipient/{CALLS[name][1]}"
        assert event.data["from"]["kind"] in ("phoneNumber", "communicationUser", "unknown")


@pytest.mark.parametrize("name", CLOUD_EVENTS)
def test_the_python_sdk_reads_the_cloud_event(name):
    event: CloudEvent[Any] = CloudEvent.from_dict(json.loads(CLOUD_EVENTS[name]))
    stored = json.loads(STORED[name])
    assert (event.specversion, event.type) == ("1.0", TYPES[name])
    assert (event.id, event.source, event.subject) == (stored["id"], TOPIC, stored["subject"])
    assert event.time == datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    assert event.data == stored["data"]
    assert not event.extensions


@pytest.mark.parametrize("name", CLOUD_EVENTS)
def test_rules_of_the_cloud_events_format(name):
    event = json.loads(CLOUD_EVENTS[name])
    assert set(event) == {"specversion", "type", "source", "id", "time", "subject", "data"}
    for member in ("specversion", "type", "source", "id", "time", "subject"):
        assert isinstance(event[member], str), member
        assert event[member], member
