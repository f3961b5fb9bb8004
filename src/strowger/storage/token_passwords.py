"""Where the hashes of tokens are kept: `calls.token_passwords.PasswordStore`, in SQLite and in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from strowger.calls.errors import StoreUnavailable
from strowger.calls.ports import Done
from strowger.calls.token_passwords import StoredPassword
from strowger.storage.change import Change
from strowger.storage.queries import QUERIES
from strowger.storage.writer import Writer

_SAVE: Final = QUERIES["save_token_password"]
_DELETE: Final = QUERIES["delete_token_password"]


class _Saving(Change):
    __slots__ = ("_password",)

    def __init__(self, password: StoredPassword) -> None:
        self._password = password

    def write(self, cursor: sqlite3.Cursor) -> None:
        kept = self._password
        cursor.execute(_SAVE, (kept.token_hash, kept.raw_id, kept.issued_under, kept.expires_at, kept.encoded))


class _Deleting(Change):
    __slots__ = ("_token_hash",)

    def __init__(self, token_hash: str) -> None:
        self._token_hash = token_hash

    def write(self, cursor: sqlite3.Cursor) -> None:
        cursor.execute(_DELETE, (self._token_hash,))


class SqliteTokenPasswords:
    """A `calls.token_passwords.PasswordStore` in the database of a `SqliteStore`, which opens and closes it."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def save(self, password: StoredPassword, done: Done) -> None:
        """Keep one."""
        self._writer.submit(_Saving(password), done)

    def delete(self, token_hash: str, done: Done) -> None:
        """Forget one."""
        self._writer.submit(_Deleting(token_hash), done)

    def load(self) -> list[StoredPassword]:
        """Every one. Raises StoreUnavailable."""
        try:
            rows = self._reader.execute(QUERIES["token_passwords"]).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the database cannot be read: {error}") from error
        return [StoredPassword(*row) for row in rows]


class MemoryTokenPasswords:
    """A `calls.token_passwords.PasswordStore` that forgets."""

    __slots__ = ("_is_closed", "_kept", "_later")

    def __init__(self, later: Callable[[Callable[[], None]], object]) -> None:
        """`later` runs a function soon, in the order given, never before it has returned: `loop.call_soon`."""
        self._later = later
        self._kept: dict[str, StoredPassword] = {}
        self._is_closed = False

    def save(self, password: StoredPassword, done: Done) -> None:
        """Keep one."""
        if not self._is_closed:
            self._kept.setdefault(password.token_hash, password)
        self._answer(done)

    def delete(self, token_hash: str, done: Done) -> None:
        """Forget one."""
        if not self._is_closed:
            self._kept.pop(token_hash, None)
        self._answer(done)

    def load(self) -> list[StoredPassword]:
        """Every one."""
        return list(self._kept.values())

    def close(self) -> None:
        """Take no further changes. May be called again."""
        self._is_closed = True

    def _answer(self, done: Done) -> None:
        error = StoreUnavailable("the store is closed") if self._is_closed else None
        self._later(lambda: done(error))
