"""The filter language against a naive reference, written after the pseudocode that Event Grid publishes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strowger.events.filters import EventFilter, Operator, Takes, advanced_filter, takes_of

NAMES = ("a", "B", "cd")
WORDS = ("", "a", "A", "ab", "Ba", "bab", "ABBA", "x")

numbers = st.one_of(st.integers(-3, 3), st.sampled_from([-0.5, 0.5, 2.0]))
words = st.sampled_from(WORDS)
scalars = st.one_of(st.none(), st.booleans(), numbers, words)
members = st.recursive(
    st.one_of(scalars, st.lists(scalars, max_size=4)),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    lambda data, subject: {"id": "1", "topic": "T", "subject": subject, "eventType": "E", "data": data},
    st.dictionaries(st.sampled_from(NAMES), members, max_size=3),
    words,
)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda names: "data." + ".".join(names))
keys = st.one_of(paths, paths.map(str.swapcase), st.sampled_from(["subject", "SUBJECT", "Id"]))


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Operator, str, list[Any]]:
    operator, key = draw(st.sampled_from(Operator)), draw(keys)
    if takes_of(operator) is Takes.NOTHING:
        return operator, key, []
    if operator in (Operator.NUMBER_IN_RANGE, Operator.NUMBER_NOT_IN_RANGE):
        value: st.SearchStrategy[Any] = st.tuples(numbers, numbers).map(sorted)
    else:
        value = st.booleans() if operator == "BoolEquals" else numbers if operator.startswith("Number") else words
    most = 1 if takes_of(operator) is Takes.VALUE else 4
    return operator, key, draw(st.lists(value, min_size=1, max_size=most))


def find(event: Any, key: str) -> Any:
    if not key:
        return event
    first, _, rest = key.partition(".")
    if isinstance(event, dict):
        for name in event:
            if name.lower() == first.lower():
                return find(event[name], rest)
    return None


def is_number(value: object) -> bool:
    return type(value) in (int, float)


def is_bool(value: object) -> bool:
    return type(value) is bool


def is_text(value: object) -> bool:
    return type(value) is str


def positive(name: str, it: Any, values: list[Any]) -> bool:  # noqa: PLR0911 - one line for each operator
    """What the operator, or the one that it is the opposite of, says of one value of the event."""
    match name:
        case "NumberIn":
            return it in values
        case "NumberLessThan":
            return it < values[0]
        case "NumberGreaterThan":
            return it > values[0]
        case "NumberLessThanOrEquals":
            return it <= values[0]
        case "NumberGreaterThanOrEquals":
            return it >= values[0]
        case "NumberInRange":
            return any(low <= it <= high for low, high in values)
        case "BoolEquals":
            return it == values[0]
        case "StringIn":
            return it.lower() in [value.lower() for value in values]
        case "StringContains":
            return any(it.lower().find(value.lower()) >= 0 for value in values)
        case "StringBeginsWith":
            return any(it.lower()[: len(value)] == value.lower() for value in values)
        case "StringEndsWith":
            return any(it.lower()[len(it) - len(value) :] == value.lower() for value in values if len(value) <= len(it))
    raise AssertionError(name)


def reference(event: Any, operator: Operator, key: str, values: list[Any], *, on_arrays: bool) -> bool:
    it = find(event, key)
    if operator == "IsNullOrUndefined":
        return it is None
    if operator == "IsNotNull":
        return it is not None
    name = operator.replace("Not", "")
    of_type = {"N": is_number, "B": is_bool, "S": is_text}[name[0]]
    if isinstance(it, list) and on_arrays:
        found = any(positive(name, each, values) for each in it if of_type(each))
    elif of_type(it):
        found = positive(name, it, values)
    else:
        return operator in ("NumberNotIn", "StringNotIn")
    return not found if "Not" in operator else found


@given(events, st.lists(conditions(), max_size=3), st.booleans())
def test_a_subscription_is_told_as_the_reference_says(
    event: dict[str, Any], asked: list[tuple[Operator, str, list[Any]]], on_arrays: bool
) -> None:
    chosen = EventFilter(advanced=[advanced_filter(*each) for each in asked], on_arrays=on_arrays)
    assert chosen.matches(event) is all(reference(event, *each, on_arrays=on_arrays) for each in asked)


@given(events, words, words, st.booleans())
def test_subjects_as_the_reference_says(event: dict[str, Any], begins: str, ends: str, case_sensitive: bool) -> None:
    chosen = EventFilter(
        subject_begins_with=begins, subject_ends_with=ends, subject_case_sensitive=case_sensitive
    )
    subject = event["subject"]
    if not case_sensitive:
        subject, begins, ends = subject.upper(), begins.upper(), ends.upper()
    expected = subject[: len(begins)] == begins and subject[max(0, len(subject) - len(ends)) :] == ends
    assert chosen.matches(event) is expected
