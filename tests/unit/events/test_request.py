"""Headers and body by the schema of a subscription."""

from __future__ import annotations

from strowger.events import cloud_events, request, schema
from strowger.events.subscription import Schema, Subscription

EVENT = schema.subscription_validation("e-1", "/t", "c0de", "https://localhost/", 0.0)


def subscription(wanted: Schema) -> Subscription:
    return Subscription("dev", "my-app", "http://localhost/", "/t", schema=wanted)


def test_the_event_grid_schema():
    ours = subscription(Schema.EVENT_GRID)
    assert request.shared_headers(ours) == schema.notification_headers("my-app")
    assert request.event_body(ours, EVENT) == b"[" + EVENT + b"]"


def test_cloud_events():
    ours = subscription(Schema.CLOUD_EVENTS)
    assert request.shared_headers(ours) == cloud_events.notification_headers("my-app")
    assert request.event_body(ours, EVENT) == cloud_events.cloud_event(EVENT)
