"""Calls between users, as ACS tells of them; whole events are files of tests/conformance/eventgrid."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from strowger.events import call_events
from strowger.events.envelope import Event, encoded
from tests.support import reports
from tests.support.reports import ALICE, BOB, CALL_ID


def ids() -> Any:
    return map("id-{}".format, itertools.count()).__next__


def read(events: list[Event]) -> list[dict[str, Any]]:
    return [json.loads(encoded(event)) for event in events]


SERVER_CALL_ID = reports.between_users().server_call_id
COMMON = {
    "startedBy": {
        "communicationIdentifier": {
            "kind": "communicationUser",
            "rawId": ALICE.raw_id,
            "communicationUser": {"id": ALICE.raw_id},
        },
        "role": "Attendee",
    },
    "serverCallId": SERVER_CALL_ID,
    "isTwoParty": True,
    "correlationId": CALL_ID,
    "isRoomsCall": False,
}


def test_a_call_begins_and_both_take_part() -> None:
    started, *added = read(call_events.began(reports.began(), ids(), "/topic"))
    assert (started["eventType"], started["data"]) == ("Microsoft.Communication.CallStarted", COMMON)
    assert started["subject"] == f"call/{SERVER_CALL_ID}/startedBy/{ALICE.raw_id}"
    assert {each["eventType"] for each in added} == {"Microsoft.Communication.CallParticipantAdded"}
    assert [each["subject"] for each in added] == [
        f"call/{SERVER_CALL_ID}/participant/{who.raw_id}" for who in (ALICE, BOB)
    ]
    assert [each["data"]["user"]["communicationIdentifier"]["rawId"] for each in added] == [ALICE.raw_id, BOB.raw_id]
    assert [each["data"]["displayName"] for each in added] == ["Alice", ""]
    assert {each["data"]["userAgent"] for each in added} == {""}
    assert len({each["id"] for each in (started, *added)}) == 3


@pytest.mark.parametrize(("is_by_caller", "who", "name"), [(True, ALICE, "Alice"), (False, BOB, "")])
def test_a_call_ends_and_both_leave(*, is_by_caller: bool, who: Any, name: str) -> None:
    *removed, over = read(call_events.ended(reports.ended(is_by_caller=is_by_caller), ids(), "/topic"))
    assert {each["eventType"] for each in removed} == {"Microsoft.Communication.CallParticipantRemoved"}
    assert (over["eventType"], over["subject"]) == ("Microsoft.Communication.CallEnded", f"call/{SERVER_CALL_ID}")
    assert over["data"] == {
        **COMMON,
        "endedBy": {
            "communicationIdentifier": {
                "kind": "communicationUser",
                "rawId": who.raw_id,
                "communicationUser": {"id": who.raw_id},
            },
            "type": "Participant",
            "name": name,
        },
        "reason": {"code": 0, "subCode": 0, "phrase": "The call was hung up."},
        "callDurationInSeconds": 49.5,
    }


def test_a_participant_keeps_its_id() -> None:
    _, *added = read(call_events.began(reports.began(), ids(), "/topic"))
    *removed, _ = read(call_events.ended(reports.ended(), ids(), "/topic"))
    told = [[each["data"]["participantId"] for each in events] for events in (added, removed)]
    assert told[0] == told[1]
    assert len(set(told[0])) == 2
