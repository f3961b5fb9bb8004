"""Refused calls to the outside, in the log."""

from __future__ import annotations

from structlog.testing import capture_logs

from strowger.calls.outside_policy import Attempt
from strowger.outside_log import log_refusal


def test_a_refusal_is_one_line() -> None:
    with capture_logs() as entries:
        log_refusal(Attempt("dev", "4:+1", "+31900123456"), "premium", "no")
    assert entries == [
        {
            "log_level": "warning",
            "event": "a call to the outside is refused",
            "resource": "dev",
            "reason": "premium",
            "dialled": "+31900123456",
            "caller": "4:+1",
            "why": "no",
        }
    ]


def test_foreign_text_is_printable_and_bounded() -> None:
    with capture_logs() as entries:
        log_refusal(Attempt("dev", "sip:\x1b[2J\n" + "x" * 5_000, "y" * 5_000), "denied", "z" * 5_000)
    entry = entries[0]
    assert entry["caller"].startswith("sip:\\x1b[2J\\nxxx")
    assert [len(entry[key]) for key in ("caller", "dialled", "why")] == [200, 200, 500]
