"""The subscriptions of a running server: those of the settings, and those that an operator adds while it runs.

What is said at run time is durable before it holds. Changes are made one after the other, and each to its end even when
whoever asked for it goes away. A name of the settings is theirs: such a subscription can be paused here, and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import msgspec
import structlog

from strowger import assembly
from strowger.base.clock import Clock
from strowger.base.tasks import spawn
from strowger.base.text import printable
from strowger.calls.call import Call
from strowger.calls.errors import CallError
from strowger.calls.ports import Done
from strowger.calls.subscriptions import StoredSubscription, SubscriptionStore
from strowger.console.errors import BodyInvalid, Conflict, ConsoleError, Detail, NotThere, Unavailable
from strowger.console.subscriptions import (
    FROM_ADMIN,
    FROM_SETTINGS,
    UNUSABLE,
    RemovedView,
    SubscriptionsView,
    SubscriptionView,
    TestView,
)
from strowger.console.views import iso
from strowger.events.delivery import EventDelivery
from strowger.events.errors import SubscriptionInvalid
from strowger.events.handshake import State
from strowger.events.retry import SCHEDULES
from strowger.events.subscribers import Subscriber
from strowger.events.subscription import Subscription
from strowger.settings import Settings, SettingsError
from strowger.settings import Subscription as Row
from strowger.settings.run_time import shown, shown_url, subscription_of

TESTS: Final = 8
"""Events that are made up and on their way at one time, over all subscriptions."""

T = TypeVar("T")
_States = Mapping[str, tuple[State, str]]
_log: Final = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """One subscription that there is."""

    name: str
    row: Row | None
    """None for one that does not fit the settings of today."""
    document: Mapping[str, Any]
    """As it was given; empty for one of the settings."""
    created_at: float = 0.0
    """Wall clock, seconds; 0 for one of the settings."""
    problem: str = ""
    """Why there is no row."""
    was_paused: bool = False
    """Whether it would be paused if there were one."""

    @property
    def is_of_settings(self) -> bool:
        return not self.created_at

    @property
    def key(self) -> str:
        return f"{self.row.resource}/{self.name}" if self.row is not None else ""


class Subscriptions:
    """All of them. Implements `console.subscriptions.Subscriptions`; construct it before the delivery starts."""

    def __init__(
        self,
        settings: Settings,
        store: SubscriptionStore,
        delivery: EventDelivery,
        clock: Clock,
        context: Callable[[Call], str],
    ) -> None:
        """`delivery` has those of the settings already; `context` makes the incomingCallContext of a call."""
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._context = context
        self._known = {row.name: _Known(row.name, row, {}) for row in settings.subscriptions}
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[object]] = set()
        self._tests = 0

    def restore(self) -> None:
        """Take up what was said before a restart. Raises StoreUnavailable."""
        for stored in self._store.load():
            known = self._known.get(stored.name)
            if stored.document and known is not None:
                why = "the settings have one of its name now, and theirs holds"
                _log.warning("a subscription that was added is left out", subscription=printable(stored.name), why=why)
            elif stored.document:
                self._restore(stored)
            elif known is not None:
                self._set_paused(known, is_paused=stored.is_paused)

    # ------------------------------------------------------------------------------ console.subscriptions.Subscriptions

    def shown(self) -> SubscriptionsView:
        """All of them, those of the settings first."""
        waiting, states = self._delivery.waiting(), self._delivery.states()
        return SubscriptionsView(tuple(self._view(known, waiting, states) for known in self._known.values()))

    def one(self, name: str) -> SubscriptionView:
        """One. Raises NotThere."""
        return self._view(self._found(name), self._delivery.waiting(), self._delivery.states())

    async def add(self, document: Mapping[str, object]) -> SubscriptionView:
        """One more. Raises BodyInvalid, Conflict, StoreUnavailable."""
        return await self._in_turn(self._add(document))

    async def change(self, name: str, document: Mapping[str, object], *, whole: bool) -> SubscriptionView:
        """The same one with other rows. Raises BodyInvalid, Conflict, NotThere, StoreUnavailable."""
        return await self._in_turn(self._change(name, document, whole=whole))

    async def remove(self, name: str) -> RemovedView:
        """One less. Raises Conflict, NotThere, StoreUnavailable."""
        return await self._in_turn(self._remove(name))

    async def pause(self, name: str) -> SubscriptionView:
        """Tell it nothing for now. Raises NotThere, StoreUnavailable."""
        return await self._in_turn(self._pause(name, is_paused=True))

    async def resume(self, name: str) -> SubscriptionView:
        """Tell it again. Raises NotThere, StoreUnavailable."""
        return await self._in_turn(self._pause(name, is_paused=False))

    async def validate(self, name: str) -> SubscriptionView:
        """Begin its handshakes anew, but for what is valid. Raises Conflict, NotThere."""
        return await self._in_turn(self._validate(name))

    async def test(self, name: str) -> TestView:
        """Send it one event that is made up. Raises Conflict, NotThere, Unavailable."""
        known = self._usable(name)
        if known.row is not None and known.row.delivery == "pull":
            raise Conflict("Its events are fetched, so there is no endpoint to try.")
        if self._tests >= TESTS:
            raise Unavailable(f"{TESTS} tests are under way already.")
        self._tests += 1
        try:
            trial = await self._delivery.try_out(known.key, self._context)
        finally:
            self._tests -= 1
        took_ms = round(trial.took_s * 1_000, 1)
        answer = trial.answer_octets
        return TestView(name, trial.event_id, trial.status, trial.is_delivered, took_ms, answer, trial.why)

    # ---------------------------------------------------------------------------------------------- one after the other

    async def _in_turn(self, change: Awaitable[T]) -> T:
        async def turn() -> T | ConsoleError | CallError:
            async with self._turn:
                try:
                    return await change
                except (ConsoleError, CallError) as error:
                    return error  # the fault of nobody here, so that the task has not failed

        came = await asyncio.shield(spawn(turn(), "subscription", self._tasks))
        if isinstance(came, ConsoleError | CallError):
            raise came
        return came

    async def _add(self, document: Mapping[str, object]) -> SubscriptionView:
        row, subscription = self._read(document)
        there = self._known.get(row.name)
        if there is not None:
            whose = "written in the settings" if there.is_of_settings else "added already"
            raise Conflict(f"A subscription called {printable(row.name, 100)} is {whose}: choose another name.")
        limit = self._settings.limits.subscriptions
        if sum(not known.is_of_settings for known in self._known.values()) >= limit:
            raise Conflict(f"{limit} subscriptions were added: limits.subscriptions allows no more. Remove one first.")
        known = _Known(row.name, row, _without_pause(document), self._clock.wall())
        await self._save(known, is_paused=subscription.is_paused)
        self._delivery.add(subscription)
        self._known[row.name] = known
        return self.one(row.name)

    async def _change(self, name: str, document: Mapping[str, object], *, whole: bool) -> SubscriptionView:
        before = self._added(name)
        given = document if whole else _merged(before.document, document)
        row, subscription = self._read({"name": name, **given})
        if row.name != name or (before.row is not None and row.resource != before.row.resource):
            raise Conflict("Neither name nor resource can change: remove it and add another one.")
        is_paused = subscription.is_paused if "paused" in document else self._is_paused(before)
        known = replace(before, row=row, document=_without_pause({"name": name, **given}), problem="")
        await self._save(known, is_paused=is_paused)
        if before.row is None:
            self._delivery.add(subscription)
        else:
            self._delivery.replace(subscription)
        self._known[name] = known
        self._set_paused(known, is_paused=is_paused)
        return self.one(name)

    async def _remove(self, name: str) -> RemovedView:
        known = self._added(name)
        await self._durable(lambda done: self._store.delete(name, done))
        del self._known[name]
        if known.row is None:
            return RemovedView(name, 0, is_told=False)
        return RemovedView(name, *self._delivery.remove(known.key))

    async def _pause(self, name: str, *, is_paused: bool) -> SubscriptionView:
        known = self._found(name)
        if known.row is not None and known.is_of_settings and (known.row.paused == "on") is is_paused:
            await self._durable(lambda done: self._store.delete(name, done))  # the settings say so anyway
        else:
            await self._save(known, is_paused=is_paused)
        self._known[name] = replace(known, was_paused=is_paused)
        self._set_paused(known, is_paused=is_paused)
        return self.one(name)

    async def _validate(self, name: str) -> SubscriptionView:
        known = self._usable(name)
        states = self._delivery.states()
        if states[known.key][0] is not State.VALID:
            self._delivery.validate_again(known.key)
        failover = states.get(self._failover_key(known))
        if failover is not None and failover[0] is not State.VALID:
            self._delivery.validate_failover_again(known.key)
        return self.one(name)

    # ----------------------------------------------------------------------------------------------------------- parts

    def _read(self, document: Mapping[str, object]) -> tuple[Row, Subscription]:
        """A document as rows, and as what they mean. Raises BodyInvalid."""
        try:
            row = subscription_of(document, self._settings)
            subscription = assembly.subscription(self._settings, row)
            Subscriber(subscription, SCHEDULES[subscription.profile])  # or it could not be asked
            return replace(row, paused="off"), subscription  # of its pause the last word counts, not the first
        except SettingsError as error:
            details = [Detail(*problem) for problem in error.problems]
            raise BodyInvalid(f"This is no subscription: {error.problems[0]}.", details) from error
        except SubscriptionInvalid as error:
            raise BodyInvalid(f"This is no subscription: {error}.", [Detail("$", str(error))]) from error

    def _restore(self, stored: StoredSubscription) -> None:
        document = msgspec.json.decode(stored.document, type=dict[str, Any])
        try:
            row, subscription = self._read(document)
            self._delivery.add(replace(subscription, is_paused=stored.is_paused))
            known = _Known(stored.name, row, document, stored.created_at)
        except BodyInvalid as error:
            known = _Known(stored.name, None, document, stored.created_at, str(error), stored.is_paused)
            _log.warning(
                "a subscription that was added is not served", subscription=printable(stored.name), why=str(error)
            )
        self._known[stored.name] = known

    def _found(self, name: str) -> _Known:
        known = self._known.get(name)
        if known is None:
            raise NotThere(f"There is no subscription called {printable(name, 100)!r}.")
        return known

    def _usable(self, name: str) -> _Known:
        known = self._found(name)
        if known.row is None:
            raise Conflict(f"It is not served: {known.problem}")
        return known

    def _added(self, name: str) -> _Known:
        known = self._found(name)
        if known.is_of_settings:
            raise Conflict(
                f"{printable(name, 100)} is written in the settings: change or remove it there and start the server "
                "anew. Until then it can be paused."
            )
        return known

    def _is_paused(self, known: _Known) -> bool:
        subscriber = self._delivery.subscribers.get(known.key)
        return subscriber.is_paused if subscriber is not None else known.was_paused

    def _set_paused(self, known: _Known, *, is_paused: bool) -> None:
        if known.row is not None:
            (self._delivery.pause if is_paused else self._delivery.resume)(known.key)

    async def _save(self, known: _Known, *, is_paused: bool) -> None:
        document = b"" if known.is_of_settings else msgspec.json.encode(known.document)
        created_at = known.created_at or self._clock.wall()
        stored = StoredSubscription(known.name, created_at, is_paused, document)
        await self._durable(lambda done: self._store.save(stored, done))

    async def _durable(self, change: Callable[[Done], None]) -> None:
        answer: asyncio.Future[CallError | None] = asyncio.get_running_loop().create_future()
        change(answer.set_result)
        error = await answer
        if error is not None:
            raise error

    def _view(self, known: _Known, waiting: Mapping[str, int], states: _States) -> SubscriptionView:
        state, why, failover = UNUSABLE, known.problem, ""
        if known.row is not None:
            state, why, failover = self._handshakes(known, states)
        row = known.row
        return SubscriptionView(
            name=known.name,
            resource=row.resource if row is not None else str(known.document.get("resource", "")),
            endpoint=shown_url(row.endpoint) if row is not None else "",
            origin=FROM_SETTINGS if known.is_of_settings else FROM_ADMIN,
            is_paused=self._is_paused(known),
            state=state,
            why=why,
            validation_url=self._delivery.manual_url(known.key) if row is not None else "",
            failover=failover,
            waiting=waiting.get(known.key, 0),
            created_at=None if known.is_of_settings else iso(known.created_at),
            rows=shown(row) if row is not None else {},
        )


    def _failover_key(self, known: _Known) -> str:
        subscriber = self._delivery.subscribers.get(known.key)
        return subscriber.subscription.failover_key if subscriber is not None else ""

    def _handshakes(self, known: _Known, states: _States) -> tuple[str, str, str]:
        """How far the one of its endpoint is, why, and both of its failover endpoint's."""
        state, why = states[known.key]
        failover = states.get(self._failover_key(known))
        return state.value, why, ": ".join(filter(None, (failover[0].value, failover[1]))) if failover else ""


def _merged(document: Mapping[str, Any], patch: Mapping[str, object]) -> dict[str, Any]:
    """The members of a patch in place of those of the document; null takes one away (RFC 7396 §2)."""
    return {name: value for name, value in {**document, **patch}.items() if value is not None}


def _without_pause(document: Mapping[str, Any]) -> dict[str, Any]:
    """The pause is kept apart: it changes by words of its own."""
    return {name: value for name, value in document.items() if name != "paused"}
