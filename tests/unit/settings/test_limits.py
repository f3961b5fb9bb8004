"""Every bound has a default that a small machine carries, and a unit or a count in its help."""

from __future__ import annotations

from dataclasses import fields

import pytest

from strowger.settings import Limits, Settings, load
from strowger.settings.problem import SettingsError

NAMES = [field.name for field in fields(Limits)]


def test_the_limits_of_the_settings_are_these() -> None:
    assert Settings().limits == Limits()


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_is_never_negative(tmp_path, name: str) -> None:
    config = tmp_path / "strowger.toml"
    config.write_text(f"[limits]\n{name} = -1\n")
    with pytest.raises(SettingsError) as refused:
        load(config, {}, {})
    assert f"$.limits.{name}" in [problem.path for problem in refused.value.problems]
