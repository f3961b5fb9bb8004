"""The console: health for whoever runs the server, and the admin API that the command line reads calls through.

    GET /healthz                       the process lives
    GET /readyz                        every part is ready, or which is not
    GET /subscriptions/validate?code=  consent to a subscription by hand (Event Grid: webhook event delivery), or by the
                                       application, with POST too (CloudEvents: HTTP 1.1 Web Hooks §4.1.3)
    GET /admin/calls?limit=&state=     the newest calls
    GET /admin/calls/{id}              one call; a beginning of its id is enough
    GET /admin/calls/{id}/why          the same in sentences
    GET /admin/calls:watch             one line of JSON for every change, until one side has enough
    GET /admin/registrations?user=     the phones that are registered
    GET /admin/trunks                  the trunks, and how they are
    GET /admin/routes:test?target=     what a redirect would do; also kind=, from=, resource=
    POST /admin/simulate               what would become of a call: see `simulation`
    /admin/subscriptions…              who is told of calls, and who else shall be: see `subscriptions`
    /admin/dead-letters…               events that were given up: see `dead_letters`
    GET /sip                           a WebSocket for phones, where the server gives us one (RFC 7118)

What is under /admin needs the admin token. On a loopback address it also needs a Host header that is ours, so that no
web page can have a browser ask in its place.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple

from aiohttp import web

from strowger.base.text import printable
from strowger.calls.call import FINAL_STATES, Call, State
from strowger.calls.errors import StoreUnavailable
from strowger.console import reply
from strowger.console.body import BodyLimits
from strowger.console.dead_letters import PATH as DEAD_LETTERS
from strowger.console.dead_letters import DeadLetterPaths, DeadLetters
from strowger.console.errors import (
    ConsoleError,
    HostForeign,
    MethodRefused,
    NotThere,
    QueryInvalid,
    TokenMissing,
    Unavailable,
)
from strowger.console.listener import Listener, ListenerLimits, serve_websocket
from strowger.console.queries import OK, Queries, RouteQuestion
from strowger.console.simulation import PATH as SIMULATE
from strowger.console.simulation import SimulationPath
from strowger.console.subscriptions import PATH as SUBSCRIPTIONS
from strowger.console.subscriptions import SubscriptionPaths, Subscriptions
from strowger.console.views import CallsView, WhyView, view
from strowger.console.watch import Watch, WatchLimits
from strowger.console.why import chain, notes, sentence

OWN_NAMES: Final = frozenset(("localhost", "127.0.0.1", "::1"))
CALLS_SHOWN: Final = 50
"""Calls in a list, unless the client asks for fewer or more."""
MOST_CALLS_SHOWN: Final = 1_000
"""Calls in a list at the most; also how far back a filter looks."""
VALIDATE: Final = "/subscriptions/validate"
"""Where whoever knows its code consents to a subscription."""
WEBSOCKET: Final = "/sip"
"""Where phones in browsers connect."""
LIVE: Final = "live"
ENDED: Final = "ended"
ADMIN_PATHS: Final = (
    "/admin/calls, calls:watch, registrations, trunks, routes:test, simulate, subscriptions and dead-letters"
)
"""What is said to somebody who looks for another."""

Endpoint = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Administration(NamedTuple):
    """What an operator sees to through the admin API."""

    subscriptions: Subscriptions
    dead_letters: DeadLetters


class Console:
    """Health and the admin API over HTTP."""

    def __init__(
        self,
        queries: Queries,
        admin_token: str,
        wall: Callable[[], float],
        *,
        administration: Administration,
        hosts: Iterable[str] = (),
        limits: ListenerLimits | None = None,
        body: BodyLimits | None = None,
        watch: WatchLimits | None = None,
    ) -> None:
        """`wall` tells seconds since 1970; `hosts` are further names that lead to a loopback address of ours."""
        self._queries = queries
        self._token = admin_token.encode()
        self._wall = wall
        self._subscriptions = SubscriptionPaths(administration.subscriptions, body or BodyLimits())
        self._dead_letters = DeadLetterPaths(administration.dead_letters, body or BodyLimits())
        self._simulation = SimulationPath(queries.simulate, body)
        self._names = OWN_NAMES | {host.lower() for host in hosts}
        self._listener = Listener(self._answer, limits)
        self._watch_limits = watch or WatchLimits()
        self._watches: set[Watch] = set()

    async def start(self, host: str, port: int, websocket: Endpoint | None = None) -> int:
        """Listen on one more address; returns the port, chosen by the system when 0. Raises OSError.

        `websocket` serves what comes for WEBSOCKET by this address, and admits whom it likes: no token is asked for.
        """
        return await self._listener.start(host, port, websocket)

    async def stop(self) -> None:
        """Tell the watchers, then stop."""
        for watch in self._watches:
            watch.stop()
        await self._listener.stop()

    # Which request is for whom -----------------------------------------------------------------------------------

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            methods = self._methods(request)
            endpoint = methods.get(request.method)
            if endpoint is None:
                raise MethodRefused(printable(request.path, 100), methods)
            return await endpoint(request)
        except ConsoleError as error:
            return reply.refusal(error)
        except StoreUnavailable as error:
            return reply.refusal(Unavailable(str(error)))

    def _methods(self, request: web.BaseRequest) -> Mapping[str, Endpoint]:
        """What each method does on the path of the request. Raises NotThere, and what `_admit` raises."""
        open_to_all = {
            "/healthz": _read_with(self._health),
            "/readyz": _read_with(self._ready),
            VALIDATE: {**_read_with(self._validate), "POST": self._validate},
            WEBSOCKET: _read_with(self._phone),
        }.get(request.path)
        if open_to_all is not None:
            return open_to_all
        if not request.path.startswith("/admin/"):
            raise NotThere(f"There is no such path; there are /healthz, /readyz and, with the token, {ADMIN_PATHS}.")
        self._admit(request)
        if request.path == "/admin/calls:watch":
            return {"GET": self._watch}
        if request.path.startswith("/admin/calls/"):
            return _read_with(self._why if request.path.endswith("/why") else self._call)
        if request.path == SIMULATE:
            return {"POST": self._simulation.answer}
        if request.path == SUBSCRIPTIONS or request.path.startswith(f"{SUBSCRIPTIONS}/"):
            found = self._subscriptions.methods(request)
        elif request.path == DEAD_LETTERS or request.path.startswith(f"{DEAD_LETTERS}/"):
            found = self._dead_letters.methods(request)
        else:
            shown = {
                "/admin/calls": self._calls,
                "/admin/registrations": self._registrations,
                "/admin/trunks": self._trunks,
                "/admin/routes:test": self._test_route,
            }.get(request.path)
            found = _read_with(shown) if shown is not None else None
        if found is None:
            raise NotThere(f"There is no such path; there are {ADMIN_PATHS}.")
        return found

    def _admit(self, request: web.BaseRequest) -> None:
        if _came_over_loopback(request) and _host_name(request.headers.get("Host", "")) not in self._names:
            raise HostForeign("The Host header is not a name of this machine: use localhost or 127.0.0.1.")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._token):
            raise TokenMissing("Send the admin token as Authorization: Bearer …; it is kept in the data directory.")

    # What is answered ------------------------------------------------------------------------------------------------

    async def _health(self, request: web.BaseRequest) -> web.StreamResponse:
        return reply.json_reply({"status": "ok"})

    async def _ready(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = self._queries.readiness()
        if all(state == OK for state in parts.values()):
            return reply.json_reply({"status": "ready", "parts": parts})
        return reply.json_reply({"status": "not ready", "parts": parts}, 503)

    async def _validate(self, request: web.BaseRequest) -> web.StreamResponse:
        code = _query(request, {"code"}).get("code", "")
        if not code or not self._queries.validate_subscription(code):
            raise NotThere("This validation code is not known, or no longer: the newest one is in the log.")
        return reply.json_reply({"status": "validated"})

    async def _phone(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await serve_websocket(request)
        if response is None:
            raise NotThere("Phones are not served here: set console_websocket in [sip], or listen on ws or wss.")
        return response

    async def _calls(self, request: web.BaseRequest) -> web.StreamResponse:
        query = _query(request, {"limit", "state"})
        limit = _limit(query.get("limit", str(CALLS_SHOWN)))
        wanted = _states(query.get("state", ""))
        if wanted is None:
            found: Sequence[Call] = self._queries.calls(limit)
        else:
            found = [call for call in self._queries.calls(MOST_CALLS_SHOWN) if call.state in wanted][:limit]
        return reply.json_reply(CallsView(tuple(map(view, found))))

    async def _call(self, request: web.BaseRequest) -> web.StreamResponse:
        return reply.json_reply(view(self._found(request.path.removeprefix("/admin/calls/"))))

    async def _why(self, request: web.BaseRequest) -> web.StreamResponse:
        call = self._found(request.path.removeprefix("/admin/calls/").removesuffix("/why"))
        told = sentence(call, self._wall()), chain(call), notes(call)
        return reply.json_reply(WhyView(call.call_id, call.state.value, *told))

    async def _registrations(self, request: web.BaseRequest) -> web.StreamResponse:
        user = _query(request, {"user"}).get("user", "")
        found = self._queries.registrations(user)
        if found is None:
            raise NotThere(f"No [[user]] has the name or the id {printable(user, 100)!r}.")
        return reply.json_reply(found)

    async def _trunks(self, request: web.BaseRequest) -> web.StreamResponse:
        _query(request, set())
        return reply.json_reply(self._queries.trunks())

    async def _test_route(self, request: web.BaseRequest) -> web.StreamResponse:
        query = _query(request, {"target", "kind", "from", "resource"})
        target, kind, caller = (_with_plus(query.get(name, "")) for name in ("target", "kind", "from"))
        if not target:
            raise QueryInvalid("target is missing: a number like +31201110001, a raw id, or the name of a user.")
        question = RouteQuestion(target, kind, caller, query.get("resource", ""))
        return reply.json_reply(self._queries.test_route(question))

    def _found(self, call_id: str) -> Call:
        call = self._queries.call(call_id) if call_id and "/" not in call_id else None
        if call is None:
            raise NotThere(f"No call, or more than one, has an id that begins with {printable(call_id, 40)!r}.")
        return call

    async def _watch(self, request: web.BaseRequest) -> web.StreamResponse:
        if len(self._watches) >= self._watch_limits.watchers:
            raise Unavailable(f"{self._watch_limits.watchers} clients watch already.")
        watch = Watch(self._watch_limits)
        self._watches.add(watch)
        unsubscribe = self._queries.subscribe(watch.tell)
        try:
            response = web.StreamResponse(headers=reply.headers("application/x-ndjson"))
            response.force_close()
            await response.prepare(request)
            await watch.pump(response)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        finally:
            unsubscribe()
            self._watches.discard(watch)
        return response


def _read_with(endpoint: Endpoint) -> dict[str, Endpoint]:
    return {"GET": endpoint, "HEAD": endpoint}


def _came_over_loopback(request: web.BaseRequest) -> bool:
    address = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return isinstance(address, tuple) and ip_address(address[0]).is_loopback


def _host_name(host: str) -> str:
    """The name or address of a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _query(request: web.BaseRequest, known: set[str]) -> dict[str, str]:
    query = request.query
    for name in query:
        if name not in known:
            those = f"only {', '.join(sorted(known))}" if known else "and no other"
            raise QueryInvalid(f"There is no parameter {printable(name, 40)!r}, {those}.")
        if len(query.getall(name)) > 1:
            raise QueryInvalid(f"The parameter {name} is there twice.")
    return dict(query)


def _with_plus(text: str) -> str:
    """A plus sign that was not escaped in the query arrives as a space."""
    return f"+{text[1:]}" if text.startswith(" ") else text


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST_CALLS_SHOWN):
        raise QueryInvalid(f"limit is a number from 1 to {MOST_CALLS_SHOWN}.")
    return int(text)


def _states(text: str) -> frozenset[State] | None:
    if not text:
        return None
    if text == LIVE:
        return frozenset(State) - FINAL_STATES
    if text == ENDED:
        return FINAL_STATES
    if text not in frozenset(state.value for state in State):
        raise QueryInvalid(f"state is {LIVE}, {ENDED} or one of {', '.join(state.value for state in State)}.")
    return frozenset((State(text),))
