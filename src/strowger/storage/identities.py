"""Where identities and signing keys are kept: `calls.identities.IdentityStore` and
`calls.signing_keys.SigningKeyStore`, in SQLite and in memory.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from strowger.calls.errors import StoreUnavailable
from strowger.calls.identities import Identity
from strowger.calls.ports import Done
from strowger.calls.signing_keys import StoredKey
from strowger.storage.queries import QUERIES
from strowger.storage.rows import MemoryRows, Statement, read_rows
from strowger.storage.writer import Writer

_SAVE: Final = QUERIES["save_identity"]
_DELETE: Final = QUERIES["delete_identity"]
_SAVE_KEY: Final = QUERIES["save_signing_key"]
_DELETE_KEY: Final = QUERIES["delete_signing_key"]


class SqliteIdentities:
    """A `calls.identities.IdentityStore` in the database of a `SqliteStore`, which opens and closes it."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def save(self, identity: Identity, done: Done) -> None:
        """Keep an identity; of one that is known only the revocation changes."""
        row = (identity.raw_id, identity.resource, identity.created_at, identity.not_before)
        self._writer.submit(Statement(_SAVE, *row), done)

    def delete(self, raw_id: str, done: Done) -> None:
        """Forget an identity."""
        self._writer.submit(Statement(_DELETE, raw_id), done)

    def load(self) -> list[Identity]:
        """Every identity. Raises StoreUnavailable."""
        return [Identity(*row) for row in read_rows(self._reader, QUERIES["identities"])]


class SqliteSigningKeys:
    """A `calls.signing_keys.SigningKeyStore` in the same database."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def save(self, key: StoredKey, done: Done) -> None:
        """Keep a new key; StoreUnavailable for one whose name is taken."""
        self._writer.submit(Statement(_SAVE_KEY, key.kid, key.created_at, key.private), done)

    def delete(self, kid: str, done: Done) -> None:
        """Forget a key."""
        self._writer.submit(Statement(_DELETE_KEY, kid), done)

    def load(self) -> list[StoredKey]:
        """Every key. Raises StoreUnavailable."""
        return [StoredKey(*row) for row in read_rows(self._reader, QUERIES["signing_keys"])]


class MemoryIdentities(MemoryRows[Identity]):
    """A `calls.identities.IdentityStore` that forgets."""

    __slots__ = ()

    def save(self, identity: Identity, done: Done) -> None:
        """Keep an identity."""
        self._change(lambda: self._kept.update({identity.raw_id: identity}), done)


class MemorySigningKeys(MemoryRows[StoredKey]):
    """A `calls.signing_keys.SigningKeyStore` that forgets."""

    __slots__ = ()

    def save(self, key: StoredKey, done: Done) -> None:
        """Keep a new key; StoreUnavailable for one whose name is taken."""
        self._change(lambda: self._add(key), done)

    def _add(self, key: StoredKey) -> None:
        if key.kid in self._kept:
            raise StoreUnavailable("there is a key of this name already")
        self._kept[key.kid] = key
