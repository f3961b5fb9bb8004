"""What subscriptions would be told of a call, sent to nobody."""

from __future__ import annotations

from typing import Any

import pytest

from strowger.calls.call import Branch, BranchReport, Call, Hop, Opening, State
from strowger.calls.identifier import phone_number
from strowger.calls.reports import RedirectOutcome, Result
from strowger.events.announcement import EVENT_BYTES
from strowger.events.delivery_headers import Header
from strowger.events.filters import EventFilter
from strowger.events.foretelling import CONTEXT, EVENT_ID, HIDDEN, Foretelling
from strowger.events.handshake import State as Handshake
from strowger.events.retry import SCHEDULES
from strowger.events.subscribers import Subscribers
from strowger.events.subscription import Channel, DeliveryMode, Schema, Subscription

WALL = 1_767_225_600.0
LEAST = 700
"""Octets that the event of `a_call` fits in without its custom headers."""
STATES = {"dev/slow": (Handshake.PENDING, "refused")}


def a_call() -> Call:
    hop = Hop(phone_number("+31201110001"), WALL, WALL + 30.0, "event-1")
    headers = {"X-Shop": "seven"}
    return Call("call-1", "dev", phone_number("+31612345678"), "Carol", WALL, [hop], State.HELD, custom_headers=headers)


def foretelling(*subscriptions: Subscription, event_bytes: int = EVENT_BYTES) -> Foretelling:
    subscribers = Subscribers(SCHEDULES)
    for each in subscriptions:
        subscribers.add(each)
    return Foretelling(subscribers, lambda: STATES, event_bytes=event_bytes)


def subscription(name: str, **changes: Any) -> Subscription:
    return Subscription("dev", name, changes.pop("endpoint", "https://u:p@app.test/events?code=x"), "/topic", **changes)


def test_an_event_as_it_would_be_posted_without_its_secrets() -> None:
    whole = subscription(
        "app",
        headers=(Header("X-Key", "geheim"),),
        headers_from=(Header("X-From", "data.from.rawId"),),
        signing_secrets=(b"s" * 32,),
    )
    made = foretelling(whole)
    assert made.is_told(a_call())
    (told,) = made.told(a_call(), WALL)
    assert (told.subscription, told.endpoint, told.why_not, told.note) == ("app", "https://app.test/events", "", "")
    assert (told.channel, told.schema, told.delivery) == ("acs", "event-grid", "push")
    assert told.headers == {
        "X-Key": HIDDEN,
        "X-From": "4:+31612345678",
        "Content-Type": "application/json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "APP",
        "aeg-data-version": "1.0",
        "aeg-metadata-version": "1",
        "aeg-delivery-count": "0",
        "aeg-output-event-id": "event-1",
        "webhook-id": "event-1",
        "webhook-timestamp": "1767225600",
        "webhook-signature": HIDDEN,
    }
    (event,) = told.body
    assert (event["id"], event["topic"], event["eventTime"]) == ("event-1", "/topic", "2026-01-01T00:00:00.0000000Z")
    assert event["data"]["incomingCallContext"] == CONTEXT
    assert event["data"]["customContext"]["sipHeaders"] == {"X-Shop": "seven"}
    assert "geheim" not in str(told)


def test_each_schema_and_way_of_delivery_has_its_own_shape() -> None:
    made = foretelling(
        subscription("cloud", schema=Schema.CLOUD_EVENTS),
        subscription("fetched", endpoint="", delivery=DeliveryMode.PULL),
    )
    cloud, fetched = made.told(a_call(), WALL)
    assert (cloud.body["specversion"], cloud.body["type"]) == ("1.0", "Microsoft.Communication.IncomingCall")
    assert (fetched.body["eventType"], fetched.headers) == ("Microsoft.Communication.IncomingCall", {})
    assert (fetched.endpoint, fetched.delivery) == ("", "pull")


def test_who_is_not_told_and_who_would_have_to_wait() -> None:
    made = foretelling(
        subscription("paused", is_paused=True),
        subscription("filtered", filter=EventFilter(subject_ends_with="2")),
        subscription("slow"),
    )
    paused, filtered, slow = made.told(a_call(), WALL)
    assert paused.why_not == "it is paused: strowger subscription resume ends that"
    assert filtered.why_not == "its filters: its subject does not end with subject_ends_with, '2'"
    assert filtered.body is None
    assert (slow.why_not, slow.note) == ("", "its handshake is pending: the event waits until the endpoint consents")


@pytest.mark.parametrize(
    ("event_bytes", "note"), [(EVENT_BYTES, ""), (LEAST, "too large for: custom headers"), (100, "")]
)
def test_an_event_that_is_too_large(event_bytes: int, note: str) -> None:
    (told,) = foretelling(subscription("app"), event_bytes=event_bytes).told(a_call(), WALL)
    assert told.note == note
    assert bool(told.why_not) == (event_bytes == 100)


def test_an_outcome_that_is_too_large_says_so_of_itself_only() -> None:
    call = a_call()
    call.hops.append(Hop(phone_number("+31612345679"), WALL, WALL + 60.0, opening=Opening.REDIRECT))
    call.hop.joined = tuple(Branch(f"sip:{number}@192.0.2.1") for number in range(60))
    call.hop.branch_reports = tuple(BranchReport(number, WALL, WALL + 1, 486, "Busy") for number in range(60))
    outcome = RedirectOutcome(Result.FAILED, call, 1, 1, WALL, 480)
    made = foretelling(subscription("outcomes", channel=Channel.OUTCOMES), event_bytes=4_000)
    (large,) = made.reported([outcome], WALL)
    assert large.note.startswith("too large for: ")
    call.hop.joined, call.hop.branch_reports = (), ()
    (small,) = made.reported([outcome], WALL)
    assert small.note == ""


def test_outcomes_are_for_their_own_channel() -> None:
    call = a_call()
    call.hops.append(Hop(phone_number("+31612345679"), WALL, WALL + 60.0, opening=Opening.REDIRECT))
    outcome = RedirectOutcome(Result.FAILED, call, 1, 1, WALL, 480, "Temporarily Unavailable", why="nobody answered")
    made = foretelling(subscription("app"), subscription("outcomes", channel=Channel.OUTCOMES))
    (told,) = made.reported([outcome], WALL)
    assert (told.subscription, told.body[0]["id"]) == ("outcomes", EVENT_ID)
    assert told.body[0]["eventType"] == "Strowger.Redirect.Failed"
