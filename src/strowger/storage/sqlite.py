"""The SQLite store: the default, one file, nothing to install.

Changes go to the writer thread and are reported from the event loop; reads run where they are asked for, on a
connection of their own, and see what is committed. The statements are in `sql/queries.sql`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from strowger.calls.call import Call
from strowger.calls.errors import StoreUnavailable
from strowger.calls.ports import Commit, Done, OutboxEntry, Receipt, StoredCall
from strowger.storage.addition import Addition
from strowger.storage.bindings import SqliteBindings
from strowger.storage.database import Synchronous, insert_durably, make_directory, open_reader, open_writer
from strowger.storage.dead_letters import SqliteDeadLetters
from strowger.storage.errors import DatabaseUnusable, RecordUnreadable
from strowger.storage.identities import SqliteIdentities, SqliteSigningKeys
from strowger.storage.lock import DirectoryLock
from strowger.storage.pull import SqlitePull
from strowger.storage.queries import QUERIES
from strowger.storage.request_ids import RequestIds
from strowger.storage.retention import PREFIX_LENGTH, Retention
from strowger.storage.rows import Statement
from strowger.storage.statements import outbox_entry
from strowger.storage.subscriptions import SqliteSubscriptions
from strowger.storage.token_passwords import SqliteTokenPasswords
from strowger.storage.writer import QUEUE_LIMIT, Writer, nobody

Value = str | float | bytes

_EVENT_TRIED: Final = QUERIES["event_tried"]
_FIND_RECEIPT: Final = QUERIES["find_receipt"]
_BEYOND: Final = "\U0010ffff"
"""Sorts after every character of a call id."""
_decode: Final = msgspec.json.Decoder(Call).decode


class SqliteStore:
    """A `calls.ports.Store` in one SQLite database. All methods are for the event loop's thread."""

    __slots__ = (
        "_closed",
        "_lock",
        "_path",
        "_reader",
        "_request_ids",
        "_writer",
        "bindings",
        "dead_letters",
        "identities",
        "pull",
        "signing_keys",
        "subscriptions",
        "token_passwords",
    )

    def __init__(
        self, path: Path, lock: DirectoryLock, reader: sqlite3.Connection, writer: Writer, request_ids: RequestIds
    ) -> None:
        """Use `open`."""
        self._path = path
        self._lock = lock
        self._reader = reader
        self._writer = writer
        self._request_ids = request_ids
        self._closed = False
        self.bindings = SqliteBindings(writer, reader)
        """The contacts of users, in the same database."""
        self.identities = SqliteIdentities(writer, reader)
        """Users that were created while the server ran, there too."""
        self.signing_keys = SqliteSigningKeys(writer, reader)
        """The keys that sign their tokens."""
        self.token_passwords = SqliteTokenPasswords(writer, reader)
        """What is kept of their tokens for phones."""
        self.subscriptions = SqliteSubscriptions(writer, reader)
        """What was said of subscriptions while the server ran."""
        self.dead_letters = SqliteDeadLetters(writer, reader)
        """Events that were given up."""
        self.pull = SqlitePull(writer, reader)
        """The outbox, for applications that fetch their events."""

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        loop: asyncio.AbstractEventLoop,
        retention: Retention,
        synchronous: Synchronous = "FULL",
        queue_limit: int = QUEUE_LIMIT,
        page_limit: int = 0,
    ) -> SqliteStore:
        """Open the database `path`, making it and its directory where they are missing.

        `queue_limit` is the number of changes that may wait; `page_limit` the number of 4 KiB pages the database may
        grow to, 0 for no limit. Raises DirectoryInUse, DatabaseTooNew, DatabaseUnusable.
        """
        make_directory(path.parent)
        try:
            lock = DirectoryLock(path.parent)
        except OSError as error:
            raise DatabaseUnusable(path, error) from error
        try:
            connection = open_writer(path, synchronous, page_limit)
            try:
                reader = open_reader(path)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.release()
            raise
        writer = Writer(connection, loop, retention, queue_limit)
        return cls(path, lock, reader, writer, RequestIds(reader, loop, retention.receipts_kept))

    # ------------------------------------------------------------------------------------------------------- changes

    def commit(self, unit: Commit, done: Done) -> None:
        """Write one decision; `done` gets None once it is durable, or HopClosed, or StoreUnavailable."""
        if unit.receipt is not None:
            self._request_ids.add(unit.receipt.scope, unit.receipt.request_id)
        self._writer.submit(unit, done)

    def add_events(self, entries: Sequence[OutboxEntry], done: Done) -> None:
        """Keep events that come with no change of a call, along with the next change or soon."""
        self._writer.submit(Addition(entries), done)

    def save_receipt(self, receipt: Receipt, done: Done) -> None:
        """Keep the answer to a request that changed no call; it replaces one under the same id."""
        self._request_ids.add(receipt.scope, receipt.request_id)
        self._writer.submit(receipt, done)

    def delivered(self, entry: OutboxEntry) -> None:
        """The entry needs no further attempt; it is deleted with the next change or soon."""
        self._writer.delivered(entry)

    def tried(self, entry: OutboxEntry) -> None:
        """Keep how often the entry was tried; written with the next change or soon."""
        now = (entry.attempts, entry.last_attempt_at, entry.last_outcome)
        self._writer.submit(Statement(_EVENT_TRIED, *now, entry.event_id, entry.subscription), nobody)

    def prune(self, now: float) -> None:
        """Start dropping what has been kept long enough, a few rows at a time between other changes."""
        self._writer.prune(now)

    def secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        """A secret of this installation, made on first use and durable on return. Waits. Raises StoreUnavailable."""
        rows = self._rows(QUERIES["find_secret"], (name,))
        if not rows:
            try:
                insert_durably(self._path, QUERIES["insert_secret"], (name, make()))
            except sqlite3.Error as error:
                raise StoreUnavailable(f"the secret {name} cannot be stored: {error}") from error
            rows = self._rows(QUERIES["find_secret"], (name,))
        return bytes(rows[0][0])

    def is_writable(self) -> bool:
        """Whether the last write succeeded; while it did not, the store keeps trying by itself."""
        return self._writer.writable and not self._closed

    @property
    def events_dropped(self) -> int:
        """Undelivered events dropped since the start because too many were pending."""
        return self._writer.events_dropped

    def close(self) -> None:
        """Write what waits, then let go of the files. Waits for the disk. May be called again."""
        if self._closed:
            return
        self._closed = True
        self._request_ids.close()
        self._reader.close()  # first, so that the writer is the last to leave and clears the log away
        self._writer.close()
        self._lock.release()

    # --------------------------------------------------------------------------------------------------------- reads

    def find_receipt(self, scope: str, request_id: str) -> Receipt | None:
        """The stored answer to a request id, if any. Raises StoreUnavailable."""
        if not self._request_ids.may_hold(scope, request_id) and not self._closed:
            return None
        rows = self._rows(_FIND_RECEIPT, (scope, request_id))
        return Receipt(*rows[0]) if rows else None

    def live_calls(self) -> list[StoredCall]:
        """Every call that has not ended, oldest first. Raises StoreUnavailable, RecordUnreadable."""
        return [_stored(*row) for row in self._rows(QUERIES["live_calls"])]

    def ended_calls(self, since: float) -> list[StoredCall]:
        """Calls that ended at or after `since`, oldest first. Raises StoreUnavailable, RecordUnreadable."""
        return [_stored(*row) for row in self._rows(QUERIES["ended_calls"], (since,))]

    def pending_events(self) -> list[OutboxEntry]:
        """Every undelivered entry, oldest first, expired or not. Raises StoreUnavailable."""
        return [outbox_entry(row) for row in self._rows(QUERIES["pending_events"])]

    def find_call(self, call_id: str) -> Call | None:
        """One call by id or unique prefix of at least four characters. Raises StoreUnavailable, RecordUnreadable."""
        rows = self._rows(QUERIES["find_call"], (call_id,))
        if not rows and len(call_id) >= PREFIX_LENGTH:
            rows = self._rows(QUERIES["find_calls_between"], (call_id, call_id + _BEYOND))
        return _call(*rows[0]) if len(rows) == 1 else None

    def recent_calls(self, limit: int) -> list[Call]:
        """The newest calls first. Raises StoreUnavailable, RecordUnreadable."""
        return [_call(*row) for row in self._rows(QUERIES["recent_calls"], (max(limit, 0),))]  # SQLite takes -1 for all

    def _rows(self, statement: str, values: tuple[Value, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows at once: a statement left open would keep the write-ahead log from being reused."""
        try:
            return self._reader.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the database cannot be read: {error}") from error
        except UnicodeEncodeError:
            return []  # text that cannot be stored was never stored


def _call(call_id: str, encoded: bytes) -> Call:
    try:
        return _decode(encoded)
    except msgspec.MsgspecError as error:
        raise RecordUnreadable(call_id, error) from error


def _stored(call_id: str, encoded: bytes, revision: int, leg: bytes | None) -> StoredCall:
    return StoredCall(_call(call_id, encoded), revision, leg or b"")
