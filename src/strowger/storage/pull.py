"""The outbox as a queue to read from: `calls.pull.PullStore`, in SQLite and in memory.

Nothing is kept twice: the rows are those of the outbox, and whatever takes an event out of it, takes it from its
readers as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import islice
from typing import Final

from strowger.calls.errors import StoreUnavailable
from strowger.calls.ports import Done, OutboxEntry
from strowger.calls.pull import Acknowledged, NumberedEntry
from strowger.storage.change import Change
from strowger.storage.queries import QUERIES
from strowger.storage.rows import Statement, read_rows
from strowger.storage.statements import outbox_entry
from strowger.storage.writer import Writer

_WAITING: Final = QUERIES["pull_events"]
_COUNT: Final = QUERIES["count_pulled"]
_LAST: Final = QUERIES["last_event_number"]
_UP_TO: Final = QUERIES["acknowledge_up_to"]
_ONE: Final = QUERIES["acknowledge_one"]
_KEEP_NEWEST: Final = QUERIES["keep_newest_events"]


class _Acknowledgement(Change):
    """The deletion of what a reader needs no more."""

    __slots__ = ("_subscription", "_what")

    def __init__(self, subscription: str, what: Acknowledged) -> None:
        self._subscription = subscription
        self._what = what

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Delete them. Raises sqlite3.Error."""
        if self._what.up_to:
            cursor.execute(_UP_TO, (self._subscription, self._what.up_to))
        if self._what.numbers:
            cursor.executemany(_ONE, [(self._subscription, number) for number in self._what.numbers])


class SqlitePull:
    """A `calls.pull.PullStore` in the database of a `SqliteStore`, which opens and closes it."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def waiting(self, subscription: str, after: int, limit: int, now: float) -> list[NumberedEntry]:
        """The oldest events with a greater number than `after`. Raises StoreUnavailable."""
        rows = read_rows(self._reader, _WAITING, subscription, after, now, limit)
        return [NumberedEntry(number, outbox_entry(tuple(columns))) for number, *columns in rows]

    def count(self, subscription: str, now: float) -> int:
        """How many wait. Raises StoreUnavailable."""
        return int(read_rows(self._reader, _COUNT, subscription, now)[0][0])

    def last_number(self) -> int:
        """The greatest number that was ever given. Raises StoreUnavailable."""
        return int(read_rows(self._reader, _LAST)[0][0])

    def acknowledge(self, subscription: str, what: Acknowledged, done: Done) -> None:
        """Delete what was acknowledged."""
        self._writer.submit(_Acknowledgement(subscription, what), done)

    def keep_newest(self, subscription: str, limit: int, now: float, done: Done) -> None:
        """Delete all but the newest so many."""
        self._writer.submit(Statement(_KEEP_NEWEST, subscription, subscription, now, limit), done)


class MemoryPull:
    """A `calls.pull.PullStore` that forgets. The store that owns the outbox tells what comes into it and leaves it."""

    __slots__ = ("_forget", "_is_closed", "_last", "_later", "_numbers", "_queues")

    def __init__(
        self,
        later: Callable[[Callable[[], None]], object],
        forget: Callable[[tuple[str, str]], None],
        last_number: int = 0,
    ) -> None:
        """`forget` takes an event out of the outbox, by event id and subscription; the first event gets the number
        after `last_number`.
        """
        self._later = later
        self._forget = forget
        self._last = last_number
        self._numbers: dict[tuple[str, str], int] = {}
        self._queues: dict[str, dict[int, OutboxEntry]] = {}
        self._is_closed = False

    def came(self, entry: OutboxEntry) -> None:
        """An event came into the outbox."""
        self._last += 1
        self._numbers[entry.event_id, entry.subscription] = self._last
        self._queues.setdefault(entry.subscription, {})[self._last] = entry

    def left(self, key: tuple[str, str]) -> None:
        """An event, by event id and subscription, left it."""
        number = self._numbers.pop(key, 0)
        queue = self._queues.get(key[1], {})
        queue.pop(number, None)
        if not queue:
            self._queues.pop(key[1], None)

    def close(self) -> None:
        """Take no further changes. May be called again."""
        self._is_closed = True

    def waiting(self, subscription: str, after: int, limit: int, now: float) -> list[NumberedEntry]:
        """The oldest events with a greater number than `after`."""
        found = (
            NumberedEntry(number, entry)
            for number, entry in self._queues.get(subscription, {}).items()
            if number > after and entry.expires_at > now
        )
        return list(islice(found, limit))

    def count(self, subscription: str, now: float) -> int:
        """How many wait."""
        return sum(entry.expires_at > now for entry in self._queues.get(subscription, {}).values())

    def last_number(self) -> int:
        """The greatest number that was ever given."""
        return self._last

    def acknowledge(self, subscription: str, what: Acknowledged, done: Done) -> None:
        """Forget what was acknowledged."""
        named = set(what.numbers)
        queue = self._queues.get(subscription, {})
        self._drop([entry for number, entry in queue.items() if number <= what.up_to or number in named], done)

    def keep_newest(self, subscription: str, limit: int, now: float, done: Done) -> None:
        """Forget all but the newest so many."""
        in_time = [entry for entry in self._queues.get(subscription, {}).values() if entry.expires_at > now]
        self._drop(in_time[: max(0, len(in_time) - limit)], done)

    def _drop(self, entries: list[OutboxEntry], done: Done) -> None:
        refused = StoreUnavailable("the store is closed") if self._is_closed else None
        if refused is None:
            for entry in entries:
                self._forget((entry.event_id, entry.subscription))
        self._later(lambda: done(refused))
