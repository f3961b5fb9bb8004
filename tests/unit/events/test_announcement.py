"""An event that is too large loses what the caller chose, never the call."""

from __future__ import annotations

import json

from strowger.calls.identifier import from_raw_id
from strowger.events.announcement import EVENT_BYTES, announce


def test_an_ordinary_event_is_complete(new_call):
    body, left_out = announce(new_call(display_name="Ann", custom_headers={"X-A": "1"}), "ctx", "/t", 0.0, EVENT_BYTES)
    assert left_out == ""
    assert json.loads(body)["data"]["callerDisplayName"] == "Ann"
    assert json.loads(body)["data"]["customContext"]["sipHeaders"] == {"X-A": "1"}


def test_the_limit_is_met_to_the_byte(new_call):
    call = new_call(custom_headers={"X-A": "1"})
    size = len(announce(call, "ctx", "/t", 0.0, EVENT_BYTES).body)
    assert announce(call, "ctx", "/t", 0.0, size).left_out == ""
    assert announce(call, "ctx", "/t", 0.0, size - 1).left_out == "custom headers"


def test_custom_headers_go_first(new_call):
    call = new_call(display_name="Ann", custom_headers={"X-A": "1" * EVENT_BYTES})
    body, left_out = announce(call, "ctx", "/t", 0.0, EVENT_BYTES)
    assert left_out == "custom headers"
    assert json.loads(body)["data"]["customContext"] == {"sipHeaders": {}, "voipHeaders": {}}
    assert json.loads(body)["data"]["callerDisplayName"] == "Ann"


def test_then_the_display_name(new_call):
    call = new_call(display_name="\x00" * 8_000, custom_headers={"X-A": "1"})
    body, left_out = announce(call, "ctx", "/t", 0.0, EVENT_BYTES)
    assert left_out == "custom headers and display name"
    assert json.loads(body)["data"]["callerDisplayName"] == ""


def test_identifiers_alone_can_be_too_long(new_call):
    body, left_out = announce(new_call(caller=from_raw_id("4:" + "\x01" * 2_048)), "ctx", "/t", 0.0, EVENT_BYTES)
    assert body == b""
    assert left_out == "everything: its identifiers alone are too long"
