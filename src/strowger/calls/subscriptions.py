"""Where subscriptions that were made while the server ran are kept: the port, and the plain data that crosses."""

from __future__ import annotations

from typing import Protocol

import msgspec

from strowger.calls.ports import Done


class StoredSubscription(msgspec.Struct, frozen=True, gc=False):
    """One subscription, or what was said at run time of one that is in the settings."""

    name: str
    """Names it; no two subscriptions share one."""
    created_at: float
    """Wall clock, seconds."""
    is_paused: bool
    document: bytes = b""
    """Its rows as they were given, a JSON object, perhaps with secrets; empty for one that is in the settings."""

    def __repr__(self) -> str:  # a secret in a log is a secret lost
        return f"StoredSubscription(name={self.name!r}, is_paused={self.is_paused!r})"


class SubscriptionStore(Protocol):
    """Keeps subscriptions over a restart."""

    def save(self, subscription: StoredSubscription, done: Done) -> None:
        """Keep a new one, or what changed of it; `done(None)` only once that is durable, after this returned."""

    def delete(self, name: str, done: Done) -> None:
        """Forget one, known or not."""

    def load(self) -> list[StoredSubscription]:
        """Every one, in the order of their first saving."""
