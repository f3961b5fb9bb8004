"""Events that wait until an application fetches them: what the rooms say to each other about that.

Each has a number of its own. A later event has a greater one, and none is given twice, whatever was deleted or started
anew between; so "everything after this one" means the same before and after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from strowger.calls.ports import Done, OutboxEntry


class NumberedEntry(msgspec.Struct, frozen=True, gc=False):
    """One stored event and its number."""

    number: int
    entry: OutboxEntry


class PulledEvent(msgspec.Struct, frozen=True, gc=False):
    """One event as its reader gets it."""

    number: int
    type: str
    body: bytes
    """In the schema of its subscription, as JSON."""


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """What a reader needs no more: everything up to a number, and the numbers named besides."""

    up_to: int = 0
    numbers: Sequence[int] = ()


class PullStore(Protocol):
    """The outbox as a queue to read from. What reads raises StoreUnavailable; what changes tells `done`.

    `subscription` is `resource/name`, `now` the wall clock in seconds: what has expired by then is not counted.
    """

    def waiting(self, subscription: str, after: int, limit: int, now: float) -> list[NumberedEntry]:
        """The oldest events with a greater number than `after`."""

    def count(self, subscription: str, now: float) -> int:
        """How many wait."""

    def last_number(self) -> int:
        """The greatest number that was ever given; 0 before the first."""

    def acknowledge(self, subscription: str, what: Acknowledged, done: Done) -> None:
        """Delete them; `done(None)` only once that is durable. What is not there is no error."""

    def keep_newest(self, subscription: str, limit: int, now: float, done: Done) -> None:
        """Delete all but the newest so many."""


class Reader(Protocol):
    """Somebody who waits for events of one subscription."""

    def wake(self) -> None:
        """There may be something new."""

    def end(self) -> None:
        """Nothing more will come: the server stops, or the subscription is gone."""


class PullQueues(Protocol):
    """The queues that applications read; implemented by the events room. `subscription` is `resource/name`."""

    def has(self, subscription: str) -> bool:
        """Whether there is such a subscription, and its events are fetched."""

    def begin(self, after: int) -> int:
        """Where to read on for somebody who has everything up to `after`. Raises StoreUnavailable."""

    def waiting(self, subscription: str, after: int, limit: int) -> list[PulledEvent]:
        """The oldest events after a number that are not acknowledged and still matter. Raises StoreUnavailable."""

    def join(self, subscription: str, reader: Reader) -> bool:
        """Wake this reader from now on, until `leave`; False when too many read already, or the server stops."""

    def leave(self, subscription: str, reader: Reader) -> None:
        """Wake it no more; one that is not there is no error."""

    def acknowledge(self, subscription: str, what: Acknowledged, done: Done) -> None:
        """These need not be given again. `done` gets None once that is durable, or StoreUnavailable."""
