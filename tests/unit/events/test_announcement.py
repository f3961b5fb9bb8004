"""An event that is too large loses what the caller chose, never the call."""

from __future__ import annotations

import json

from strowger.calls.identifier import from_raw_id
from strowger.events.announcement import EVENT_BYTES, Announcing, announce
from strowger.events.retry import SCHEDULES, Profile
from strowger.events.subscribers import Subscribers
from strowger.events.subscription import Subscription
from strowger.events.terms import DeliveryTerms


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


def test_an_entry_for_each_that_is_told_lives_as_its_profile_has_it(new_call):
    subscribers = Subscribers(SCHEDULES)
    subscribers.add(Subscription("dev", "quick", "http://localhost:9/", "/t"))
    terms = DeliveryTerms(time_to_live_s=600.0)
    subscribers.add(
        Subscription("dev", "lasting", "http://localhost:9/", "/t", profile=Profile.EVENT_GRID, terms=terms)
    )
    too_large: list[tuple[str, str]] = []
    announcing = Announcing(subscribers, SCHEDULES, lambda *told: too_large.append(told), EVENT_BYTES)
    call = new_call(expires_at=1_030.0)
    quick, lasting = announcing.entries(call, "ctx", 1_000.0)
    assert (quick.subscription, quick.expires_at, quick.outlives_hop) == ("dev/quick", 1_030.0, False)
    assert (lasting.subscription, lasting.expires_at, lasting.outlives_hop) == ("dev/lasting", 1_600.0, True)
    assert quick.body == lasting.body
    assert too_large == []
    assert announcing.entries(new_call(event_id=""), "ctx", 1_000.0) == ()
    announcing.entries(new_call(custom_headers={"X-A": "1" * EVENT_BYTES}), "ctx", 1_000.0)
    assert too_large == [(call.call_id, "custom headers")]
