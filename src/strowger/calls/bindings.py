"""Where the contacts of users are kept: the port between the registrar and a store, and the plain data that crosses."""

from __future__ import annotations

from typing import Protocol

import msgspec

from strowger.calls.ports import Done


class StoredBindings(msgspec.Struct, frozen=True, gc=False):
    """All contacts of one address of record."""

    aor: str
    """The address of record; whatever names it uniquely."""
    encoded: bytes
    """Read and written by the registrar alone; empty when nothing is bound any more."""
    expires_at: float
    """When the last of them expires, wall clock, seconds."""


class BindingStore(Protocol):
    """Keeps contacts over a restart."""

    def save(self, stored: StoredBindings, done: Done) -> None:
        """Replace what is kept for the address; `done(None)` only once that is durable, after this returned.

        Changes of one address take effect in the order given. They may wait a fraction of a second for company.
        """

    def load(self, now: float) -> list[StoredBindings]:
        """What has not expired at `now` (wall clock, seconds), in no order."""

    def prune(self, now: float) -> None:
        """Start dropping what has expired at `now` (wall clock, seconds)."""
