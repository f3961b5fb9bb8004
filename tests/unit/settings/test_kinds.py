"""The kinds of strowger.settings.kinds."""

from __future__ import annotations

import re

import pytest

from strowger.settings import kinds
from strowger.settings.kinds import Kind

EVERY = {name: kind for name, kind in vars(kinds).items() if isinstance(kind, Kind)}


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_every_kind_says_how_to_write_it(kind: Kind) -> None:
    assert kind.name
    assert kind.form


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("value", [None, True, {}, object(), b"octets"], ids=repr)
def test_no_kind_takes_what_no_setting_is(kind: Kind, value: object) -> None:
    with pytest.raises(ValueError):
        kind.read(value)


def test_a_choice() -> None:
    choice = kinds.choice("off", "on")
    assert choice.read("on") == "on"
    assert choice.form == '"off" or "on"'
    with pytest.raises(ValueError, match="invalid enum value 'maybe'"):
        choice.read("maybe")


def test_words() -> None:
    words = kinds.words("a", "b")
    assert words.form == '["a", "b"], or some of them; empty for none'
    assert [words.read(value) for value in ([], ["b"], ["a", "b"])] == [(), ("b",), ("a", "b")]
    for value in ("a", ["c"], ["a", "a", "b"]):
        with pytest.raises(ValueError):
            words.read(value)


@pytest.mark.parametrize(
    ("number", "fits"), [(0, False), (1, True), (70, True), (71, False), (1.5, False), ("5", False)]
)
def test_a_count(number: object, fits: bool) -> None:
    count = kinds.count(1, 70)
    if fits:
        assert count.read(number) == number
    else:
        with pytest.raises(ValueError):
            count.read(number)


@pytest.mark.parametrize(
    ("size", "fits"), [("1KiB", True), (1_023, False), ("2KiB", True), (2_049, False), ("2048", True), ("0", False)]
)
def test_a_size_within_bounds(size: object, fits: bool) -> None:
    octets = kinds.octets(1_024, 2_048)
    if fits:
        assert octets.read(size) in (1_024, 2_048)
    else:
        with pytest.raises(ValueError, match=r"a size is|between 1024 and 2048 octets"):
            octets.read(size)


@pytest.mark.parametrize("zero", [0, 0.0, "0"])
def test_limits_that_can_be_off(zero: object) -> None:
    assert (kinds.OPTIONAL_DURATION.read(zero), kinds.OPTIONAL_SIZE.read(zero)) == (0.0, 0)
    assert (kinds.OPTIONAL_DURATION.read("1s"), kinds.OPTIONAL_SIZE.read("1KiB")) == (1.0, 1_024)
    for kind in (kinds.OPTIONAL_DURATION, kinds.OPTIONAL_SIZE):
        with pytest.raises(ValueError):
            kind.read("-1")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (kinds.TEXT, "a,b", "a,b"),
        (kinds.DURATION, "30", "30"),
        (kinds.count(), "12", 12),
        (kinds.count(), "-1", "-1"),
        (kinds.count(), "many", "many"),
        (kinds.LISTENERS, "a:1, b:2", ["a:1", "b:2"]),
        (kinds.LISTENERS, '["a:1", "b:2"]', ["a:1", "b:2"]),
        (kinds.LISTENERS, "", []),
    ],
)
def test_what_the_environment_writes_is_what_toml_would_hold(kind: Kind, text: str, value: object) -> None:
    assert kind.from_text(text) == value


def test_a_list_that_begins_as_json_must_be_json() -> None:
    with pytest.raises(ValueError, match=re.escape("not JSON: ")):
        kinds.LISTENERS.from_text('["a:1"')
