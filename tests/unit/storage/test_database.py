import os
import sqlite3
import stat

import pytest

from strowger.storage.database import (
    CHECKPOINT_PAGES,
    WRITER_CACHE_KIB,
    insert_durably,
    make_directory,
    open_reader,
    open_writer,
)
from strowger.storage.errors import DatabaseUnusable
from strowger.storage.queries import QUERIES


@pytest.fixture
def path(tmp_path):
    return tmp_path / "strowger.db"


@pytest.fixture
def writer(path):
    connection = open_writer(path, "FULL", 0)
    yield connection
    connection.close()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_directory_is_closed_to_others_and_an_old_one_is_left_alone(tmp_path):
    new = tmp_path / "above" / "data"
    make_directory(new)
    assert mode(new) == 0o700
    new.chmod(0o750)
    make_directory(new)
    assert mode(new) == 0o750


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnusable, match=r"cannot use the database .*/file/data: .*Not a directory"):
        make_directory(tmp_path / "file" / "data")


def test_the_files_are_closed_to_others(path, writer):
    writer.execute(QUERIES["insert_secret"], ("name", b"value"))
    assert {file.name: mode(file) for file in path.parent.iterdir()} == {
        "strowger.db": 0o600,
        "strowger.db-wal": 0o600,
        "strowger.db-shm": 0o600,
    }


def test_a_file_that_was_open_to_others_is_closed(path):
    path.touch(0o644)
    open_writer(path, "FULL", 0).close()
    assert mode(path) == 0o600


def test_the_writer_is_set_up_for_durability(writer):
    settings = {
        name: writer.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "cache_size", "wal_autocheckpoint")
    }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5_000,
        "cache_size": -WRITER_CACHE_KIB,
        "wal_autocheckpoint": CHECKPOINT_PAGES,
    }


def test_less_durability_and_a_size_can_be_asked_for(path):
    connection = open_writer(path, "NORMAL", 123)
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1
    assert connection.execute("PRAGMA max_page_count").fetchone()[0] == 123
    connection.close()


@pytest.mark.parametrize("content", [b"this is no database, however long it may be" * 100, b"\0" * 4096])
def test_what_is_no_database_is_refused_and_not_changed(path, content):
    path.write_bytes(content)
    with pytest.raises(DatabaseUnusable, match=r"strowger\.db: file is not a database"):
        open_writer(path, "FULL", 0)
    assert path.read_bytes() == content


def test_a_path_that_is_a_directory_is_refused(tmp_path):
    with pytest.raises(DatabaseUnusable, match="Is a directory"):
        open_writer(tmp_path, "FULL", 0)


def test_the_reader_sees_what_is_committed_and_cannot_write(path, writer):
    reader = open_reader(path)
    writer.execute(QUERIES["insert_secret"], ("name", b"value"))
    assert reader.execute(QUERIES["find_secret"], ("name",)).fetchall() == [(b"value",)]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute(QUERIES["insert_secret"], ("other", b"value"))
    reader.close()


def test_a_reader_without_a_database_is_refused(path):
    with pytest.raises(DatabaseUnusable, match="unable to open database file"):
        open_reader(path)


def test_a_path_with_signs_that_mean_something_in_a_uri_is_only_a_path(tmp_path):
    path = tmp_path / "what? 100% #1"
    writer = open_writer(path, "FULL", 0)
    open_reader(path).close()
    writer.close()
    assert os.listdir(tmp_path) == ["what? 100% #1"]


def test_a_row_is_written_past_the_writer(path, writer):
    insert_durably(path, QUERIES["insert_secret"], ("name", b"value"))
    insert_durably(path, QUERIES["insert_secret"], ("name", b"another"))
    assert writer.execute(QUERIES["find_secret"], ("name",)).fetchall() == [(b"value",)]
