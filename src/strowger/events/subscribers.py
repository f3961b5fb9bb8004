"""Who is told: the subscriptions that there are just now, and what an attempt needs of each.

They come, change and go while the server runs; an attempt keeps the `Subscriber` it began with. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from strowger.calls.call import Call
from strowger.events import request
from strowger.events.errors import SubscriptionInvalid
from strowger.events.pace import Pace
from strowger.events.retry import Profile, Schedule
from strowger.events.subscription import Channel, Subscription
from strowger.events.throttle import Throttle
from strowger.events.webhook import Target


class Subscriber:
    """One subscription as it is just now. Raises `SubscriptionInvalid` for an endpoint that cannot be asked."""

    __slots__ = (
        "failover", "failover_pace", "failures", "is_paused", "is_served", "schedule", "subscription", "target",
    )  # fmt: skip

    target: Target
    """Only of one whose events are posted."""

    def __init__(self, subscription: Subscription, schedule: Schedule) -> None:
        self.subscription = subscription
        self.schedule = schedule
        self.failover: Target | None = None
        """Where its events go when its endpoint is in trouble."""
        self.failover_pace: Pace | None = None
        """How fast that may be sent requests; None for as fast as it takes them. The endpoint's is kept by its lane."""
        if not subscription.is_pull:
            self.target = Target(subscription, schedule.timeout_s, request.shared_headers(subscription))
        failover, timeout_s = subscription.failover, schedule.timeout_s
        if failover is not None:
            self.failover = Target(failover, timeout_s, request.shared_headers(failover))
        self.failures = Throttle()
        self.is_served = True
        """False once its handshake failed for good."""
        self.is_paused = subscription.is_paused
        """Whether an operator wants it to be told nothing for now."""

    def farewell_target(self) -> Target:
        """Where it is told that it is gone, with the headers of every request."""
        return Target(self.subscription, self.schedule.timeout_s, request.fixed_headers(self.subscription))

    @property
    def is_told(self) -> bool:
        """Whether new events are for it: who is failed or paused is nobody."""
        return self.is_served and not self.is_paused


class Removed(NamedTuple):
    """What became of one that was removed."""

    dropped: int
    """Events that were on their way to it."""
    is_told: bool
    """Whether its endpoint is told."""


class Subscribers:
    """All of them, by key and by resource, in the order in which they came."""

    def __init__(self, schedules: Mapping[Profile, Schedule]) -> None:
        self._schedules = schedules
        self._by_key: dict[str, Subscriber] = {}
        self._of_resource: dict[str, dict[str, Subscriber]] = {}

    def __iter__(self) -> Iterator[Subscriber]:
        return iter(tuple(self._by_key.values()))

    def get(self, key: str) -> Subscriber | None:
        """The one called `resource/name`."""
        return self._by_key.get(key)

    def add(self, subscription: Subscription) -> Subscriber:
        """A new one. Raises `SubscriptionInvalid` where its resource has one of this name."""
        if subscription.key in self._by_key:
            raise SubscriptionInvalid(f"name: {subscription.key} is there twice")
        return self._put(subscription)

    def replace(self, subscription: Subscription) -> Subscriber:
        """The same one, changed, in its old place; it stays paused if it was. Raises `SubscriptionInvalid`."""
        before = self._by_key[subscription.key]
        changed = self._put(subscription)
        changed.is_served, changed.is_paused = before.is_served, before.is_paused
        changed.failover_pace = before.failover_pace
        return changed

    def remove(self, key: str) -> Subscriber | None:
        """The one that is gone now; None when there was none."""
        subscriber = self._by_key.pop(key, None)
        if subscriber is not None:
            resource = subscriber.subscription.resource
            del self._of_resource[resource][key]
            if not self._of_resource[resource]:
                del self._of_resource[resource]
        return subscriber

    def told(self, call: Call) -> Iterator[Subscription]:
        """Whom the IncomingCall of the call's current hop is for: those whose filters it passes."""
        topic, event = None, dict[str, object]()
        for subscriber in self._of_resource.get(call.resource, {}).values():
            subscription = subscriber.subscription
            if not subscriber.is_told or subscription.channel is not Channel.ACS:
                continue
            if subscription.filter.is_open:
                yield subscription
                continue
            if subscription.topic != topic:
                topic, event = subscription.topic, request.filterable(call, subscription.topic)
            if subscription.filter.matches(event):
                yield subscription

    def judged(self, call: Call) -> Iterator[tuple[Subscriber, str]]:
        """Every subscription of the call's resource, and why the IncomingCall of its current hop is not for it; empty
        for those whom it is for.
        """
        told = {subscription.key for subscription in self.told(call)}
        for subscriber in self._of_resource.get(call.resource, {}).values():
            is_told = subscriber.subscription.key in told
            yield subscriber, "" if is_told else _why_not(subscriber, call)

    def listening(self, resource: str, channel: Channel) -> Iterator[Subscription]:
        """Whom events of a channel may be for, whatever their filters say."""
        for subscriber in self._of_resource.get(resource, {}).values():
            if subscriber.is_told and subscriber.subscription.channel is channel:
                yield subscriber.subscription

    def _put(self, subscription: Subscription) -> Subscriber:
        subscriber = Subscriber(subscription, self._schedules[subscription.profile])
        self._by_key[subscription.key] = subscriber
        self._of_resource.setdefault(subscription.resource, {})[subscription.key] = subscriber
        return subscriber


def _why_not(subscriber: Subscriber, call: Call) -> str:
    subscription = subscriber.subscription
    if not subscriber.is_served:
        return "its handshake failed: strowger subscription validate begins it anew"
    if subscriber.is_paused:
        return "it is paused: strowger subscription resume ends that"
    if subscription.channel is not Channel.ACS:
        return f"its channel is {subscription.channel}: it is told of outcomes only"
    return f"its filters: {subscription.filter.why_not(request.filterable(call, subscription.topic))}"
