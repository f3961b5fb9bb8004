"""What the tables of whole rows share: one statement as a change, a query read whole, and rows that are forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from strowger.calls.errors import StoreUnavailable
from strowger.calls.ports import Done
from strowger.storage.change import Change

Row = TypeVar("Row")


class Statement(Change):
    """One statement about one row."""

    __slots__ = ("_statement", "_values")

    def __init__(self, statement: str, *values: str | float | bytes) -> None:
        self._statement = statement
        self._values = values

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Run it. Raises sqlite3.Error."""
        cursor.execute(self._statement, self._values)


def read_rows(reader: sqlite3.Connection, statement: str, *values: str | float) -> list[tuple[Any, ...]]:
    """Every row of a query. Raises StoreUnavailable."""
    try:
        return reader.execute(statement, values).fetchall()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database cannot be read: {error}") from error


class MemoryRows(Generic[Row]):
    """Rows by their key, for as long as the process lives; answers as late as a database would."""

    __slots__ = ("_is_closed", "_kept", "_later")

    def __init__(self, later: Callable[[Callable[[], None]], object]) -> None:
        """`later` runs a function soon, in the order given, never before it has returned: `loop.call_soon`."""
        self._later = later
        self._kept: dict[str, Row] = {}
        self._is_closed = False

    def delete(self, key: str, done: Done) -> None:
        """Forget a row; one that is not there is no error."""
        self._change(lambda: self._kept.pop(key, None), done)

    def load(self) -> list[Row]:
        """Every row."""
        return list(self._kept.values())

    def close(self) -> None:
        """Take no further changes. May be called again."""
        self._is_closed = True

    def _change(self, change: Callable[[], object], done: Done) -> None:
        """`done` gets None, or the StoreUnavailable that `change` raised or that a closed store is."""
        refused: StoreUnavailable | None = StoreUnavailable("the store is closed") if self._is_closed else None
        if refused is None:
            try:
                change()
            except StoreUnavailable as error:
                refused = error
        self._later(lambda: done(refused))
