"""What is written must have an effect: a row that can do nothing is a mistake of somebody who relies on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from strowger.settings.group import named
from strowger.settings.problem import Problem
from strowger.settings.row import default_of
from strowger.settings.rows import Settings

_OF_EVENT_GRID: Final = ("max_delivery_attempts", "event_time_to_live")


def effects(settings: Settings) -> Iterator[Problem]:
    """Every row that the rows beside it leave without an effect."""
    yield from _subscriptions(settings)
    yield from _numbers(settings)
    yield from _group_times(settings)
    yield from _limits(settings)


def _subscriptions(settings: Settings) -> Iterator[Problem]:
    for index, each in enumerate(settings.subscriptions):
        path = f"$.subscription[{index}]"
        for name in _OF_EVENT_GRID:
            if each.delivery == "push" and each.profile != "event-grid" and _is_written(each, name):
                hint = 'leave it out, or write profile = "event-grid"'
                yield Problem(f"{path}.{name}", f'this is not for profile = "{each.profile}"', hint)
        if each.failover_endpoint and each.failover_endpoint == each.endpoint:
            yield Problem(f"{path}.failover_endpoint", "this is the endpoint itself", "name another, or leave it out")


def _numbers(settings: Settings) -> Iterator[Problem]:
    for index, each in enumerate(settings.numbers):
        if not each.default and _is_written(each, "default_after"):
            yield Problem(f"$.number[{index}].default_after", "there is no default that could hold", "give default")


def _group_times(settings: Settings) -> Iterator[Problem]:
    budget_s = settings.limits.ring_budget
    hint = "lower it, or raise limits.ring_budget"
    for index, each in enumerate(settings.groups):
        path = f"$.group[{index}]"
        if each.mode == "all":
            if _is_written(each, "member_time"):
                yield Problem(f"{path}.member_time", 'this is not for mode "all"', "all ring for limits.ring")
            continue
        if each.member_time > budget_s and _is_written(each, "member_time"):
            yield Problem(f"{path}.member_time", "this is longer than limits.ring_budget", hint)
        for position, (_, time_s) in enumerate(map(named, each.members)):
            if time_s is not None and time_s > budget_s:
                yield Problem(f"{path}.members[{position}]", "its time is longer than limits.ring_budget", hint)


def _limits(settings: Settings) -> Iterator[Problem]:
    limits = settings.limits
    if limits.pull_keep_alive > limits.pull_stream:
        hint = "a stream that ends before is never kept alive"
        yield Problem("$.limits.pull_keep_alive", "this is longer than pull_stream", hint)
    for index, each in enumerate(settings.outside):
        if each.assumed_call > each.longest_call and each.longest_call:
            hint = "no call counts longer than that"
            yield Problem(f"$.outside[{index}].assumed_call", "this is longer than longest_call", hint)


def _is_written(table: Any, name: str) -> bool:
    """Who writes the default says nothing that could be wrong."""
    return bool(getattr(table, name) != default_of(type(table), name))
