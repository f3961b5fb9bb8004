"""The data directory of a development server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strowger.access_keys.errors import KeysUnusable
from strowger.cli.dev.directory import CERTIFICATE_FILES, DATABASE_FILES, DevDirectory, DevStart
from strowger.cli.resource import keyed
from strowger.settings.dev import RESOURCE_ID
from strowger.storage.errors import DirectoryInUse
from strowger.storage.lock import DirectoryLock

START = DevStart(
    "http://localhost:8080/x",
    {"bob": ["sip:bob@127.0.0.1:5071"]},
    api=["127.0.0.1:1443"],
    console=["127.0.0.1:1080"],
    sip=["udp:127.0.0.1:1060"],
)


def keys_in(path: Path) -> tuple[str, ...]:
    settings = DevDirectory(path).settings(DevStart(), {})
    return keyed(settings, settings.resources[0], makes=True).keys


def test_the_keys_stay(tmp_path: Path) -> None:
    keys = keys_in(tmp_path / "new")
    assert (len(set(keys)), keys_in(tmp_path / "new")) == (2, keys)


def test_the_key_of_an_earlier_version_becomes_the_primary_one(tmp_path: Path) -> None:
    (tmp_path / "access.key").write_text("MDEyMzQ1Njc4OWFiY2RlZg==\n")
    os.utime(tmp_path / "access.key", (1_000, 1_000))
    primary, secondary = keys_in(tmp_path)
    assert (primary, secondary == primary) == ("MDEyMzQ1Njc4OWFiY2RlZg==", False)
    assert not (tmp_path / "access.key").exists()
    assert '"made_at": 1000.0' in (tmp_path / "keys" / f"{RESOURCE_ID}.json").read_text()
    assert keys_in(tmp_path) == (primary, secondary)


def test_keys_of_this_version_weigh_more_than_one_of_an_earlier_version(tmp_path: Path) -> None:
    keys = keys_in(tmp_path)
    (tmp_path / "access.key").write_text("MDEyMzQ1Njc4OWFiY2RlZg==\n")
    assert keys_in(tmp_path) == keys
    assert not (tmp_path / "access.key").exists()


def test_an_earlier_key_that_is_none_is_told_and_kept(tmp_path: Path) -> None:
    (tmp_path / "access.key").write_text("abc")
    with pytest.raises(ValueError, match=r"access\.key does not hold an access key \(a key is not base64\)"):
        keys_in(tmp_path)
    (tmp_path / "access.key").write_text("MDEyMzQ1Njc4OWFiY2RlZg==\n")
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(KeysUnusable):
        keys_in(tmp_path)
    assert (tmp_path / "access.key").exists()


def test_settings_of_a_start(tmp_path: Path) -> None:
    settings = DevDirectory(tmp_path).settings(START, {})
    assert str(settings.listen.api[0]) == "127.0.0.1:1443"
    assert str(settings.listen.console[0]) == "127.0.0.1:1080"
    assert [str(each) for each in settings.listen.sip] == ["udp:127.0.0.1:1060"]
    assert settings.listen.metrics == ()
    assert settings.server.public_url == "https://localhost:1443"
    assert settings.users[1].contacts == ("sip:bob@127.0.0.1:5071",)


def test_the_environment_weighs_more_where_nothing_was_said(tmp_path: Path) -> None:
    environ = {
        "STROWGER__LISTEN__METRICS": "127.0.0.1:1090",
        "STROWGER__SERVER__PUBLIC_URL": "https://acs.test",
        "STROWGER__LISTEN__API": "127.0.0.1:9",
    }
    settings = DevDirectory(tmp_path).settings(START, environ)
    assert str(settings.listen.metrics[0]) == "127.0.0.1:1090"
    assert settings.server.public_url == "https://acs.test"
    assert str(settings.listen.api[0]) == "127.0.0.1:1443"


def test_without_tls_the_url_says_so(tmp_path: Path) -> None:
    settings = DevDirectory(tmp_path).settings(START, {"STROWGER__TLS__MODE": "off"})
    assert settings.server.public_url == "http://localhost:1443"


def test_a_start_is_remembered(tmp_path: Path) -> None:
    directory = DevDirectory(tmp_path)
    assert directory.last_start() == DevStart()
    directory.remember(START)
    assert directory.last_start() == START
    assert [path.name for path in tmp_path.iterdir()] == ["dev.json"]


@pytest.mark.parametrize("octets", [b"", b"{", b'{"api": 1}', b"\xff"])
def test_a_damaged_memory_is_told(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "dev.json").write_bytes(octets)
    with pytest.raises(ValueError, match=r"dev\.json is damaged"):
        DevDirectory(tmp_path).last_start()


def test_reset_removes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    for name in (*DATABASE_FILES, "access.key", "admin.token", "entra.key", "dev.json", "notes.txt"):
        (tmp_path / name).write_text("x")
    for name in (*CERTIFICATE_FILES, "other.pem"):
        (tmp_path / "tls" / name).write_text("x")
    (tmp_path / "keys").mkdir()
    for name in ("a.json", "b.json", "other.txt"):
        (tmp_path / "keys" / name).write_text("x")
    DevDirectory(tmp_path).reset()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["keys/other.txt", "notes.txt", "strowger.lock", "tls/other.pem"]


def test_nothing_is_reset_below_a_server_that_runs(tmp_path: Path) -> None:
    (tmp_path / "strowger.db").write_text("x")
    lock = DirectoryLock(tmp_path)
    with pytest.raises(DirectoryInUse):
        DevDirectory(tmp_path).reset()
    assert (tmp_path / "strowger.db").exists()
    lock.release()


def test_a_directory_that_is_not_there_needs_no_reset(tmp_path: Path) -> None:
    DevDirectory(tmp_path / "new").reset()
    assert not (tmp_path / "new").exists()
