"""Opens the database file: permissions, connections and their settings, schema.

Two connections are used: one that writes, given to the writer thread, and one that only reads, for the event loop's
thread. With a write-ahead log neither waits for the other.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

from strowger.storage.errors import DatabaseUnusable
from strowger.storage.migrate import migrate, migrations

Synchronous = Literal["FULL", "NORMAL"]
"""FULL survives the loss of power; NORMAL only the end of the process: without power it forgets the last moments."""

BUSY_TIMEOUT_S: Final = 5.0
"""Seconds to wait for a lock that somebody else holds, for example a backup."""
WRITER_CACHE_KIB: Final = 2_048
"""Memory for pages of the connection that writes, KiB."""
READER_CACHE_KIB: Final = 512
"""Memory for pages of the connection that reads, KiB."""
CHECKPOINT_PAGES: Final = 1_000
"""Pages of 4 KiB in the write-ahead log before they are copied into the database: a few milliseconds of work."""
LOG_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""What the write-ahead log is cut to after it had to grow."""

_FILE_MODE: Final = 0o600
_DIRECTORY_MODE: Final = 0o700


def make_directory(directory: Path) -> None:
    """Make the data directory, closed to other users; one that exists keeps its mode."""
    try:
        directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnusable(directory, error) from error


def open_writer(path: Path, synchronous: Synchronous, page_limit: int) -> sqlite3.Connection:
    """Open, or make, the database and bring its schema up to date.

    `page_limit` is the number of pages it may grow to, 0 for no limit. Raises DatabaseUnusable, DatabaseTooNew.
    """
    try:
        _close_to_others(path)
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseUnusable(path, error) from error
    try:
        _set_up(connection, path, synchronous)
        migrate(connection, migrations())
        if page_limit:
            connection.execute(f"PRAGMA max_page_count={page_limit:d}")
    except sqlite3.Error as error:
        connection.close()
        raise DatabaseUnusable(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _close_to_others(path: Path) -> None:
    """The file holds secrets. SQLite gives its log and its index the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, _FILE_MODE)
    finally:
        os.close(descriptor)


def _set_up(connection: sqlite3.Connection, path: Path, synchronous: Synchronous) -> None:
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise DatabaseUnusable(path, f"its file system allows no write-ahead log (journal mode {mode})")
    for setting in (
        f"synchronous={synchronous}",
        "foreign_keys=ON",
        "secure_delete=FAST",
        f"cache_size=-{WRITER_CACHE_KIB}",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        f"journal_size_limit={LOG_LIMIT_BYTES}",
    ):
        connection.execute(f"PRAGMA {setting}")


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database, which a writer has open, for reading only. Raises DatabaseUnusable."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}")
    except sqlite3.Error as error:
        raise DatabaseUnusable(path, error) from error
    return connection


def insert_durably(path: Path, statement: str, values: tuple[str, bytes]) -> None:
    """Write one row past the writer, durable on return; for the start, when nothing waits. Raises sqlite3.Error."""
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(statement, values)
