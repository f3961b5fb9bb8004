"""Who is told of a report, for how long, and what is left out when there is no room."""

from __future__ import annotations

import itertools
import json
from typing import Any

from msgspec.structs import replace

from strowger.calls.call import Branch
from strowger.calls.reports import Report
from strowger.events.filters import EventFilter
from strowger.events.reporting import Reporting
from strowger.events.retry import SCHEDULES, Profile
from strowger.events.subscribers import Subscribers
from strowger.events.subscription import Channel, Subscription
from strowger.events.terms import DeliveryTerms
from tests.support import reports

OUTCOMES, ACS = Channel.OUTCOMES, Channel.ACS
INCOMING_ONLY = EventFilter(event_types=["Microsoft.Communication.IncomingCall"])


class Bench:
    def __init__(self, *subscriptions: Subscription, event_bytes: int = 32_768) -> None:
        subscribers = Subscribers(SCHEDULES)
        for each in subscriptions:
            subscribers.add(each)
        self.subscribers = subscribers
        self.too_large: list[tuple[str, str]] = []
        self.reporting = Reporting(
            subscribers,
            map("id-{}".format, itertools.count()).__next__,
            lambda call_id, what: self.too_large.append((call_id, what)),
            event_bytes=event_bytes,
            kept_for_s=60.0,
        )

    def told(self, *told_of: Report) -> list[tuple[str, str]]:
        """Who gets which event."""
        entries = self.reporting.entries(told_of, 1_000.0)
        return [(entry.subscription, json.loads(entry.body)["eventType"]) for entry in entries]


def subscription(name: str, channel: Channel = OUTCOMES, **more: Any) -> Subscription:
    return Subscription("dev", name, "http://localhost:9/", "/topic", channel=channel, **more)


def test_each_channel_has_its_own_events() -> None:
    bench = Bench(subscription("acs", ACS), subscription("own"))
    assert bench.told(reports.failed()) == [("dev/own", "Strowger.Redirect.Failed")]
    assert bench.told(reports.began(), reports.ended()) == [
        ("dev/acs", f"Microsoft.Communication.{name}")
        for name in ("CallStarted", *["CallParticipantAdded"] * 2, *["CallParticipantRemoved"] * 2, "CallEnded")
    ]


def test_an_entry_has_a_time_of_its_own() -> None:
    (entry,) = Bench(subscription("own")).reporting.entries([reports.failed()], 1_000.0)
    assert (entry.event_id, entry.subscription, entry.call_id) == ("id-0", "dev/own", reports.CALL_ID)
    assert (entry.created_at, entry.expires_at, entry.outlives_hop) == (1_000.0, 1_060.0, True)


def test_with_the_published_schedule_it_is_the_time_to_live_of_the_subscription() -> None:
    patient = subscription("own", profile=Profile.EVENT_GRID, terms=DeliveryTerms(time_to_live_s=600.0))
    (entry,) = Bench(patient).reporting.entries([reports.failed()], 1_000.0)
    assert entry.expires_at == 1_600.0


def test_every_subscription_gets_the_same_event() -> None:
    entries = Bench(subscription("one"), subscription("two")).reporting.entries([reports.failed()], 1_000.0)
    assert [entry.subscription for entry in entries] == ["dev/one", "dev/two"]
    assert len({(entry.event_id, entry.body) for entry in entries}) == 1


def test_filters_hold_here_too() -> None:
    bench = Bench(
        subscription("calls", ACS, filter=INCOMING_ONLY),
        subscription("failed", filter=EventFilter(event_types=["strowger.redirect.failed"])),
        subscription("other", filter=EventFilter(subject_ends_with="/target/4:+1")),
    )
    assert bench.told(reports.failed(), reports.answered(), reports.began()) == [
        ("dev/failed", "Strowger.Redirect.Failed")
    ]


def test_nobody_of_another_resource_or_paused_is_told() -> None:
    other = Subscription("prod", "own", "http://localhost:9/", "/topic", channel=OUTCOMES)
    bench = Bench(other, subscription("paused", is_paused=True))
    assert bench.told(reports.failed()) == []


def test_nothing_is_composed_that_nobody_listens_to() -> None:
    def never() -> str:
        raise AssertionError("an event was made")

    reporting = Reporting(Bench(subscription("own")).subscribers, never, lambda *told: None, event_bytes=1)
    assert reporting.entries([reports.began(), reports.ended()], 0.0) == ()


def test_an_outcome_with_too_many_branches_loses_the_first_ones() -> None:
    call = reports.failed().call
    joined = tuple(Branch(f"sip:{number:0100d}@b.test", "b") for number in range(40))
    hop = replace(call.hops[1], joined=joined)
    outcome = replace(reports.failed(), call=replace(call, hops=[call.hops[0], hop]))
    bench = Bench(subscription("own"), event_bytes=8_192)
    (entry,) = bench.reporting.entries([outcome], 1_000.0)
    members = json.loads(entry.body)["data"]
    left_out = members["branchesLeftOut"]
    assert 0 < left_out < 41
    assert len(members["branches"]) == 41 - left_out
    assert members["branches"][-1]["number"] == 40
    assert len(entry.body) <= 8_192
    assert bench.too_large == [(reports.CALL_ID, f"{left_out} of 41 branches")]


def test_what_is_too_large_all_the_same_is_not_sent() -> None:
    bench = Bench(subscription("own"), subscription("acs", ACS), event_bytes=100)
    assert bench.told(reports.failed(), reports.began()) == []
    assert bench.too_large[0] == (reports.CALL_ID, "2 of 2 branches")
    assert {what for _, what in bench.too_large[1:]} == {"everything: its identifiers alone are too long"}
