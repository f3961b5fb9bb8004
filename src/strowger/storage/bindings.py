"""Where the contacts of users are kept: `calls.bindings.BindingStore`, in SQLite and in memory.

One row is all contacts of one address, so that a registration is one row written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from strowger.calls.bindings import StoredBindings
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.ports import Done
from strowger.storage.change import Change
from strowger.storage.queries import QUERIES
from strowger.storage.retention import PRUNE_ROWS
from strowger.storage.rows import read_rows
from strowger.storage.writer import Writer

_SAVE: Final = QUERIES["save_bindings"]
_DELETE: Final = QUERIES["delete_bindings"]
_PRUNE: Final = QUERIES["prune_bindings"]


class _Saving(Change):
    __slots__ = ("_stored",)

    def __init__(self, stored: StoredBindings) -> None:
        self._stored = stored

    def write(self, cursor: sqlite3.Cursor) -> None:
        stored = self._stored
        if stored.encoded:
            cursor.execute(_SAVE, (stored.aor, stored.encoded, stored.expires_at))
        else:
            cursor.execute(_DELETE, (stored.aor,))


class _Pruning(Change):
    __slots__ = ("_now", "dropped")

    def __init__(self, now: float) -> None:
        self._now = now
        self.dropped = 0

    def write(self, cursor: sqlite3.Cursor) -> None:
        self.dropped = cursor.execute(_PRUNE, (self._now, PRUNE_ROWS)).rowcount


class SqliteBindings:
    """A `calls.bindings.BindingStore` in the database of a `SqliteStore`, which opens and closes it."""

    __slots__ = ("_is_pruning", "_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._is_pruning = False

    def save(self, stored: StoredBindings, done: Done) -> None:
        """Replace what is kept for the address; `done` gets None once it is durable, or StoreUnavailable."""
        self._writer.submit(_Saving(stored), done)

    def load(self, now: float) -> list[StoredBindings]:
        """What has not expired. Raises StoreUnavailable."""
        return [StoredBindings(*row) for row in read_rows(self._reader, QUERIES["live_bindings"], now)]

    def prune(self, now: float) -> None:
        """Start dropping what has expired, a few rows at a time between other changes."""
        if not self._is_pruning:
            self._prune_step(now)

    def _prune_step(self, now: float) -> None:
        step = _Pruning(now)
        self._is_pruning = True
        self._writer.submit(step, lambda error: self._pruned(step, now, error))

    def _pruned(self, step: _Pruning, now: float, error: CallError | None) -> None:
        self._is_pruning = False
        if error is None and step.dropped == PRUNE_ROWS:
            self._prune_step(now)


class MemoryBindings:
    """A `calls.bindings.BindingStore` that forgets: the same behaviour, nothing left at the end."""

    __slots__ = ("_is_closed", "_kept", "_later")

    def __init__(self, later: Callable[[Callable[[], None]], object]) -> None:
        """`later` runs a function soon, in the order given, never before it has returned: `loop.call_soon`."""
        self._later = later
        self._kept: dict[str, StoredBindings] = {}
        self._is_closed = False

    def save(self, stored: StoredBindings, done: Done) -> None:
        """Replace what is kept for the address."""
        error = StoreUnavailable("the store is closed") if self._is_closed else None
        if error is None:
            self._kept.pop(stored.aor, None)
            if stored.encoded:
                self._kept[stored.aor] = stored
        self._later(lambda: done(error))

    def load(self, now: float) -> list[StoredBindings]:
        """What has not expired."""
        return [stored for stored in self._kept.values() if stored.expires_at > now]

    def prune(self, now: float) -> None:
        """Drop what has expired."""
        self._later(lambda: self._prune(now))

    def close(self) -> None:
        """Take no further changes. May be called again."""
        self._is_closed = True

    def _prune(self, now: float) -> None:
        for aor in [aor for aor, stored in self._kept.items() if stored.expires_at <= now]:
            del self._kept[aor]
