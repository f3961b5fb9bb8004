"""Where identities and signing keys are kept: `calls.identities.IdentityStore` and
`calls.signing_keys.SigningKeyStore`, in SQLite and in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from strowger.calls.errors import StoreUnavailable
from strowger.calls.identities import Identity
from strowger.calls.ports import Done
from strowger.calls.signing_keys import StoredKey
from strowger.storage.change import Change
from strowger.storage.queries import QUERIES
from strowger.storage.writer import Writer

_SAVE: Final = QUERIES["save_identity"]
_DELETE: Final = QUERIES["delete_identity"]
_SAVE_KEY: Final = QUERIES["save_signing_key"]
_DELETE_KEY: Final = QUERIES["delete_signing_key"]


class _Row(Change):
    """One statement about one row."""

    __slots__ = ("_statement", "_values")

    def __init__(self, statement: str, *values: str | float | bytes) -> None:
        self._statement = statement
        self._values = values

    def write(self, cursor: sqlite3.Cursor) -> None:
        cursor.execute(self._statement, self._values)


class SqliteIdentities:
    """A `calls.identities.IdentityStore` in the database of a `SqliteStore`, which opens and closes it."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def save(self, identity: Identity, done: Done) -> None:
        """Keep an identity; of one that is known only the revocation changes."""
        row = (identity.raw_id, identity.resource, identity.created_at, identity.not_before)
        self._writer.submit(_Row(_SAVE, *row), done)

    def delete(self, raw_id: str, done: Done) -> None:
        """Forget an identity."""
        self._writer.submit(_Row(_DELETE, raw_id), done)

    def load(self) -> list[Identity]:
        """Every identity. Raises StoreUnavailable."""
        return [Identity(*row) for row in _rows(self._reader, QUERIES["identities"])]


class SqliteSigningKeys:
    """A `calls.signing_keys.SigningKeyStore` in the same database."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def save(self, key: StoredKey, done: Done) -> None:
        """Keep a new key; StoreUnavailable for one whose name is taken."""
        self._writer.submit(_Row(_SAVE_KEY, key.kid, key.created_at, key.private), done)

    def delete(self, kid: str, done: Done) -> None:
        """Forget a key."""
        self._writer.submit(_Row(_DELETE_KEY, kid), done)

    def load(self) -> list[StoredKey]:
        """Every key. Raises StoreUnavailable."""
        return [StoredKey(*row) for row in _rows(self._reader, QUERIES["signing_keys"])]


class MemoryIdentities:
    """A `calls.identities.IdentityStore` that forgets."""

    __slots__ = ("_is_closed", "_kept", "_later")

    def __init__(self, later: Callable[[Callable[[], None]], object]) -> None:
        """`later` runs a function soon, in the order given, never before it has returned: `loop.call_soon`."""
        self._later = later
        self._kept: dict[str, Identity] = {}
        self._is_closed = False

    def save(self, identity: Identity, done: Done) -> None:
        """Keep an identity."""
        if not self._is_closed:
            self._kept[identity.raw_id] = identity
        self._answer(done)

    def delete(self, raw_id: str, done: Done) -> None:
        """Forget an identity."""
        if not self._is_closed:
            self._kept.pop(raw_id, None)
        self._answer(done)

    def load(self) -> list[Identity]:
        """Every identity."""
        return list(self._kept.values())

    def close(self) -> None:
        """Take no further changes. May be called again."""
        self._is_closed = True

    def _answer(self, done: Done) -> None:
        error = StoreUnavailable("the store is closed") if self._is_closed else None
        self._later(lambda: done(error))


class MemorySigningKeys:
    """A `calls.signing_keys.SigningKeyStore` that forgets."""

    __slots__ = ("_is_closed", "_kept", "_later")

    def __init__(self, later: Callable[[Callable[[], None]], object]) -> None:
        """`later` runs a function soon, in the order given, never before it has returned: `loop.call_soon`."""
        self._later = later
        self._kept: dict[str, StoredKey] = {}
        self._is_closed = False

    def save(self, key: StoredKey, done: Done) -> None:
        """Keep a new key; StoreUnavailable for one whose name is taken."""
        error = self._error()
        if error is None and key.kid in self._kept:
            error = StoreUnavailable("there is a key of this name already")
        if error is None:
            self._kept[key.kid] = key
        self._later(lambda: done(error))

    def delete(self, kid: str, done: Done) -> None:
        """Forget a key."""
        error = self._error()
        if error is None:
            self._kept.pop(kid, None)
        self._later(lambda: done(error))

    def load(self) -> list[StoredKey]:
        """Every key."""
        return list(self._kept.values())

    def close(self) -> None:
        """Take no further changes. May be called again."""
        self._is_closed = True

    def _error(self) -> StoreUnavailable | None:
        return StoreUnavailable("the store is closed") if self._is_closed else None


def _rows(reader: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    try:
        return reader.execute(statement).fetchall()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database cannot be read: {error}") from error
