"""A receiver of webhooks on loopback, a store that remembers what it was told, and calls to announce."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from strowger.calls.call import Call, Hop, State
from strowger.calls.dead_letters import DeadLetter, Kept
from strowger.calls.errors import StoreUnavailable
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.calls.ports import Done, OutboxEntry
from strowger.events.delivery import EventDelivery
from tests.support.deliveries import make

PATIENCE_S = 5.0
"""How long a test waits for something that comes in milliseconds."""


@dataclass
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    @property
    def event(self) -> dict[str, Any]:
        (event,) = json.loads(self.body)
        return event

    @property
    def is_validation(self) -> bool:
        return self.method == "OPTIONS" or self.headers["aeg-event-type"] == "SubscriptionValidation"


Answerer = Callable[[Received], Awaitable[web.Response]]


async def consent(received: Received) -> web.Response:
    """What a well-behaved application does."""
    if received.method == "OPTIONS":
        return web.Response(headers={"WebHook-Allowed-Origin": received.headers["WebHook-Request-Origin"]})
    if received.is_validation:
        return web.json_response({"validationResponse": received.event["data"]["validationCode"]})
    return web.Response(status=200)


def answering(*statuses: int) -> Answerer:
    """Consent, then answer events with these statuses in turn, the last one for ever."""
    left = list(statuses)

    async def answer(received: Received) -> web.Response:
        if received.is_validation:
            return await consent(received)
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0])

    return answer


class Receiver:
    """An application's webhook endpoint."""

    def __init__(self) -> None:
        self.answer: Answerer = consent
        self.received: list[Received] = []
        self._arrival = asyncio.Condition()
        self._runner: web.ServerRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/incomingCall?code=a%2Fb=="

    @property
    def events(self) -> list[Received]:
        return [each for each in self.received if not each.is_validation]

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._take), shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._arrival:
            await self._arrival.wait_for(holds)

    async def _take(self, request: web.BaseRequest) -> web.Response:
        received = Received(request.path_qs, dict(request.headers), await request.read(), request.method)
        async with self._arrival:
            self.received.append(received)
            self._arrival.notify_all()
        return await self.answer(received)


@dataclass
class RememberingStore:
    """The part of the Store that events use."""

    pending: list[OutboxEntry] = field(default_factory=list)
    done: list[OutboxEntry] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    letters: list[DeadLetter] = field(default_factory=list)
    attempts: list[OutboxEntry] = field(default_factory=list)
    refuses: bool = False
    """Whether dead letters cannot be written just now."""

    def tried(self, entry: OutboxEntry) -> None:
        self.attempts.append(entry)

    def bury(self, letter: DeadLetter, done: Done) -> None:
        if not self.refuses:
            self.letters.append(letter)
        self.delivered(letter.entry)
        self._answer(done)

    def revive(self, letter_id: str, entry: OutboxEntry, done: Done) -> None:
        self.forget([letter_id], done)

    def forget(self, letter_ids: Sequence[str], done: Done) -> None:
        if not self.refuses:
            self.letters = [each for each in self.letters if each.letter_id not in letter_ids]
        self._answer(done)

    def kept(self) -> list[Kept]:
        return [Kept(each.letter_id, len(each.entry.body), each.died_at) for each in self.letters]

    def find(self, letter_id: str) -> DeadLetter | None:
        return next((each for each in self.letters if each.letter_id == letter_id), None)

    def newest(self, limit: int, subscription: str = "") -> list[DeadLetter]:
        return [each for each in reversed(self.letters) if subscription in ("", each.entry.subscription)][:limit]

    def _answer(self, done: Done) -> None:
        error = StoreUnavailable("not now") if self.refuses else None
        asyncio.get_running_loop().call_soon(done, error)

    def pending_events(self) -> list[OutboxEntry]:
        return list(self.pending)

    def delivered(self, entry: OutboxEntry) -> None:
        self.done.append(entry)
        self.changed.set()

    async def until_done(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.done) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
def new_receiver() -> type[Receiver]:
    return Receiver


@pytest.fixture
def store() -> RememberingStore:
    return RememberingStore()


@pytest.fixture
def scripted() -> Callable[..., Answerer]:
    return answering


@pytest.fixture
def consenting() -> Answerer:
    return consent


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits for a condition that nobody signals, looking once per turn of the loop."""

    async def wait(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0)

    return wait


@pytest.fixture
def new_call() -> Callable[..., Call]:
    """Makes a held call from a phone to a number of the resource `dev`."""

    def make(**changes: Any) -> Call:
        expires_at = changes.pop("expires_at", 1_767_225_630.0)
        event_id = changes.pop("event_id", "3f1c0a52-0000-4000-8000-000000000001")
        to = changes.pop("to", phone_number("+31201110001"))
        hop = Hop(to=to, opened_at=1_767_225_600.0, expires_at=expires_at, event_id=event_id)
        call = Call(
            call_id="a90f2b5e-0000-4000-8000-000000000002",
            resource="dev",
            caller=from_raw_id("4:+31612345678"),
            display_name="",
            created_at=1_767_225_600.0,
            hops=[hop],
            state=State.HELD,
        )
        for name, value in changes.items():
            setattr(call, name, value)
        return call

    return make


@pytest_asyncio.fixture
async def started() -> AsyncIterator[Callable[..., Awaitable[EventDelivery]]]:
    """Starts a delivery and stops it after the test; see `deliveries.make`."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*args: Any, **kwargs: Any) -> EventDelivery:
            delivery = make(*args, **kwargs)
            await delivery.start()
            stack.push_async_callback(delivery.stop)
            return delivery

        yield start
