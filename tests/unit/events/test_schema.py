"""Events, headers and the handshake's answer on the wire."""

from __future__ import annotations

import json

import pytest

from strowger.calls.call import Failure, GroupStep, Opening
from strowger.calls.identifier import from_raw_id
from strowger.events import schema

TOPIC = "/subscriptions/1b5cc06b/resourcegroups/strowger/providers/microsoft.communication/communicationservices/dev"


def test_incoming_call_is_exactly_this(new_call):
    call = new_call()
    body = schema.incoming_call(call, "head.claims.seal", TOPIC, 1_767_225_600.25, display_name="", headers={})
    assert body.decode() == (
        '{"id":"3f1c0a52-0000-4000-8000-000000000001",'
        f'"topic":"{TOPIC}",'
        '"subject":"/caller/4:+31612345678/recipient/4:+31201110001",'
        '"data":{'
        '"to":{"kind":"phoneNumber","rawId":"4:+31201110001","phoneNumber":{"value":"+31201110001"}},'
        '"from":{"kind":"phoneNumber","rawId":"4:+31612345678","phoneNumber":{"value":"+31612345678"}},'
        f'"serverCallId":"{call.server_call_id}",'
        '"callerDisplayName":"",'
        '"customContext":{"sipHeaders":{},"voipHeaders":{}},'
        '"incomingCallContext":"head.claims.seal",'
        '"correlationId":"a90f2b5e-0000-4000-8000-000000000002",'
        '"expiresOn":"2026-01-01T00:00:30.0000000Z"},'
        '"eventType":"Microsoft.Communication.IncomingCall",'
        '"dataVersion":"1.0",'
        '"metadataVersion":"1",'
        '"eventTime":"2026-01-01T00:00:00.2500000Z"}'
    )


def test_incoming_call_carries_name_and_headers_of_the_caller(new_call):
    headers = {"X-MS-Custom-Account": "47", "User-To-User": "6f6b;encoding=hex"}
    body = schema.incoming_call(new_call(), "c", TOPIC, 0.0, display_name='Zoë "Z"', headers=headers)
    members = json.loads(body)["data"]
    assert members["callerDisplayName"] == 'Zoë "Z"'
    assert members["customContext"] == {"sipHeaders": headers, "voipHeaders": {}}


def test_incoming_call_is_of_the_current_hop(new_call):
    call = new_call(to=from_raw_id("8:acs:res_bob"))
    event = json.loads(schema.incoming_call(call, "c", TOPIC, 0.0, display_name="", headers={}))
    assert event["subject"] == "/caller/4:+31612345678/recipient/8:acs:res_bob"
    assert event["data"]["to"]["communicationUser"] == {"id": "8:acs:res_bob"}


def test_an_event_says_until_when_anybody_can_decide(new_call):
    call = new_call(expires_at=1_767_225_610.0)
    assert json.loads(body_of(call))["data"]["expiresOn"] == "2026-01-01T00:00:10.0000000Z"
    call.hop.group = GroupStep(position=1, members=2, until=1_767_225_640.0)
    assert json.loads(body_of(call))["data"]["expiresOn"] == "2026-01-01T00:00:40.0000000Z", "all of a hunt"


def test_a_call_that_was_returned_says_why(new_call):
    call = new_call()
    assert "redirectFailure" not in json.loads(body_of(call))["data"]
    call.hop.failure = Failure("8:acs:res_bob", 486, "Busy Here", "sip:bob@192.0.2.7: 486 Busy Here", 17)
    assert "redirectFailure" not in json.loads(body_of(call))["data"], "a hunt keeps its failures to itself"
    call.hop.opening = Opening.RETURNED
    assert json.loads(body_of(call))["data"]["redirectFailure"] == {
        "target": {"kind": "communicationUser", "rawId": "8:acs:res_bob", "communicationUser": {"id": "8:acs:res_bob"}},
        "sipCode": 486,
        "reasonPhrase": "Busy Here",
        "why": "sip:bob@192.0.2.7: 486 Busy Here",
        "q850Cause": 17,
    }
    assert json.loads(json.dumps(schema.filterable(call, TOPIC)))["data"]["redirectFailure"]["sipCode"] == 486
    call.hop.failure = Failure("4:+45", 480, "", "nobody answered within 20 s")
    assert "q850Cause" not in json.loads(body_of(call))["data"]["redirectFailure"]


def body_of(call):
    return schema.incoming_call(call, "c", TOPIC, 0.0, display_name="", headers={})


def test_filters_see_the_event_that_is_sent_but_for_what_is_made_with_it(new_call):
    call = new_call(display_name="Zoë", custom_headers={"X-A": "1"})
    body = schema.incoming_call(call, "c", TOPIC, 5.0, display_name="Zoë", headers={"X-A": "1"})
    sent, seen = json.loads(body), json.loads(json.dumps(schema.filterable(call, TOPIC)))
    assert sent["data"].pop("incomingCallContext") == "c"
    assert seen["data"].pop("incomingCallContext") == ""
    assert (sent.pop("eventTime"), seen.pop("eventTime")) == ("1970-01-01T00:00:05.0000000Z", "")
    assert (sent["data"].pop("expiresOn"), seen["data"].pop("expiresOn")) == ("2026-01-01T00:00:30.0000000Z", "")
    assert seen == sent


def test_validation_event_is_exactly_this():
    body = schema.subscription_validation("e-1", TOPIC, "c0de", "https://localhost/validate?code=c0de", 1_767_225_600.0)
    assert body.decode() == (
        f'{{"id":"e-1","topic":"{TOPIC}","subject":"",'
        '"data":{"validationCode":"c0de","validationUrl":"https://localhost/validate?code=c0de"},'
        '"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent",'
        '"eventTime":"2026-01-01T00:00:00.0000000Z","metadataVersion":"1","dataVersion":"1"}'
    )


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        (0.0, "1970-01-01T00:00:00.0000000Z"),
        (1_661_455_644.241539, "2022-08-25T19:27:24.2415390Z"),
        (1_767_225_599.9999999, "2026-01-01T00:00:00.0000000Z"),
    ],
)
def test_event_time_has_seven_fraction_digits(wall, text):
    assert schema.event_time(wall) == text


def test_resource_topic():
    assert schema.resource_topic("1b5cc06b", "dev") == TOPIC


def test_request_body_is_an_array_of_one():
    assert schema.request_body(b'{"id":"1"}') == b'[{"id":"1"}]'


def test_notification_headers():
    assert schema.notification_headers("my-app") | schema.attempt_headers("e-1", 2) == {
        "Content-Type": "application/json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "MY-APP",
        "aeg-data-version": "1.0",
        "aeg-metadata-version": "1",
        "aeg-delivery-count": "2",
        "aeg-output-event-id": "e-1",
    }


def test_validation_headers():
    assert schema.validation_headers("my-app") == {
        "Content-Type": "application/json; charset=utf-8",
        "aeg-event-type": "SubscriptionValidation",
        "aeg-subscription-name": "MY-APP",
        "aeg-data-version": "1",
        "aeg-metadata-version": "1",
        "aeg-delivery-count": "0",
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"validationResponse":"c0de"}', "c0de"),
        (b'{"ValidationResponse": "c0de", "more": [1]}', "c0de"),
        (b'{"validationResponse":null}', None),
        (b'{"validationResponse":7}', None),
        (b'{"validationCode":"c0de"}', None),
        (b'["c0de"]', None),
        (b"OK", None),
        (b"", None),
        (b'{"validationResponse":"\xff"}', None),
        (b"[" * 60_000, None),
        (b'{"validationResponse":' + b"[" * 60_000, None),
    ],
)
def test_validation_response(body, code):
    assert schema.validation_response(body) == code
