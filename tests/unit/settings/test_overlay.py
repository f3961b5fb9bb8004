"""File, environment and flags laid on each other by strowger.settings.overlay."""

from __future__ import annotations

from typing import Any

import pytest

from strowger.settings.overlay import Document, Environment, merge
from strowger.settings.problem import Problem


def laid(environ: dict[str, str], document: Document | None = None) -> tuple[Document, list[Problem]]:
    document = {} if document is None else document
    environment = Environment(environ)
    environment.lay(document)
    return document, environment.problems


def test_merging_goes_into_tables_and_replaces_the_rest() -> None:
    document: Document = {"listen": {"api": ["a:1"], "sip": ["udp:a:2"]}, "number": [{"e164": "+1"}], "tls": 3}
    merge(document, {"listen": {"api": ["b:1"]}, "number": [], "tls": {"mode": "off"}, "limits": {"hold": 5}})
    assert document == {
        "listen": {"api": ["b:1"], "sip": ["udp:a:2"]},
        "number": [],
        "tls": {"mode": "off"},
        "limits": {"hold": 5},
    }


@pytest.mark.parametrize(
    ("name", "text", "document"),
    [
        ("STROWGER__LISTEN__API", "a:1,b:2", {"listen": {"api": ["a:1", "b:2"]}}),
        ("STROWGER__LIMITS__HELD_CALLS", "5", {"limits": {"held_calls": 5}}),
        ("STROWGER__LIMITS__HOLD", "5s", {"limits": {"hold": "5s"}}),
        ("STROWGER__TRUNK__0__FROM", "192.0.2.7", {"trunk": [{"from": ["192.0.2.7"]}]}),
        ("STROWGER__NUMBER", '[{"e164": "+1"}]', {"number": [{"e164": "+1"}]}),
        ("STROWGER__TLS", '{"mode": "off"}', {"tls": {"mode": "off"}}),
        ("STROWGER__LIMITS__HODL", "5s", {"limits": {"hodl": "5s"}}),
        ("STROWGER_KEY", "not a setting", {}),
        ("PATH", "/bin", {}),
    ],
)
def test_a_variable_is_laid_where_its_name_says(name: str, text: str, document: Document) -> None:
    assert laid({name: text}) == (document, [])


def test_a_variable_wins_over_the_file() -> None:
    document: Document = {"trunk": [{"name": "a", "uri": "sip:a"}, {"name": "b", "uri": "sip:b"}]}
    assert laid({"STROWGER__TRUNK__1__URI": "sip:c", "STROWGER__TRUNK__2__NAME": "d"}, document)[0] == {
        "trunk": [{"name": "a", "uri": "sip:a"}, {"name": "b", "uri": "sip:c"}, {"name": "d"}]
    }


def test_entries_are_added_in_order() -> None:
    names = [f"carrier-{index}" for index in range(12)]
    environ = {f"STROWGER__TRUNK__{index}__NAME": name for index, name in reversed(list(enumerate(names)))}
    assert laid(environ) == ({"trunk": [{"name": name} for name in names]}, [])


@pytest.mark.parametrize(
    ("name", "text", "path", "message"),
    [
        ("STROWGER__LISTENER__API", "a:1", "$.listener.api", "there is no such section"),
        ("STROWGER__", "a:1", "$.", "there is no such section"),
        ("STROWGER__LISTEN__API__0", "a:1", "$.listen.api[0]", "this does not name one setting"),
        ("STROWGER__TRUNK__0", "a", "$.trunk[0]", "this does not name one setting"),
        ("STROWGER__TRUNK__1__NAME", "a", "$.trunk[1].name", "1 is neither an entry nor the next one"),
        ("STROWGER__TRUNK__NAME", "a", "$.trunk.name", "name is neither an entry nor the next one"),
        ("STROWGER__LISTEN__API", "[", "$.listen.api", "not JSON: Input data was truncated"),
        ("STROWGER__NUMBER", "+1", "$.number", "not JSON: JSON is malformed: invalid character (byte 0)"),
    ],
)
def test_a_variable_that_means_nothing_is_a_problem(name: str, text: str, path: str, message: str) -> None:
    _, problems = laid({name: text})
    assert [(each.path, each.message) for each in problems] == [(path, f"{message}, in {name}")]


@pytest.mark.parametrize("section", [{"listen": 3}, {"trunk": {"name": "a"}}])
def test_a_section_of_the_wrong_shape_is_left_for_the_reading(section: dict[str, Any]) -> None:
    assert laid({"STROWGER__LISTEN__API": "a:1", "STROWGER__TRUNK__0__URI": "sip:a"}, dict(section))[1] == []


def test_a_problem_tells_which_variable_it_came_from() -> None:
    environment = Environment({"STROWGER__LISTEN__API": "a,b", "STROWGER__LIMITS__HOLD": "0"})
    environment.lay({})
    assert [
        environment.source(Problem(path, "this is wrong")).message
        for path in ("$.listen.api[1]", "$.limits.hold", "$.limits.hold_on", "$.listen")
    ] == [
        "this is wrong, in STROWGER__LISTEN__API",
        "this is wrong, in STROWGER__LIMITS__HOLD",
        "this is wrong",
        "this is wrong",
    ]
