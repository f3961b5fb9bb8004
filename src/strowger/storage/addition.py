"""Events that come with no change of a call, into the outbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from strowger.calls.ports import OutboxEntry
from strowger.storage.change import Change
from strowger.storage.statements import insert_event


class Addition(Change):
    """Several events, all of them or none."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Sequence[OutboxEntry]) -> None:
        self._entries = entries

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Keep each that is not there already. Raises sqlite3.Error."""
        for entry in self._entries:
            insert_event(cursor, entry)
