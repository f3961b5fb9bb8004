"""Events that were given up, kept for a person: how many, how large and how old they may be, and how one is sent again.

Every event that a subscription should have got and did not is here (Event Grid: dead-letter events), but for that of a
call that was settled without it. Bounded by number, octets and age; the oldest go first. While the store cannot be
written, what was to be kept waits here, and is offered again by `prune`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from strowger.base.clock import Clock
from strowger.base.ids import Ids
from strowger.calls.dead_letters import DeadLetter, DeadLetterStore, Kept
from strowger.calls.errors import CallError
from strowger.calls.ports import Done, OutboxEntry

PREFIX_LENGTH: Final = 4
"""Characters of a letter's id that are enough to look for it."""


class DeadReason(StrEnum):
    """The values of `deadLetterReason`; the first two are those of Event Grid."""

    EXHAUSTED = "MaxDeliveryAttemptsExceeded"
    EXPIRED = "TimeToLiveExceeded"
    REFUSED = "EndpointRefused"
    CROWDED_OUT = "TooManyWaiting"
    UNSUBSCRIBED = "SubscriptionGone"


@dataclass(frozen=True, slots=True)
class DeadLetterLimits:
    """The bounds of what is kept."""

    letters: int = 10_000
    octets: int = 64 * 1024 * 1024
    """Of all events together, without their envelopes here."""
    kept_for_s: float = 7 * 86_400.0


class DeadLetters:
    """The letters of one process."""

    def __init__(self, store: DeadLetterStore, clock: Clock, ids: Ids, limits: DeadLetterLimits) -> None:
        self.buried: Counter[DeadReason] = Counter()
        """Events given up since the start, by reason."""
        self.lost = 0
        """Letters that went before their age did it, because there were too many, or too large ones."""
        self.octets = 0
        """Of all events that are kept."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._unburied: OrderedDict[str, DeadLetter] = OrderedDict()
        """What the store refused to keep."""
        self._unforgotten: set[str] = set()
        """What the store refused to forget."""
        self._leaving: set[str] = set()
        """What somebody sends again, or has forgotten, just now: nobody else can."""

    def __len__(self) -> int:
        return len(self._kept)

    def load(self) -> None:
        """Take in what is stored. Raises StoreUnavailable."""
        for each in self._store.kept():
            self._add(each)
        self._bound()

    def bury(self, entry: OutboxEntry, reason: DeadReason, why: str) -> None:
        """Keep an event that was given up, in the place of its outbox entry."""
        letter = DeadLetter(self._ids.uuid4(), entry, reason.value, why, self._clock.wall())
        self.buried[reason] += 1
        self._add(Kept(letter.letter_id, len(entry.body), letter.died_at))
        self._offer(letter)
        self._bound()

    def prune(self) -> None:
        """Drop what is too old, and offer the store once more what it refused."""
        before = self._clock.wall() - self._limits.kept_for_s
        old = [each.letter_id for each in self._kept.values() if each.died_at < before]
        self._forget([*old, *self._unforgotten])
        unburied, self._unburied = self._unburied, OrderedDict()
        for letter in unburied.values():
            self._offer(letter)

    def newest(self, limit: int, subscription: str = "") -> list[DeadLetter]:
        """The newest letters first; those of one subscription by its `resource/name`. Raises StoreUnavailable."""
        return self._store.newest(limit, subscription)

    def find(self, letter_id: str) -> DeadLetter | None:
        """One letter by its id, or by a beginning of it that no other has. Raises StoreUnavailable."""
        if letter_id not in self._kept and len(letter_id) >= PREFIX_LENGTH:
            found = [each for each in self._kept if each.startswith(letter_id)]
            letter_id = found[0] if len(found) == 1 else ""
        return self._store.find(letter_id) if letter_id and letter_id not in self._leaving else None

    async def forget(self, letter_id: str) -> None:
        """Drop one letter, durably. Raises StoreUnavailable."""
        await self._leave(letter_id, lambda done: self._store.forget([letter_id], done))

    async def revive(self, letter: DeadLetter, entry: OutboxEntry) -> None:
        """Keep an outbox entry in the place of a letter, durably. Raises StoreUnavailable."""
        await self._leave(letter.letter_id, lambda done: self._store.revive(letter.letter_id, entry, done))

    def again(self, letter: DeadLetter, body: bytes, kept_for_s: float) -> OutboxEntry:
        """The entry by which a letter's event is sent again, with a time of its own: as if it happened now."""
        wall = self._clock.wall()
        return msgspec.structs.replace(
            letter.entry,
            body=body,
            created_at=wall,
            expires_at=wall + kept_for_s,
            outlives_hop=True,
            attempts=0,
            last_attempt_at=0.0,
            last_outcome="",
        )

    async def _leave(self, letter_id: str, change: Callable[[Done], None]) -> None:
        self._leaving.add(letter_id)
        try:
            await _durably(change)
        finally:
            self._leaving.discard(letter_id)
        self._remove(letter_id)

    def _add(self, kept: Kept) -> None:
        self._kept[kept.letter_id] = kept
        self.octets += kept.octets

    def _remove(self, letter_id: str) -> None:
        kept = self._kept.pop(letter_id, None)
        if kept is not None:
            self.octets -= kept.octets

    def _bound(self) -> None:
        surplus: list[str] = []
        while len(self._kept) > self._limits.letters or self.octets > self._limits.octets:
            surplus.append(next(iter(self._kept)))
            self._remove(surplus[-1])
        self.lost += len(surplus)
        self._forget(surplus)

    def _offer(self, letter: DeadLetter) -> None:
        def buried(error: CallError | None) -> None:
            if error is not None and letter.letter_id in self._kept:
                self._unburied[letter.letter_id] = letter

        self._store.bury(letter, buried)

    def _forget(self, letter_ids: list[str]) -> None:
        if not letter_ids:
            return
        for each in letter_ids:
            self._remove(each)
            self._unburied.pop(each, None)

        def forgotten(error: CallError | None) -> None:
            if error is None:
                self._unforgotten.difference_update(letter_ids)
            else:
                self._unforgotten.update(letter_ids)

        self._store.forget(letter_ids, forgotten)


async def _durably(change: Callable[[Done], None]) -> None:
    """Make a change and wait for it. Raises what the store refuses it with."""
    answer: asyncio.Future[CallError | None] = asyncio.get_running_loop().create_future()
    change(lambda error: None if answer.cancelled() else answer.set_result(error))
    error = await answer
    if error is not None:
        raise error

