"""Where events that were given up are kept: the port, and the plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from strowger.calls.ports import Done, OutboxEntry


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """One event that one subscription never got."""

    letter_id: str
    entry: OutboxEntry
    """As it was when it was given up."""
    reason: str
    """In one word (Event Grid: deadLetterReason)."""
    why: str
    """For a person."""
    died_at: float
    """Wall clock, seconds."""


class Kept(NamedTuple):
    """What a bound needs to know of a letter."""

    letter_id: str
    octets: int
    died_at: float


class DeadLetterStore(Protocol):
    """Keeps them over a restart. What `done` is told becomes true as a whole or not at all."""

    def bury(self, letter: DeadLetter, done: Done) -> None:
        """Keep a letter in the place of its outbox entry, which may be gone."""

    def revive(self, letter_id: str, entry: OutboxEntry, done: Done) -> None:
        """Keep an outbox entry in the place of a letter."""

    def forget(self, letter_ids: Sequence[str], done: Done) -> None:
        """Forget letters, known or not."""

    def kept(self) -> list[Kept]:
        """Every letter, oldest first."""

    def find(self, letter_id: str) -> DeadLetter | None:
        """One letter by its whole id."""

    def newest(self, limit: int, subscription: str = "") -> list[DeadLetter]:
        """The newest letters first; those of one subscription by its `resource/name`."""
