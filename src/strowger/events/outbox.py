"""Which entries are due: one queue per subscription, so that a slow receiver delays nobody else's events.

Pure: it neither sends nor stores. What waits for one subscription may go together, as a batch. An entry is queued
(wants a slot), paused (waits for its next attempt) or in flight;
when it is delivered, given up or withdrawn, nothing of it remains. A lane is shut until its handshake succeeds, and
while its subscription is paused; its entries wait meanwhile, each under its own deadline. Lanes come and go with their
subscriptions; one whose endpoint allows so many requests a minute keeps to it. Times are monotonic seconds; one heap
holds those of all that wait.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Final

from strowger.calls.ports import OutboxEntry
from strowger.events.pace import Pace
from strowger.events.timers import TimerHeap

LAST_MOMENT_S: Final = 0.5
"""A hop that closes so shortly before the time of its event is over closed because that time was."""


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """The bounds of an outbox."""

    concurrency: int = 256
    """Attempts in flight per subscription; a batch is one."""
    events_pending: int = 100_000
    """Entries in all; one more pushes out the one that has waited longest."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What goes together in one request at the most; one event always does."""

    events: int = 1
    octets: int = 64 * 1024
    """Of all events together."""


ONE_BY_ONE: Final = BatchLimits()


class Lane:
    """The entries of one subscription that want to be sent."""

    __slots__ = ("batch", "in_flight", "is_open", "name", "pace", "queue")

    def __init__(self, name: str, batch: BatchLimits) -> None:
        self.name = name
        self.batch = batch
        self.is_open = False
        self.in_flight = 0
        self.pace: Pace | None = None
        """How fast its endpoint may be sent requests; None for as fast as it takes them."""
        self.queue: OrderedDict[int, Delivery] = OrderedDict()
        """Ordered, because taking the first of a plain dict again and again is quadratic."""


class Delivery:
    """One entry under way to one subscription."""

    __slots__ = ("attempts", "deadline", "entry", "goes_alone", "lane", "serial", "slot", "withdrawn")

    def __init__(self, serial: int, entry: OutboxEntry, lane: Lane, deadline: float) -> None:
        self.serial = serial
        self.entry = entry
        """As the last attempt left it."""
        self.lane = lane
        self.deadline = deadline
        """No attempt starts at or after this."""
        self.attempts = entry.attempts
        """Attempts started."""
        self.goes_alone = False
        """Whether it is never again part of a batch."""
        self.slot: Slot
        """What the last attempt occupies."""
        self.withdrawn = False
        """The hop closed, or the subscription went, while an attempt was in flight."""


class Slot:
    """One request in flight, and how many of its deliveries are not concluded yet."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class Outbox:
    """All undelivered entries of one process."""

    def __init__(self, limits: OutboxLimits) -> None:
        self._limits = limits
        self._lanes: dict[str, Lane] = {}
        self._stirred: dict[str, Lane] = {}
        """Lanes in which something may be able to start."""
        self._waiting: OrderedDict[int, Delivery] = OrderedDict()
        """Queued and paused ones, the longest waiting first."""
        self._by_event: dict[str, list[Delivery]] = {}
        self._timers = TimerHeap()
        self._paced: dict[str, float] = {}
        """Lanes that have sent as much as they may in a minute, and when each may go on."""
        self._now = 0.0
        """The time of the last `advance`."""
        self._serial = 0
        self._in_flight = 0

    def __len__(self) -> int:
        return len(self._waiting) + self._in_flight

    def add_lane(self, name: str, batch: BatchLimits = ONE_BY_ONE) -> None:
        """A new subscription, shut until `open`."""
        self._lanes[name] = Lane(name, batch)

    def change_lane(self, name: str, batch: BatchLimits) -> None:
        """From now on so much goes together."""
        self._lanes[name].batch = batch

    def remove_lane(self, name: str) -> list[OutboxEntry]:
        """The subscription is gone: its entries, none of which is tried again. Attempts in flight end by themselves."""
        gone = self.discard(name)
        lane = self._lanes.pop(name)
        self._stirred.pop(name, None)
        self._paced.pop(name, None)
        in_flight = [each for of_event in self._by_event.values() for each in of_event if each.lane is lane]
        for delivery in in_flight:
            self._forget(delivery)
            delivery.withdrawn = True
        return [*gone, *(delivery.entry for delivery in in_flight)]

    def open(self, name: str) -> None:
        """The subscription's handshake succeeded: its entries may go."""
        lane = self._lanes[name]
        lane.is_open = True
        self._stirred[name] = lane

    def pace(self, name: str, per_minute: int) -> None:
        """Start so many attempts for it in a minute, 0 for no limit. The lane is shut just now."""
        lane = self._lanes[name]
        if per_minute != (lane.pace.per_minute if lane.pace is not None else 0):
            lane.pace = Pace(per_minute) if per_minute else None

    def shut_lane(self, name: str) -> None:
        """The subscription is paused, or asked for its consent anew: start nothing for it; what waits stays."""
        lane = self._lanes[name]
        lane.is_open = False
        for delivery in lane.queue.values():
            self._timers.arm(delivery.serial, delivery.deadline)

    def discard(self, name: str) -> list[OutboxEntry]:
        """The subscription failed: the entries that waited for it, which are gone now."""
        lane = self._lanes[name]
        lane.is_open = False
        gone = [delivery for delivery in self._waiting.values() if delivery.lane is lane]
        for delivery in gone:
            lane.queue.pop(delivery.serial, None)
            self._stop_waiting(delivery)
            self._forget(delivery)
        return [delivery.entry for delivery in gone]

    def shut(self) -> None:
        """Start nothing more; what waits stays."""
        for lane in self._lanes.values():
            lane.is_open = False

    def add(self, entry: OutboxEntry, deadline: float, not_before: float | None = None) -> OutboxEntry | None:
        """Queue an entry, once, or have it wait until `not_before`; the one it pushed out of a full outbox, if any."""
        lane = self._lanes[entry.subscription]
        known = self._by_event.setdefault(entry.event_id, [])
        if known and any(delivery.lane is lane for delivery in known):
            return None
        self._serial += 1
        delivery = Delivery(self._serial, entry, lane, deadline)
        known.append(delivery)
        if not_before is None:
            self._enqueue(delivery)
        else:
            self._pause(delivery, min(not_before, deadline))
        return self._push_out() if len(self) > self._limits.events_pending else None

    def counts(self) -> Counter[str]:
        """How many entries each subscription has; those in flight of a closed hop are not among them."""
        return Counter(each.lane.name for of_event in self._by_event.values() for each in of_event)

    @property
    def can_start(self) -> bool:
        """Whether `start` may have something to give."""
        return bool(self._stirred)

    def start(self) -> list[list[Delivery]]:
        """The deliveries whose next attempt starts now, those together that go together: at least one, and all of one
        have been tried equally often. Each then needs `retry` or `finish`. Call `advance` first.
        """
        started: list[list[Delivery]] = []
        for lane in self._stirred.values():
            while lane.is_open and lane.queue and lane.in_flight < self._limits.concurrency and self._may_go(lane):
                started.append(self._take_batch(lane))
        self._stirred.clear()
        return started

    def _take_batch(self, lane: Lane) -> list[Delivery]:
        first = lane.queue.popitem(last=False)[1]
        batch = [first]
        octets = len(first.entry.body)
        while lane.queue and len(batch) < lane.batch.events and not first.goes_alone:
            following = next(iter(lane.queue.values()))
            octets += len(following.entry.body)
            if octets > lane.batch.octets or following.goes_alone or following.attempts != first.attempts:
                break
            batch.append(lane.queue.popitem(last=False)[1])
        slot = Slot(len(batch))
        for delivery in batch:
            self._stop_waiting(delivery)
            delivery.attempts += 1
            delivery.slot = slot
        lane.in_flight += 1
        self._in_flight += len(batch)
        return batch

    def retry(self, delivery: Delivery, at: float) -> None:
        """The attempt failed: wait until `at`, unless the hop closed meanwhile."""
        self._release(delivery)
        if not delivery.withdrawn:
            self._pause(delivery, at)

    def finish(self, delivery: Delivery) -> None:
        """The last attempt ended, well or badly."""
        self._release(delivery)
        self._forget(delivery)

    def withdraw(self, event_id: str, now: float) -> list[OutboxEntry]:
        """The hop is closed: nothing of this event is tried again, unless it outlives the hop. An attempt in flight may
        end by itself.

        Nobody may have been told in time, and that is why the hop was closed: what has next to no time left is given
        back as expired, instead of forgotten, or expires with the attempt that is in flight.
        """
        expired: list[OutboxEntry] = []
        for delivery in tuple(self._by_event.get(event_id, ())):
            if delivery.entry.outlives_hop:
                continue
            is_over = delivery.deadline <= now + LAST_MOMENT_S
            if delivery.serial in self._waiting:
                delivery.lane.queue.pop(delivery.serial, None)
                self._stop_waiting(delivery)
                if is_over:
                    expired.append(delivery.entry)
            elif is_over:
                delivery.deadline = now
                continue
            self._forget(delivery)
            delivery.withdrawn = True
        return expired

    def advance(self, now: float) -> list[OutboxEntry]:
        """Queue the paused ones that are due; the entries whose deadline has come, which are gone now."""
        self._now = now
        for name in [name for name, at in self._paced.items() if at <= now]:
            del self._paced[name]
            self._stirred[name] = self._lanes[name]
        expired: list[OutboxEntry] = []
        for serial in self._timers.due(now):
            delivery = self._waiting.pop(serial)
            if now < delivery.deadline:
                self._enqueue(delivery)
                continue
            delivery.lane.queue.pop(serial, None)
            self._forget(delivery)
            expired.append(delivery.entry)
        return expired

    def next_deadline(self) -> float | None:
        """When `advance` has something to do next."""
        paced = min(self._paced.values(), default=None)
        waiting = self._timers.next_deadline()
        return waiting if paced is None or (waiting is not None and waiting < paced) else paced

    def _may_go(self, lane: Lane) -> bool:
        """Whether the endpoint's rate leaves room for an attempt, which starts then."""
        if lane.pace is None:
            return True
        at = lane.pace.next_at(self._now)
        if at > self._now:
            self._paced[lane.name] = at
            return False
        return lane.pace.take(self._now)

    def _enqueue(self, delivery: Delivery) -> None:
        lane = delivery.lane
        self._waiting[delivery.serial] = delivery
        lane.queue[delivery.serial] = delivery
        self._stirred[lane.name] = lane
        if not lane.is_open or lane.pace is not None or lane.in_flight + len(lane.queue) > self._limits.concurrency:
            self._timers.arm(delivery.serial, delivery.deadline)  # the others start at once and need no timer

    def _pause(self, delivery: Delivery, at: float) -> None:
        self._waiting[delivery.serial] = delivery
        self._timers.arm(delivery.serial, at)

    def _stop_waiting(self, delivery: Delivery) -> None:
        del self._waiting[delivery.serial]
        self._timers.disarm(delivery.serial)

    def _release(self, delivery: Delivery) -> None:
        lane = delivery.lane
        self._in_flight -= 1
        delivery.slot.left -= 1
        if delivery.slot.left:
            return
        lane.in_flight -= 1
        if lane.queue:  # a lane that was removed has none
            self._stirred[lane.name] = lane

    def _push_out(self) -> OutboxEntry:
        delivery = next(iter(self._waiting.values()))
        delivery.lane.queue.pop(delivery.serial, None)
        self._stop_waiting(delivery)
        self._forget(delivery)
        return delivery.entry

    def _forget(self, delivery: Delivery) -> None:
        if delivery.withdrawn:
            return
        of_event = self._by_event[delivery.entry.event_id]
        of_event.remove(delivery)
        if not of_event:
            del self._by_event[delivery.entry.event_id]
