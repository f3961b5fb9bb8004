"""A change that knows its own statements, for tables of which the writer need know nothing."""

from __future__ import annotations

import sqlite3


class Change:
    """Written along with the next change of any kind, a fraction of a second later at most."""

    __slots__ = ()

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Run inside a transaction that somebody else begins and ends. Raises sqlite3.Error."""
        raise NotImplementedError
