"""Queues of events that do as a test says, and readers of what the API sends of them."""

from __future__ import annotations

import asyncio

from strowger.calls.errors import CallError
from strowger.calls.ports import Done
from strowger.calls.pull import Acknowledged, PulledEvent, Reader

TYPE = "Microsoft.Communication.IncomingCall"


class ScriptedQueues:
    """A `calls.pull.PullQueues` with one subscription, `dev/app`."""

    def __init__(self) -> None:
        self.events: list[PulledEvent] = []
        self.readers: list[Reader] = []
        self.most_readers = 2
        self.last = 0
        self.acknowledged: list[Acknowledged] = []
        self.fails_with: CallError | None = None
        self.asked: list[tuple[int, int]] = []
        self.idle = asyncio.Event()
        """Set once somebody found nothing more."""

    def come(self, *bodies: bytes) -> None:
        """Further events, and everybody is woken."""
        for body in bodies:
            self.last += 1
            self.events.append(PulledEvent(self.last, TYPE, body))
        for reader in tuple(self.readers):
            reader.wake()

    def stop(self) -> None:
        for reader in tuple(self.readers):
            reader.end()

    def has(self, subscription: str) -> bool:
        return subscription == "dev/app"

    def begin(self, after: int) -> int:
        if self.fails_with is not None:
            raise self.fails_with
        return after if after <= self.last else 0

    def waiting(self, subscription: str, after: int, limit: int) -> list[PulledEvent]:
        if self.fails_with is not None:
            raise self.fails_with
        self.asked.append((after, limit))
        found = [each for each in self.events if each.number > after][:limit]
        if not found:
            self.idle.set()
        return found

    def join(self, subscription: str, reader: Reader) -> bool:
        if len(self.readers) >= self.most_readers:
            return False
        self.readers.append(reader)
        return True

    def leave(self, subscription: str, reader: Reader) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def acknowledge(self, subscription: str, what: Acknowledged, done: Done) -> None:
        self.acknowledged.append(what)
        done(self.fails_with)
