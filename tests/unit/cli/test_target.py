"""Which server a command is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.cli.dev.directory import DevDirectory, DevStart
from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.target import data_directory, names_of, reachable, settings_of


def test_without_a_choice_it_is_the_development_server(tmp_path: Path) -> None:
    settings = settings_of(None, None)
    assert settings.server.data_dir == tmp_path / "home/.local/share/strowger/dev"
    assert settings.server.data_dir == data_directory(None)
    assert [resource.name for resource in settings.resources] == ["dev"]


def test_a_data_directory_tells_how_its_server_was_started_last(tmp_path: Path) -> None:
    directory = DevDirectory(tmp_path)
    start = DevStart("http://localhost:8080/x", {"bob": ["sip:bob@127.0.0.1:5071"]}, api=["127.0.0.1:17443"])
    directory.settings(start, {})
    directory.remember(start)
    settings = settings_of(None, tmp_path)
    assert settings.server.public_url == "https://localhost:17443"
    assert settings.subscriptions[0].endpoint == "http://localhost:8080/x"
    assert settings.users[1].contacts == ("sip:bob@127.0.0.1:5071",)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "strowger.toml"
    path.write_text('[server]\npublic_url = "https://acs.test"\n')
    assert settings_of(path, None).server.public_url == "https://acs.test"


def test_two_choices_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="name different servers"):
        settings_of(tmp_path / "x.toml", tmp_path)


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"The settings cannot be used:\n\$: .* cannot be read"):
        settings_of(tmp_path / "nowhere.toml", None)


def test_a_damaged_data_directory(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text("{")
    with pytest.raises(Failed, match=r"dev\.json is damaged .* remove it, or use --reset"):
        settings_of(None, tmp_path)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1:80"),
        ("0.0.0.0", "127.0.0.1:80"),
        ("::", "[::1]:80"),
        ("2001:db8::1", "[2001:db8::1]:80"),
        ("pbx.test", "pbx.test:80"),
    ],
)
def test_how_a_listener_is_reached(host: str, expected: str) -> None:
    assert reachable(host, 80) == expected


def test_names_by_raw_id() -> None:
    assert list(names_of(settings_of(None, None)).values()) == ["alice", "bob"]
