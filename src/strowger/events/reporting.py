"""Which events tell of a report, and to whom: for each subscription that wants them an outbox entry. Pure.

These events only report. They are tried for a time of their own, whatever becomes of the call meanwhile, and nothing
that an endpoint answers to them decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from strowger.calls.ports import OutboxEntry
from strowger.calls.reports import CallBegan, RedirectOutcome, Report
from strowger.events import call_events
from strowger.events.envelope import Event, encoded, filterable
from strowger.events.redirect_outcome import branches_of, outcome_event
from strowger.events.retry import Profile
from strowger.events.subscribers import Subscribers
from strowger.events.subscription import Channel, Subscription

KEPT_FOR_S: Final = 3_600.0
"""How long one is tried by the profile telephony; the default of the setting."""

TooLarge = Callable[[str, str], None]
"""Told the id of a call, and what its event left out."""


class Reporting:
    """Makes outbox entries of reports."""

    def __init__(
        self,
        subscribers: Subscribers,
        new_id: Callable[[], str],
        too_large: TooLarge,
        *,
        event_bytes: int,
        kept_for_s: float = KEPT_FOR_S,
    ) -> None:
        self._subscribers = subscribers
        self._new_id = new_id
        self._too_large = too_large
        self._event_bytes = event_bytes
        self._kept_for_s = kept_for_s

    def entries(self, reports: Sequence[Report], wall: float) -> tuple[OutboxEntry, ...]:
        """What is to be sent of these reports, in their order; nothing is composed that nobody listens to."""
        return tuple(entry for report in reports for entry in self._entries(report, wall))

    def _entries(self, report: Report, wall: float) -> Iterator[OutboxEntry]:
        channel = Channel.OUTCOMES if isinstance(report, RedirectOutcome) else Channel.ACS
        call = report.call
        listening = tuple(self._subscribers.listening(call.resource, channel))
        topics = dict.fromkeys(subscription.topic for subscription in listening)  # a resource has one
        for topic in topics:
            concerned = [subscription for subscription in listening if subscription.topic == topic]
            for event, body in self._written(report, topic):
                for subscription in _wanting(concerned, event):
                    until = wall + self._lives_s(subscription)
                    yield OutboxEntry(event.id, subscription.key, call.call_id, body, wall, until, outlives_hop=True)

    def _lives_s(self, subscription: Subscription) -> float:
        is_as_published = subscription.profile is Profile.EVENT_GRID
        return subscription.terms.time_to_live_s if is_as_published else self._kept_for_s

    def _written(self, report: Report, topic: str) -> Iterator[tuple[Event, bytes]]:
        if isinstance(report, RedirectOutcome):
            events = [self._fitting(report, topic)]
        elif isinstance(report, CallBegan):
            events = call_events.began(report, self._new_id, topic)
        else:
            events = call_events.ended(report, self._new_id, topic)
        for event in events:
            body = encoded(event)
            if len(body) <= self._event_bytes:
                yield event, body
            else:
                self._too_large(report.call.call_id, "everything: its identifiers alone are too long")

    def _fitting(self, outcome: RedirectOutcome, topic: str) -> Event:
        """The event of an outcome, with as many of its last branches as there is room for."""
        event_id, left_out, branches = self._new_id(), 0, branches_of(outcome)
        event = outcome_event(outcome, event_id, topic)
        while left_out < branches and len(encoded(event)) > self._event_bytes:
            left_out += max(1, (branches - left_out) // 4)
            event = outcome_event(outcome, event_id, topic, left_out)
        if left_out:
            self._too_large(outcome.call.call_id, f"{left_out} of {branches} branches")
        return event


def _wanting(subscriptions: Iterable[Subscription], event: Event) -> list[Subscription]:
    """Those whose filters an event passes."""
    seen = None
    wanting: list[Subscription] = []
    for subscription in subscriptions:
        if not subscription.filter.is_open:
            seen = seen or filterable(event)
            if not subscription.filter.matches(seen):
                continue
        wanting.append(subscription)
    return wanting
