"""Where subscriptions of the run time are kept: `calls.subscriptions.SubscriptionStore`, in SQLite and in memory."""

from __future__ import annotations

import sqlite3
from typing import Final

from strowger.calls.ports import Done
from strowger.calls.subscriptions import StoredSubscription
from strowger.storage.queries import QUERIES
from strowger.storage.rows import MemoryRows, Statement, read_rows
from strowger.storage.writer import Writer

_SAVE: Final = QUERIES["save_subscription"]
_DELETE: Final = QUERIES["delete_subscription"]


class SqliteSubscriptions:
    """A `calls.subscriptions.SubscriptionStore` in the database of a `SqliteStore`, which opens and closes it."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def save(self, subscription: StoredSubscription, done: Done) -> None:
        """Keep a new one; of one that is known its rows and its pause."""
        row = (subscription.name, subscription.created_at, int(subscription.is_paused), subscription.document)
        self._writer.submit(Statement(_SAVE, *row), done)

    def delete(self, name: str, done: Done) -> None:
        """Forget one."""
        self._writer.submit(Statement(_DELETE, name), done)

    def load(self) -> list[StoredSubscription]:
        """Every one. Raises StoreUnavailable."""
        rows = read_rows(self._reader, QUERIES["subscriptions"])
        return [StoredSubscription(name, at, bool(is_paused), document) for name, at, is_paused, document in rows]


class MemorySubscriptions(MemoryRows[StoredSubscription]):
    """A `calls.subscriptions.SubscriptionStore` that forgets."""

    __slots__ = ()

    def save(self, subscription: StoredSubscription, done: Done) -> None:
        """Keep one; the time of its first saving stays."""
        self._change(lambda: self._put(subscription), done)

    def _put(self, subscription: StoredSubscription) -> None:
        known = self._kept.get(subscription.name)
        created_at = known.created_at if known is not None else subscription.created_at
        self._kept[subscription.name] = StoredSubscription(
            subscription.name, created_at, subscription.is_paused, subscription.document
        )
