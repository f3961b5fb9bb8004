"""A real application: a web server that receives Event Grid events, and the official SDK that decides about calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.exceptions import AzureError

from strowger.phones.waiting import Watch

VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
INCOMING_CALL = "Microsoft.Communication.IncomingCall"
EVENT_S = 10.0


@dataclass(frozen=True)
class IncomingCall:
    """One IncomingCall event."""

    event_id: str
    data: dict[str, Any]
    whole: dict[str, Any] = field(default_factory=dict)
    """The event as it was posted, envelope and all."""

    @property
    def context(self) -> str:
        return self.data["incomingCallContext"]

    @property
    def correlation_id(self) -> str:
        return self.data["correlationId"]

    @property
    def to(self) -> str:
        return self.data["to"]["rawId"]

    @property
    def from_(self) -> str:
        return self.data["from"]["rawId"]


class Application:
    """The receiver. `events` holds each event once, by its id, in the order of arrival."""

    def __init__(self) -> None:
        self.events: list[IncomingCall] = []
        self.reports: list[dict[str, Any]] = []
        """Every event of another type, once and as it was posted, in the order of arrival."""
        self.posts = 0
        """Deliveries of IncomingCall, repeats included."""
        self.status = 200
        """What deliveries are answered with."""
        self.on_call: Callable[[IncomingCall], Awaitable[None]] | None = None
        """What the application does by itself when it hears of a call."""
        self.failures: list[str] = []
        """What went wrong in `on_call`."""
        self.url = ""
        self._known: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch = Watch()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/events", self._receive)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/events"

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def event(self, number: int = 0, *, timeout_s: float = EVENT_S) -> IncomingCall:
        """The event with this place in `events`, when it is there."""
        await self.heard(number + 1, timeout_s=timeout_s)
        return self.events[number]

    async def heard(self, count: int, *, timeout_s: float = EVENT_S) -> None:
        """Wait until so many events have arrived."""
        await self._until(lambda: len(self.events) >= count, timeout_s, f"{count} events")

    async def asked(self, count: int, *, timeout_s: float = EVENT_S) -> None:
        """Wait until so many deliveries were tried."""
        await self._until(lambda: self.posts >= count, timeout_s, f"{count} deliveries")

    async def _until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> None:
        try:
            await self._watch.until(lambda: holds() or None, timeout_s)
        except TimeoutError:
            raise AssertionError(
                f"no {what} within {timeout_s} s: {len(self.events)} events in {self.posts} deliveries"
            ) from None

    async def _receive(self, request: web.Request) -> web.Response:
        for event in await request.json():
            if event["eventType"] == VALIDATION:
                return web.json_response({"validationResponse": event["data"]["validationCode"]})
            if event["eventType"] != INCOMING_CALL:
                self._take_report(event)
                continue
            self.posts += 1
            if self.status == 200:
                self._take(IncomingCall(event["id"], event["data"], event))
        self._watch.changed()
        return web.Response(status=self.status)

    def _take_report(self, event: dict[str, Any]) -> None:
        if self.status == 200 and event["id"] not in self._known:
            self._known.add(event["id"])
            self.reports.append(event)

    async def report(self, number: int = 0, *, timeout_s: float = EVENT_S) -> dict[str, Any]:
        """The event with this place in `reports`, when it is there."""
        await self._until(lambda: len(self.reports) > number, timeout_s, f"{number + 1} reports")
        return self.reports[number]

    def _take(self, call: IncomingCall) -> None:
        if call.event_id in self._known:
            return
        self._known.add(call.event_id)
        self.events.append(call)
        if self.on_call is not None:
            task = asyncio.create_task(self._decide(self.on_call, call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _decide(self, decide: Callable[[IncomingCall], Awaitable[None]], call: IncomingCall) -> None:
        try:
            await decide(call)
        except (AzureError, AssertionError) as error:
            self.failures.append(f"{type(error).__name__}: {error}")


def sdk(connection_string: str, authority: Path) -> CallAutomationClient:
    """The official client, asynchronous, that trusts our authority and never repeats a request by itself."""
    return CallAutomationClient.from_connection_string(
        connection_string, connection_verify=str(authority), retry_total=0
    )
