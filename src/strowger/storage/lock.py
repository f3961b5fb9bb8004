"""One process per data directory: a lock that the operating system releases, whichever way its holder ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from strowger.storage.errors import DirectoryInUse

LOCK_NAME: Final = "strowger.lock"
_HOLDER_LENGTH: Final = 20


class DirectoryLock:
    """The right to work in a data directory, from construction until `release`."""

    __slots__ = ("_descriptor",)

    def __init__(self, directory: Path) -> None:
        """Take the lock. Raises DirectoryInUse when it is taken, OSError when the directory cannot be written to."""
        self._descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(directory)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self, directory: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, _HOLDER_LENGTH, 0).decode("ascii", "replace").strip()
            raise DirectoryInUse(directory, holder) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let the next process in. The file stays: removing it would let two processes lock two files of one name."""
        os.close(self._descriptor)
