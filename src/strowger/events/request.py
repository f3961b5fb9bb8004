"""What a subscription is sent, by its schema: headers and body of one request, and what filters see of it."""

from __future__ import annotations

from collections.abc import Sequence

from strowger.calls.call import Call
from strowger.calls.ports import OutboxEntry
from strowger.events import cloud_events, schema, signature
from strowger.events.delivery_headers import taken_from
from strowger.events.subscription import Schema, Subscription


def fixed_headers(subscription: Subscription) -> dict[str, str]:
    """The operator's headers of every request, also those of the handshake: a gateway may ask for them."""
    return dict(subscription.headers)


def shared_headers(subscription: Subscription) -> dict[str, str]:
    """The headers of every event of a subscription."""
    if subscription.schema is Schema.CLOUD_EVENTS:
        ours = cloud_events.notification_headers(subscription.name, is_batch=subscription.takes_batches)
    else:
        ours = schema.notification_headers(subscription.name)
    return {**fixed_headers(subscription), **ours}


def not_retried(subscription: Subscription) -> frozenset[int]:
    """Statuses after which an event is given up, besides those of the setting."""
    return cloud_events.NOT_RETRIED if subscription.schema is Schema.CLOUD_EVENTS else frozenset()


def attempt(
    subscription: Subscription, entries: Sequence[OutboxEntry], attempts_before: int
) -> tuple[dict[str, str], bytes]:
    """The further headers of one attempt, and the body: events, as they are stored, in the schema that is wanted.

    There is one entry, unless the subscription takes batches. With more of them no header names an event.
    """
    events = [entry.body for entry in entries]
    is_cloud = subscription.schema is Schema.CLOUD_EVENTS
    if is_cloud:
        events = [cloud_events.cloud_event(event) for event in events]
    headers = schema.attempt_headers(entries[0].event_id if len(entries) == 1 else "", attempts_before)
    if subscription.headers_from:
        headers |= taken_from(events[0], subscription.headers_from)
    return headers, events[0] if is_cloud and not subscription.takes_batches else schema.request_body(*events)


def signed(subscription: Subscription, event_ids: Sequence[str], wall: float, body: bytes) -> dict[str, str]:
    """The headers that sign one attempt, made at wall time `wall`, to send these events."""
    secrets = subscription.signing_secrets
    return signature.headers(secrets, signature.message_id(event_ids), wall, body) if secrets else {}


def filterable(call: Call, topic: str) -> dict[str, object]:
    """The event of the call's current hop as filters see it, with the members of both schemas."""
    event = schema.filterable(call, topic)
    return event | cloud_events.filterable(event)
