"""A file that only its owner can read, in a directory that only its owner can enter."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from strowger.access_keys.errors import KeysUnusable

LARGEST_OCTETS: Final = 16_384
FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other programs that change `directory` waiting; it is made when it is not there.

    Raises OSError, KeysUnusable when others may look into it.
    """
    for each in (directory.parent, directory):
        if not each.exists():
            each.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
            _give_directory_to_owner_of(each.parent, each)
            _sync(each.parent)
    require_private_directory(directory)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def require_private_directory(directory: Path) -> None:
    """Raise KeysUnusable when others may enter or change `directory`, OSError when it is not there."""
    _require_private(directory, directory.stat(), DIRECTORY_MODE, "Access keys are kept there")


def read(path: Path) -> bytes:
    """What the file holds. Raises OSError, KeysUnusable when others may read it, or it is no such file at all."""
    if path.is_symlink():
        raise KeysUnusable(path, "is a symbolic link: access keys are read only from a file of their own")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeysUnusable(path, "is no regular file")
        _require_private(path, status, FILE_MODE, "Whoever read it has the access keys, so rotate both")
        octets = file.read(LARGEST_OCTETS + 1)
    if len(octets) > LARGEST_OCTETS:
        raise KeysUnusable(path, f"is larger than {LARGEST_OCTETS} octets")
    return octets


def replace(path: Path, octets: bytes) -> None:
    """Put `octets` at `path` in one step that lasts, for the owner's eyes from the start. Raises OSError."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            _give_to_owner_of(path.parent, descriptor)
            os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _require_private(path: Path, status: os.stat_result, wanted: int, consequence: str) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS:
        remedy = f"chmod {wanted:o} {path}"
        raise KeysUnusable(path, f"is open to other users of this machine (mode {mode:o}): {remedy}. {consequence}")
    ourselves = os.geteuid()
    if ourselves not in (0, status.st_uid):
        raise KeysUnusable(path, f"belongs to another user of this machine (uid {status.st_uid}, we are {ourselves})")


def _give_directory_to_owner_of(parent: Path, made: Path) -> None:
    """By descriptor: the owner of `parent` may have put a link to something of root's in its place by now."""
    descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _give_to_owner_of(parent, descriptor)
    finally:
        os.close(descriptor)


def _give_to_owner_of(directory: Path, descriptor: int) -> None:
    """What root makes or rotates must stay readable for the user that the server runs as."""
    owner = directory.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
