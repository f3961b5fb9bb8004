"""What an application is told: a published code, and the setting that decided it."""

from __future__ import annotations

import pytest

from strowger.calls.outside_refusal import LIMIT_REASONS, REASONS, forbidden, throttled


@pytest.mark.parametrize("setting", LIMIT_REASONS)
def test_a_limit_names_itself_and_its_value(setting: str) -> None:
    refusal = throttled(setting, 7, "dev")
    assert f"([[outside]] {setting} = 7)" in str(refusal)
    assert (refusal.status, refusal.target) == (429, "target")
    assert refusal.code in ("8516", "8529", "8530")


@pytest.mark.parametrize("reason", [each for each in REASONS if each not in LIMIT_REASONS])
def test_a_rule_names_the_setting(reason: str) -> None:
    refusal = forbidden(reason, "dev", "+31\x1b[2J" + "1" * 3_000)
    assert (refusal.status, refusal.code, refusal.target) == (405, "8520", "target")
    assert "[[outside]]" in str(refusal)
    assert str(refusal).isprintable()
    assert len(str(refusal)) < 250
