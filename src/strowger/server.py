"""The composition root: settings in, every part built, joined and started in order, stopped in reverse.

Nothing is decided here, and what the settings mean is for `assembly` to say. The order matters once: the store is read
and every held call is back in memory before the first listener opens, so that no request can arrive for a call that is
not known yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import socket
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from strowger import assembly, sip_assembly
from strowger.access_keys.errors import AccessKeysError
from strowger.accounts import UserWords, accounts, user_of_token, without_passwords
from strowger.acs.api import Api
from strowger.acs.auth import Resource
from strowger.acs.authenticators.user_token import UserTokenAuthenticator
from strowger.acs.http import HttpListener
from strowger.acs.pull import PullApi
from strowger.acs.resources import HostedResources
from strowger.base.clock import Clock, SystemClock
from strowger.base.ids import Ids, SystemIds
from strowger.base.tasks import spawn
from strowger.calls.call import Call
from strowger.calls.context import ContextSigner
from strowger.calls.errors import StoreUnavailable
from strowger.calls.exchange import Exchange
from strowger.console.console import Administration, Console
from strowger.console.metrics import Metrics
from strowger.console.secret_file import ADMIN_TOKEN, kept
from strowger.dead_letters import DeadLetterOffice
from strowger.events.dead_letters import DeadLetters
from strowger.events.delivery import EventDelivery
from strowger.events.foretelling import Foretelling
from strowger.inspection import Inspection
from strowger.issuers import Issuers
from strowger.outside_log import log_refusal
from strowger.recovery import Recovery
from strowger.resource_keys import ResourceKeys
from strowger.route_inspection import RouteInspection
from strowger.settings import Listener, Settings
from strowger.simulation import Rules, Simulation
from strowger.sip.authentication.errors import CredentialInvalid
from strowger.sip.foreseeing import Ways
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.registration import Registration
from strowger.sip.transaction.timers import TimerHeap
from strowger.sip.transport.errors import TransportError
from strowger.sip.transport.flow import ListenAddress, host_port
from strowger.sip_inspection import SipInspection
from strowger.sip_side import SipSide
from strowger.storage.errors import StoreError
from strowger.storage.memory import MemoryStore
from strowger.storage.sqlite import SqliteStore
from strowger.subscriptions import Subscriptions
from strowger.tls import DevCa, create_dev_ca, server_context

DATABASE: Final = "strowger.db"
SECRET_BYTES: Final = 32
WILDCARDS: Final = ("0.0.0.0", "[::]")
PRUNE_EVERY_S: Final = 60.0

_log = structlog.stdlib.get_logger("strowger.server")


class StartError(Exception):
    """The server cannot start; the text says why and what to do."""


class Server:
    """One running Strowger."""

    def __init__(
        self, settings: Settings, *, memory: bool = False, clock: Clock | None = None, ids: Ids | None = None
    ) -> None:
        self.settings = settings
        self.data_dir = settings.server.data_dir
        self._memory = memory
        self._clock = clock or SystemClock()
        self._ids = ids or SystemIds()
        self._stack = AsyncExitStack()
        self.api_addresses: list[str] = []
        self.console_addresses: list[str] = []
        self.sip_addresses: list[str] = []
        self.dev_ca: DevCa | None = None
        self._console: Console | None = None

    async def start(self) -> None:
        """Build and start everything. Raises StartError; whatever was started by then is stopped again."""
        try:
            await self._start()
        except StartError:
            await self._stack.aclose()
            raise
        except (StoreError, StoreUnavailable, AccessKeysError, TransportError, OSError, ValueError) as error:
            await self._stack.aclose()
            raise StartError(str(error)) from error

    async def stop(self) -> None:
        """Stop in reverse order. Calls that still live are in the store and are taken up at the next start."""
        self.inspection.is_serving = False
        await self._stack.aclose()

    async def drain(self, at_most_s: float) -> None:
        """Take no new calls and wait until those that live have ended, `at_most_s` seconds at the most."""
        self.exchange.is_draining = True
        empty = asyncio.Event()
        unwatch = self.inspection.subscribe(lambda call, what: None if len(self.exchange) else empty.set())
        with contextlib.suppress(TimeoutError):
            if len(self.exchange):
                await asyncio.wait_for(empty.wait(), at_most_s)
        unwatch()

    @property
    def admin_token_path(self) -> Path:
        """The file with the token of the admin API, readable by its owner only."""
        return self.data_dir / ADMIN_TOKEN

    # Parts -----------------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self.store = self._open_store(loop)
        self._stack.callback(self.store.close)
        self._stack.push_async_callback(self._close_console)  # after the transports, who say goodbye to its WebSockets
        self._keys = ResourceKeys(self.settings, self._clock.wall)
        self.delivery = self._delivery()
        if self.settings.tls.mode == "dev-ca":
            hosts = [host for row in self.settings.resources for host in row.hosts]
            self.dev_ca = create_dev_ca(self.data_dir / "tls", hosts, now=self._clock.wall())
        self.sip = SipSide(self.settings, self.dev_ca, self._clock, self._ids)
        self._stack.push_async_callback(self.sip.transports.stop)
        self._make_users()
        self.sip.know_ways(self.settings, self._secret)
        self._stack.callback(self.sip.servers.stop)
        self.contexts = ContextSigner(self._secret("context"), self.settings.server.node or socket.gethostname())
        self.exchange = self._exchange()
        self.subscriptions = Subscriptions(
            self.settings, self.store.subscriptions, self.delivery, self._clock, self._test_context
        )
        self.subscriptions.restore()
        self.sip.join(self.exchange, self.registration, self.accounts, self.authenticator)
        self._stack.callback(self.sip.driver.stop)
        self._stack.push_async_callback(self.sip.leave)
        self.inspection = self._inspection()
        await self._open_doors()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        self.inspection.is_serving = True

    def _make_users(self) -> None:
        """Who has a phone or a token. Raises StartError."""
        self.identities = assembly.identities(self.settings, self.store.identities, self._tokens_ended)
        self.token_passwords = assembly.token_passwords(
            self.settings, self.identities, self.store.token_passwords, self._clock.wall
        )
        self.tokens = assembly.user_tokens(
            self.settings, self.identities, self.store.signing_keys, self.token_passwords.keep
        )
        try:
            self.registration = self._registration()
        except CredentialInvalid as error:
            raise StartError(f"phones cannot register with these settings: {error}") from error

    async def _open_doors(self) -> None:
        self.sip_addresses += await self.sip.listen()
        for user in self.registration.restore():
            _log.warning("the registrations of a user cannot be read; its phones must register again", user=user)
        recovery = Recovery(self.store, self.exchange, self.sip.edge.restart, self._clock)
        recovery.restore()
        self.sip.open()
        await self._open_console()
        self._stack.push_async_callback(self.delivery.stop)
        await self.delivery.start()
        await self._open_api()
        self._background(recovery.resume(), "resume")
        self._background(self._prune(), "prune")

    def _open_store(self, loop: asyncio.AbstractEventLoop) -> SqliteStore | MemoryStore:
        retention = assembly.retention(self.settings)
        if self._memory:
            return MemoryStore(loop.call_soon, retention, last_event_number=int(self._clock.wall() * 1_000))
        return SqliteStore.open(self.data_dir / DATABASE, loop=loop, retention=retention)

    def _delivery(self) -> EventDelivery:
        return EventDelivery(
            assembly.subscriptions(self.settings),
            self.store,
            self._clock,
            self._ids,
            dead_letters=self._dead_letters(),
            validation_url=self._validation_url,
            fetched=self.store.pull,
            settings=assembly.delivery_settings(self.settings),
        )

    def _dead_letters(self) -> DeadLetters:
        limits = assembly.dead_letter_limits(self.settings)
        dead_letters = DeadLetters(self.store.dead_letters, self._clock, self._ids, limits)
        dead_letters.load()
        return dead_letters

    def _validation_url(self, code: str) -> str:
        if not self.console_addresses:
            return ""
        host, _, port = self.console_addresses[0].rpartition(":")
        name = "localhost" if host in WILDCARDS else host
        return f"http://{name}:{port}/subscriptions/validate?code={code}"

    def _registration(self) -> Registration:
        known = accounts(self.settings)
        self.accounts = known._replace(users=UserWords(known.users, self.identities.created))
        self.settings = without_passwords(self.settings)
        key = secrets.token_bytes(SECRET_BYTES)
        self.authenticator = sip_assembly.authenticator(
            self.settings,
            self.accounts,
            nonce_key=key,
            proven=self.sip.throttle.proven,
            verify=user_of_token(self.tokens, self._clock.wall),
            more=lambda name: self.token_passwords.find(self.accounts.users.get(name.lower()), name),
        )
        return sip_assembly.registration(
            self.settings, self.accounts, self.authenticator, self.store.bindings, wall=self._clock.wall
        )

    def _tokens_ended(self, user: str) -> None:
        """Who has no password registered its phones by a token that is over now."""
        if user not in self.accounts.with_password:
            self.registration.forget(user)

    def _exchange(self) -> Exchange:
        self.make_exchange = partial(
            Exchange,
            directory=assembly.the_directory(self.settings, self.registration, self.sip.ways_out, self.identities),
            limits=assembly.exchange_limits(self.settings),
            fallbacks=assembly.fallbacks(self.settings),
            groups=assembly.groups(self.settings),
        )
        return self.make_exchange(
            contexts=self.contexts,
            store=self.store,
            announcer=self.delivery,
            clock=self._clock,
            deadlines=TimerHeap(),
            new_id=self._ids.uuid4,
            outside=assembly.outside_policy(self.settings, log_refusal),
            observe=lambda call, what: self.inspection.observe(call, what),  # noqa: PLW0108 - made after the exchange
        )

    def _test_context(self, call: Call) -> str:
        return self.contexts.issue(call.call_id, call.hop_index, call.resource, call.hop.expires_at)

    def _inspection(self) -> Inspection:
        resources = [row.name for row in self.settings.resources]
        monotonic, told, outside = self._clock.monotonic, self.delivery.is_told, self.exchange.outside
        directory, groups = self.exchange.directory, self.exchange.groups
        routes = RouteInspection(self.sip.selection, directory, monotonic, resources, told, outside, groups)
        names = {row.id: row.name for row in self.settings.users}
        sip = SipInspection(
            self._clock,
            self.registration,
            names,
            self.accounts.with_password,
            self.sip.trunks,
            self.sip.selection,
            routes,
            self.exchange.ringing_through,
        )
        driver, transports, throttle = self.sip.driver, self.sip.transports, self.sip.throttle
        return Inspection(
            self.exchange, self.store, self.delivery, driver, transports, throttle, sip, self._simulation(routes)
        )

    def _simulation(self, routes: RouteInspection) -> Simulation:
        manners, known = sip_assembly.manners(self.settings), self.accounts
        rules = Rules(
            self.exchange,
            self.make_exchange,
            assembly.exchange_limits(self.settings).ring_budget_s,
            self.sip.admission,
            known.users,
            known.with_password,
            {trunk.name: trunk for trunk in self.sip.known_trunks},
        )
        ways = Ways(
            self.sip.network,
            Forwarding(secrets.token_bytes(SECRET_BYTES)),  # what is shown must lead nowhere
            self.sip.trunk_calls,
            self.sip.servers.known,
            self.registration.way,
            manners.record_route,
            manners.udp_request_bytes,
            manners.timer_c_s,
            manners.message_limits,
        )
        event_bytes = assembly.delivery_settings(self.settings).event_bytes
        delivery = self.delivery
        foretelling = Foretelling(delivery.subscribers, delivery.states, event_bytes=event_bytes)
        return Simulation(rules, routes, ways, foretelling, self._clock)

    async def _open_api(self) -> None:
        resources = assembly.resources(self.settings)
        issuers = Issuers(self.settings, resources, monotonic=self._clock.monotonic)
        self._stack.callback(issuers.stop)
        api = Api(
            self.exchange,
            self.store,
            self._resources(),
            clock=self._clock,
            token=self._ids.token,
            settings=assembly.api_settings(self.settings),
            identity=assembly.identity_service(
                self.settings, self.identities, self.tokens, self._ids.uuid4, issuers.tenants
            ),
            authenticators=[UserTokenAuthenticator(self.tokens, HostedResources(resources)), issuers.authenticator],
        )
        api.pull = PullApi(self.delivery.pull, assembly.pull_settings(self.settings))
        http = HttpListener(api.handle, wall=self._clock.wall, limits=assembly.http_limits(self.settings))
        self._stack.push_async_callback(http.stop)
        self._stack.callback(self.delivery.pull.stop)  # before the listener, which waits for its requests
        self._background(self._keys.watch(lambda: api.use(self._resources())), "keys")
        certificate = assembly.api_certificate(self.settings, self.dev_ca)
        context = server_context(*certificate) if certificate is not None else None
        for listener in self.settings.listen.api:
            port = await http.start(listener.host, listener.port, context)
            self.api_addresses.append(host_port(listener.host, port))

    def _resources(self) -> list[Resource]:
        return assembly.resources(self._keys.filled(self.settings))

    async def _open_console(self) -> None:
        token, limits = kept(self.admin_token_path, self._ids.token), assembly.console_limits(self.settings)
        self._console = console = Console(
            self.inspection,
            token,
            self._clock.wall,
            administration=Administration(
                self.subscriptions, DeadLetterOffice(self.delivery, self.settings.limits.event_bytes)
            ),
            limits=limits,
        )
        metrics = Metrics(self.inspection.samples, limits)
        self._stack.push_async_callback(metrics.stop)
        for listener in self.settings.listen.console:
            port = await self._start_console(console, listener)
            self.console_addresses.append(host_port(listener.host, port))
        for listener in self.settings.listen.metrics:
            await metrics.start(listener.host, listener.port)

    async def _start_console(self, console: Console, listener: Listener) -> int:
        if self.settings.sip.console_websocket == "off":
            return await console.start(listener.host, listener.port)
        phones = self.sip.transports.mount_websocket(ListenAddress("WS", listener.host, listener.port))
        port = await console.start(listener.host, listener.port, phones.handle)
        phones.bound(port)
        return port

    async def _close_console(self) -> None:
        if self._console is not None:
            await self._console.stop()

    # Upkeep ----------------------------------------------------------------------------------------------------------

    async def _prune(self) -> None:
        while True:
            self.store.prune(self._clock.wall())
            self.store.bindings.prune(self._clock.wall())
            self.tokens.keys.prune(self._clock.wall())
            self.token_passwords.prune()
            self.delivery.dead_letters.prune()
            await asyncio.sleep(PRUNE_EVERY_S)

    def _background(self, work: Coroutine[object, object, None], name: str) -> None:
        task = spawn(work, name)
        self._stack.callback(task.cancel)

    def _secret(self, name: str) -> bytes:
        return self.store.secret(name, lambda: secrets.token_bytes(SECRET_BYTES))
