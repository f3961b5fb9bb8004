"""What a subscription is sent, by its schema: the headers and the body of one POST."""

from __future__ import annotations

from strowger.events import cloud_events, schema
from strowger.events.subscription import Schema, Subscription


def shared_headers(subscription: Subscription) -> dict[str, str]:
    """The headers of every event of a subscription."""
    if subscription.schema is Schema.CLOUD_EVENTS:
        return cloud_events.notification_headers(subscription.name)
    return schema.notification_headers(subscription.name)


def event_body(subscription: Subscription, event: bytes) -> bytes:
    """An event, as it is stored, in the schema that the subscription wants."""
    if subscription.schema is Schema.CLOUD_EVENTS:
        return cloud_events.cloud_event(event)
    return schema.request_body(event)
