"""Where the hashes of tokens are kept: `calls.token_passwords.PasswordStore`, in SQLite and in memory."""

from __future__ import annotations

import sqlite3
from typing import Final

from strowger.calls.ports import Done
from strowger.calls.token_passwords import StoredPassword
from strowger.storage.queries import QUERIES
from strowger.storage.rows import MemoryRows, Statement, read_rows
from strowger.storage.writer import Writer

_SAVE: Final = QUERIES["save_token_password"]
_DELETE: Final = QUERIES["delete_token_password"]


class SqliteTokenPasswords:
    """A `calls.token_passwords.PasswordStore` in the database of a `SqliteStore`, which opens and closes it."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def save(self, password: StoredPassword, done: Done) -> None:
        """Keep one."""
        row = (password.token_hash, password.raw_id, password.issued_under, password.expires_at, password.encoded)
        self._writer.submit(Statement(_SAVE, *row), done)

    def delete(self, token_hash: str, done: Done) -> None:
        """Forget one."""
        self._writer.submit(Statement(_DELETE, token_hash), done)

    def load(self) -> list[StoredPassword]:
        """Every one. Raises StoreUnavailable."""
        return [StoredPassword(*row) for row in read_rows(self._reader, QUERIES["token_passwords"])]


class MemoryTokenPasswords(MemoryRows[StoredPassword]):
    """A `calls.token_passwords.PasswordStore` that forgets."""

    __slots__ = ()

    def save(self, password: StoredPassword, done: Done) -> None:
        """Keep one."""
        self._change(lambda: self._kept.setdefault(password.token_hash, password), done)
