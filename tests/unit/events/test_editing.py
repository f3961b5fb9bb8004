"""Events that were edited."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strowger.events import schema
from strowger.events.editing import FIXED, edited
from strowger.events.errors import EventInvalid

EVENT = schema.subscription_validation("e-1", "/t", "c0de", "https://localhost/", 0.0)
BEFORE: dict[str, Any] = json.loads(EVENT)


def test_what_may_change():
    after = BEFORE | {"subject": "other", "eventTime": "2026-01-01T00:00:00.0000000Z", "data": {"new": [1, None]}}
    assert json.loads(edited(EVENT, after, 1_000)) == after
    assert json.loads(edited(EVENT, BEFORE, 1_000)) == BEFORE
    assert list(json.loads(edited(EVENT, dict(reversed(BEFORE.items())), 1_000))) == list(BEFORE)


@pytest.mark.parametrize("name", FIXED)
def test_what_says_which_event_it_is_stays(name):
    with pytest.raises(EventInvalid, match=f"{name} says which event it is"):
        edited(EVENT, BEFORE | {name: "other"}, 1_000)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({name: value for name, value in BEFORE.items() if name != "subject"}, "subject is missing"),
        (BEFORE | {"extra": 1}, "an event has no 'extra'"),
        (BEFORE | {"data": "text"}, "data is an object"),
        (BEFORE | {"data": None}, "data is an object"),
        (BEFORE | {"subject": 1}, "subject is a text"),
    ],
)
def test_what_is_no_such_event(event, message):
    with pytest.raises(EventInvalid, match=message):
        edited(EVENT, event, 1_000)


def test_an_event_has_a_limit():
    size = len(edited(EVENT, BEFORE, 1_000))
    assert edited(EVENT, BEFORE, size)
    with pytest.raises(EventInvalid, match=f"it has {size} octets, and limits.event_bytes is {size - 1}"):
        edited(EVENT, BEFORE, size - 1)
