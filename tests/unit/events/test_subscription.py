"""What a subscription may look like."""

from __future__ import annotations

import pytest

from strowger.events.delivery_headers import Header
from strowger.events.errors import SubscriptionInvalid
from strowger.events.filters import EventFilter
from strowger.events.outbox import BatchLimits
from strowger.events.retry import Profile
from strowger.events.subscription import NAME_LENGTH, Channel, DeliveryMode, Schema, Subscription
from strowger.events.terms import DeliveryTerms


def subscription(**changes) -> Subscription:
    members = {"resource": "dev", "name": "my-app", "endpoint": "http://localhost:8080/api", "topic": "/t"}
    return Subscription(**(members | changes))


def test_defaults():
    assert subscription().profile is Profile.TELEPHONY
    assert subscription().verify_tls
    assert subscription().schema is Schema.EVENT_GRID
    assert subscription().key == "dev/my-app"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:8080",
        "https://[::1]:7071/runtime/webhooks/EventGrid?functionName=X&code=a%2Fb==",
        "https://example.com/",
    ],
)
def test_endpoints(endpoint):
    assert subscription(endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    ["", "localhost:8080", "ftp://h/", "http://", "http:///p", "http://h:x/", "http://h:0/", "http://h:70000/",
     "http://[::1/", "http://h/a b", "http://h/\r\nX: y", "http://10.0.0.1\\@h/"],
)  # fmt: skip
def test_endpoints_that_cannot_be_served(endpoint):
    with pytest.raises(SubscriptionInvalid, match="endpoint of dev/my-app"):
        subscription(endpoint=endpoint)


@pytest.mark.parametrize("name", ["", "a\r\nb", "naïve", "n" * (NAME_LENGTH + 1)])
def test_names_that_cannot_be_a_header(name):
    with pytest.raises(SubscriptionInvalid, match="name"):
        subscription(name=name)


def test_the_longest_name():
    assert subscription(name="n" * NAME_LENGTH).name == "n" * NAME_LENGTH


def test_secrets_of_the_endpoint_are_not_shown():
    secretive = subscription(endpoint="https://ann:pass@example.com:444/hook?code=secret#part")
    assert secretive.shown_endpoint == "https://example.com:444/hook"


def test_headers_that_contradict_each_other():
    twice = (Header("X-A", "1"), Header("x-a", "2"))
    with pytest.raises(SubscriptionInvalid, match="headers of dev/my-app: X-A is there twice"):
        subscription(headers=twice)
    with pytest.raises(SubscriptionInvalid, match="the endpoint has user information"):
        subscription(endpoint="http://ann@localhost/", headers=(Header("Authorization", "Bearer x"),))
    with pytest.raises(SubscriptionInvalid, match="1 to 4096 printable ASCII"):
        subscription(headers=(Header("X-A", "1\r\nX-B: 2"),))


def test_members_are_those_of_the_schema():
    by_type = (Header("X-Type", "eventType"),)
    assert subscription(headers_from=by_type).headers_from == by_type
    with pytest.raises(SubscriptionInvalid, match="an event of this schema has id, source"):
        subscription(headers_from=by_type, schema=Schema.CLOUD_EVENTS)


def test_values_of_headers_are_not_shown():
    assert "s3cret" not in repr(subscription(headers=(Header("X-Key", "s3cret"),)))
    keyed = subscription(
        endpoint="https://app.example/?code=s3cret", failover_endpoint="https://b.example/?code=s3cret"
    )
    assert "s3cret" not in repr(keyed)


@pytest.mark.parametrize(
    ("changes", "is_alike"),
    [
        ({}, True),
        ({"filter": EventFilter(subject_ends_with="1")}, True),
        ({"is_paused": True}, True),
        ({"terms": DeliveryTerms(most_attempts=2)}, True),
        ({"failover_endpoint": "http://localhost:8082/"}, True),
        ({"channel": Channel.OUTCOMES}, True),
        ({"endpoint": "http://localhost:8081/api"}, False),
        ({"schema": Schema.CLOUD_EVENTS}, False),
        ({"profile": Profile.EVENT_GRID}, False),
        ({"headers": (Header("X-Key", "s3cret"),)}, False),
    ],
)
def test_what_needs_another_consent(changes, is_alike):
    assert subscription(**changes).is_asked_like(subscription()) is is_alike


def test_a_failover_is_asked_for_itself_under_a_key_of_its_own():
    ours = subscription(failover_endpoint="https://b.example/hook")
    failover = ours.failover
    assert failover is not None
    assert (failover.endpoint, failover.failover, failover.name) == ("https://b.example/hook", None, ours.name)
    assert (failover.key, ours.key) == (ours.failover_key, "dev/my-app")
    assert failover.key == "dev/my-app → failover"
    assert subscription().failover is None


@pytest.mark.parametrize("endpoint", ["b.example", "ftp://b.example/", "https://b.example/a b", "http:\\b.example/"])
def test_a_failover_is_a_complete_url(endpoint):
    with pytest.raises(SubscriptionInvalid, match="failover_endpoint of dev/my-app: not a complete"):
        subscription(failover_endpoint=endpoint)


def test_a_failover_with_user_information_makes_an_authorization():
    with pytest.raises(SubscriptionInvalid, match="the endpoint has user information"):
        subscription(failover_endpoint="http://ann@localhost/", headers=(Header("Authorization", "Bearer x"),))


def test_in_a_batch_there_is_no_one_event_to_take_headers_from():
    terms = DeliveryTerms(batch=BatchLimits(2))
    assert subscription(terms=terms).takes_batches
    assert not subscription().takes_batches
    with pytest.raises(SubscriptionInvalid, match="in a batch there is no one event"):
        subscription(terms=terms, headers_from=(Header("X-Type", "eventType"),))


def test_whose_events_are_fetched_has_no_endpoint():
    fetched = subscription(endpoint="", delivery=DeliveryMode.PULL)
    assert fetched.is_pull
    assert fetched.shown_endpoint == ""
    assert not subscription().is_pull


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "http://localhost:8080/"},
        {"failover_endpoint": "http://localhost:8080/"},
        {"headers": (Header("X-Key", "secret"),)},
        {"headers_from": (Header("X-From", "data.from.rawId"),)},
        {"signing_secrets": (b"secret",)},
    ],
)
def test_whose_events_are_fetched_is_posted_nothing(changes):
    with pytest.raises(SubscriptionInvalid, match="dev/my-app: its events are fetched"):
        subscription(**{"endpoint": "", **changes}, delivery=DeliveryMode.PULL)
