"""Where events that were given up are kept: `calls.dead_letters.DeadLetterStore`, in SQLite and in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from strowger.calls.dead_letters import DeadLetter, Kept
from strowger.calls.ports import Done, OutboxEntry
from strowger.storage.change import Change
from strowger.storage.queries import QUERIES
from strowger.storage.rows import MemoryRows, read_rows
from strowger.storage.statements import insert_event, outbox_entry
from strowger.storage.writer import Writer

_BURY: Final = QUERIES["bury_event"]
_FORGET: Final = QUERIES["delete_dead_letter"]
_DELETE_ENTRY: Final = QUERIES["delete_delivered"]


class _Burial(Change):
    """The letter in, its outbox entry out."""

    __slots__ = ("_letter",)

    def __init__(self, letter: DeadLetter) -> None:
        self._letter = letter

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write both. Raises sqlite3.Error."""
        letter, entry = self._letter, self._letter.entry
        cursor.execute(
            _BURY,
            (
                letter.letter_id,
                letter.reason,
                letter.why,
                letter.died_at,
                entry.event_id,
                entry.subscription,
                entry.call_id,
                entry.body,
                entry.created_at,
                entry.expires_at,
                entry.outlives_hop,
                entry.attempts,
                entry.last_attempt_at,
                entry.last_outcome,
            ),
        )
        cursor.execute(_DELETE_ENTRY, (entry.event_id, entry.subscription))


class _Revival(Change):
    """The outbox entry in, the letter out."""

    __slots__ = ("_entry", "_letter_id")

    def __init__(self, letter_id: str, entry: OutboxEntry) -> None:
        self._letter_id = letter_id
        self._entry = entry

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write both. Raises sqlite3.Error."""
        insert_event(cursor, self._entry)
        cursor.execute(_FORGET, (self._letter_id,))


class _Deletion(Change):
    """Several letters out."""

    __slots__ = ("_letter_ids",)

    def __init__(self, letter_ids: Sequence[str]) -> None:
        self._letter_ids = letter_ids

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Delete them. Raises sqlite3.Error."""
        cursor.executemany(_FORGET, [(each,) for each in self._letter_ids])


class SqliteDeadLetters:
    """A `calls.dead_letters.DeadLetterStore` in the database of a `SqliteStore`, which opens and closes it."""

    __slots__ = ("_reader", "_writer")

    def __init__(self, writer: Writer, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def bury(self, letter: DeadLetter, done: Done) -> None:
        """Keep a letter in the place of its outbox entry."""
        self._writer.submit(_Burial(letter), done)

    def revive(self, letter_id: str, entry: OutboxEntry, done: Done) -> None:
        """Keep an outbox entry in the place of a letter."""
        self._writer.submit(_Revival(letter_id, entry), done)

    def forget(self, letter_ids: Sequence[str], done: Done) -> None:
        """Forget letters, known or not."""
        self._writer.submit(_Deletion(tuple(letter_ids)), done)

    def kept(self) -> list[Kept]:
        """Every letter, oldest first. Raises StoreUnavailable."""
        return [Kept(*row) for row in read_rows(self._reader, QUERIES["kept_dead_letters"])]

    def find(self, letter_id: str) -> DeadLetter | None:
        """One letter by its whole id. Raises StoreUnavailable."""
        rows = read_rows(self._reader, QUERIES["find_dead_letter"], letter_id)
        return _letter(rows[0]) if rows else None

    def newest(self, limit: int, subscription: str = "") -> list[DeadLetter]:
        """The newest letters first. Raises StoreUnavailable."""
        most = max(limit, 0)  # SQLite takes -1 for all
        return [_letter(row) for row in read_rows(self._reader, QUERIES["newest_dead_letters"], subscription, most)]


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    letter_id, reason, why, died_at = row[:4]
    return DeadLetter(letter_id, outbox_entry(row[4:]), reason, why, died_at)


class MemoryDeadLetters(MemoryRows[DeadLetter]):
    """A `calls.dead_letters.DeadLetterStore` that forgets."""

    __slots__ = ("_forget_entry", "_keep_entry")

    def __init__(
        self,
        later: Callable[[Callable[[], None]], object],
        keep_entry: Callable[[OutboxEntry], None],
        forget_entry: Callable[[OutboxEntry], None],
    ) -> None:
        """`keep_entry` and `forget_entry` change the outbox."""
        super().__init__(later)
        self._keep_entry = keep_entry
        self._forget_entry = forget_entry

    def bury(self, letter: DeadLetter, done: Done) -> None:
        """Keep a letter in the place of its outbox entry."""

        def change() -> None:
            self._kept[letter.letter_id] = letter
            self._forget_entry(letter.entry)

        self._change(change, done)

    def revive(self, letter_id: str, entry: OutboxEntry, done: Done) -> None:
        """Keep an outbox entry in the place of a letter."""

        def change() -> None:
            self._keep_entry(entry)
            self._kept.pop(letter_id, None)

        self._change(change, done)

    def forget(self, letter_ids: Sequence[str], done: Done) -> None:
        """Forget letters, known or not."""
        self._change(lambda: [self._kept.pop(each, None) for each in letter_ids], done)

    def kept(self) -> list[Kept]:
        """Every letter, oldest first."""
        return [Kept(each.letter_id, len(each.entry.body), each.died_at) for each in self._kept.values()]

    def find(self, letter_id: str) -> DeadLetter | None:
        """One letter by its whole id."""
        return self._kept.get(letter_id)

    def newest(self, limit: int, subscription: str = "") -> list[DeadLetter]:
        """The newest letters first."""
        newest = reversed(self._kept.values())
        return list(islice((each for each in newest if subscription in ("", each.entry.subscription)), max(limit, 0)))
