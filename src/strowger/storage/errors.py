"""Why a database cannot be used; raised while opening or reading, for the operator to act on.

StoreError
├── DirectoryInUse       the operator's: another process works in the same data directory
├── DatabaseTooNew       the operator's: written by a newer version of the program
├── DatabaseUnusable     the machine's: not a database, no permission, no room, damaged
└── RecordUnreadable     ours: a row that this version cannot decode

A change or a read that fails while the server runs is `calls.errors.StoreUnavailable` instead: it may work a moment
later.
"""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """Root of the room."""


class DirectoryInUse(StoreError):
    """Another process holds the lock of the data directory."""

    def __init__(self, directory: Path, holder: str) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"{directory} is in use by {who}: stop it, or give this server a data directory of its own")
        self.directory = directory
        self.holder = holder


class DatabaseTooNew(StoreError):
    """The schema has migrations that this program does not know, so it might damage what it does not understand."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(
            f"the database has schema {found}, this program knows up to {known}: "
            "run the version that wrote it, or restore a backup made before the upgrade"
        )
        self.found = found
        self.known = known


class DatabaseUnusable(StoreError):
    """The database cannot be opened or brought up to date."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(f"cannot use the database {path}: {why}")
        self.path = path


class RecordUnreadable(StoreError):
    """A stored call that this program cannot decode."""

    def __init__(self, call_id: str, why: object) -> None:
        super().__init__(f"cannot read the stored call {call_id}: {why}")
        self.call_id = call_id
