"""Where settings come from: what `env:NAME`, `file:PATH` and relative paths refer to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LARGEST_SECRET_OCTETS: Final = 65_536


class Where:
    """Where settings were read: the environment for `env:NAME`, the directory for `file:PATH` and relative paths."""

    __slots__ = ("directory", "environ")

    def __init__(self, environ: Mapping[str, str], directory: Path) -> None:
        """`directory` is the one of the settings file, or the working directory without one."""
        self.environ = environ
        self.directory = directory

    def path(self, text: str) -> Path:
        """`text` as an absolute path, with ~ for the home directory."""
        return Path(os.path.abspath(self.directory / os.path.expanduser(text)))

    def secret(self, text: str) -> str:
        """`text` itself, or what `env:NAME` or `file:PATH` stands for. Raises ValueError when nothing does."""
        source, _, name = text.partition(":")
        if source == "env":
            if not self.environ.get(name):
                raise ValueError(f"the environment variable {name} is not set")
            return self.environ[name].strip()
        return self._contents(name) if source == "file" else text

    def _contents(self, name: str) -> str:
        path = self.path(name)
        try:
            with path.open("rb") as file:
                octets = file.read(LARGEST_SECRET_OCTETS + 1)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error
        if len(octets) > LARGEST_SECRET_OCTETS:
            raise ValueError(f"{path} is larger than {LARGEST_SECRET_OCTETS} octets")
        return octets.decode("utf-8", "replace").strip()
