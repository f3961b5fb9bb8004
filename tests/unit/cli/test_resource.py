"""Which resource a command is about, and its keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.access_keys.pair import WHICH as OF_THE_ROOM
from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.resource import WHICH, chosen_resource, directory_of, keyed
from strowger.cli.target import settings_of
from strowger.settings import Settings


def test_the_names_of_the_keys_are_those_of_the_room() -> None:
    assert WHICH == OF_THE_ROOM


def test_the_first_or_the_one_that_is_named(tmp_path: Path) -> None:
    settings = settings_of(None, tmp_path)
    assert chosen_resource(settings, None) is chosen_resource(settings, "dev") is settings.resources[0]
    with pytest.raises(Misconfigured, match="There is no resource 'prod'; there are dev"):
        chosen_resource(settings, "prod")
    with pytest.raises(Misconfigured, match="no \\[\\[resource\\]\\]"):
        chosen_resource(Settings(), None)


def test_keys_are_made_for_a_development_server_only(tmp_path: Path) -> None:
    settings = settings_of(None, tmp_path)
    resource = settings.resources[0]
    with pytest.raises(Failed, match="The access keys of 'dev' cannot be had: there are no access keys in "):
        keyed(settings, resource, makes=False)
    assert not (tmp_path / "keys").exists()
    made = keyed(settings, resource, makes=True)
    assert made.keys == directory_of(settings).read(resource.id).keys
    assert keyed(settings, resource, makes=False) == made


def test_keys_of_the_settings_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STROWGER__RESOURCE__0__KEYS", "MDEyMzQ1Njc4OWFiY2RlZg==")
    settings = settings_of(None, tmp_path)
    assert keyed(settings, settings.resources[0], makes=True) is settings.resources[0]
    assert not (tmp_path / "keys").exists()
