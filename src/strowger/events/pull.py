"""Pull: the subscriptions whose events are fetched by the application, and who waits for them just now.

The queue is the outbox itself: an event is there from the commit that made it until it is acknowledged, expires, or its
hop closes. Here is only what the store does not know: which subscriptions there are, who is to be woken, and how many
events may wait. A reader is given what is not acknowledged, so what it lost, or took and did not finish, comes again.
Several readers of one subscription all get everything.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from strowger.base.clock import Clock
from strowger.base.text import printable
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.ports import Done, OutboxEntry
from strowger.calls.pull import Acknowledged, NumberedEntry, PulledEvent, PullStore, Reader
from strowger.events import cloud_events
from strowger.events.subscription import Schema, Subscription
from strowger.events.throttle import Throttle

_log = structlog.stdlib.get_logger(__name__)


ROOM: Final = 100
"""Where too many wait, one in so many goes at one time."""


@dataclass(frozen=True, slots=True)
class PullLimits:
    """What each subscription may cost."""

    events: int = 10_000
    """Events that wait; one more pushes out the oldest, and with it up to a hundredth of all: to count them takes a
    thousandth of a second of everybody's time, or more.
    """
    readers: int = 16
    """Readers that wait at one time."""


class _Typed(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    event_type: str


_type_of = msgspec.json.Decoder(_Typed).decode


class _Queue:
    """One subscription whose events are fetched."""

    __slots__ = ("at_most", "is_making_room", "is_paused", "readers", "subscription", "was_read")

    def __init__(self, subscription: Subscription, at_most: int) -> None:
        self.subscription = subscription
        self.readers: list[Reader] = []
        self.is_paused = False
        self.is_making_room = False
        self.was_read = False
        """Whether anybody came since the start."""
        self.at_most = at_most
        """Not more than so many wait: an upper bound, so that the store need not be asked for each event."""


class Pull:
    """A `calls.pull.PullQueues`."""

    def __init__(self, store: PullStore, clock: Clock, limits: PullLimits, dropped: Callable[[int], None]) -> None:
        """`dropped` is told how many events were lost because too many waited."""
        self._store = store
        self._clock = clock
        self._limits = limits
        self._dropped = dropped
        self._queues: dict[str, _Queue] = {}
        self._drops = Throttle()
        self._is_stopped = False

    # ------------------------------------------------------------------------------------- for the rest of the events

    def __contains__(self, key: object) -> bool:
        """Whether the events of this subscription are fetched."""
        return key in self._queues

    def serve(self, subscription: Subscription) -> None:
        """There is this subscription from now on, or it is another one than before by the same key."""
        queue = self._queues.get(subscription.key)
        if queue is None:  # what the store holds of an earlier run is counted with the first event
            queue = self._queues[subscription.key] = _Queue(subscription, self._limits.events)
            queue.is_paused = subscription.is_paused
        else:
            queue.subscription = subscription

    def forget(self, key: str) -> None:
        """The events of this subscription are not fetched any more; its readers are told, and what waits stays."""
        _end(self._queues.pop(key).readers)

    def remove(self, key: str) -> int:
        """There is no such subscription any more: what waited is deleted; how many events that were."""
        waited = self.counts()[key]
        self.forget(key)
        self._store.keep_newest(key, 0, self._clock.wall(), _nobody)
        return waited

    def set_paused(self, key: str, *, is_paused: bool) -> None:
        """While it is paused nothing is given out; what waits waits on."""
        self._queues[key].is_paused = is_paused
        self._wake(self._queues[key])

    def added(self, entry: OutboxEntry) -> bool:
        """An event became durable: whether it is of one of these subscriptions."""
        queue = self._queues.get(entry.subscription)
        if queue is None:
            return False
        queue.at_most += 1
        self._make_room(queue)
        self._wake(queue)
        return True

    def counts(self) -> Counter[str]:
        """How many events wait to be acknowledged, by `resource/name`; none where the store cannot be read."""
        counted: Counter[str] = Counter()
        for key in self._queues:
            with contextlib.suppress(StoreUnavailable):
                counted[key] = self._store.count(key, self._clock.wall())
        return counted

    def states(self) -> dict[str, str]:
        """How each of them is, in words, by `resource/name`."""
        return {key: self.state(key) for key in self._queues}

    def state(self, key: str) -> str:
        """How one of them is, in words."""
        queue = self._queues[key]
        try:
            waiting = self._store.count(key, self._clock.wall())
        except StoreUnavailable as error:
            return str(error)
        events = f"{waiting} event{'s' * (waiting != 1)} not acknowledged"
        nobody = "nobody waiting for more" if queue.was_read else "nobody has asked since the start"
        readers = f"{len(queue.readers)} waiting for more" if queue.readers else nobody
        return f"fetched by the application: {events}, {readers}"

    def stop(self) -> None:
        """Send all readers away; the events stay stored."""
        self._is_stopped = True
        for queue in self._queues.values():
            _end(queue.readers)

    # -------------------------------------------------------------------------------------------- calls.pull.PullQueues

    def has(self, subscription: str) -> bool:
        """Whether there is such a subscription, and its events are fetched."""
        return subscription in self._queues

    def begin(self, after: int) -> int:
        """Where to read on for somebody who has everything up to `after`: there, or at the beginning if no event had
        that number yet, because then it is from before the database was lost.
        """
        return after if after <= self._store.last_number() else 0

    def waiting(self, subscription: str, after: int, limit: int) -> list[PulledEvent]:
        """The oldest events after a number that are not acknowledged and still matter. Raises StoreUnavailable."""
        queue = self._queues.get(subscription)
        if queue is None:
            return []
        queue.was_read = True
        if queue.is_paused:
            return []
        found = self._store.waiting(subscription, after, limit, self._clock.wall())
        return [_pulled(each, queue.subscription.schema) for each in found]

    def join(self, subscription: str, reader: Reader) -> bool:
        """Wake this reader from now on, until `leave`; False when too many read already, or the server stops."""
        readers = self._queues[subscription].readers
        if self._is_stopped or len(readers) >= self._limits.readers:
            return False
        readers.append(reader)
        return True

    def leave(self, subscription: str, reader: Reader) -> None:
        """Wake it no more; one that is not there is no error."""
        queue = self._queues.get(subscription)
        if queue is not None and reader in queue.readers:
            queue.readers.remove(reader)

    def acknowledge(self, subscription: str, what: Acknowledged, done: Done) -> None:
        """These need not be given again. `done` gets None once that is durable, or StoreUnavailable."""
        self._store.acknowledge(subscription, what, done)

    # ------------------------------------------------------------------------------------------------------------------

    def _wake(self, queue: _Queue) -> None:
        for reader in tuple(queue.readers):
            reader.wake()

    def _make_room(self, queue: _Queue) -> None:
        """Let go of the oldest if there are too many; asked again while that is being written, it waits for it."""
        if queue.at_most <= self._limits.events or queue.is_making_room:
            return
        key, wall = queue.subscription.key, self._clock.wall()
        try:
            queue.at_most = self._store.count(key, wall)
        except StoreUnavailable as error:
            _log.warning("events not counted", subscription=printable(key), why=str(error))
            return
        if queue.at_most > self._limits.events:
            kept = self._limits.events - self._limits.events // ROOM
            self._count_dropped(key, queue.at_most - kept)
            queue.at_most, queue.is_making_room = kept, True
            self._store.keep_newest(key, kept, wall, lambda error: self._made_room(queue))

    def _made_room(self, queue: _Queue) -> None:
        queue.is_making_room = False
        self._make_room(queue)

    def _count_dropped(self, key: str, surplus: int) -> None:
        self._dropped(surplus)
        dropped = self._drops.count(self._clock.monotonic())
        if dropped:
            why = f"{self._limits.events} wait to be acknowledged already"
            _log.warning("event dropped", why=why, subscription=printable(key), dropped=dropped)


def _end(readers: Iterable[Reader]) -> None:
    for reader in tuple(readers):
        reader.end()


def _nobody(error: CallError | None) -> None:
    """Nobody waits: what is not deleted now goes when it expires."""


def _pulled(numbered: NumberedEntry, schema: Schema) -> PulledEvent:
    body = numbered.entry.body
    shown = cloud_events.cloud_event(body) if schema is Schema.CLOUD_EVENTS else body
    return PulledEvent(numbered.number, _type_of(body).event_type, shown)
