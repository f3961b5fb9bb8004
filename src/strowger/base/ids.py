"""Chance: the only place that makes identifiers and secrets.

`SystemIds` draws from the operating system and is what a running server uses. `SeededIds` repeats itself, for tests and
replays; it must never guard anything. Pure rooms are given a callable, never this module.
"""

from __future__ import annotations

import base64
import random
import secrets
import uuid
from typing import Protocol


class Ids(Protocol):
    """Where a shell gets identifiers from."""

    def token(self, nbytes: int = 16) -> str:
        """`nbytes` of chance as URL-safe base64 without padding: branches, tags, keys."""
        ...

    def uuid4(self) -> str:
        """A random UUID in lower case."""
        ...

    def fraction(self) -> float:
        """A number from 0 up to 1: for spreading things, not for guarding them."""
        ...


class SystemIds:
    """Unguessable identifiers from the operating system."""

    __slots__ = ()

    def token(self, nbytes: int = 16) -> str:
        """`nbytes` of chance as URL-safe base64 without padding."""
        return _encode(secrets.token_bytes(nbytes))

    def uuid4(self) -> str:
        """A random UUID in lower case."""
        digits = secrets.token_hex(16)  # written here because uuid.UUID takes four times as long
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def fraction(self) -> float:
        """A number from 0 up to 1."""
        return random.random()


class SeededIds:
    """The same identifiers in the same order for the same seed: for tests only."""

    __slots__ = ("_random",)

    def __init__(self, seed: int = 0) -> None:
        """Start the sequence of `seed`."""
        self._random = random.Random(seed)

    def token(self, nbytes: int = 16) -> str:
        """`nbytes` of the sequence as URL-safe base64 without padding."""
        return _encode(self._random.randbytes(nbytes))

    def uuid4(self) -> str:
        """The next UUID of the sequence."""
        return str(uuid.UUID(bytes=self._random.randbytes(16), version=4))

    def fraction(self) -> float:
        """The next number of the sequence, from 0 up to 1."""
        return self._random.random()


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
