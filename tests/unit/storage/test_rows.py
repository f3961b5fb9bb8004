"""Rows that are forgotten, and queries that cannot be read."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable

import pytest

from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.ports import Done
from strowger.storage.rows import MemoryRows, Statement, read_rows


class Words(MemoryRows[str]):
    def save(self, key: str, word: str, done: Done) -> None:
        self._change(lambda: self.put(key, word), done)

    def put(self, key: str, word: str) -> None:
        if not word:
            raise StoreUnavailable("an empty word")
        self._kept[key] = word


def test_a_change_is_answered_later_and_in_order() -> None:
    later: deque[Callable[[], None]] = deque()
    told: list[CallError | None] = []
    words = Words(later.append)
    words.save("a", "one", told.append)
    words.delete("none", told.append)
    assert (words.load(), told) == (["one"], [])
    for each in later:
        each()
    assert told == [None, None]


def test_what_a_change_refuses_is_its_answer() -> None:
    told: list[CallError | None] = []
    words = Words(lambda run: run())
    words.save("a", "", told.append)
    assert [str(each) for each in told] == ["an empty word"]
    assert words.load() == []


def test_a_closed_store_changes_nothing_and_can_be_read() -> None:
    told: list[CallError | None] = []
    words = Words(lambda run: run())
    words.save("a", "one", told.append)
    words.close()
    words.close()
    words.save("b", "two", told.append)
    words.delete("a", told.append)
    assert words.load() == ["one"]
    assert [type(each) for each in told] == [type(None), StoreUnavailable, StoreUnavailable]


def test_a_statement_writes_its_row_and_a_query_reads_it() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE word (key TEXT, size REAL)")
    Statement("INSERT INTO word VALUES (?, ?)", "a'; DROP TABLE word --", 2.0).write(connection.cursor())
    assert read_rows(connection, "SELECT * FROM word WHERE size > ?", 1.0) == [("a'; DROP TABLE word --", 2.0)]
    assert read_rows(connection, "SELECT * FROM word WHERE size > ?", 2.0) == []


def test_a_database_that_cannot_be_read_says_so() -> None:
    connection = sqlite3.connect(":memory:")
    connection.close()
    with pytest.raises(StoreUnavailable, match="the database cannot be read"):
        read_rows(connection, "SELECT 1")
