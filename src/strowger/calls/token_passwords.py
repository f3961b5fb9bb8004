"""Where what phones prove themselves with is kept while a token stands for a password: the port, and the plain data."""

from __future__ import annotations

from typing import Protocol

import msgspec

from strowger.calls.ports import Done


class StoredPassword(msgspec.Struct, frozen=True, gc=False):
    """What is kept of one token."""

    token_hash: str
    """Names it, and does not tell it."""
    raw_id: str
    """Whose it is, in lower case."""
    issued_under: int
    """The `not_before` of its identity when it was given out."""
    expires_at: float
    """Wall clock, seconds."""
    encoded: bytes
    """Hashes for each name that a phone may give: as good as the token itself until it ends."""

    def __repr__(self) -> str:  # a hash in a log is a password in a log
        return f"StoredPassword(raw_id={self.raw_id!r})"


class PasswordStore(Protocol):
    """Keeps them over a restart."""

    def save(self, password: StoredPassword, done: Done) -> None:
        """Keep one; `done(None)` only once that is durable, after this returned."""

    def delete(self, token_hash: str, done: Done) -> None:
        """Forget one, known or not."""

    def load(self) -> list[StoredPassword]:
        """Every one, in the order of their saving."""
