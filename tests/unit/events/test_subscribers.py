"""Who is told just now."""

from __future__ import annotations

import dataclasses

import pytest

from strowger.events.errors import SubscriptionInvalid
from strowger.events.filters import EventFilter
from strowger.events.retry import SCHEDULES, Profile
from strowger.events.subscribers import Subscriber, Subscribers
from strowger.events.subscription import Channel, Subscription

UNASKABLE = f"http://{'ö' * 70}.example/"


def subscription(name: str, resource: str = "dev", **changes) -> Subscription:
    return Subscription(resource, name, "http://localhost:9/", "/t", **changes)


def subscribers(*subscriptions: Subscription) -> Subscribers:
    made = Subscribers(SCHEDULES)
    for each in subscriptions:
        made.add(each)
    return made


def the(made: Subscribers, key: str) -> Subscriber:
    found = made.get(key)
    assert found is not None
    return found


def told(made: Subscribers, call) -> list[str]:
    return [each.key for each in made.told(call)]


def test_a_name_is_there_once_in_a_resource():
    made = subscribers(subscription("a"), subscription("a", "prod"))
    with pytest.raises(SubscriptionInvalid, match="name: dev/a is there twice"):
        made.add(subscription("a"))
    assert [each.subscription.key for each in made] == ["dev/a", "prod/a"]


def test_who_is_failed_or_paused_is_told_nothing(new_call):
    made = subscribers(subscription("a"), subscription("b"), subscription("c", is_paused=True))
    assert told(made, new_call()) == ["dev/a", "dev/b"]
    the(made, "dev/a").is_served = False
    the(made, "dev/b").is_paused = True
    the(made, "dev/c").is_paused = False
    assert told(made, new_call()) == ["dev/c"]
    assert told(made, new_call(resource="other")) == []


def test_a_changed_subscription_keeps_its_place_and_its_pause(new_call):
    made = subscribers(subscription("a"), subscription("b"))
    the(made, "dev/a").is_paused = True
    before = the(made, "dev/a")
    changed = dataclasses.replace(subscription("a"), profile=Profile.EVENT_GRID)
    after = made.replace(changed)
    assert (after.subscription, after.schedule) == (changed, SCHEDULES[Profile.EVENT_GRID])
    assert (after.is_paused, before.subscription.profile) == (True, Profile.TELEPHONY)
    assert [each.subscription.key for each in made] == ["dev/a", "dev/b"]
    the(made, "dev/a").is_paused = False
    assert told(made, new_call()) == ["dev/a", "dev/b"]
    made.replace(subscription("b", filter=EventFilter(subject_ends_with="nobody")))
    assert told(made, new_call()) == ["dev/a"]


def test_a_failover_has_a_target_of_its_own():
    made = subscribers(subscription("a"), subscription("b", failover_endpoint="http://localhost:10/"))
    assert the(made, "dev/a").failover is None
    failover = the(made, "dev/b").failover
    assert failover is not None
    assert (str(failover.url), failover.timeout_s) == ("http://localhost:10/", 3.0)


def test_nothing_remains_of_one_that_is_removed(new_call):
    made = subscribers(subscription("a"))
    before = the(made, "dev/a")
    assert made.remove("dev/a") is before
    assert made.remove("dev/a") is None
    assert (made.get("dev/a"), told(made, new_call()), made._of_resource) == (None, [], {})
    made.add(subscription("a"))
    assert told(made, new_call()) == ["dev/a"]


def test_an_endpoint_that_cannot_be_asked_changes_nothing(new_call):
    made = subscribers(subscription("a"))
    with pytest.raises(SubscriptionInvalid):
        made.add(dataclasses.replace(subscription("b"), endpoint=UNASKABLE))
    with pytest.raises(SubscriptionInvalid):
        made.replace(dataclasses.replace(subscription("a"), endpoint=UNASKABLE))
    assert told(made, new_call()) == ["dev/a"]


def test_who_listens_to_a_channel(new_call):
    own = subscription("own", channel=Channel.OUTCOMES)
    made = subscribers(subscription("a"), own, subscription("c", channel=Channel.OUTCOMES, is_paused=True))
    assert told(made, new_call()) == ["dev/a"], "what is told of outcomes is no application"
    assert [each.name for each in made.listening("dev", Channel.OUTCOMES)] == ["own"]
    assert [each.name for each in made.listening("dev", Channel.ACS)] == ["a"]
    assert list(made.listening("prod", Channel.ACS)) == []


def test_why_the_others_are_not_told(new_call):
    nobody = EventFilter(subject_ends_with="nobody")
    made = subscribers(
        *(subscription(name) for name in ("told", "failed")),
        subscription("paused", is_paused=True),
        subscription("outcomes", channel=Channel.OUTCOMES),
        subscription("filtered", filter=nobody),
        subscription("elsewhere", "prod"),
    )
    the(made, "dev/failed").is_served = False
    assert {each.subscription.name: why for each, why in made.judged(new_call())} == {
        "told": "",
        "failed": "its handshake failed: strowger subscription validate begins it anew",
        "paused": "it is paused: strowger subscription resume ends that",
        "outcomes": "its channel is outcomes: it is told of outcomes only",
        "filtered": "its filters: its subject does not end with subject_ends_with, 'nobody'",
    }
