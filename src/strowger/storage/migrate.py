"""Brings a database to the schema of this program: numbered files in `migrations/`, each applied once, as a whole.

A file is never changed once released; a change of the schema is a new file. There is no way down: a database that is
newer than the program is refused, because what the program does not know it might damage.
"""

from __future__ import annotations

import sqlite3
from importlib import resources
from typing import Final, NamedTuple

from strowger.storage.errors import DatabaseTooNew

_APPLIED_TABLE: Final = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"
_APPLIED: Final = "SELECT coalesce(max(number), 0) FROM migrations"


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    script: str


def migrations() -> list[Migration]:
    """Every step this program knows, in order. Raises ValueError when the files are not numbered 1, 2, 3…"""
    folder = resources.files(__package__) / "migrations"
    steps = sorted(_step(file.name, file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".sql"))
    for expected, step in enumerate(steps, start=1):
        if step.number != expected or not step.name.isidentifier():
            raise ValueError(f"migration {step.number} ({step.name}) stands where number {expected} should")
    return steps


def _step(file_name: str, script: str) -> Migration:
    number, _, name = file_name.removesuffix(".sql").partition("_")
    return Migration(int(number), name, script)


def migrate(connection: sqlite3.Connection, steps: list[Migration]) -> int:
    """Apply the steps that the database lacks and return its schema number.

    Raises DatabaseTooNew, before anything is changed, when the database has steps that are not among `steps`;
    sqlite3.Error when a step fails, which then is undone as a whole.
    """
    connection.execute(_APPLIED_TABLE)
    applied = int(connection.execute(_APPLIED).fetchone()[0])
    if applied > len(steps):
        raise DatabaseTooNew(applied, len(steps))
    for step in steps[applied:]:
        _apply(connection, step)
    return len(steps)


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    entry = f"INSERT INTO migrations (number, name) VALUES ({step.number}, '{step.name}');"
    try:
        # The transaction is part of the script: executescript would end one that was begun outside of it.
        connection.executescript(f"BEGIN IMMEDIATE;\n{step.script}\n{entry}\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
