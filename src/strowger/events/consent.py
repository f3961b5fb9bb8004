"""Whose events may be sent just now: those of an endpoint that consented, itself or its failover, and is not paused.

Joins the handshakes with the lanes of the outbox: a lane is open as long as this holds. Who failed for good gets
nothing that waits, and is asked again by `again` alone. Whose events are fetched has no part in it: who fetches
consents.
"""

from __future__ import annotations

from collections.abc import Callable

from strowger.events.conclusion import Conclusions
from strowger.events.dead_letters import DeadReason
from strowger.events.handshake import State
from strowger.events.outbox import Outbox
from strowger.events.pace import Pace
from strowger.events.subscribers import Subscriber, Subscribers
from strowger.events.subscription import Subscription
from strowger.events.validation import Settled, Validation


class Consent:
    """The consent of all endpoints that events are posted to.

    `validation` makes the handshakes, told whom to tell when one of them is settled.
    """

    def __init__(
        self,
        subscribers: Subscribers,
        outbox: Outbox,
        conclusions: Conclusions,
        validation: Callable[[Settled], Validation],
    ) -> None:
        self._subscribers = subscribers
        self._outbox = outbox
        self._conclusions = conclusions
        self.handshakes = validation(self._settled)
        """To be advanced and asked by whoever has the time."""
        self.is_running = False
        """Whether a handshake that fails says something of the endpoint; else it was cut off by our own stop."""

    def begin(self, subscription: Subscription) -> None:
        """A new one: its events wait until it consents."""
        self._outbox.add_lane(subscription.key, subscription.terms.batch)
        self._ask(subscription)
        self._ask(subscription.failover)

    def end(self, subscription: Subscription) -> State | None:
        """Forget the handshakes of one; how far it had come."""
        self.handshakes.remove(subscription.failover_key)
        return self.handshakes.remove(subscription.key)

    def change(self, before: Subscription, after: Subscription) -> None:
        """The same one, changed: each of its endpoints that could tell the difference is asked anew."""
        self._outbox.change_lane(after.key, after.terms.batch)
        if before.failover != after.failover:
            self.handshakes.remove(after.failover_key)
            self._ask(after.failover)
        if after.is_asked_like(before):
            self.handshakes.replace(after)
            self._follow(self._known(after.key))
        else:
            self.again(after.key)

    def again(self, key: str) -> None:
        """Begin its handshake anew, whatever came of the last one; until it consents, its events wait."""
        subscriber = self._known(key)
        self._ask(subscriber.subscription)
        self._follow(subscriber)

    def set_paused(self, subscriber: Subscriber) -> None:
        """An operator paused it, or resumed it: `is_paused` says which."""
        if subscriber.is_paused:
            self._outbox.shut_lane(subscriber.subscription.key)
        else:
            self._open_lane(subscriber)

    def retire(self, subscriber: Subscriber) -> None:
        """Its endpoint says that it is gone: nothing more is sent there until it consents anew."""
        key = subscriber.subscription.key
        if self._subscribers.get(key) is subscriber and self.handshakes.consents(key):
            self.again(key)

    def _known(self, key: str) -> Subscriber:
        subscriber = self._subscribers.get(key)
        assert subscriber is not None
        return subscriber

    def _ask(self, subscription: Subscription | None) -> None:
        if subscription is not None:
            self.handshakes.add(subscription)

    def _settled(self, subscription: Subscription, *, is_valid: bool) -> None:
        subscriber = self._subscribers.get(f"{subscription.resource}/{subscription.name}")
        if subscriber is None:
            return
        if is_valid:
            rate = self.handshakes.allowed_rate(subscription.key)
            if subscription.is_failover:
                subscriber.failover_pace = Pace(rate) if rate else None
            else:
                self._outbox.pace(subscription.key, rate)
        self._follow(subscriber)

    def _follow(self, subscriber: Subscriber) -> None:
        """Do with what waits for it as its endpoints have it by now."""
        key = subscriber.subscription.key
        if self._may_come(subscriber.subscription):
            subscriber.is_served = True
            self._outbox.shut_lane(key)
            self._open_lane(subscriber)
        elif self.is_running:
            subscriber.is_served = False
            for entry in self._outbox.discard(key):
                self._conclusions.dropped(entry, DeadReason.UNSUBSCRIBED, "its subscription failed")

    def _may_come(self, subscription: Subscription) -> bool:
        """Whether its endpoint, or its failover, is valid or may yet be."""
        return any(self.handshakes.state(key) is not State.FAILED for key in _keys(subscription))

    def _open_lane(self, subscriber: Subscriber) -> None:
        subscription = subscriber.subscription
        if not subscriber.is_paused and any(self.handshakes.consents(key) for key in _keys(subscription)):
            self._outbox.open(subscription.key)


def _keys(subscription: Subscription) -> list[str]:
    return [subscription.key, *([subscription.failover_key] if subscription.failover_endpoint else [])]
