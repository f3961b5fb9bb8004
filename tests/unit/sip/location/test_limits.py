"""The defaults keep the promises that were made of them."""

from __future__ import annotations

from strowger.sip.location.limits import LocationLimits


def test_a_caller_is_told_within_five_seconds() -> None:
    assert LocationLimits().location_s < 5.0


def test_two_rounds_of_silence_fit_into_one_location() -> None:
    limits = LocationLimits()
    assert 2 * limits.question_s <= limits.location_s


def test_the_last_good_answer_is_used_for_an_hour() -> None:
    assert LocationLimits().stale_s == 3_600.0
