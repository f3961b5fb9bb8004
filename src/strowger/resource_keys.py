"""The access keys of the resources: those in the settings, and for resources without any the pair that we made.

A key is rotated by another program (`strowger key rotate`), which replaces the file; a running server looks at the
files now and then and takes what is new. There is deliberately no request by which a key could be changed: the file
works whether a server runs or not, needs no other right than that of its owner, and leaves the console read-only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from strowger.access_keys.directory import KeyDirectory, Stamp
from strowger.access_keys.errors import AccessKeysError
from strowger.access_keys.pair import KeyPair
from strowger.settings import Settings

KEYS: Final = "keys"
"""In the data directory."""
LOOK_EVERY_S: Final = 1.0
"""So long may a running server still take a key that was replaced."""

_log = structlog.stdlib.get_logger("strowger.keys")


def key_directory(settings: Settings, wall: Callable[[], float]) -> KeyDirectory:
    """Where the server of these settings keeps the keys that it makes."""
    return KeyDirectory(settings.server.data_dir / KEYS, wall=wall)


class ResourceKeys:
    """The pairs of all resources that have no key in the settings, as they are now."""

    def __init__(self, settings: Settings, wall: Callable[[], float]) -> None:
        """Read them all, and make those that are not there yet. Raises AccessKeysError, OSError."""
        self._directory: Final = key_directory(settings, wall)
        self._ids: Final = {row.name: row.id for row in settings.resources if not row.keys}
        self._stamps: Final[dict[str, Stamp | None]] = {}
        self._troubles: Final[dict[str, str]] = {}
        self._pairs: Final = {name: self._made(name) for name in self._ids}

    def filled(self, settings: Settings) -> Settings:
        """The settings with the keys in their resources."""
        pairs = self._pairs
        rows = (replace(row, keys=pairs[row.name].keys) if row.name in pairs else row for row in settings.resources)
        return replace(settings, resources=tuple(rows))

    async def watch(self, changed: Callable[[], None]) -> None:
        """Look for ever whether keys were rotated, and say so. What cannot be used is told in the log, and the keys
        before stay valid.
        """
        while self._ids:
            await asyncio.sleep(LOOK_EVERY_S)
            found = await asyncio.to_thread(self.look)
            for name, pair in found.items():
                self._pairs[name] = pair
                fingerprints = {"primary": pair.primary.fingerprint, "secondary": pair.secondary.fingerprint}
                _log.info("access keys were rotated", resource=name, **fingerprints)
            if found:
                changed()

    def look(self) -> dict[str, KeyPair]:
        """The pairs that are not what they were, by resource. Only files that were touched are read."""
        found = {}
        for name in self._ids:
            pair = self._touched(name)
            if pair is not None and pair != self._pairs[name]:
                found[name] = pair
        return found

    def _touched(self, name: str) -> KeyPair | None:
        """The pair of a resource if its file was touched since the last look."""
        try:
            stamp = self._directory.stamp(self._ids[name])  # before reading: what is replaced meanwhile shows next time
            if name in self._stamps and stamp == self._stamps[name]:
                return None
            self._stamps[name] = stamp
            pair = self._directory.read(self._ids[name])
        except (AccessKeysError, OSError) as error:
            self._stamps.pop(name, None)  # trouble may end and leave the file untouched: no open files, for instance
            self._tell(name, str(error))
            return None
        self._troubles.pop(name, None)
        return pair

    def _tell(self, name: str, trouble: str) -> None:
        """Once, however long it lasts."""
        if self._troubles.get(name) != trouble:
            self._troubles[name] = trouble
            _log.error("access keys cannot be read; those before stay valid", resource=name, why=trouble)

    def _made(self, name: str) -> KeyPair:
        pair, is_new = self._directory.made(self._ids[name])
        if is_new:
            _log.info("made access keys", resource=name, path=str(self._directory.path_of(self._ids[name])))
        return pair
