"""Which resources have keys of ours, and how a running server notices that one was rotated."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog

from strowger import resource_keys
from strowger.access_keys import private
from strowger.access_keys.errors import KeysUnusable
from strowger.base.tasks import spawn
from strowger.resource_keys import ResourceKeys, key_directory
from strowger.settings import Settings, load

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def wall() -> float:
    return 1_000.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "strowger.toml"
    resources = "".join(
        f'[[resource]]\nname = "{name}"\nid = "id-{name}"\nhosts = ["{name}.test"]\n{keys}\n'
        for name, keys in (("one", ""), ("two", f'keys = ["{KEY}"]'), ("three", "keys = []"))
    )
    file.write_text(f'[server]\ndata_dir = "{tmp_path / "data"}"\n{resources}')
    return load(file, {}, {})


def keys_in(settings: Settings) -> dict[str, tuple[str, ...]]:
    return {row.name: row.keys for row in settings.resources}


def test_only_resources_without_keys_get_some_and_keep_them(settings: Settings) -> None:
    with structlog.testing.capture_logs() as logs:
        first = keys_in(ResourceKeys(settings, wall).filled(settings))
    assert [(log["event"], log["resource"]) for log in logs] == [
        ("made access keys", "one"),
        ("made access keys", "three"),
    ]
    assert first["two"] == (KEY,)
    assert len({*first["one"], *first["three"]}) == 4
    with structlog.testing.capture_logs() as logs:
        assert keys_in(ResourceKeys(settings, wall).filled(settings)) == first
    assert logs == []


def test_a_look_finds_what_was_rotated_and_nothing_else(settings: Settings) -> None:
    keys, directory = ResourceKeys(settings, wall), key_directory(settings, wall)
    assert (keys.look(), keys.look()) == ({}, {})
    pair = directory.rotate("id-three", "secondary")
    assert keys.look() == {"three": pair}


def test_what_cannot_be_used_is_told_once_and_the_keys_before_stay(settings: Settings) -> None:
    keys, directory = ResourceKeys(settings, wall), key_directory(settings, wall)
    before = keys_in(keys.filled(settings))
    path = directory.path_of("id-one")
    with structlog.testing.capture_logs() as logs:
        path.chmod(0o644)
        assert (keys.look(), keys.look()) == ({}, {})
        path.rename(path.with_suffix(".away"))
        assert (keys.look(), keys.look()) == ({}, {})
    assert [(log["event"], log["resource"]) for log in logs] == [
        ("access keys cannot be read; those before stay valid", "one")
    ] * 2
    assert ["is open to other users" in logs[0]["why"], "there are no access keys" in logs[1]["why"]] == [True, True]
    assert keys_in(keys.filled(settings)) == before
    path.with_suffix(".away").rename(path)
    path.chmod(0o600)
    pair = directory.rotate("id-one", "primary")
    assert keys.look() == {"one": pair}


def test_trouble_that_lasts_is_told_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ResourceKeys(settings, wall)

    def fails(path: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:
        patch.setattr(Path, "lstat", fails)
        for _ in range(3):
            keys.look()
    assert [log["resource"] for log in logs] == ["one", "three"]


def test_what_could_not_be_read_for_a_moment_is_taken_afterwards(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, directory = ResourceKeys(settings, wall), key_directory(settings, wall)
    assert keys.look() == {}
    pair = directory.rotate("id-one", "primary")

    def fails(path: Path) -> bytes:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:
        patch.setattr(private, "read", fails)
        assert (keys.look(), keys.look()) == ({}, {})
    assert [log["resource"] for log in logs] == ["one"]
    assert keys.look() == {"one": pair}


@pytest.mark.asyncio
async def test_a_watch_takes_what_is_new_and_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_keys, "LOOK_EVERY_S", 0.0)
    keys, directory = ResourceKeys(settings, wall), key_directory(settings, wall)
    before = keys_in(keys.filled(settings))
    changed = asyncio.Event()
    with structlog.testing.capture_logs() as logs:
        task = spawn(keys.watch(changed.set), "keys")
        pair = directory.rotate("id-one", "secondary")
        await asyncio.wait_for(changed.wait(), 10)
        task.cancel()
    after = keys_in(keys.filled(settings))
    assert after == {**before, "one": (before["one"][0], pair.secondary.key)}
    assert logs == [
        {
            "event": "access keys were rotated",
            "log_level": "info",
            "resource": "one",
            "primary": pair.primary.fingerprint,
            "secondary": pair.secondary.fingerprint,
        }
    ]


@pytest.mark.asyncio
async def test_without_keys_of_ours_there_is_nothing_to_watch() -> None:
    await ResourceKeys(Settings(), wall).watch(lambda: None)


def test_keys_that_cannot_be_used_stop_the_start(settings: Settings) -> None:
    ResourceKeys(settings, wall)
    key_directory(settings, wall).path_of("id-one").chmod(0o640)
    with pytest.raises(KeysUnusable):
        ResourceKeys(settings, wall)
