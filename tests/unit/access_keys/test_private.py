"""A file that only its owner can read."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from strowger.access_keys import private
from strowger.access_keys.errors import KeysUnusable


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_private_from_the_start_and_nothing_else_is_left(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "keys"
    with private.locked(directory):
        private.replace(directory / "r1.json", b"one")
        private.replace(directory / "r1.json", b"two")
    assert private.read(directory / "r1.json") == b"two"
    assert (mode(directory / "r1.json"), mode(directory), mode(directory.parent)) == (0o600, 0o700, 0o700)
    assert os.listdir(directory) == ["r1.json"]


def test_others_wait(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    with private.locked(directory):
        descriptor = os.open(directory, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


@pytest.mark.parametrize("open_to", [0o040, 0o020, 0o004, 0o001])
def test_what_others_may_read_is_refused_with_the_remedy(tmp_path: Path, open_to: int) -> None:
    path = tmp_path / "r1.json"
    private.replace(path, b"secret")
    path.chmod(0o600 | open_to)
    with pytest.raises(KeysUnusable) as refused:
        private.read(path)
    assert str(refused.value) == (
        f"{path} is open to other users of this machine (mode {0o600 | open_to:o}): chmod 600 {path}. "
        "Whoever read it has the access keys, so rotate both"
    )
    path.chmod(0o400)
    assert private.read(path) == b"secret"


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "keys"
    directory.mkdir()
    directory.chmod(0o750)
    with pytest.raises(KeysUnusable, match=r"is open to .* \(mode 750\): chmod 700 "), private.locked(directory):
        pass
    directory.chmod(0o700)
    private.require_private_directory(directory)


def test_what_belongs_to_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r1.json"
    private.replace(path, b"secret")
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(KeysUnusable, match=f"belongs to another user of this machine \\(uid {owner}, we are "):
        private.read(path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert private.read(path) == b"secret"


def test_what_root_writes_is_given_to_the_owner_of_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, int, int]] = []
    real = Path.stat

    def stat_of_another(path: Path, **more: bool) -> os.stat_result:
        fields = list(real(path, **more))
        fields[4:6] = [1234, 5678]
        return os.stat_result(fields)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda what, *ids: given.append((os.readlink(f"/proc/self/fd/{what}"), *ids)))
    monkeypatch.setattr(Path, "stat", stat_of_another)
    directory = tmp_path / "keys"
    for _ in range(2):
        with private.locked(directory):
            private.replace(directory / "r1.json", b"secret")
    new = str(directory / f".r1.json.{os.getpid()}")
    assert given == [(str(directory), 1234, 5678), (new, 1234, 5678), (new, 1234, 5678)]


def test_root_gives_away_nothing_that_a_link_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, of_root = tmp_path / "keys", tmp_path / "of root"
    of_root.mkdir()
    real = Path.mkdir

    def replaced_at_once(path: Path, **more: Any) -> None:
        real(path, **more)
        path.rmdir()
        path.symlink_to(of_root)

    monkeypatch.setattr(Path, "mkdir", replaced_at_once)
    with pytest.raises(OSError, match=r"Not a directory|symbolic link"), private.locked(directory):
        pass  # pragma: no cover


def test_what_is_no_file_of_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "large").touch(0o600)
    (tmp_path / "large").write_bytes(b"x" * (private.LARGEST_OCTETS + 1))
    for name, why in (("link", "is a symbolic link"), ("pipe", "is no regular file"), ("large", "is larger than")):
        with pytest.raises(KeysUnusable, match=why):
            private.read(tmp_path / name)
    (tmp_path / "large").write_bytes(b"x" * private.LARGEST_OCTETS)
    assert len(private.read(tmp_path / "large")) == private.LARGEST_OCTETS
    with pytest.raises(FileNotFoundError):
        private.read(tmp_path / "nothing")


def test_a_disk_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r1.json"
    private.replace(path, b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            private.replace(path, b"after")
    assert (private.read(path), os.listdir(tmp_path)) == (b"before", ["r1.json"])
