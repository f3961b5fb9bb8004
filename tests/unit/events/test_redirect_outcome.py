"""What became of a redirect, member by member; whole events are files of tests/conformance/eventgrid."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from strowger.calls.call import Branch, GroupStep, Hop, Opening
from strowger.calls.reports import RedirectOutcome, Result
from strowger.events.envelope import encoded
from strowger.events.redirect_outcome import TYPES, WHY_CHARACTERS, branches_of, outcome_event
from tests.support import reports
from tests.support.reports import AT, BOB, NUMBER


def written(outcome: RedirectOutcome, left_out: int = 0) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(encoded(outcome_event(outcome, "id", "/topic", left_out)))
    return event


def data(outcome: RedirectOutcome, left_out: int = 0) -> dict[str, Any]:
    members: dict[str, Any] = written(outcome, left_out)["data"]
    return members


@pytest.mark.parametrize("result", Result)
def test_each_result_has_a_type_of_our_own(result: Result) -> None:
    event = written(msgspec.structs.replace(reports.failed(), result=result))
    assert event["eventType"] == TYPES[result] == f"Strowger.Redirect.{result.value}"
    assert event["subject"].startswith("call/")
    assert event["subject"].endswith("/redirect/1/target/4:+18005550199")


def test_a_failure_with_code_phrase_and_cause() -> None:
    members = data(reports.failed())
    assert members["callId"] == members["correlationId"] == reports.CALL_ID
    assert (members["hopIndex"], members["opening"]) == (1, "redirect")
    assert (members["from"]["rawId"], members["target"]["rawId"]) == ("4:+31612345678", "4:+18005550199")
    assert (members["sipCode"], members["reasonPhrase"], members["q850Cause"]) == (486, "Busy Here", 17)
    assert members["why"] == "sip:+18005550199@b.test: 486 Busy Here"
    assert "answeredBy" not in members
    assert "ringing" not in members


def test_the_branches_in_order_each_with_its_times() -> None:
    first, second = data(reports.failed())["branches"]
    target = {"kind": "phoneNumber", "rawId": "4:+18005550199", "phoneNumber": {"value": "+18005550199"}}
    assert first == {
        "number": 0,
        "hopIndex": 1,
        "target": target,
        "uri": "sip:+18005550199@a.test",
        "rungAt": "2025-12-31T23:59:52.2500000Z",
        "trunk": "a",
        "endedAt": "2025-12-31T23:59:53.2500000Z",
        "sipCode": 503,
        "reasonPhrase": "Service Unavailable",
    }
    assert second == {
        "number": 1,
        "hopIndex": 1,
        "target": target,
        "uri": "sip:+18005550199@b.test",
        "rungAt": "2025-12-31T23:59:53.2500000Z",
        "trunk": "b",
        "rangAt": "2025-12-31T23:59:55.2500000Z",
        "endedAt": "2026-01-01T00:00:00.2500000Z",
        "sipCode": 486,
        "reasonPhrase": "Busy Here",
        "q850Cause": 17,
        "replaces": 0,
        "because": "503 No",
    }


@pytest.mark.parametrize(("outcome", "member"), [(reports.ringing(), "ringing"), (reports.answered(), "answeredBy")])
def test_who_rings_and_who_answered(outcome: RedirectOutcome, member: str) -> None:
    who = data(outcome)[member]
    assert who["target"]["rawId"] == "4:+18005550199"
    assert (who["uri"], who["trunk"]) == ("sip:+18005550199@b.test", "b")


def test_who_answered_may_not_be_known() -> None:
    assert "answeredBy" not in data(msgspec.structs.replace(reports.answered(), branch=-1))


def test_a_hunt_tells_of_all_its_hops_and_of_each_member() -> None:
    call = reports.a_redirected_call()
    first = Hop(NUMBER, AT, AT, group=GroupStep((Branch("sip:b@1", member=BOB.raw_id),)), opening=Opening.REDIRECT)
    second = Hop(NUMBER, AT, AT, group=GroupStep((Branch("sip:+1@t", "t", member="4:+1"),)), opening=Opening.HUNT)
    outcome = RedirectOutcome(
        Result.ANSWERED, msgspec.structs.replace(call, hops=[first, first, second]), 1, 2, AT, branch=0
    )
    members = data(outcome)
    assert members["target"]["rawId"] == NUMBER.raw_id
    assert [(each["hopIndex"], each["target"]["rawId"]) for each in members["branches"]] == [
        (1, BOB.raw_id),
        (2, "4:+1"),
    ]
    assert members["answeredBy"]["target"]["rawId"] == "4:+1"
    assert branches_of(outcome) == 2


def test_branches_that_there_is_no_room_for_are_counted() -> None:
    members = data(reports.failed(), 1)
    assert [each["number"] for each in members["branches"]] == [1]
    assert members["branchesLeftOut"] == 1


def test_what_strangers_say_is_made_printable_and_cut() -> None:
    outcome = msgspec.structs.replace(reports.failed(), reason="\x1b[2J", why="x" * 2 * WHY_CHARACTERS)
    members = data(outcome)
    assert members["reasonPhrase"] == "\\x1b[2J"
    assert len(members["why"]) == WHY_CHARACTERS


def test_nothing_is_null() -> None:
    for outcome in (reports.ringing(), reports.answered(), reports.failed(), reports.cancelled()):
        assert b"null" not in encoded(outcome_event(outcome, "id", "/topic"))
