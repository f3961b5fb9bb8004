"""What every subscription of a resource would be told of a call, and why the others would not: made by the code that
writes real events, and sent to nobody. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from strowger.calls.call import Call
from strowger.calls.ports import OutboxEntry
from strowger.calls.reports import Report
from strowger.events import request
from strowger.events.announcement import announce
from strowger.events.handshake import State
from strowger.events.reporting import Reporting
from strowger.events.subscribers import Subscriber, Subscribers

CONTEXT: Final = "(made anew for each event)"
"""Stands for the incomingCallContext: one that holds would be a key to a call."""
EVENT_ID: Final = "00000000-0000-4000-8000-000000000000"
"""Stands for the id of an event that reports."""
HIDDEN: Final = "(not shown)"
"""Stands for the value of a header that the settings give, or that signs."""
SIGNATURE: Final = "webhook-signature"


class Foretold(NamedTuple):
    """One subscription, and one event."""

    subscription: str
    channel: str
    schema: str
    delivery: str
    endpoint: str
    """Without user information and query; empty for one whose events are fetched."""
    why_not: str
    """Why it would not be told; empty when it would."""
    note: str = ""
    """What keeps the event waiting, though it would be told."""
    headers: Mapping[str, str] = {}
    """Those of the first attempt, secrets left out."""
    body: Any = None
    """What would be sent, read as JSON; None where nothing is."""


class Foretelling:
    """Implements `calls.rehearsal.Foreteller`."""

    def __init__(
        self,
        subscribers: Subscribers,
        states: Callable[[], Mapping[str, tuple[State, str]]],
        *,
        event_bytes: int,
    ) -> None:
        """`states` has each subscription's handshake by its key."""
        self._subscribers = subscribers
        self._states = states
        self._event_bytes = event_bytes
        self._left_out = ""
        """What the events of these reports had to leave out."""
        self._reporting = Reporting(subscribers, lambda: EVENT_ID, self._too_large, event_bytes=event_bytes)

    def is_told(self, call: Call) -> bool:
        """Whether anybody would be told of the IncomingCall of the call's current hop."""
        return any(self._subscribers.told(call))

    def told(self, call: Call, wall: float) -> list[Foretold]:
        """Who would be told of it and what, and who would not."""
        return [
            _passed_over(subscriber, why_not) if why_not else self._incoming_call(subscriber, call, wall)
            for subscriber, why_not in self._subscribers.judged(call)
        ]

    def reported(self, reports: Sequence[Report], wall: float) -> list[Foretold]:
        """Who would be told of these facts, and what."""
        return list(self._reported(reports, wall))

    def _reported(self, reports: Sequence[Report], wall: float) -> Iterator[Foretold]:
        self._left_out = ""
        for entry in self._reporting.entries(reports, wall):
            subscriber = self._subscribers.get(entry.subscription)
            if subscriber is not None:
                yield self._sent(subscriber, entry, wall, self._left_out)

    def _incoming_call(self, subscriber: Subscriber, call: Call, wall: float) -> Foretold:
        body, left_out = announce(call, CONTEXT, subscriber.subscription.topic, wall, self._event_bytes)
        if not body:
            return _passed_over(subscriber, f"the event is too large without {left_out}")
        event_id, key = call.hop.event_id, subscriber.subscription.key
        entry = OutboxEntry(event_id, key, call.call_id, body, wall, call.hop.open_until)
        return self._sent(subscriber, entry, wall, f"too large for: {left_out}" if left_out else "")

    def _sent(self, subscriber: Subscriber, entry: OutboxEntry, wall: float, note: str) -> Foretold:
        subscription = subscriber.subscription
        headers, body = request.attempt(subscription, [entry], 0)
        if not subscription.is_pull:
            hidden = dict.fromkeys(request.fixed_headers(subscription), HIDDEN)
            signed = request.signed(subscription, [entry.event_id], wall, body)
            headers = request.shared_headers(subscription) | hidden | headers | signed
            headers |= {SIGNATURE: HIDDEN} if signed else {}
        read = msgspec.json.decode(body)
        if subscription.is_pull:  # fetched as it is, whoever else is in the reply
            headers, read = {}, read[0] if isinstance(read, list) else read
        return _named(subscriber)._replace(note=note or self._waits(subscription.key), headers=headers, body=read)

    def _waits(self, key: str) -> str:
        state, _ = self._states().get(key, (State.VALID, ""))
        return "" if state is State.VALID else f"its handshake is {state}: the event waits until the endpoint consents"

    def _too_large(self, call_id: str, left_out: str) -> None:
        self._left_out = f"too large for: {left_out}"


def _passed_over(subscriber: Subscriber, why_not: str) -> Foretold:
    return _named(subscriber)._replace(why_not=why_not)


def _named(subscriber: Subscriber) -> Foretold:
    subscription = subscriber.subscription
    return Foretold(
        subscription.name,
        subscription.channel.value,
        subscription.schema.value,
        subscription.delivery.value,
        subscription.shown_endpoint,
        "",
    )
