"""What can be wrong with access keys on disk.

AccessKeysError
├── KeysUnusable    others may read the file, or it does not hold a pair of keys; says what to do
└── NoKeys          the server has not made any yet
"""

from __future__ import annotations

from pathlib import Path


class AccessKeysError(Exception):
    """The keys of a resource cannot be had."""


class KeysUnusable(AccessKeysError):
    """Something is wrong with the file or directory at `path`."""

    def __init__(self, path: Path, why: str) -> None:
        """`why` continues a sentence that begins with the path."""
        super().__init__(f"{path} {why}")
        self.path = path


class NoKeys(AccessKeysError):
    """There is no file at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there are no access keys in {path}: a server that runs there makes them when it starts")
        self.path = path
