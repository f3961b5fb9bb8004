"""Durations and sizes of strowger.settings.quantity."""

from __future__ import annotations

import re

import pytest

from strowger.settings.quantity import LARGEST_SIZE, LONGEST_DURATION_S, duration, size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30.0),
        ("500ms", 0.5),
        ("2m", 120.0),
        ("24h", 86_400.0),
        ("7d", 604_800.0),
        ("1.5s", 1.5),
        ("30 s", 30.0),
        ("30", 30.0),
        (30, 30.0),
        (0.25, 0.25),
        (LONGEST_DURATION_S, LONGEST_DURATION_S),
    ],
)
def test_a_duration(written: object, seconds: float) -> None:
    assert duration(written) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "'' is not a duration"),
        ("s", "'s' is not a duration"),
        ("soon", "'soon' is not a duration"),
        ("1e3s", "'1e3s' is not a duration"),
        ("-1s", "'-1s' is not a duration"),
        ("1.2.3s", "'1.2.3s' is not a duration"),
        ("٣s", "'٣s' is not a duration"),
        ("3²s", "'3²s' is not a duration"),
        (".", "'.' is not a duration"),
        ("30KiB", "'30KiB' is not a duration: the unit is one of ms s m h d"),
        ("1hs", "'1hs' is not a duration: the unit is one of ms s m h d"),
        (float("inf"), "not that large"),
        (float("nan"), "a duration is a number"),
        pytest.param("9" * 400 + "s", "not that large", id="text too large for a float"),
        pytest.param(10**400, "not that large", id="number too large for a float"),
        (True, "a duration is text or a number, not bool"),
        ([30], "a duration is text or a number, not list"),
        (0, "above zero"),
        ("0s", "above zero"),
        (-1, "above zero"),
        (LONGEST_DURATION_S + 1, "below ten years"),
    ],
)
def test_no_duration(written: object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        duration(written)


@pytest.mark.parametrize(
    ("written", "octets"),
    [
        ("64KiB", 65_536),
        ("1MiB", 1_048_576),
        ("2GiB", 2_147_483_648),
        ("100B", 100),
        ("0.5KiB", 512),
        ("4096", 4_096),
        (4_096, 4_096),
        (LARGEST_SIZE, LARGEST_SIZE),
    ],
)
def test_a_size(written: object, octets: int) -> None:
    assert size(written) == octets


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("64KB", "'64KB' is not a size: the unit is one of B KiB MiB GiB"),
        ("30s", "'30s' is not a size: the unit is one of B KiB MiB GiB"),
        ("many", "'many' is not a size"),
        ("0.3B", "whole number of octets"),
        (0, "above zero"),
        (LARGEST_SIZE + 1, "not that large"),
        (None, "a size is text or a number, not NoneType"),
    ],
)
def test_no_size(written: object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        size(written)
