"""A secret kept in a file that only its owner can read: the admin token, the access key of a development server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

ADMIN_TOKEN: Final = "admin.token"
"""Name of the file in the data directory."""
LARGEST_BYTES: Final = 4_096


def kept(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`, made and written there if it is not. Raises OSError, ValueError for a file that holds none,
    or that somebody else put there, who knows what it holds.

    Two programs that begin at once get the same secret: the file is linked into its place whole, by one of them only.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.unlink(missing_ok=True)  # of a program that was killed, or of somebody who wants to read along
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(make() + "\n")
                file.flush()
                os.fsync(descriptor)
            _link(new, path)
        finally:
            new.unlink()
    owner, ourselves = path.stat().st_uid, os.geteuid()
    if ourselves not in (0, owner) and owner != 0:
        raise ValueError(f"{path} belongs to another user of this machine (uid {owner}, we are {ourselves})")
    return read(path)


def read(path: Path) -> str:
    """The secret in `path`. Raises OSError, ValueError for a file that holds none."""
    with path.open("rb") as file:
        octets = file.read(LARGEST_BYTES + 1)
    text = octets.decode("ascii", "replace").strip()
    if not text or len(octets) > LARGEST_BYTES or not text.isascii() or not text.isprintable():
        raise ValueError(f"{path} does not hold a secret on one line")
    return text


def _link(new: Path, path: Path) -> None:
    try:
        os.link(new, path)
    except FileExistsError:
        return  # the other one was quicker
