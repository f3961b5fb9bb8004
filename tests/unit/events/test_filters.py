"""Every operator of the filter language, and the limits of a subscription's filters."""

from __future__ import annotations

from typing import Any

import pytest

from strowger.events.errors import FilterInvalid
from strowger.events.filters import (
    CLOUD_EVENTS_KEYS,
    EVENT_GRID_KEYS,
    KEY_CHARACTERS,
    MOST_FILTERS,
    MOST_VALUES,
    PRESENCE,
    RULES,
    VALUE_CHARACTERS,
    EventFilter,
    Operator,
    Takes,
    advanced_filter,
    operator_of,
    takes_of,
)

EVENT: dict[str, Any] = {
    "id": "E-1",
    "topic": "/subscriptions/1B5C",
    "subject": "/caller/4:+31612345678/recipient/8:acs:1b5c_ANN",
    "eventType": "Microsoft.Communication.IncomingCall",
    "dataVersion": "1.0",
    "data": {
        "number": 5,
        "float": 2.5,
        "true": True,
        "false": False,
        "text": "Azure Data",
        "null": None,
        "table": {"Inner": "deep"},
        "numbers": [1, 7, "seven"],
        "texts": ["Alpha", "Beta", 3],
        "truths": [False, "true"],
        "empty": [],
        "tables": [{"a": 1}],
    },
}


def asked(operator: str, key: str, *values: object, on_arrays: bool = False) -> bool:
    condition = advanced_filter(operator_of(operator), key, values)
    return EventFilter(advanced=(condition,), on_arrays=on_arrays).matches(EVENT)


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("NumberIn", "data.number", (4, 5), True),
        ("NumberIn", "data.number", (5.0,), True),
        ("NumberIn", "data.number", (4, 6), False),
        ("NumberIn", "data.true", (1,), False),
        ("NumberIn", "data.text", (1,), False),
        ("NumberNotIn", "data.number", (4, 6), True),
        ("NumberNotIn", "data.number", (4, 5), False),
        ("NumberLessThan", "data.number", (5.5,), True),
        ("NumberLessThan", "data.number", (5,), False),
        ("NumberGreaterThan", "data.number", (4,), True),
        ("NumberGreaterThan", "data.number", (5,), False),
        ("NumberLessThanOrEquals", "data.number", (5,), True),
        ("NumberLessThanOrEquals", "data.number", (4.9,), False),
        ("NumberGreaterThanOrEquals", "data.number", (5,), True),
        ("NumberGreaterThanOrEquals", "data.number", (6,), False),
        ("NumberInRange", "data.float", ([0, 1], [2.5, 3]), True),
        ("NumberInRange", "data.float", ([0, 2.5],), True),
        ("NumberInRange", "data.float", ([0, 2], [3, 4]), False),
        ("NumberNotInRange", "data.float", ([0, 2], [3, 4]), True),
        ("NumberNotInRange", "data.float", ([0, 1], [2, 3]), False),
        ("BoolEquals", "data.true", (True,), True),
        ("BoolEquals", "data.true", (False,), False),
        ("BoolEquals", "data.false", (False,), True),
        ("BoolEquals", "data.text", (True,), False),
        ("StringContains", "data.text", ("x", "RE da"), True),
        ("StringContains", "data.text", ("x", "y"), False),
        ("StringNotContains", "data.text", ("x", "y"), True),
        ("StringNotContains", "data.text", ("x", "DATA"), False),
        ("StringBeginsWith", "data.text", ("x", "aZ"), True),
        ("StringBeginsWith", "data.text", ("data",), False),
        ("StringNotBeginsWith", "data.text", ("data",), True),
        ("StringNotBeginsWith", "data.text", ("azure",), False),
        ("StringEndsWith", "data.text", ("x", "DATA"), True),
        ("StringEndsWith", "data.text", ("azure",), False),
        ("StringNotEndsWith", "data.text", ("azure",), True),
        ("StringNotEndsWith", "data.text", ("data",), False),
        ("StringIn", "data.text", ("x", "AZURE DATA"), True),
        ("StringIn", "data.text", ("azure",), False),
        ("StringIn", "data.number", ("5",), False),
        ("StringNotIn", "data.text", ("azure",), True),
        ("StringNotIn", "data.text", ("azure data",), False),
        ("IsNullOrUndefined", "data.null", (), True),
        ("IsNullOrUndefined", "data.nowhere", (), True),
        ("IsNullOrUndefined", "data.false", (), False),
        ("IsNullOrUndefined", "data.table", (), False),
        ("IsNotNull", "data.null", (), False),
        ("IsNotNull", "data.nowhere.at.all", (), False),
        ("IsNotNull", "data.empty", (), True),
        ("IsNotNull", "data.table", (), True),
    ],
)
def test_operators(operator: str, key: str, values: tuple[object, ...], expected: bool) -> None:
    assert asked(operator, key, *values) is expected
    assert asked(operator.upper(), key.upper(), *values) is expected, "neither operator nor key has a case"


def test_every_operator_is_known() -> None:
    assert {*RULES, *PRESENCE} == set(Operator)
    assert len(Operator) == 19


def a_value_for(operator: Operator) -> tuple[object, ...]:
    if takes_of(operator) is Takes.NOTHING:
        return ()
    if "Range" in operator:
        return ([0, 9],)
    return (True,) if operator is Operator.BOOL_EQUALS else (5,) if operator.startswith("Number") else ("a",)


@pytest.mark.parametrize("operator", Operator)
@pytest.mark.parametrize("key", ["data.nowhere", "data.null", "data.number.deeper", "data.tables.a"])
def test_a_member_that_is_not_there(operator: Operator, key: str) -> None:
    """Two are published to match without it, and one asks for just that."""
    matches = {Operator.NUMBER_NOT_IN, Operator.STRING_NOT_IN, Operator.IS_NULL_OR_UNDEFINED}
    assert asked(operator, key, *a_value_for(operator)) is (operator in matches)


@pytest.mark.parametrize("operator", sorted(RULES))
@pytest.mark.parametrize("key", ["data.table", "data.texts", "data.numbers"])
def test_a_member_of_another_type_is_like_none(operator: Operator, key: str) -> None:
    matches = {Operator.NUMBER_NOT_IN, Operator.STRING_NOT_IN}
    assert asked(operator, key, *a_value_for(operator)) is (operator in matches)


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("NumberIn", "data.numbers", (7,), True),
        ("NumberIn", "data.numbers", (8,), False),
        ("NumberNotIn", "data.numbers", (8,), True),
        ("NumberNotIn", "data.numbers", (8, 1), False),
        ("NumberGreaterThan", "data.numbers", (6,), True),
        ("NumberInRange", "data.numbers", ([2, 6],), False),
        ("NumberNotInRange", "data.numbers", ([2, 6],), True),
        ("BoolEquals", "data.truths", (False,), True),
        ("BoolEquals", "data.truths", (True,), False),
        ("StringContains", "data.texts", ("ET",), True),
        ("StringNotContains", "data.texts", ("et",), False),
        ("StringNotContains", "data.texts", ("x",), True),
        ("StringIn", "data.texts", ("beta",), True),
        ("StringIn", "data.texts", ("3",), False),
        ("StringIn", "data.empty", ("a",), False),
        ("StringNotIn", "data.empty", ("a",), True),
        ("StringNotContains", "data.empty", ("a",), True),
        ("StringIn", "data.text", ("azure data",), True),
        ("IsNotNull", "data.empty", (), True),
    ],
)
def test_arrays_when_they_are_asked(operator: str, key: str, values: tuple[object, ...], expected: bool) -> None:
    assert asked(operator, key, *values, on_arrays=True) is expected


@pytest.mark.parametrize("key", ["id", "Topic", "SUBJECT", "eventType", "dataversion", "data.table.inner"])
def test_keys(key: str) -> None:
    assert asked("IsNotNull", key)


def test_keys_belong_to_an_envelope() -> None:
    def asks(key: str) -> tuple[bool, bool]:
        condition = advanced_filter(Operator.IS_NOT_NULL, key, ())
        return condition.asks(EVENT_GRID_KEYS), condition.asks(CLOUD_EVENTS_KEYS)

    assert asks("EventType") == asks("dataVersion") == asks("topic") == (True, False)
    assert asks("Source") == asks("type") == asks("specVersion") == (False, True)
    assert asks("ID") == asks("subject") == asks("data.type") == (True, True)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "'' is no key: there are id, topic, subject, eventType, dataVersion, source, type, specversion"),
        ("data", "'data' is no key"),
        ("data.", "'data.' is no key"),
        ("data..a", "'data..a' is no key"),
        ("eventTime", "'eventTime' is no key"),
        ("subject.a", "'subject.a' is no key"),
        ("to.rawId", "'to.rawId' is no key"),
        ("data.a" + "b" * KEY_CHARACTERS, "a key of 518 characters is longer than 512"),
        ("Data.IncomingCallContext", "incomingCallContext is made anew for each event"),
        ("data.expireson", "expiresOn is made anew for each event"),
    ],
)
def test_keys_that_cannot_be_asked(key: str, why: str) -> None:
    with pytest.raises(FilterInvalid) as refused:
        asked("IsNotNull", key)
    assert str(refused.value).startswith(why)


@pytest.mark.parametrize(
    ("operator", "values", "why"),
    [
        ("StringLike", ("a",), "there is no operator 'StringLike'; there are NumberIn, NumberNotIn, NumberLessThan, "),
        ("NumberIn", ("5",), "'5' is not a number"),
        ("NumberIn", (True,), "True is not a number"),
        ("NumberIn", (float("nan"),), "nan is not a number"),
        ("NumberLessThan", (float("inf"),), "inf is not a number"),
        ("NumberIn", (), "NumberIn takes values, one at least"),
        ("NumberLessThan", (1, 2), "NumberLessThan takes one value"),
        ("NumberLessThan", (), "NumberLessThan takes one value"),
        ("NumberInRange", (5,), "5 is not a range: write its lowest and its highest number, [1, 9]"),
        ("NumberInRange", ([1, 2, 3],), "[1, 2, 3] is not a range"),
        ("NumberNotInRange", ([1, "a"],), "'a' is not a number"),
        ("NumberInRange", ([2, 1],), "the range [2, 1] is empty: its lowest number comes first"),
        ("BoolEquals", (1,), "1 is neither true nor false"),
        ("StringIn", (5,), "5 is not a text"),
        ("StringIn", ("a" * (VALUE_CHARACTERS + 1),), "a value of 513 characters is longer than 512"),
        ("StringIn", ([*range(99)],), "[0, 1, 2, 3, "),
        ("IsNotNull", (1,), "IsNotNull takes neither value nor values"),
    ],
)
def test_values_that_do_not_fit(operator: str, values: tuple[object, ...], why: str) -> None:
    with pytest.raises(FilterInvalid) as refused:
        asked(operator, "data.a", *values)
    assert str(refused.value).startswith(why)
    assert len(str(refused.value)) < 500


def test_the_longest_that_may_be() -> None:
    assert not asked("StringIn", "data.text", "a" * VALUE_CHARACTERS)
    assert not asked("IsNotNull", "data." + "b" * (KEY_CHARACTERS - 5))


def test_all_filters_together_are_bounded() -> None:
    here = advanced_filter(Operator.IS_NOT_NULL, "data.text", ())
    assert EventFilter(advanced=[here] * MOST_FILTERS).matches(EVENT)
    with pytest.raises(FilterInvalid, match="26 advanced filters are more than 25"):
        EventFilter(advanced=[here] * (MOST_FILTERS + 1))
    one = advanced_filter(Operator.NUMBER_IN_RANGE, "data.number", [[5, 6]])
    many = advanced_filter(Operator.NUMBER_IN, "data.number", [*range(MOST_VALUES - 1)])
    assert EventFilter(advanced=[one, many]).matches(EVENT), "a range is one value"
    with pytest.raises(FilterInvalid, match="26 values in all the filters are more than 25"):
        EventFilter(advanced=[one, one, many])


def test_all_filters_must_hold() -> None:
    holds = advanced_filter(Operator.STRING_IN, "data.text", ["azure data"])
    fails = advanced_filter(Operator.STRING_IN, "data.text", ["other"])
    assert EventFilter(advanced=[holds, holds]).matches(EVENT)
    assert not EventFilter(advanced=[holds, fails]).matches(EVENT)
    assert not EventFilter(advanced=[holds], event_types=["Other"]).matches(EVENT)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([], True),
        (["microsoft.communication.incomingcall"], True),
        (["Other", "Microsoft.Communication.IncomingCall"], True),
        (["Other", "ALL"], True),
        (["Microsoft.Communication.IncomingCal"], False),
    ],
)
def test_event_types(types: list[str], expected: bool) -> None:
    assert EventFilter(event_types=types).matches(EVENT) is expected


@pytest.mark.parametrize(
    ("begins", "ends", "case_sensitive", "expected"),
    [
        ("/CALLER/4:+31", "", False, True),
        ("/CALLER/4:+31", "", True, False),
        ("/caller/4:+31", "_ANN", True, True),
        ("", "_ann", False, True),
        ("", "_ann", True, False),
        ("/caller/4:+32", "", False, False),
        ("/caller/4:+31", "_bob", False, False),
    ],
)
def test_subjects(begins: str, ends: str, case_sensitive: bool, expected: bool) -> None:
    chosen = EventFilter(subject_begins_with=begins, subject_ends_with=ends, subject_case_sensitive=case_sensitive)
    assert chosen.matches(EVENT) is expected


def test_what_asks_nothing_is_open() -> None:
    assert EventFilter().is_open
    assert EventFilter().matches(EVENT)
    assert EventFilter(event_types=["All"], subject_case_sensitive=True, on_arrays=True).is_open
    here = advanced_filter(Operator.IS_NOT_NULL, "id", ())
    assert not EventFilter(event_types=["A"]).is_open
    assert not EventFilter(subject_begins_with="/").is_open
    assert not EventFilter(subject_ends_with="/").is_open
    assert not EventFilter(advanced=[here]).is_open


@pytest.mark.parametrize(
    ("operator", "values", "written"),
    [
        ("stringin", ["Ann", "bob"], {"operatorType": "StringIn", "key": "data.A", "values": ["Ann", "bob"]}),
        ("NUMBERLESSTHAN", [5], {"operatorType": "NumberLessThan", "key": "data.A", "value": 5}),
        ("IsNotNull", [], {"operatorType": "IsNotNull", "key": "data.A"}),
    ],
)
def test_a_filter_as_it_is_written(operator: str, values: list[object], written: dict[str, object]) -> None:
    assert advanced_filter(operator_of(operator), "data.A", values).written() == written


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"event_types": ["Microsoft.Communication.CallStarted"]}, "included_event_types has not its type"),
        ({"subject_begins_with": "/x"}, "its subject does not begin with subject_begins_with, '/x'"),
        ({"subject_ends_with": "bob"}, "its subject does not end with subject_ends_with, 'bob'"),
        (
            {"advanced": [advanced_filter(Operator.NUMBER_IN, "data.number", [4])]},
            "data.number does not fulfil NumberIn of advanced_filters",
        ),
    ],
)
def test_the_first_condition_that_does_not_hold_is_told(changes: dict[str, Any], why: str) -> None:
    asked = EventFilter(**changes)
    assert (asked.why_not(EVENT), asked.matches(EVENT)) == (why, not why)
