"""Subscriptions that are given while the server runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.settings import Settings, SettingsError
from strowger.settings.row import rows_of
from strowger.settings.run_time import shown, shown_url, subscription_of
from strowger.settings.subscription import Subscription
from tests.support.settings import the_settings

ELSEWHERE = "env: and file: are for the settings file; give the value itself"
LEAST: dict[str, object] = {"resource": "one", "name": "app", "endpoint": "https://app.example/events"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return the_settings(tmp_path)


def refused(document: dict[str, object], settings: Settings) -> list[tuple[str, str]]:
    with pytest.raises(SettingsError) as error:
        subscription_of(document, settings)
    return [(problem.path, problem.message) for problem in error.value.problems]


def test_it_is_read_as_in_the_file(settings: Settings, tmp_path: Path) -> None:
    text = """
        [[subscription]]
        resource = "one"
        name = "app"
        endpoint = "https://app.example/events?code=abc"
        schema = "cloudevents"
        paused = "on"
        headers = ["X-Key: s3cret"]
        headers_from = ["X-Caller: data.from.rawId"]
        included_event_types = ["Microsoft.Communication.IncomingCall"]
        advanced_filters = [{operatorType = "NumberInRange", key = "data.n", values = [[1, 9]]}]
    """
    document = LEAST | {
        "endpoint": "https://app.example/events?code=abc",
        "schema": "cloudevents",
        "paused": "on",
        "headers": ["X-Key: s3cret"],
        "headers_from": ["X-Caller: data.from.rawId"],
        "included_event_types": ["Microsoft.Communication.IncomingCall"],
        "advanced_filters": [{"operatorType": "NumberInRange", "key": "data.n", "values": [[1, 9]]}],
    }
    row = subscription_of(document, settings)
    assert row == the_settings(tmp_path, text).subscriptions[0]
    assert shown(row) == document | {"endpoint": "https://app.example/events?***", "headers": ["X-Key: ***"]}


def test_what_is_wrong_is_told_all_at_once_and_where(settings: Settings) -> None:
    assert refused({"name": 1, "endpoint": "ftp://x", "pausd": "on"}, settings) == [
        ("$.pausd", "there is no such setting"),
        ("$.resource", "this is required"),
        ("$.name", "expected `str`, got `int`"),
        ("$.endpoint", "'ftp://x' is not an http or https URL"),
    ]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"resource": "two"}, "$.resource", 'there is no resource called "two"'),
        ({"headers": ["X-A: 1", "x-a: 2"]}, "$.headers", "X-A is there twice"),
        ({"headers": ["Host: a"]}, "$.headers[0]", "Host is for us to set"),
        ({"headers": ["X-A: env:HOME"]}, "$.headers", ELSEWHERE),
        ({"headers": ["X-A: file:/etc/passwd"]}, "$.headers", ELSEWHERE),
        ({"headers": ["X-A: ***"]}, "$.headers", "*** stands for a value that is not shown; give the value itself"),
        ({"endpoint": "https://app.example/?***"}, "$.endpoint", "*** stands for a query that is not shown"),
        (
            {"included_event_types": ["X"]},
            "$.included_event_types",
            'no event of these types is ever sent with channel = "acs"',
        ),
        (
            {"failover_endpoint": "https://app.example/?***"},
            "$.failover_endpoint",
            "*** stands for a query that is not shown",
        ),
        (
            {"advanced_filters": [{"operatorType": "IsNotNull", "key": "source"}]},
            "$.advanced_filters[0]",
            '"source" is no key of an event with schema = "event-grid"',
        ),
        ({"signing_secrets": ["s3cret"]}, "$.signing_secrets", "a signing secret begins with whsec_"),
        ({"signing_secrets": ["env:HOME"]}, "$.signing_secrets", ELSEWHERE),
        (
            {"signing_secrets": ["***"]},
            "$.signing_secrets",
            "*** stands for a value that is not shown; give the value itself",
        ),
        ({"paused": "yes"}, "$.paused", "invalid enum value 'yes'"),
    ],
)
def test_the_rules_of_the_file_hold(settings: Settings, changes: dict[str, object], path: str, message: str) -> None:
    assert (path, message) in refused(LEAST | changes, settings)


def test_a_private_address_is_refused_where_the_settings_say_so(settings: Settings) -> None:
    ((path, _),) = refused(LEAST | {"endpoint": "http://127.0.0.1:8080/"}, settings)
    assert path == "$.endpoint"


def test_what_is_wrong_elsewhere_in_the_settings_is_not_told_of_it(tmp_path: Path) -> None:
    settings = the_settings(tmp_path)
    object.__setattr__(settings.limits, "ring", 10_000.0)
    assert subscription_of(LEAST, settings).name == "app"


def test_no_secret_of_any_row_is_shown(settings: Settings) -> None:
    secrets = {row.key for _, row in rows_of(Subscription) if row.kind.secret}
    assert secrets >= {"headers", "signing_secrets"}
    signed = LEAST | {"signing_secrets": ["whsec_" + "A" * 32, "whsec_" + "B" * 32]}
    assert shown(subscription_of(signed, settings)) == LEAST | {"signing_secrets": ["***", "***"]}
    assert shown(subscription_of(LEAST, settings)) == LEAST


def test_a_url_is_shown_without_its_query() -> None:
    assert shown_url("https://app.example/a?code=b") == "https://app.example/a?***"
    assert shown_url("https://app.example/a") == "https://app.example/a"
