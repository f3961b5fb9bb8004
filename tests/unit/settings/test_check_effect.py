"""Rows without an effect, found by strowger.settings.check_effect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strowger.settings import Group, Limits, Number, Outside, Settings, Subscription
from strowger.settings.check_effect import effects

APP = Subscription(resource="dev", name="app", endpoint="https://app.example/events")
TEAM = Group(id="bob", members=("alice",))
NUMBER = Number(resource="dev", e164="+31201110001")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), []),
        (
            Settings(subscriptions=(replace(APP, max_delivery_attempts=3),)),
            [
                '$.subscription[0].max_delivery_attempts: this is not for profile = "telephony" '
                '(leave it out, or write profile = "event-grid")'
            ],
        ),
        (
            Settings(subscriptions=(replace(APP, event_time_to_live=60.0),)),
            [
                '$.subscription[0].event_time_to_live: this is not for profile = "telephony" '
                '(leave it out, or write profile = "event-grid")'
            ],
        ),
        (
            Settings(
                subscriptions=(
                    replace(APP, profile="event-grid", max_delivery_attempts=3, event_time_to_live=60.0),
                )
            ),
            [],
        ),
        (
            Settings(subscriptions=(replace(APP, failover_endpoint=APP.endpoint),)),
            ["$.subscription[0].failover_endpoint: this is the endpoint itself (name another, or leave it out)"],
        ),
        (
            Settings(numbers=(replace(NUMBER, default_after=5.0),)),
            ["$.number[0].default_after: there is no default that could hold (give default)"],
        ),
        (Settings(numbers=(replace(NUMBER, default="reject:480", default_after=5.0),)), []),
        (
            Settings(groups=(replace(TEAM, member_time=5.0),)),
            ['$.group[0].member_time: this is not for mode "all" (all ring for limits.ring)'],
        ),
        (Settings(groups=(replace(TEAM, mode="in-order", member_time=180.0),)), []),
        (
            Settings(groups=(replace(TEAM, mode="in-order", member_time=180.1),)),
            ["$.group[0].member_time: this is longer than limits.ring_budget (lower it, or raise limits.ring_budget)"],
        ),
        (
            Settings(groups=(Group(id="bob", mode="in-order", members=("alice@3m", "bob@181s")),)),
            [
                "$.group[0].members[1]: its time is longer than limits.ring_budget "
                "(lower it, or raise limits.ring_budget)"
            ],
        ),
        (Settings(limits=Limits(pull_keep_alive=3_600.0, pull_stream=3_600.0)), []),
        (
            Settings(limits=Limits(pull_keep_alive=3_600.1, pull_stream=3_600.0)),
            [
                "$.limits.pull_keep_alive: this is longer than pull_stream "
                "(a stream that ends before is never kept alive)"
            ],
        ),
        (Settings(outside=(Outside(assumed_call=60.0, longest_call=60.0),)), []),
        (
            Settings(outside=(Outside(assumed_call=60.1, longest_call=60.0),)),
            ["$.outside[0].assumed_call: this is longer than longest_call (no call counts longer than that)"],
        ),
    ],
)
def test_a_row_without_an_effect(settings: Settings, expected: list[str]) -> None:
    assert [str(each) for each in effects(settings)] == expected
