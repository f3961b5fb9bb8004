"""What came of an attempt, by exact words."""

from __future__ import annotations

import pytest

from strowger.events.outcome import Outcome, Result, answered, retry_after_s

NOON = 1_767_268_800.0
"""Thu, 01 Jan 2026 12:00:00 GMT."""


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "Delivered"),
        (204, "Delivered"),
        (205, "GenericError"),
        (302, "GenericError"),
        (400, "BadRequest"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (408, "TimedOut"),
        (410, "Gone"),
        (413, "PayloadTooLarge"),
        (429, "Busy"),
        (500, "GenericError"),
        (503, "Busy"),
        (504, "TimedOut"),
    ],
)
def test_statuses_in_the_words_of_event_grid(status, outcome):
    assert answered(status, "", NOON) == Result(status, Outcome(outcome), f"answered {status}", 0.0)


@pytest.mark.parametrize(("status", "asked_s"), [(429, 7.0), (503, 7.0), (500, 0.0), (302, 0.0)])
def test_retry_after_is_heeded_where_it_means_busy(status, asked_s):
    assert answered(status, "7", NOON).asked_s == asked_s


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0.0),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 400, 999_999_999.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("-1", 0.0),
        ("1.5", 0.0),
        ("soon", 0.0),
        ("٣", 0.0),
        ("Thu, 01 Jan 99999 12:00:00 GMT", 0.0),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after_s(value, NOON) == seconds


@pytest.mark.parametrize(("status", "is_failure"), [(None, True), (500, True), (503, True), (404, False), (200, False)])
def test_when_another_endpoint_may_do_better(status, is_failure):
    assert Result(status, Outcome.OTHER, "").is_failure_of_endpoint is is_failure
