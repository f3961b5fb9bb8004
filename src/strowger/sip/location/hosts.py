"""The hosts file: names that this machine's operator has given addresses, without the DNS (hosts(5), RFC 6761 §6.3)."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final

HOSTS_BYTES: Final = 1_048_576
"""Octets of the file that are read."""

_LOOPBACK: Final[dict[int, tuple[str, ...]]] = {4: ("127.0.0.1",), 6: ("::1",)}


class HostsFile:
    """The names of a hosts file, read again when it changes."""

    def __init__(self, path: Path = Path("/etc/hosts")) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._names: dict[str, dict[int, tuple[str, ...]]] = {}

    def find(self, name: str) -> dict[int, tuple[str, ...]] | None:
        """The addresses of a name per family, None when the file does not have it. Costs one stat."""
        self._refresh()
        found = self._names.get(name)
        if found is None and (name == "localhost" or name.endswith(".localhost")):
            return _LOOPBACK
        return found

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            with self._path.open("rb") as file:
                text = file.read(HOSTS_BYTES).decode("latin-1")
        except OSError:  # a machine without the file has no such names
            self._stamp, self._names = None, {}
            return
        self._stamp, self._names = stamp, names_in(text)


def names_in(text: str) -> dict[str, dict[int, tuple[str, ...]]]:
    """The addresses per name, lower case, and family; lines that are none are skipped."""
    names: dict[str, dict[int, tuple[str, ...]]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        try:
            address = ipaddress.ip_address(words[0]) if len(words) > 1 else None
        except ValueError:
            continue
        for name in words[1:] if address is not None else ():
            assert address is not None
            families = names.setdefault(name.lower().rstrip("."), {})
            families[address.version] = (*families.get(address.version, ()), str(address))
    return names
