"""The access keys of all resources on disk: a file each, named by the id of the resource.

The server, and commands beside it, read and change these files at once. A change is made under a lock of the directory,
and a file is replaced whole, so that a reader sees the pair before or after it and nothing in between.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from strowger.access_keys import private
from strowger.access_keys.errors import KeysUnusable, NoKeys
from strowger.access_keys.pair import KEY_OCTETS, AccessKey, KeyPair, Which, decode, encode, new_key

SUFFIX: Final = ".json"


class Stamp(NamedTuple):
    """What changes about a file when it is replaced, or when others are let in. Two replacements need not differ in
    time, but then in the inode."""

    inode: int
    modified_ns: int
    changed_ns: int


class KeyDirectory:
    """One directory of key files. Every method but `path_of` raises OSError."""

    def __init__(
        self, path: Path, *, wall: Callable[[], float], chance: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """`wall` tells seconds since 1970; `chance` makes so many octets that nobody can guess."""
        self.path: Final = path
        self._wall: Final = wall
        self._chance: Final = chance

    def path_of(self, resource_id: str) -> Path:
        """Where the keys of a resource are."""
        return self.path / f"{resource_id}{SUFFIX}"

    def read(self, resource_id: str) -> KeyPair:
        """The keys of a resource. Raises NoKeys, KeysUnusable."""
        path = self.path_of(resource_id)
        try:
            private.require_private_directory(self.path)
            octets = private.read(path)
        except FileNotFoundError:
            raise NoKeys(path) from None
        try:
            return decode(octets)
        except ValueError as error:
            raise KeysUnusable(path, f"does not hold two access keys: {error}") from error

    def made(self, resource_id: str, primary: AccessKey | None = None) -> tuple[KeyPair, bool]:
        """The keys of a resource, and whether they were made just now, with this `primary` key if one is given.

        Raises KeysUnusable: what is there and cannot be used is never replaced.
        """
        with private.locked(self.path):
            try:
                return self.read(resource_id), False
            except NoKeys:
                pair = KeyPair(primary or self._new(), self._new())
                private.replace(self.path_of(resource_id), encode(pair))
                return pair, True

    def rotate(self, resource_id: str, which: Which) -> KeyPair:
        """Replace one key of a resource and leave the other one as it is. Raises NoKeys, KeysUnusable."""
        if not self.path.exists():
            raise NoKeys(self.path_of(resource_id))
        with private.locked(self.path):
            pair = self.read(resource_id).rotated(which, self._new())
            private.replace(self.path_of(resource_id), encode(pair))
        return pair

    def stamp(self, resource_id: str) -> Stamp | None:
        """Changes when the keys may have changed; None while there are none."""
        try:
            status = self.path_of(resource_id).lstat()
        except FileNotFoundError:
            return None
        return Stamp(status.st_ino, status.st_mtime_ns, status.st_ctime_ns)

    def _new(self) -> AccessKey:
        return new_key(self._chance(KEY_OCTETS), self._wall())
