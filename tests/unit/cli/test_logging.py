"""Log lines, character by character."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from strowger.cli.logging import FIELD_LIMIT, as_json, as_text, configure, escape

AT = 1_767_225_600.25


@pytest.fixture(autouse=True)
def as_before():
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_json_begins_with_when_how_bad_and_what() -> None:
    line = as_json(None, "info", {"event": "ready", "level": "info", "timestamp": AT, "a": ["b"], "kind": int})
    assert line == (
        '{"timestamp":"2026-01-01T00:00:00.250Z","level":"info","event":"ready","a":["b"],"kind":"<class \'int\'>"}'
    )


def test_text_leaves_out_the_usual_level() -> None:
    assert as_text(None, "info", {"event": "ready", "level": "info", "timestamp": AT, "calls": 3}) == (
        "00:00:00.250  ready  calls=3"
    )
    event = {"event": "gone", "level": "warning", "timestamp": AT, "exception": "Traceback\nbroken"}
    assert as_text(None, "warning", event) == "00:00:00.250  warning: gone\nTraceback\nbroken"


def test_what_strangers_wrote_is_escaped_once() -> None:
    event = escape(None, "info", {"event": "a\nb", "who": "\x1b[31mred", "done": "a\\nb", "octets": b"\xff", "n": 3})
    assert event == {"event": "a\\nb", "who": "\\x1b[31mred", "done": "a\\nb", "octets": "ÿ", "n": 3}


def test_a_stack_trace_keeps_its_lines() -> None:
    assert escape(None, "error", {"exception": "one\n\x1btwo"}) == {"exception": "one\n\\x1btwo"}


@pytest.mark.parametrize(("length", "ends"), [(FIELD_LIMIT, "x"), (FIELD_LIMIT + 1, "…")])
def test_a_field_has_a_longest(length: int, ends: str) -> None:
    text = escape(None, "info", {"event": "x" * length})["event"]
    assert (len(text), text[-1]) == (FIELD_LIMIT, ends)


def test_levels_and_the_standard_library(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "warning")
    log = structlog.stdlib.get_logger("strowger.test")
    log.info("not said")
    log.warning("said", who="a\nb")
    logging.getLogger("asyncio").error("a task was %s", "lost")
    logging.getLogger("asyncio").info("not said either")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [("warning", "said"), ("error", "a task was lost")]
    assert lines[0]["who"] == "a\\nb"
    assert lines[1]["logger"] == "asyncio"


def test_an_exception_is_told_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", "info")
    try:
        raise ValueError("broken\x1b")
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    text = capsys.readouterr().err
    assert "error: failed\nTraceback" in text
    assert text.endswith("ValueError: broken\\x1b\n")
