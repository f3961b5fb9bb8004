"""A server that knows only what a test tells it, calls to tell of, and a client of the console."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from click.testing import CliRunner, Result

from strowger.base.clock import VirtualClock
from strowger.calls.call import BranchReport, Call, Hop, State
from strowger.calls.errors import StoreUnavailable
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.cli import main
from strowger.console.console import Administration, Console
from strowger.console.dead_letters import DeadLettersView, DeadLetterView, LetterGoneView, WholeLetterView
from strowger.console.errors import QueryInvalid
from strowger.console.queries import OK, RouteQuestion, Watcher
from strowger.console.simulation import AdmissionView, SimulationQuestion, SimulationView
from strowger.console.sip_views import (
    OUTSIDE,
    RegistrationsView,
    RegistrationView,
    RouteTestView,
    RouteView,
    TrunksView,
    TrunkView,
    WayView,
)
from strowger.console.subscriptions import (
    FROM_ADMIN,
    RemovedView,
    SubscriptionsView,
    SubscriptionView,
    TestView,
)
from strowger.console.views import PartyView

TOKEN = "s3cret-token"
BOB = from_raw_id("8:acs:res_bob")


def a_call(call_id: str = "7f3a0000-0000-4000-8000-000000000001", state: State = State.HELD, **more) -> Call:
    """A call from +31612345678 to +31201110001, held since 2026-01-01T00:00:00Z."""
    hop = Hop(phone_number("+31201110001"), 1_767_225_600.0, 1_767_225_630.0, "evt-1")
    values = {"hops": [hop], **more}
    return Call(call_id, "dev", phone_number("+31612345678"), "Carol", 1_767_225_600.0, state=state, **values)


def a_phone(**changes: Any) -> RegistrationView:
    """Bob's phone, registered over UDP for most of an hour."""
    values: dict[str, Any] = {
        "user": "bob",
        "raw_id": "8:acs:res_bob",
        "contact": "sip:bob@127.0.0.1:5071",
        "expires_in_s": 3_540,
        "q": 1.0,
        "transport": "udp",
        "source": "127.0.0.1:5071",
        "is_bound_to_flow": False,
        "path": (),
        "user_agent": "",
        "instance": "",
        "updated_at": "2026-01-01T00:00:00.000Z",
    }
    return RegistrationView(**(values | changes))


def a_trunk(**changes: Any) -> TrunkView:
    """A trunk that serves since 2026-01-01T00:00:00Z."""
    values: dict[str, Any] = {
        "name": "carrier",
        "uri": "sip:sbc.test",
        "priority": 10,
        "weight": 1,
        "state": "up",
        "is_asked": True,
        "why": "it answered 200 to OPTIONS",
        "since": "2026-01-01T00:00:00.000Z",
        "held_for_s": 0,
        "registration": "",
        "registration_why": "",
        "registered_for_s": 0,
        "calls": 0,
    }
    return TrunkView(**(values | changes))


def a_way(**changes: Any) -> WayView:
    """The first trunk that is tried for +31612345678."""
    values: dict[str, Any] = {
        "trunk": "carrier",
        "place": 1,
        "left_out": "",
        "priority": 10,
        "weight": 1,
        "share": 1.0,
        "uri": "sip:+31612345678@sbc.test",
        "number_format": "e164",
        "caller_id": "pass",
        "caller": "the caller's own number",
        "forwarded_as": (),
    }
    return WayView(**(values | changes))


def a_route_test(**changes: Any) -> RouteTestView:
    """A number outside that is rung through one trunk."""
    values: dict[str, Any] = {
        "target": PartyView("phoneNumber", "4:+31612345678"),
        "resource": "dev",
        "outcome": OUTSIDE,
        "says": "+31612345678 is outside.",
        "code": "",
        "is_announced": False,
        "ring": (),
        "routes": (RouteView("phoneNumber", "+316", ("carrier",)),),
        "ways": (a_way(),),
        "is_drawn": False,
    }
    return RouteTestView(**(values | changes))


def a_redirected_call(*reports: BranchReport) -> Call:
    """The same call, redirected to Bob and answered; with what came of its branches."""
    first = Hop(
        phone_number("+31201110001"),
        1_767_225_600.0,
        1_767_225_630.0,
        "evt-1",
        closed_at=1_767_225_600.07,
        decision="redirect to 8:acs:res_bob",
    )
    second = Hop(
        BOB,
        1_767_225_600.07,
        1_767_225_660.07,
        "evt-2",
        ("sip:bob@127.0.0.1:5071",),
        closed_at=1_767_225_602.31,
        decision="answered by sip:bob@127.0.0.1:5071",
        branch_reports=reports,
    )
    return a_call(
        state=State.ANSWERED,
        hops=[first, second],
        ended_at=1_767_225_602.31,
        final_status=200,
        why="answered by sip:bob@127.0.0.1:5071",
    )


def a_subscription(**changes: Any) -> SubscriptionView:
    """One that was added and has consented."""
    values: dict[str, Any] = {
        "name": "app",
        "resource": "dev",
        "endpoint": "http://127.0.0.1:8080/events",
        "origin": FROM_ADMIN,
        "is_paused": False,
        "state": "valid",
        "why": "echoed the code",
        "validation_url": "",
        "failover": "",
        "waiting": 0,
        "created_at": "2026-01-01T00:00:00.000Z",
        "rows": {"resource": "dev", "name": "app", "endpoint": "http://127.0.0.1:8080/events"},
    }
    return SubscriptionView(**(values | changes))


def a_simulation(**changes: Any) -> SimulationView:
    """A call to a number of ours that nobody decides about."""
    party = PartyView("phoneNumber", "4:+31612345678")
    values: dict[str, Any] = {
        "is_refused": False,
        "admission": AdmissionView("admitted", 0, "It may call."),
        "caller": party,
        "display_name": "",
        "to": PartyView("phoneNumber", "4:+31201110001"),
        "resource": "dev",
        "custom_headers": {},
        "headers_left_out": (),
        "ring_budget_s": 180.0,
        "silent": None,
        "decided": None,
        "refusals": (),
        "notes": (),
    }
    return SimulationView(**(values | changes))


class ScriptedSubscriptions:
    """Subscriptions that remember what was asked of them, and answer with the one that a test gives them."""

    def __init__(self) -> None:
        self.known = [a_subscription()]
        self.asked: list[tuple[object, ...]] = []
        self.fails_with: Exception | None = None
        self.trial = TestView("app", "test-1", 200, is_delivered=True, took_ms=1.5, answer_octets=2, why="answered 200")

    def shown(self) -> SubscriptionsView:
        return SubscriptionsView(tuple(self.known))

    def one(self, name: str) -> SubscriptionView:
        self._ask("one", name)
        return self.known[0]

    async def add(self, document: Mapping[str, object]) -> SubscriptionView:
        return self._ask("add", document)

    async def change(self, name: str, document: Mapping[str, object], *, whole: bool) -> SubscriptionView:
        return self._ask("put" if whole else "patch", name, document)

    async def remove(self, name: str) -> RemovedView:
        self._ask("remove", name)
        return RemovedView(name, 2, is_told=True)

    async def pause(self, name: str) -> SubscriptionView:
        return self._ask("pause", name)

    async def resume(self, name: str) -> SubscriptionView:
        return self._ask("resume", name)

    async def validate(self, name: str) -> SubscriptionView:
        return self._ask("validate", name)

    async def test(self, name: str) -> TestView:
        self._ask("test", name)
        return self.trial

    def _ask(self, *asked: object) -> SubscriptionView:
        self.asked.append(asked)
        if self.fails_with is not None:
            raise self.fails_with
        return self.known[0]


def a_letter(letter_id: str = "1e77e400-0000", **changes: Any) -> DeadLetterView:
    """A dead letter."""
    members: dict[str, Any] = {
        "subscription": "dev/app",
        "call_id": "ca110000-0000",
        "event_id": "e7e20000-0000",
        "event_type": "Microsoft.Communication.IncomingCall",
        "dead_letter_reason": "TimeToLiveExceeded",
        "why": "answered 503",
        "delivery_attempts": 9,
        "last_delivery_outcome": "Busy",
        "publish_time": "2026-01-01T00:00:00.000Z",
        "last_delivery_attempt_time": "2026-01-01T00:00:27.500Z",
        "died_at": "2026-01-01T00:00:30.000Z",
        "octets": 700,
    }
    return DeadLetterView(letter_id=letter_id, **(members | changes))


class ScriptedDeadLetters:
    """Dead letters, until a test has them fail."""

    def __init__(self) -> None:
        self.known = [a_letter()]
        self.kept = 1
        self.event = b'{"id":"e7e20000-0000","data":{}}'
        self.asked: list[tuple[object, ...]] = []
        self.fails_with: Exception | None = None

    def newest(self, limit: int, subscription: str) -> DeadLettersView:
        self._ask("newest", limit, subscription)
        return DeadLettersView(tuple(self.known[:limit]), self.kept)

    def one(self, letter_id: str) -> WholeLetterView:
        self._ask("one", letter_id)
        return WholeLetterView(self.known[0], msgspec.Raw(self.event))

    async def resend(self, letter_id: str, event: Mapping[str, object] | None) -> LetterGoneView:
        self._ask("resend", letter_id, event)
        return LetterGoneView(self.known[0].letter_id, self.known[0].event_id, is_resent=True)

    async def remove(self, letter_id: str) -> LetterGoneView:
        self._ask("remove", letter_id)
        return LetterGoneView(self.known[0].letter_id, self.known[0].event_id, is_resent=False)

    def _ask(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.fails_with is not None:
            raise self.fails_with


class ScriptedQueries:
    """A server without calls, until a test gives it some."""

    def __init__(self) -> None:
        self.subscriptions = ScriptedSubscriptions()
        self.dead_letters = ScriptedDeadLetters()
        self.administration = Administration(self.subscriptions, self.dead_letters)
        self.known: list[Call] = []
        self.phones: tuple[RegistrationView, ...] = ()
        self.known_trunks: tuple[TrunkView, ...] = ()
        self.questions: list[RouteQuestion] = []
        self.route_test = a_route_test()
        self.simulations: list[SimulationQuestion] = []
        self.simulation = a_simulation()
        self.parts: dict[str, str] = {"store": OK}
        self.codes: set[str] = set()
        self.watchers: list[Watcher] = []
        self.fails_with: StoreUnavailable | None = None
        self.limits: list[int] = []
        self.came = asyncio.Event()
        """Set when a watcher comes."""
        self.left = asyncio.Event()
        """Set when a watcher goes."""

    def calls(self, limit: int) -> Sequence[Call]:
        self.limits.append(limit)
        if self.fails_with is not None:
            raise self.fails_with
        return self.known[:limit]

    def call(self, call_id: str) -> Call | None:
        found = [call for call in self.known if call.call_id.startswith(call_id)]
        return found[0] if len(found) == 1 else None

    def subscribe(self, watcher: Watcher) -> Callable[[], None]:
        self.watchers.append(watcher)
        self.came.set()
        return lambda: self._forget(watcher)

    def _forget(self, watcher: Watcher) -> None:
        self.watchers.remove(watcher)
        self.left.set()

    def registrations(self, user: str) -> RegistrationsView | None:
        return None if user == "ghost" else RegistrationsView(self.phones, "" if self.phones else f"nobody: {user}")

    def trunks(self) -> TrunksView:
        return TrunksView(self.known_trunks)

    def test_route(self, question: RouteQuestion) -> RouteTestView:
        self.questions.append(question)
        if question.kind == "fax":
            raise QueryInvalid("There is no kind 'fax'.")
        return self.route_test

    def simulate(self, question: SimulationQuestion) -> SimulationView:
        self.simulations.append(question)
        return self.simulation

    def readiness(self) -> Mapping[str, str]:
        return self.parts

    def validate_subscription(self, code: str) -> bool:
        return code in self.codes

    def happens(self, call: Call, what: str) -> None:
        """A durable change."""
        for watcher in tuple(self.watchers):
            watcher(call, what)


class Bench:
    """The console, its server, and a client."""

    def __init__(self, console: Console, queries: ScriptedQueries, clock: VirtualClock, port: int) -> None:
        self.console = console
        self.queries = queries
        self.clock = clock
        self.port = port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def get(
        self, path: str, *, method: str = "GET", token: str | None = TOKEN, body: Any = None, **headers: str
    ):
        """Status, headers and decoded JSON of an answer; header names have underscores for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        async with aiohttp.ClientSession() as client, client.request(
            method, self.url(path), headers=sent, data=body
        ) as response:
            return response.status, response.headers, (await response.json() if method != "HEAD" else None)


async def invoke(bench: Bench, token_file: Path, *arguments: str) -> Result:
    """A command about this console; it runs in a thread with a loop of its own."""
    command = [*arguments, "--console", bench.url(""), "--token-file", str(token_file)]
    return await asyncio.to_thread(CliRunner().invoke, main, command)
