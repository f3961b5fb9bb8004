"""A dry run as it is asked for: every member that does not fit is named."""

from __future__ import annotations

from typing import Any

import pytest

from strowger.console.errors import BodyInvalid
from strowger.console.simulation import (
    CHARACTERS,
    MOST_HEADERS,
    MOST_TARGETS,
    OCTETS,
    VALUE_CHARACTERS,
    SimulationQuestion,
    question_of,
)
from tests.support.console import Bench

LEAST: dict[str, Any] = {"from": "+31612345678", "to": "+31201110001"}


async def asked(bench: Bench, body: bytes) -> tuple[int, Any]:
    status, _, answer = await bench.get("/admin/simulate", method="POST", body=body)
    return status, answer


def test_what_is_asked() -> None:
    assert question_of(LEAST) == SimulationQuestion("+31612345678", "+31201110001")
    named = {"trunk": "t", "resource": "dev", "displayName": "Ann"}
    whole: dict[str, Any] = {**named, "targets": ["alice"], "headers": {"X-A": "b"}}
    assert question_of(LEAST | whole) == SimulationQuestion(
        "+31612345678", "+31201110001", ("alice",), "t", "", "dev", "Ann", (("X-A", "b"),)
    )
    assert question_of(LEAST | {"source": "::1"}).source == "::1"


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"From": "x"}, "$.From", "there is no such member; there are from, to, trunk, source, resource, displayName"),
        ({"from": ""}, "$.from", "is missing"),
        ({"to": 7}, "$.to", "is not a text"),
        ({"to": "1" * (CHARACTERS + 1)}, "$.to", f"is longer than {CHARACTERS} characters"),
        ({"targets": "alice"}, "$.targets", "is not a list"),
        ({"targets": ["a"] * (MOST_TARGETS + 1)}, "$.targets", f"11 targets are more than {MOST_TARGETS}"),
        ({"targets": ["a", None]}, "$.targets[1]", "is not a text"),
        ({"targets": ["a", ""]}, "$.targets[1]", "is empty"),
        ({"headers": []}, "$.headers", "is not an object of names and values"),
        ({"headers": {f"X-{n}": "" for n in range(41)}}, "$.headers", f"41 headers are more than {MOST_HEADERS}"),
        ({"headers": {"X-A": 1}}, "$.headers.X-A", "is not a text"),
        ({"headers": {"X-A": "b" * (VALUE_CHARACTERS + 1)}}, "$.headers.X-A", "is longer than 4096 characters"),
        ({"headers": {"X" * (CHARACTERS + 1): ""}}, f"$.headers.{'X' * 39}…", "its name is longer than 512 characters"),
        ({"source": "calls.example"}, "$.source", "is not a numeric address"),
        ({"source": "192.0.2.1", "trunk": "t"}, "$.source", "is there beside trunk"),
    ],
)
def test_what_cannot_be_asked_is_named(changes: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(BodyInvalid) as refused:
        question_of(LEAST | changes)
    assert [each.path for each in refused.value.details] == [path]
    assert refused.value.details[0].message.startswith(message)
    assert str(refused.value).startswith(f"This cannot be asked: {path} {message}")


def test_each_bound_itself_is_allowed() -> None:
    question = question_of({
        "from": "1" * CHARACTERS,
        "to": "2" * CHARACTERS,
        "targets": ["a"] * MOST_TARGETS,
        "headers": {f"X-{n}": "b" * VALUE_CHARACTERS if not n else "" for n in range(MOST_HEADERS)},
    })
    assert (len(question.targets), len(question.headers)) == (MOST_TARGETS, MOST_HEADERS)


@pytest.mark.asyncio
async def test_it_is_posted_and_bounded(bench: Bench) -> None:
    status, answer = await asked(bench, b'{"from": "+31612345678", "to": "+31201110001"}')
    assert (status, answer["admission"]["outcome"], answer["is_refused"]) == (200, "admitted", False)
    assert bench.queries.simulations == [SimulationQuestion("+31612345678", "+31201110001")]
    status, answer = await asked(bench, b'{"to": "x"}')
    assert (status, answer["error"]["code"]) == (400, "body_invalid")
    assert (await asked(bench, b"[]"))[0] == 400
    assert (await asked(bench, b" " * (OCTETS + 1)))[0] == 413
    status, headers, _ = await bench.get("/admin/simulate")
    assert (status, headers["Allow"]) == (405, "POST")
