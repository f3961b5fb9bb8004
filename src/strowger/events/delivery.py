"""Delivery of events: the shell that joins consent, outbox, retry table and HTTP, and implements `Announcer`.

At least once per subscription while the hop is open, or for as long as the profile has it (Event Grid: delivery and
retry), in no particular order. A decision may arrive while the delivery of its own event is unanswered; what an
endpoint answers decides nothing about a call.
One task per attempt in flight, none for what waits: one alarm is set to the earliest deadline of all.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from strowger.base.clock import Clock
from strowger.base.ids import Ids
from strowger.base.tasks import spawn
from strowger.calls.call import Call
from strowger.calls.dead_letters import DeadLetter
from strowger.calls.ports import OutboxEntry, Store
from strowger.calls.pull import PullStore
from strowger.calls.reports import Report
from strowger.events.address_policy import AddressPolicy
from strowger.events.alarm import Alarm
from strowger.events.announcement import EVENT_BYTES, Announcing
from strowger.events.attempts import Attempts
from strowger.events.conclusion import Conclusions, Counters
from strowger.events.consent import Consent
from strowger.events.dead_letters import DeadLetters, DeadReason
from strowger.events.errors import SubscriptionInvalid
from strowger.events.handshake import POLICIES, HandshakePolicy, State
from strowger.events.outbox import Delivery, Outbox, OutboxLimits
from strowger.events.pull import Pull, PullLimits
from strowger.events.reporting import KEPT_FOR_S, Reporting
from strowger.events.retry import NOT_RETRIED, SCHEDULES, Profile, Schedule
from strowger.events.single import Single, Trial, has_farewell
from strowger.events.subscribers import Removed, Subscriber, Subscribers
from strowger.events.subscription import Channel, Subscription
from strowger.events.validation import Asked, Validation
from strowger.events.webhook import WebhookClient

STOP_GRACE_S: Final = 1.0
"""How long `stop` waits for attempts in flight."""

RESENT_S: Final = 60.0
"""How long an event that is sent again is tried, where the profile has it end with its hop."""

_log: Final = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """What an operator, or a test, may change about delivery."""

    outbox: OutboxLimits = dataclasses.field(default_factory=OutboxLimits)
    pull: PullLimits = dataclasses.field(default_factory=PullLimits)
    event_bytes: int = EVENT_BYTES
    reports_kept_for_s: float = KEPT_FOR_S
    """How long events are tried that only report."""
    not_retried: frozenset[int] = NOT_RETRIED
    """Statuses after which an event is given up at once."""
    addresses: AddressPolicy = dataclasses.field(default_factory=AddressPolicy)
    """Where endpoints may be."""
    schedules: Mapping[Profile, Schedule] = dataclasses.field(default_factory=lambda: SCHEDULES)
    policies: Mapping[Profile, HandshakePolicy] = dataclasses.field(default_factory=lambda: POLICIES)


class EventDelivery:
    """Announces calls to subscriptions. Construct it anywhere, then `start` it in the running loop.

    `validation_url` makes, of a validation code, the URL on which somebody calls `validate_manually` with that code;
    `fetched` is the store's outbox, for the subscriptions whose events are fetched. Raises `SubscriptionInvalid` when
    two subscriptions of a resource share a name.
    """

    def __init__(
        self,
        subscriptions: Iterable[Subscription],
        store: Store,
        clock: Clock,
        ids: Ids,
        *,
        dead_letters: DeadLetters,
        validation_url: Callable[[str], str],
        fetched: PullStore,
        settings: DeliverySettings | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings or DeliverySettings()
        self.subscribers = Subscribers(self._settings.schedules)
        """Who is told just now: to look at, and to change by the methods here."""
        self._announcing = Announcing(
            self.subscribers, self._settings.schedules, self._too_large, self._settings.event_bytes
        )
        self._reporting = Reporting(
            self.subscribers,
            ids.uuid4,
            self._too_large,
            event_bytes=self._settings.event_bytes,
            kept_for_s=self._settings.reports_kept_for_s,
        )
        self.pull = Pull(fetched, clock, self._settings.pull, self._crowded_out)
        """Where applications fetch their events."""
        self._outbox = Outbox(self._settings.outbox)
        self._client = WebhookClient(self._settings.addresses)
        self._single = Single(self._client, clock, ids)
        self.dead_letters = dead_letters
        """What was given up."""
        self._conclusions = Conclusions(store, dead_letters, clock)
        handshakes = partial(Validation, self._settings.policies, self._client, clock, ids, validation_url)
        self._consent = Consent(self.subscribers, self._outbox, self._conclusions, handshakes)
        self._attempts = self._make_attempts()
        self._tasks: set[asyncio.Task[object]] = set()
        self._alarm = Alarm(self._wake)
        self._running = False
        for subscription in subscriptions:
            self.add(subscription)

    def _make_attempts(self) -> Attempts:
        return Attempts(
            self._client,
            self._outbox,
            self._store,
            self._conclusions,
            self._clock,
            not_retried=self._settings.not_retried,
            consents=self._consent.handshakes.consents,
            retired=self._consent.retire,
        )

    # ------------------------------------------------------------------------------------------- calls.ports.Announcer

    def is_told(self, call: Call) -> bool:
        """Whether anybody would be told of the IncomingCall of the call's current hop: a failed or paused subscription
        is nobody, and so is one whose filters the event does not pass.
        """
        return any(self.subscribers.told(call))

    def compose(self, call: Call, context: str) -> tuple[OutboxEntry, ...]:
        """The outbox entries that announce the current hop; nothing is sent yet. Empty when nobody is to be told."""
        return self._announcing.entries(call, context, self._clock.wall())

    def tells_outcomes(self, resource: str) -> bool:
        """Whether anybody listens to the outcomes of a resource."""
        return any(self.subscribers.listening(resource, Channel.OUTCOMES))

    def report(self, reports: Sequence[Report]) -> tuple[OutboxEntry, ...]:
        """The outbox entries that tell of these facts, for a time of their own; empty when nobody wants to know."""
        return self._reporting.entries(reports, self._clock.wall())

    def publish(self, entries: Iterable[OutboxEntry]) -> None:
        """Start delivering entries that are durable now; those whose subscription is not valid yet wait for it."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for entry in entries:
            self._admit(entry, now, wall)
        self._pump(now)

    def withdraw(self, event_id: str) -> None:
        """Stop trying: the hop is closed. An attempt in flight is not cut off: the endpoint may be deciding in it."""
        for entry in self._outbox.withdraw(event_id, self._clock.monotonic()):
            self._conclusions.expired(entry)

    # ---------------------------------------------------------------------------------------- for server and console

    @property
    def counters(self) -> Counters:
        """What happened to events since the start."""
        return self._conclusions.counters

    async def resend(self, letter: DeadLetter, body: bytes = b"") -> None:
        """Send the event of a dead letter again, or another `body` in its place: it is new in the outbox, with a time
        of its own, when this returns. Raises `SubscriptionInvalid` when nobody is there to get it, StoreUnavailable.
        """
        subscriber = self.subscribers.get(letter.entry.subscription)
        if subscriber is None or not subscriber.is_served:
            raise SubscriptionInvalid("the subscription is gone or failed: nobody would get the event")
        lives_s = subscriber.subscription.terms.time_to_live_s if subscriber.schedule.outlives_hop else RESENT_S
        entry = self.dead_letters.again(letter, body or letter.entry.body, lives_s)
        await self.dead_letters.revive(letter, entry)
        self.publish([entry])

    def validate_manually(self, code: str) -> bool:
        """Somebody opened the validation URL: whether the code is one of ours and its subscription is valid now."""
        is_valid = self._consent.handshakes.confirm(code)
        self._pump(self._clock.monotonic())
        return is_valid

    def pending(self) -> int:
        """Entries that wait or are in flight."""
        return len(self._outbox)

    def waiting(self) -> Counter[str]:
        """The same by `resource/name`, and what waits to be fetched."""
        return self._outbox.counts() + self.pull.counts()

    def manual_url(self, key: str) -> str:
        """Where consent can be given to a subscription by hand; empty where it need not, or cannot. Raises KeyError."""
        return "" if key in self.pull else self._consent.handshakes.manual_url(key)

    def states(self) -> dict[str, tuple[State, str]]:
        """Each subscription's handshake by `resource/name`: its state and what came of the last attempt, in words."""
        fetched = {key: (State.VALID, detail) for key, detail in self.pull.states().items()}
        return self._consent.handshakes.states() | fetched

    # -------------------------------------------------------------------------------- subscriptions that come and go

    def add(self, subscription: Subscription) -> None:
        """One more; its endpoint is asked for consent at once. Raises `SubscriptionInvalid`, and nothing changed."""
        self.subscribers.add(subscription)
        self._serve(subscription)
        self._pump(self._clock.monotonic())

    def _serve(self, subscription: Subscription) -> None:
        if subscription.is_pull:
            self.pull.serve(subscription)
        else:
            self._consent.begin(subscription)

    def replace(self, subscription: Subscription) -> None:
        """Change the one of this key; what waits for it stays. Its endpoint is asked anew where it could tell the
        difference. Raises `SubscriptionInvalid`, and nothing changed.
        """
        before = self._known(subscription.key)
        self.subscribers.replace(subscription)
        if subscription.is_pull or before.subscription.is_pull:
            self._hand_over(before.subscription, subscription)
        else:
            self._consent.change(before.subscription, subscription)
            self._pump(self._clock.monotonic())

    def _hand_over(self, before: Subscription, after: Subscription) -> None:
        """The events that wait are fetched from now on, or are posted from now on."""
        if before.is_pull and after.is_pull:
            self.pull.serve(after)
            return
        if before.is_pull:
            self.pull.forget(before.key)
        else:
            self._outbox.remove_lane(before.key)
            self._consent.end(before)
        self._serve(after)
        subscriber = self._known(after.key)
        subscriber.is_served = True  # a handshake that failed was with the endpoint of before
        self._set_paused(subscriber, is_paused=subscriber.is_paused)
        self._take_up(lambda entry: entry.subscription == after.key)

    def remove(self, key: str) -> Removed:
        """Forget one and what waits for it. An endpoint that had consented is told, once."""
        subscriber = self._known(key)
        self.subscribers.remove(key)
        if subscriber.subscription.is_pull:
            return Removed(self.pull.remove(key), is_told=False)
        dropped = self._outbox.remove_lane(key)
        for entry in dropped:
            self._conclusions.dropped(entry, DeadReason.UNSUBSCRIBED, "its subscription was removed")
        had_consented = self._consent.end(subscriber.subscription) is State.VALID
        is_told = had_consented and has_farewell(subscriber.subscription)
        if is_told and self._running:
            spawn(self._single.farewell(subscriber), "farewell", self._tasks)
        return Removed(len(dropped), is_told)

    async def try_out(self, key: str, context: Callable[[Call], str]) -> Trial:
        """Send one an event that is made up, however it is; see `single`."""
        return await self._single.trial(self._known(key), context)

    def pause(self, key: str) -> None:
        """Tell it of nothing more for now: what waits for it waits on, until its time is over."""
        self._set_paused(self._known(key), is_paused=True)
        self._pump(self._clock.monotonic())

    def resume(self, key: str) -> None:
        """Tell it again, first of what waited and is still in time."""
        self._set_paused(self._known(key), is_paused=False)
        self._pump(self._clock.monotonic())

    def _set_paused(self, subscriber: Subscriber, *, is_paused: bool) -> None:
        subscriber.is_paused = is_paused
        if subscriber.subscription.is_pull:
            self.pull.set_paused(subscriber.subscription.key, is_paused=is_paused)
        else:
            self._consent.set_paused(subscriber)

    def validate_again(self, key: str) -> None:
        """Begin its handshake anew, whatever came of the last one; until it consents, its events wait. Whose events
        are fetched has none: who fetches them consents.
        """
        if not self._known(key).subscription.is_pull:
            self._consent.again(key)
            self._pump(self._clock.monotonic())

    def validate_failover_again(self, key: str) -> None:
        """The same of its failover endpoint, if it has one."""
        failover = self._known(key).subscription.failover
        if failover is not None:
            self._consent.handshakes.add(failover)
            self._pump(self._clock.monotonic())

    def _known(self, key: str) -> Subscriber:
        subscriber = self.subscribers.get(key)
        if subscriber is None:
            raise KeyError(key)
        return subscriber

    # ------------------------------------------------------------------------------------------------ start and stop

    async def start(self) -> None:
        """Take up the store's undelivered entries and shake hands with every endpoint; waits for none of them."""
        await self._client.open()
        self._running = self._attempts.is_running = self._consent.is_running = True
        self._take_up(lambda entry: True)

    def _take_up(self, wanted: Callable[[OutboxEntry], bool]) -> None:
        """Post what the store holds. What is fetched waits there anyway, and is counted with the next event of its own:
        counting for each of thousands would hold up every call.
        """
        pending = self._store.pending_events()
        self.publish(each for each in pending if each.subscription not in self.pull and wanted(each))

    async def stop(self) -> None:
        """Start nothing more, give what is in flight a moment, then cut it off. What is undelivered stays stored."""
        self._running = self._attempts.is_running = self._consent.is_running = False
        self._outbox.shut()
        self._alarm.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_GRACE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    # ---------------------------------------------------------------------------------------------- in and out of here

    def _too_large(self, call_id: str, left_out: str) -> None:
        limit = self._settings.event_bytes
        _log.warning("event too large", call_id=call_id, left_out=left_out, event_bytes=limit)

    def _crowded_out(self, events: int) -> None:
        self.counters.dropped += events

    def _admit(self, entry: OutboxEntry, now: float, wall: float) -> None:
        if self.pull.added(entry):
            return  # whoever waits for it was woken, and what is over is given to nobody
        if entry.expires_at <= wall:
            self._conclusions.expired(entry)
        elif (subscriber := self.subscribers.get(entry.subscription)) is None or not subscriber.is_served:
            self._conclusions.dropped(entry, DeadReason.UNSUBSCRIBED, "its subscription is gone or failed")
        else:  # from here on the monotonic clock counts: the wall clock may be set while the event waits
            not_before = None
            if entry.attempts:  # before a restart: its schedule goes on, unless the clock was set back meanwhile
                since = max(0.0, wall - entry.last_attempt_at)
                not_before = now + subscriber.schedule.pause_s(entry.attempts) - since
            pushed_out = self._outbox.add(entry, now + entry.expires_at - wall, not_before)
            if pushed_out is not None:
                self._conclusions.dropped(pushed_out, DeadReason.CROWDED_OUT, "too many events wait")

    # ------------------------------------------------------------------------------------------------------- attempts

    async def _attempt(self, batch: list[Delivery], subscriber: Subscriber) -> None:
        is_delivered = False
        try:
            is_delivered = await self._attempts.make(batch, subscriber)
        finally:
            if not is_delivered or self._outbox.can_start:  # else nothing waits for the slot, no deadline is new
                self._pump(self._clock.monotonic())

    # ----------------------------------------------------------------------------------------------- the loop's share

    def _pump(self, now: float) -> None:
        """Do everything that is due, then set the timer for what comes next."""
        if not self._running:
            return
        for asked in self._consent.handshakes.advance(now):
            spawn(self._ask(asked), "event handshake", self._tasks)
        for entry in self._outbox.advance(now):
            self._conclusions.expired(entry)
        for batch in self._outbox.start():
            subscriber = self._known(batch[0].entry.subscription)
            spawn(self._attempt(batch, subscriber), "event attempt", self._tasks)
        self._set_timer(now)

    async def _ask(self, asked: Asked) -> None:
        await self._consent.handshakes.ask(asked)
        self._pump(self._clock.monotonic())

    def _set_timer(self, now: float) -> None:
        at, asked_at = self._outbox.next_deadline(), self._consent.handshakes.next_deadline()
        if at is None or (asked_at is not None and asked_at < at):
            at = asked_at
        if at is not None:
            self._alarm.set(at, now)

    def _wake(self) -> None:
        self._pump(self._clock.monotonic())
