"""The tables [[outside]]."""

from __future__ import annotations

from strowger.calls.number_ranges import COSTLY, EMERGENCY
from strowger.settings import Outside


def test_the_defaults() -> None:
    row = Outside()
    assert (row.resource, row.allow, row.deny) == ("", ("+",), ())
    assert (set(row.costly), row.emergency) == (set(COSTLY), EMERGENCY)
    assert (row.calls, row.calls_per_minute, row.calls_per_day) == (20, 10, 1_000)
    assert (row.caller_calls, row.caller_calls_per_minute, row.caller_calls_per_day) == (2, 5, 50)
