"""What settings refer to, by strowger.settings.where."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.settings.where import LARGEST_SECRET_OCTETS, Where


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tls/a.pem", "/etc/strowger/tls/a.pem"),
        ("../a.pem", "/etc/a.pem"),
        ("/a.pem", "/a.pem"),
        ("~/a.pem", "/home/al/a.pem"),
    ],
)
def test_a_path_begins_at_the_file(text: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/al")
    assert Where({}, Path("/etc/strowger")).path(text) == Path(path)


def test_a_secret_stands_for_itself_or_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    where = Where({"KEY": " from the environment\n"}, tmp_path)
    assert where.secret("plain") == "plain"
    assert where.secret("env:KEY") == "from the environment"
    assert where.secret("file:key") == "from a file"
    assert where.secret(f"file:{tmp_path}/key") == "from a file"


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}])
def test_a_variable_that_is_not_set(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the environment variable KEY is not set"):
        Where(environ, Path("/")).secret("env:KEY")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="key cannot be read: No such file or directory"):
        Where({}, tmp_path).secret("file:key")


def test_a_secret_has_a_largest_size(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"x" * LARGEST_SECRET_OCTETS)
    assert len(Where({}, tmp_path).secret("file:key")) == LARGEST_SECRET_OCTETS
    (tmp_path / "key").write_bytes(b"x" * (LARGEST_SECRET_OCTETS + 1))
    with pytest.raises(ValueError, match="larger than 65536 octets"):
        Where({}, tmp_path).secret("file:key")
