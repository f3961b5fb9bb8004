"""Headers and body by the schema of a subscription."""

from __future__ import annotations

import json

from strowger.calls.ports import OutboxEntry
from strowger.events import cloud_events, request, schema
from strowger.events.delivery_headers import Header
from strowger.events.filters import CLOUD_EVENTS_KEYS
from strowger.events.outbox import BatchLimits
from strowger.events.signature import secret as secret_of
from strowger.events.subscription import Schema, Subscription
from strowger.events.terms import DeliveryTerms

EVENT = schema.subscription_validation("e-1", "/t", "c0de", "https://localhost/", 0.0)
ENTRY = OutboxEntry("e-1", "dev/my-app", "call", EVENT, 0.0, 30.0)


def subscription(wanted: Schema, **more) -> Subscription:
    return Subscription("dev", "my-app", "http://localhost/", "/t", schema=wanted, **more)


def test_the_event_grid_schema():
    ours = subscription(Schema.EVENT_GRID)
    assert request.shared_headers(ours) == schema.notification_headers("my-app")
    assert request.attempt(ours, [ENTRY], 2) == (schema.attempt_headers("e-1", 2), b"[" + EVENT + b"]")


def test_cloud_events():
    ours = subscription(Schema.CLOUD_EVENTS)
    assert request.shared_headers(ours) == cloud_events.notification_headers("my-app")
    assert request.attempt(ours, [ENTRY], 0) == (schema.attempt_headers("e-1", 0), cloud_events.cloud_event(EVENT))


def test_a_batch_is_an_array_even_of_one_event_and_no_header_names_one_of_several():
    terms = DeliveryTerms(batch=BatchLimits(events=2))
    other = OutboxEntry("e-2", "dev/my-app", "call", EVENT.replace(b"e-1", b"e-2"), 0.0, 30.0)
    ours = subscription(Schema.EVENT_GRID, terms=terms)
    assert request.attempt(ours, [ENTRY], 0) == (schema.attempt_headers("e-1", 0), b"[" + EVENT + b"]")
    headers, body = request.attempt(ours, [ENTRY, other], 3)
    assert headers == {"aeg-delivery-count": "3"}
    assert [each["id"] for each in json.loads(body)] == ["e-1", "e-2"]
    cloud = subscription(Schema.CLOUD_EVENTS, terms=terms)
    assert request.shared_headers(cloud)["Content-Type"] == "application/cloudevents-batch+json; charset=utf-8"
    assert [each["specversion"] for each in json.loads(request.attempt(cloud, [ENTRY], 0)[1])] == ["1.0"]
    assert [each["id"] for each in json.loads(request.attempt(cloud, [ENTRY, other], 0)[1])] == ["e-1", "e-2"]


def test_statuses_after_which_an_event_is_given_up():
    assert request.not_retried(subscription(Schema.EVENT_GRID)) == frozenset()
    assert request.not_retried(subscription(Schema.CLOUD_EVENTS)) == {410, 415}


def test_headers_of_the_operator():
    fixed = (Header("X-Key", "s3cret"),)
    for wanted, member in ((Schema.EVENT_GRID, "topic"), (Schema.CLOUD_EVENTS, "source")):
        ours = subscription(wanted, headers=fixed, headers_from=(Header("X-Where", member),))
        assert request.fixed_headers(ours) == {"X-Key": "s3cret"}
        assert request.shared_headers(ours) == {"X-Key": "s3cret", **request.shared_headers(subscription(wanted))}
        headers, body = request.attempt(ours, [ENTRY], 0)
        assert headers == {"X-Where": "/t", **schema.attempt_headers("e-1", 0)}
        assert json.loads(body) == json.loads(request.attempt(subscription(wanted), [ENTRY], 0)[1])


def test_signatures():
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    ours = subscription(Schema.EVENT_GRID, signing_secrets=(secret,))
    body = b'{"test": 2432232314}'
    assert request.signed(ours, ["msg_p5jXN8AQM9LWM0D4loKWxJek"], 1_614_265_330.5, body) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert request.signed(ours, ["a", "b"], 0.0, body)["webhook-id"] == "batch_2e7336dc8eba87ef472df568c35482ab"
    assert request.signed(subscription(Schema.EVENT_GRID), ["a"], 0.0, body) == {}
    assert str(secret) not in repr(ours)


def test_filters_see_the_members_of_both_schemas(new_call):
    call = new_call()
    seen = request.filterable(call, "/sub ject/a")
    event = schema.incoming_call(call, "", "/sub ject/a", 0.0, display_name="", headers={})
    sent = json.loads(cloud_events.cloud_event(event))
    assert seen.items() >= schema.filterable(call, "/sub ject/a").items()
    assert {name: seen[name] for name in CLOUD_EVENTS_KEYS} == {name: sent[name] for name in CLOUD_EVENTS_KEYS}
    assert seen["source"] == "/sub%20ject/a"
