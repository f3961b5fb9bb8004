"""Delivery of events: the shell that joins handshakes, outbox, retry table and HTTP, and implements `Announcer`.

At least once per subscription while the hop is open, in no particular order (Event Grid: delivery and retry). A
decision may arrive while the delivery of its own event is unanswered; what an endpoint answers decides nothing about a
call.
One task per attempt in flight, none for what waits: one timer wakes the loop for the earliest deadline of all.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from strowger.base.clock import Clock
from strowger.base.ids import Ids
from strowger.base.tasks import spawn
from strowger.base.text import printable
from strowger.calls.call import Call
from strowger.calls.ports import OutboxEntry, Store
from strowger.events import request
from strowger.events.announcement import EVENT_BYTES, announce
from strowger.events.errors import SubscriptionInvalid, Unanswered
from strowger.events.handshake import POLICIES, HandshakePolicy, State
from strowger.events.outbox import Delivery, Outbox, OutboxLimits
from strowger.events.retry import DELIVERED, NOT_RETRIED, SCHEDULES, Profile, Reason, RetryAt, Schedule, decide
from strowger.events.subscription import Subscription
from strowger.events.throttle import Throttle
from strowger.events.validation import Validation
from strowger.events.webhook import Target, WebhookClient

STOP_GRACE_S: Final = 1.0
"""How long `stop` waits for attempts in flight."""

_log: Final = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """What an operator, or a test, may change about delivery."""

    outbox: OutboxLimits = dataclasses.field(default_factory=OutboxLimits)
    event_bytes: int = EVENT_BYTES
    not_retried: frozenset[int] = NOT_RETRIED
    """Statuses after which an event is given up at once."""
    schedules: Mapping[Profile, Schedule] = dataclasses.field(default_factory=lambda: SCHEDULES)
    policies: Mapping[Profile, HandshakePolicy] = dataclasses.field(default_factory=lambda: POLICIES)


@dataclass(slots=True)
class Counters:
    """What happened to events since the start, over all subscriptions."""

    attempts: int = 0
    """POSTs of events made."""
    delivered: int = 0
    failed: int = 0
    """Given up because the endpoint refused them."""
    expired: int = 0
    """Given up because their hop's time was over."""
    dropped: int = 0
    """Not kept: their subscription is gone or failed, or too many waited."""


class _Route:
    """Everything about one subscription that an attempt needs."""

    __slots__ = ("failures", "is_served", "schedule", "subscription", "target")

    def __init__(self, subscription: Subscription, schedule: Schedule) -> None:
        self.subscription = subscription
        self.schedule = schedule
        self.target = Target(subscription, schedule.timeout_s, request.shared_headers(subscription))
        self.failures = Throttle()
        self.is_served = True
        """False once its handshake failed for good."""


class EventDelivery:
    """Announces calls to subscriptions. Construct it anywhere, then `start` it in the running loop.

    `validation_url` makes, of a validation code, the URL on which somebody calls `validate_manually` with that code.
    Raises `SubscriptionInvalid` when two subscriptions of a resource share a name.
    """

    def __init__(
        self,
        subscriptions: Iterable[Subscription],
        store: Store,
        clock: Clock,
        ids: Ids,
        *,
        validation_url: Callable[[str], str],
        settings: DeliverySettings | None = None,
    ) -> None:
        self.counters = Counters()
        self._store = store
        self._clock = clock
        self._settings = settings or DeliverySettings()
        by_key, self._subscribed = _sorted_out(subscriptions)
        self._routes = {key: _Route(each, self._settings.schedules[each.profile]) for key, each in by_key.items()}
        self._outbox = Outbox(self._routes, self._settings.outbox)
        self._client = WebhookClient()
        self._validation = Validation(
            by_key, self._settings.policies, self._client, clock, ids, validation_url, self._settled
        )
        self._drops = Throttle()
        self._tasks: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._running = False

    # ------------------------------------------------------------------------------------------- calls.ports.Announcer

    def is_told(self, call: Call) -> bool:
        """Whether anybody would be told of the IncomingCall of the call's current hop: a failed subscription is
        nobody, and so is one whose filters the event does not pass.
        """
        return any(self._told(call))

    def compose(self, call: Call, context: str) -> tuple[OutboxEntry, ...]:
        """The outbox entries that announce the current hop; nothing is sent yet. Empty when nobody is to be told."""
        hop = call.hop
        if not hop.event_id:
            return ()
        wall = self._clock.wall()
        entries: list[OutboxEntry] = []
        topic, body = None, b""
        for subscription in self._told(call):
            if subscription.topic != topic:
                topic, body = subscription.topic, self._body(call, context, subscription.topic, wall)
            if body:
                entries.append(OutboxEntry(hop.event_id, subscription.key, call.call_id, body, wall, hop.expires_at))
        return tuple(entries)

    def publish(self, entries: Iterable[OutboxEntry]) -> None:
        """Start delivering entries that are durable now; those whose subscription is not valid yet wait for it."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for entry in entries:
            self._admit(entry, now, wall)
        self._pump(now)

    def withdraw(self, event_id: str) -> None:
        """Stop trying: the hop is closed. An attempt in flight is not cut off: the endpoint may be deciding in it."""
        self._outbox.withdraw(event_id)

    # ---------------------------------------------------------------------------------------- for server and console

    def validate_manually(self, code: str) -> bool:
        """Somebody opened the validation URL: whether the code is one of ours and its subscription is valid now."""
        is_valid = self._validation.confirm(code)
        self._pump(self._clock.monotonic())
        return is_valid

    def pending(self) -> int:
        """Entries that wait or are in flight."""
        return len(self._outbox)

    def states(self) -> dict[str, tuple[State, str]]:
        """Each subscription's handshake by `resource/name`: its state and what came of the last attempt, in words."""
        return self._validation.states()

    async def start(self) -> None:
        """Take up the store's undelivered entries and shake hands with every endpoint; waits for none of them."""
        await self._client.open()
        self._running = True
        self.publish(self._store.pending_events())

    async def stop(self) -> None:
        """Start nothing more, give what is in flight a moment, then cut it off. What is undelivered stays stored."""
        self._running = False
        self._outbox.shut()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_GRACE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    # ---------------------------------------------------------------------------------------------- in and out of here

    def _told(self, call: Call) -> Iterator[Subscription]:
        topic, event = None, dict[str, object]()
        for subscription in self._subscribed.get(call.resource, ()):
            if subscription.filter.is_open:
                yield subscription
                continue
            if subscription.topic != topic:
                topic, event = subscription.topic, request.filterable(call, subscription.topic)
            if subscription.filter.matches(event):
                yield subscription

    def _body(self, call: Call, context: str, topic: str, wall: float) -> bytes:
        body, left_out = announce(call, context, topic, wall, self._settings.event_bytes)
        if left_out:
            limit = self._settings.event_bytes
            _log.warning("event too large", call_id=call.call_id, left_out=left_out, event_bytes=limit)
        return body

    def _admit(self, entry: OutboxEntry, now: float, wall: float) -> None:
        if entry.expires_at <= wall:
            self._expire(entry)
        elif (route := self._routes.get(entry.subscription)) is None or not route.is_served:
            self._drop(entry, "its subscription is gone or failed")
        else:  # from here on the monotonic clock counts: the wall clock may be set while the event waits
            pushed_out = self._outbox.add(entry, now + entry.expires_at - wall)
            if pushed_out is not None:
                self._drop(pushed_out, "too many events wait")

    def _settled(self, subscription: Subscription, *, is_valid: bool) -> None:
        if is_valid:
            self._outbox.open(subscription.key)
            return
        if not self._running:
            return  # cut off by our own stop, which says nothing of the endpoint: what waits stays stored
        self._subscribed[subscription.resource].remove(subscription)
        self._routes[subscription.key].is_served = False
        for entry in self._outbox.discard(subscription.key):
            self._drop(entry, "its subscription failed")

    def _expire(self, entry: OutboxEntry) -> None:
        self.counters.expired += 1
        self._store.delivered(entry)

    def _drop(self, entry: OutboxEntry, why: str) -> None:
        self.counters.dropped += 1
        self._store.delivered(entry)
        dropped = self._drops.count(self._clock.monotonic())
        if dropped:
            subscription = printable(entry.subscription)
            _log.warning("event dropped", why=why, subscription=subscription, call_id=entry.call_id, dropped=dropped)

    # ------------------------------------------------------------------------------------------------------- attempts

    async def _attempt(self, delivery: Delivery) -> None:
        entry = delivery.entry
        route = self._routes[entry.subscription]
        self.counters.attempts += 1
        status, why = None, "cut off"
        try:
            headers, body = request.attempt(route.subscription, entry.body, entry.event_id, delivery.attempts - 1)
            status = (await self._client.post(route.target, headers, body)).status
            why = f"answered {status}"
        except Unanswered as error:
            why = str(error)
        finally:  # whatever happened, the slot is given back
            now = self._clock.monotonic()
            if status in DELIVERED:
                self.counters.delivered += 1
                self._conclude(delivery)
            elif self._running:
                self._fail(delivery, route, status, why, now)
            else:
                self._outbox.finish(delivery)  # it stays in the store for the next start
            if status not in DELIVERED or self._outbox.can_start:  # else nothing waits for the slot, no deadline is new
                self._pump(now)

    def _fail(self, delivery: Delivery, route: _Route, status: int | None, why: str, now: float) -> None:
        self._report_failure(delivery, route, why, now)
        decision = decide(
            route.schedule,
            attempts=delivery.attempts,
            status=status,
            now=now,
            deadline=delivery.deadline,
            not_retried=self._settings.not_retried | request.not_retried(route.subscription),
        )
        if isinstance(decision, RetryAt):
            self._outbox.retry(delivery, decision.at)
            return
        if decision.reason is Reason.REFUSED:
            self.counters.failed += 1
        else:
            self.counters.expired += 1
        self._conclude(delivery)

    def _conclude(self, delivery: Delivery) -> None:
        self._outbox.finish(delivery)
        if not delivery.withdrawn:  # a withdrawn entry left the store with the decision that closed its hop
            self._store.delivered(delivery.entry)

    def _report_failure(self, delivery: Delivery, route: _Route, why: str, now: float) -> None:
        failures = route.failures.count(now)
        if failures:
            _log.warning(
                "event attempt failed",
                why=why,
                subscription=route.subscription.key,
                endpoint=printable(route.subscription.shown_endpoint),
                call_id=delivery.entry.call_id,
                attempt=delivery.attempts,
                failures=failures,
            )

    # ----------------------------------------------------------------------------------------------- the loop's share

    def _pump(self, now: float) -> None:
        """Do everything that is due, then set the timer for what comes next."""
        if not self._running:
            return
        for key in self._validation.advance(now):
            spawn(self._ask(key), "event handshake", self._tasks)
        for entry in self._outbox.advance(now):
            self._expire(entry)
        for delivery in self._outbox.start():
            spawn(self._attempt(delivery), "event attempt", self._tasks)
        self._set_timer(now)

    async def _ask(self, key: str) -> None:
        await self._validation.ask(key)
        self._pump(self._clock.monotonic())

    def _set_timer(self, now: float) -> None:
        at = _earlier(self._outbox.next_deadline(), self._validation.next_deadline())
        if at is None:
            return
        if self._timer is not None:
            if self._timer_at <= at:
                return  # an early wake-up finds nothing due and sets the next one
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer_at = at
        self._timer = loop.call_at(loop.time() + max(0.0, at - now), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._pump(self._clock.monotonic())


def _sorted_out(
    subscriptions: Iterable[Subscription],
) -> tuple[dict[str, Subscription], dict[str, list[Subscription]]]:
    by_key: dict[str, Subscription] = {}
    by_resource: dict[str, list[Subscription]] = {}
    for subscription in subscriptions:
        if subscription.key in by_key:
            raise SubscriptionInvalid(f"name: {subscription.key} is there twice")
        by_key[subscription.key] = subscription
        by_resource.setdefault(subscription.resource, []).append(subscription)
    return by_key, by_resource


def _earlier(first: float | None, second: float | None) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
