"""CloudEvents on the wire."""

from __future__ import annotations

import json

import pytest

from strowger.events import cloud_events, schema

TOPIC = "/subscriptions/1b5cc06b/resourcegroups/strowger/providers/microsoft.communication/communicationservices/dev"


def posted(call, topic=TOPIC):
    stored = schema.incoming_call(
        call, "head.claims.seal", topic, 1_767_225_600.25, display_name='Zoë "Z"', headers={"X-A": "1"}
    )
    return stored, cloud_events.cloud_event(stored)


def test_incoming_call_is_exactly_this(new_call):
    stored, body = posted(new_call())
    members = json.dumps(json.loads(stored)["data"], ensure_ascii=False, separators=(",", ":"))
    assert body.decode() == (
        '{"specversion":"1.0",'
        '"type":"Microsoft.Communication.IncomingCall",'
        f'"source":"{TOPIC}",'
        '"id":"3f1c0a52-0000-4000-8000-000000000001",'
        '"time":"2026-01-01T00:00:00.2500000Z",'
        f'"data":{members},'
        '"subject":"/caller/4:+31612345678/recipient/4:+31201110001"}'
    )


def test_a_source_is_a_uri_reference(new_call):
    _, body = posted(new_call(), schema.resource_topic("1b5cc06b", "my döv?"))
    assert json.loads(body)["source"].endswith("/communicationservices/my%20d%C3%B6v%3F")


def test_an_empty_subject_is_left_out():
    event = schema.subscription_validation("e-1", TOPIC, "c0de", "https://localhost/", 0.0)
    assert "subject" not in json.loads(cloud_events.cloud_event(event))


def test_notification_headers():
    assert cloud_events.notification_headers("my-app") == {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "MY-APP",
        "aeg-metadata-version": "1.0",
        "WebHook-Request-Origin": "eventgrid.azure.net",
    }


def test_validation_headers():
    assert cloud_events.validation_headers("https://localhost/validate?code=c0de") == {
        "WebHook-Request-Origin": "eventgrid.azure.net",
        "WebHook-Request-Callback": "https://localhost/validate?code=c0de",
    }


@pytest.mark.parametrize(
    ("allowed_origins", "consents"),
    [
        (["eventgrid.azure.net"], True),
        (["EventGrid.Azure.Net"], True),
        ([" * "], True),
        (["example.com", "eventgrid.azure.net"], True),
        (["example.com, eventgrid.azure.net"], True),
        ([], False),
        ([""], False),
        (["azure.net"], False),
        (["*.azure.net"], False),
        (["eventgrid.azure.net.example.com"], False),
    ],
)
def test_who_is_allowed(allowed_origins, consents):
    assert cloud_events.is_allowed(allowed_origins) is consents


@pytest.mark.parametrize(
    ("allowed_rates", "rate"),
    [
        (["120"], 120),
        ([" 1 "], 1),
        (["60000"], 60_000),
        (["120", "30"], 30),
        (["120, 30"], 30),
        (["*"], 0),
        (["*", "30"], 30),
        (["60001"], 0),
        (["0"], 0),
        (["-1"], 0),
        (["1.5"], 0),
        (["٣"], 0),
        (["9" * 5_000], 0),
        ([""], 0),
        ([], 0),
    ],
)
def test_how_often_a_minute(allowed_rates, rate):
    assert cloud_events.allowed_rate(allowed_rates) == rate


def test_filters_see_its_own_attributes():
    seen = cloud_events.filterable({"eventType": "A.B", "topic": "/a b"})
    assert seen == {"specversion": "1.0", "type": "A.B", "source": "/a%20b"}
