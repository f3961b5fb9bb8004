"""Requests that are made once and never again: an event that is made up to try an endpoint, and the farewell to one
whose subscription was removed.

Neither is stored, counted or repeated, and what comes of them changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from strowger.base.clock import Clock
from strowger.base.ids import Ids
from strowger.base.text import printable
from strowger.calls.call import Call, Hop, Opening
from strowger.calls.identifier import phone_number
from strowger.calls.ports import OutboxEntry
from strowger.calls.reports import RedirectOutcome, Result
from strowger.events import request, schema
from strowger.events.envelope import encoded
from strowger.events.errors import Unanswered
from strowger.events.redirect_outcome import outcome_event
from strowger.events.retry import DELIVERED
from strowger.events.subscribers import Subscriber
from strowger.events.subscription import Channel, Schema, Subscription
from strowger.events.webhook import WebhookClient

CALLER: Final = phone_number("+99900000001")
CALLED: Final = phone_number("+99900000002")
"""Nobody's numbers: the country code 999 is given to no country (ITU-T E.164)."""
DISPLAY_NAME: Final = "Strowger test"
TEST_PREFIX: Final = "test-"
"""How ids of events and calls begin that are made up."""
TEST_CALL_S: Final = 30.0
"""How long the call that is made up would be held."""

TEMPORARILY_UNAVAILABLE: Final = "Temporarily Unavailable"
TEST_WHY: Final = "a test of the subscription: there is no such call"

_log: Final = structlog.stdlib.get_logger(__name__)


class Trial(NamedTuple):
    """What came of trying an endpoint."""

    event_id: str
    status: int | None
    """None when no answer came."""
    took_s: float
    answer_octets: int
    why: str
    """In words, safe to print."""

    @property
    def is_delivered(self) -> bool:
        """Whether an event would count as delivered by such an answer."""
        return self.status in DELIVERED


def has_farewell(subscription: Subscription) -> bool:
    """Whether its schema knows a farewell: CloudEvents do not."""
    return subscription.schema is Schema.EVENT_GRID


class Single:
    """Makes them."""

    def __init__(self, client: WebhookClient, clock: Clock, ids: Ids) -> None:
        self._client = client
        self._clock = clock
        self._ids = ids

    async def trial(self, subscriber: Subscriber, context: Callable[[Call], str]) -> Trial:
        """Send an event of a call that is made up, in the schema and with the headers of real ones: an IncomingCall, of
        which `context` makes the incomingCallContext, or on the channel of outcomes an outcome. The filters are not
        asked.
        """
        subscription = subscriber.subscription
        wall, began_at = self._clock.wall(), self._clock.monotonic()
        event_id = f"{TEST_PREFIX}{self._ids.uuid4()}"
        call = self._call(subscription.resource, event_id, wall)
        if subscription.channel is Channel.OUTCOMES:
            event = _outcome(call, event_id, subscription.topic, wall)
        else:
            topic = subscription.topic
            event = schema.incoming_call(call, context(call), topic, wall, display_name=DISPLAY_NAME, headers={})
        entry = OutboxEntry(event_id, subscription.key, call.call_id, event, wall, call.hop.expires_at)
        headers, body = request.attempt(subscription, [entry], 0)
        headers |= request.signed(subscription, [event_id], wall, body)
        try:
            answer = await self._client.post(subscriber.target, headers, body, read=True)
            status, octets, why = answer.status, len(answer.body), f"answered {answer.status}"
        except Unanswered as error:
            status, octets, why = None, 0, str(error)
        return Trial(event_id, status, self._clock.monotonic() - began_at, octets, why)

    async def farewell(self, subscriber: Subscriber) -> None:
        """Tell an endpoint that its subscription is gone (Event Grid: webhook event delivery)."""
        subscription = subscriber.subscription
        event_id, wall = self._ids.uuid4(), self._clock.wall()
        event = schema.subscription_deleted(event_id, subscription.topic, subscription.name, wall)
        body = schema.request_body(event)
        headers = schema.deletion_headers(subscription.name) | {"aeg-output-event-id": event_id}
        headers |= request.signed(subscription, [event_id], wall, body)
        target = subscriber.farewell_target()
        try:
            answer = await self._client.post(target, headers, body)
            why = f"answered {answer.status}"
        except Unanswered as error:
            why = str(error)
        _log.info(
            "subscription removed",
            subscription=subscription.key,
            endpoint=printable(subscription.shown_endpoint),
            why=why,
        )

    def _call(self, resource: str, event_id: str, wall: float) -> Call:
        hop = Hop(CALLED, wall, wall + TEST_CALL_S, event_id)
        return Call(f"{TEST_PREFIX}{self._ids.uuid4()}", resource, CALLER, DISPLAY_NAME, wall, [hop])


def _outcome(call: Call, event_id: str, topic: str, wall: float) -> bytes:
    """What became of a redirect that nobody made."""
    call.hops.append(Hop(CALLED, wall, wall + TEST_CALL_S, opening=Opening.REDIRECT))
    outcome = RedirectOutcome(
        Result.FAILED, call, hop_index=1, last=1, at=wall, status=480, reason=TEMPORARILY_UNAVAILABLE, why=TEST_WHY
    )
    return encoded(outcome_event(outcome, event_id, topic))
