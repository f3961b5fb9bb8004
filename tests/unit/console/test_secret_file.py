"""A secret that only its owner can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from strowger.console.secret_file import LARGEST_BYTES, kept, read


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "admin.token"
    assert kept(path, lambda: "abc") == "abc"
    assert kept(path, lambda: "def") == "abc"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["admin.token"]


def test_of_two_programs_one_is_quicker(tmp_path: Path) -> None:
    path = tmp_path / "admin.token"

    other = tmp_path / f".{path.name}.{os.getpid()}"

    def make_while_another_does() -> str:
        path.write_text("the other one\n")
        return "mine"

    assert kept(path, make_while_another_does) == "the other one"
    assert not other.exists()


def test_a_file_that_lies_in_its_way_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "admin.token"
    there = tmp_path / f".{path.name}.{os.getpid()}"
    there.touch(0o666)
    with there.open() as reading_along:
        assert kept(path, lambda: "abc") == "abc"
        assert reading_along.read() == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_somebody_else_put_there_is_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = tmp_path / "admin.token", Path.stat
    assert kept(path, lambda: "abc") == "abc"

    def stat_of(owner: int) -> Callable[..., os.stat_result]:
        def found(path: Path, **more: bool) -> os.stat_result:
            fields = list(real(path, **more))
            return os.stat_result([*fields[:4], owner, *fields[5:]])

        return found

    monkeypatch.setattr(os, "geteuid", lambda: 1_234)
    monkeypatch.setattr(Path, "stat", stat_of(5_678))
    with pytest.raises(ValueError, match=r"belongs to another user of this machine \(uid 5678, we are 1234\)"):
        kept(path, lambda: "abc")
    for owner in (1_234, 0):
        monkeypatch.setattr(Path, "stat", stat_of(owner))
        assert kept(path, lambda: "def") == "abc"
    monkeypatch.setattr(Path, "stat", stat_of(5_678))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert kept(path, lambda: "def") == "abc"


@pytest.mark.parametrize("octets", [b"", b"\n", b"a\nb", b"\xff", b"x" * (LARGEST_BYTES + 1)])
def test_a_file_that_holds_no_secret(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "admin.token"
    path.write_bytes(octets)
    with pytest.raises(ValueError, match="does not hold a secret on one line"):
        read(path)


def test_the_largest_secret(tmp_path: Path) -> None:
    path = tmp_path / "admin.token"
    path.write_bytes(b"x" * LARGEST_BYTES)
    assert len(read(path)) == LARGEST_BYTES
