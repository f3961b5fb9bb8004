"""Numbers that no application should reach by itself."""

from __future__ import annotations

import re

import pytest

from strowger.calls.number_ranges import (
    COSTLY,
    EMERGENCY,
    LONGEST_PREFIX,
    NETWORKS,
    PREMIUM,
    SATELLITE,
    is_emergency,
    longest,
)

KNOWN = frozenset(EMERGENCY)


def test_every_range_begins_with_a_country_code_and_is_a_prefix() -> None:
    for group, prefixes in COSTLY.items():
        assert all(re.fullmatch(r"\+[1-9][0-9]{1,14}", prefix) for prefix in prefixes), group


@pytest.mark.parametrize(
    ("number", "group"),
    [
        ("+19005550100", PREMIUM),
        ("+31900123456", PREMIUM),
        ("+449012345678", PREMIUM),
        ("+447012345678", PREMIUM),
        ("+979123456789", PREMIUM),
        ("+870773111222", SATELLITE),
        ("+881612345678", SATELLITE),
        ("+88216123456", SATELLITE),
        ("+882991234567", NETWORKS),
        ("+878101234567", NETWORKS),
    ],
)
def test_dear_numbers_are_known(number: str, group: str) -> None:
    reach = {each: longest(prefixes, number) for each, prefixes in COSTLY.items()}
    assert max(reach, key=lambda each: reach[each]) == group
    assert reach[group] > 0


@pytest.mark.parametrize("number", ["+31201110001", "+31612345678", "+18005550199", "+447911123456", "+393331234567"])
def test_ordinary_numbers_are_not(number: str) -> None:
    assert all(longest(prefixes, number) < 0 for prefixes in COSTLY.values())


def test_the_longest_prefix_is_found() -> None:
    assert longest(frozenset(("+", "+31", "+316")), "+31612") == 4
    assert longest(frozenset(("+31612",)), "+31612") == 6
    assert longest(frozenset(("+316123",)), "+31612") == -1
    assert longest(frozenset(("",)), "") == 0
    assert longest(frozenset(), "+31612") == -1


def test_no_more_is_looked_at_than_a_prefix_can_have() -> None:
    longest_prefix = "+" + "3" * (LONGEST_PREFIX - 1)
    assert longest(frozenset((longest_prefix,)), longest_prefix + "3" * 2_000) == LONGEST_PREFIX
    assert longest(frozenset((longest_prefix + "3",)), longest_prefix + "3") == -1


@pytest.mark.parametrize("number", ["112", "911", "999", "+112", "+31112", "+1911", "+358112", "+61000"])
def test_emergency_numbers_are_known_behind_a_country_code_too(number: str) -> None:
    assert is_emergency(number, KNOWN)


@pytest.mark.parametrize("number", ["", "+", "1", "1121", "31112", "+3161112", "+31201110112", "+31201110911"])
def test_numbers_that_only_end_in_one_are_not(number: str) -> None:
    assert not is_emergency(number, KNOWN)
