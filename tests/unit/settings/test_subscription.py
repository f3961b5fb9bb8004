"""The tables [[subscription]], their filters above all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strowger.events.filters import MOST_FILTERS
from strowger.settings import Subscription
from strowger.settings.decode import Decoder
from strowger.settings.kinds import OPTIONAL_URL
from strowger.settings.subscription import ADVANCED_FILTERS, EVENT_LIFE
from strowger.settings.where import Where

STRING_IN = {"operatorType": "StringIn", "key": "data.to.rawId", "values": ["4:+31201110001"]}


def test_the_defaults() -> None:
    row = Subscription(resource="dev", name="app", endpoint="http://localhost:8080/")
    assert (row.profile, row.included_event_types, row.advanced_filters) == ("telephony", (), ())
    assert (row.subject_begins_with, row.subject_ends_with) == ("", "")
    assert (row.subject_case_sensitive, row.advanced_filtering_on_arrays) == ("off", "off")


def test_the_defaults_of_delivery() -> None:
    row = Subscription(resource="dev", name="app", endpoint="http://localhost:8080/")
    assert (row.batch_events, row.batch_kilobytes, row.failover_endpoint) == (1, 64, "")
    assert (row.max_delivery_attempts, row.event_time_to_live) == (30, 86_400.0)


@pytest.mark.parametrize(("written", "seconds"), [("1m", 60.0), ("1440m", 86_400.0), (90, 90.0)])
def test_how_long_an_event_is_tried(written: str | int, seconds: float) -> None:
    assert EVENT_LIFE.read(written) == seconds


@pytest.mark.parametrize("written", ["59s", "1441m", 0, "soon"])
def test_how_long_no_event_is_tried(written: str | int) -> None:
    with pytest.raises(ValueError, match=r"1m and 1440m|a duration"):
        EVENT_LIFE.read(written)


def test_a_failover_is_a_url_or_nothing() -> None:
    assert OPTIONAL_URL.read("") == ""
    assert OPTIONAL_URL.read("https://app.example/b") == "https://app.example/b"
    with pytest.raises(ValueError, match="http"):
        OPTIONAL_URL.read("app.example")


@pytest.mark.parametrize(
    "written",
    [
        STRING_IN,
        {"operatorType": "NumberLessThan", "key": "data.a", "value": 5},
        {"operatorType": "NumberInRange", "key": "data.a", "values": [[1, 2], [3, 4.5]]},
        {"operatorType": "BoolEquals", "key": "data.to.phoneNumber.isAnonymous", "value": True},
        {"operatorType": "IsNotNull", "key": "data.customContext.sipHeaders.X-Customer"},
    ],
)
def test_filters_are_written_as_event_grid_writes_them(written: dict[str, Any]) -> None:
    (read,) = ADVANCED_FILTERS.read([written])
    assert read.written() == written


def test_names_and_operators_have_no_case() -> None:
    shouted = {name.upper(): value for name, value in STRING_IN.items()} | {"OPERATORTYPE": "stringIN"}
    assert [each.written() for each in ADVANCED_FILTERS.read([shouted])] == [STRING_IN]


def test_the_environment_has_them_as_json() -> None:
    assert ADVANCED_FILTERS.from_text('[{"operatorType": "IsNotNull", "key": "id"}]') == [
        {"operatorType": "IsNotNull", "key": "id"}
    ]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("StringIn", "this is not a table of operatorType, key, value, values"),
        (STRING_IN | {"vales": []}, "there is no 'vales' in a filter; there are operatorType, key, value, values"),
        (STRING_IN | {"KEY": "id"}, "a name is there twice"),
        ({"key": "id"}, "operatorType is required, and a text"),
        ({"operatorType": "IsNotNull"}, "key is required, and a text"),
        (STRING_IN | {"key": 5}, "key is required, and a text"),
        (STRING_IN | {"operatorType": "StringInn"}, "there is no operator 'StringInn'; there are NumberIn, "),
        (STRING_IN | {"key": "to"}, "'to' is no key: there are id, topic, "),
        (STRING_IN | {"values": [5]}, "5 is not a text"),
        (STRING_IN | {"values": "4:+31"}, "values is a list"),
        (STRING_IN | {"value": "a"}, "StringIn takes values, and has value and values"),
        ({"operatorType": "StringIn", "key": "id", "value": "a"}, "StringIn takes values, and has value"),
        ({"operatorType": "StringIn", "key": "id"}, "StringIn takes values, and has none"),
        (STRING_IN | {"operatorType": "BoolEquals"}, "BoolEquals takes value, and has values"),
        (STRING_IN | {"operatorType": "IsNotNull"}, "IsNotNull takes neither value nor values, and has values"),
    ],
)
def test_what_is_wrong_with_a_filter_is_told_with_its_place(written: object, why: str) -> None:
    decoder = Decoder(Where({}, Path()))
    table = {"resource": "dev", "name": "a", "endpoint": "http://localhost/", "advanced_filters": [STRING_IN, written]}
    decoder.settings({"subscription": [table]})
    (problem,) = decoder.problems
    assert problem.path == "$.subscription[0].advanced_filters[1]"
    assert problem.message.startswith(why)


def test_the_bounds_of_a_subscription() -> None:
    ten = STRING_IN | {"values": ["a"] * 10}
    assert len(ADVANCED_FILTERS.read([ten, ten, STRING_IN | {"values": ["a"] * 5}])) == 3
    with pytest.raises(ValueError, match="30 values in all the filters are more than 25"):
        ADVANCED_FILTERS.read([ten, ten, ten])
    here = {"operatorType": "IsNotNull", "key": "id"}
    assert len(ADVANCED_FILTERS.read([here] * MOST_FILTERS)) == 25
    with pytest.raises(ValueError, match="26 entries are not between 0 and 25"):
        ADVANCED_FILTERS.read([here] * (MOST_FILTERS + 1))
