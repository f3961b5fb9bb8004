"""Where the keys that sign access tokens are kept: the port, and the plain data that crosses."""

from __future__ import annotations

from typing import Protocol

import msgspec

from strowger.calls.ports import Done


class StoredKey(msgspec.Struct, frozen=True, gc=False):
    """One key pair."""

    kid: str
    """Names it; unique for ever."""
    created_at: float
    """Wall clock, seconds."""
    private: bytes
    """The private key, encoded; whoever reads it can make tokens of every user."""

    def __repr__(self) -> str:  # a key in a log is a key lost
        return f"StoredKey(kid={self.kid!r})"


class SigningKeyStore(Protocol):
    """Keeps signing keys over a restart."""

    def save(self, key: StoredKey, done: Done) -> None:
        """Keep a new key; `done(None)` only once that is durable, after this returned."""

    def delete(self, kid: str, done: Done) -> None:
        """Forget a key, known or not."""

    def load(self) -> list[StoredKey]:
        """Every key, in the order of their saving."""
