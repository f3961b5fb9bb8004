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
from collections.abc import Coroutine, Sequence
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
from strowger.base.memory import resident_bytes
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
from strowger.sip.driver import Driver, Sockets
from strowger.sip.edge import Edge
from strowger.sip.foreseeing import Ways
from strowger.sip.location.dns import Dns
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.locator import Locator
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.registration import Registration
from strowger.sip.servers import Servers
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.timers import TimerHeap, Timings
from strowger.sip.transport.errors import TransportError
from strowger.sip.transport.flow import ListenAddress, host_port, parse_listen
from strowger.sip.transport.transports import Transports
from strowger.sip.trunk.roster import Roster
from strowger.sip.trunk.trunk import Trunk
from strowger.sip.trunk.ways_out import TrunkWays
from strowger.sip.trunk_calls import TrunkCalls
from strowger.sip.trunk_care import TrunkCare
from strowger.sip_inspection import SipInspection
from strowger.storage.errors import StoreError
from strowger.storage.memory import MemoryStore
from strowger.storage.sqlite import SqliteStore
from strowger.subscriptions import Subscriptions
from strowger.tls import DevCa, create_dev_ca, server_context
from strowger.trunk_log import log_change

DATABASE: Final = "strowger.db"
SECRET_BYTES: Final = 32
WILDCARDS: Final = ("0.0.0.0", "[::]")
PRUNE_EVERY_S: Final = 60.0
LEAVE_TRUNKS_S: Final = 2.0
"""How long a stopping server waits until carriers have taken its registrations back."""

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
        self._make_network(loop)
        self._make_users()
        trunks = sip_assembly.trunks(self.settings)
        roster = sip_assembly.roster(self.settings, self._clock.monotonic(), self._ids.fraction)
        self.trunks = self._trunk_care(trunks, roster)
        self.selection = sip_assembly.selection(self.settings, trunks, roster)
        self.contexts = ContextSigner(self._secret("context"), self.settings.server.node or socket.gethostname())
        self.exchange = self._exchange()
        self.subscriptions = Subscriptions(
            self.settings, self.store.subscriptions, self.delivery, self._clock, self._test_context
        )
        self.subscriptions.restore()
        self.servers = self._servers()
        self._make_sip(trunks)
        self.inspection = self._inspection(trunks)
        self.edge = self._edge()
        self.exchange.telephony = self.edge.telephony
        self.driver.attach(self.edge, self.transports.send, self.edge, self.exchange, self.trunks)
        self._stack.callback(self.driver.stop)
        self._stack.push_async_callback(self._leave_trunks)
        await self._open_doors()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        self.inspection.is_serving = True

    def _make_network(self, loop: asyncio.AbstractEventLoop) -> None:
        self.throttle = sip_assembly.throttle(self.settings, chance=self._ids.fraction, resident_bytes=resident_bytes)
        self.driver = Driver(
            loop,
            self._clock.monotonic,
            message_limits=sip_assembly.message_limits(self.settings),
            throttle=self.throttle,
            backlog_s=lambda: self.transports.backlog_s(),  # noqa: PLW0108 - made after the driver
        )
        self.transports = Transports(
            receive=self.driver.receive,
            failed=self.driver.failed,
            garbled=self.driver.unframeable,
            pace=self.driver.pace,
            limits=sip_assembly.transport_limits(self.settings),
            tls=sip_assembly.sip_tls(self.settings, self.dev_ca),
            lost=self.driver.lost,
        )
        self._stack.push_async_callback(self.transports.stop)

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
        for listener in self.settings.listen.sip:
            index = await self.transports.listen(parse_listen(str(listener)))
            transport, host, port = self.transports.local(index)
            self.sip_addresses.append(f"{transport.lower()}:{host_port(host, port)}")
        for user in self.registration.restore():
            _log.warning("the registrations of a user cannot be read; its phones must register again", user=user)
        recovery = Recovery(self.store, self.exchange, self.edge.restart, self._clock)
        recovery.restore()
        self.driver.open()
        sockets = Sockets(self.transports, self.driver.touch, self.driver.asked)
        self.trunks.open(self.edge.own_requests, sockets, self.servers)
        self.driver.touch()
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
            proven=self.throttle.proven,
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
            directory=assembly.the_directory(self.settings, self.registration, self._ways_out(), self.identities),
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

    def _trunk_care(self, trunks: Sequence[Trunk], roster: Roster) -> TrunkCare:
        return TrunkCare(
            trunks,
            roster,
            monotonic=self._clock.monotonic,
            wall=self._clock.wall,
            token=self._ids.token,
            spread=self._ids.fraction,
            changed=log_change,
        )

    def _inspection(self, trunks: Sequence[Trunk]) -> Inspection:
        resources = [row.name for row in self.settings.resources]
        monotonic, told, outside = self._clock.monotonic, self.delivery.is_told, self.exchange.outside
        directory, groups = self.exchange.directory, self.exchange.groups
        routes = RouteInspection(self.selection, directory, monotonic, resources, told, outside, groups)
        names = {row.id: row.name for row in self.settings.users}
        sip = SipInspection(
            self._clock,
            self.registration,
            names,
            self.accounts.with_password,
            self.trunks,
            self.selection,
            routes,
            self.exchange.ringing_through,
        )
        simulation = self._simulation(trunks, routes)
        return Inspection(
            self.exchange, self.store, self.delivery, self.driver, self.transports, self.throttle, sip, simulation
        )

    def _simulation(self, trunks: Sequence[Trunk], routes: RouteInspection) -> Simulation:
        manners, known = sip_assembly.manners(self.settings), self.accounts
        rules = Rules(
            self.exchange,
            self.make_exchange,
            assembly.exchange_limits(self.settings).ring_budget_s,
            self.admission,
            known.users,
            known.with_password,
            {trunk.name: trunk for trunk in trunks},
        )
        ways = Ways(
            self.network,
            Forwarding(secrets.token_bytes(SECRET_BYTES)),  # what is shown must lead nowhere
            self.trunk_calls,
            self.servers.known,
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

    async def _leave_trunks(self) -> None:
        """Calls for a registration that is left behind would come here, and nobody would take them."""
        left = asyncio.Event()
        self.trunks.leave(left.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(left.wait(), LEAVE_TRUNKS_S)

    def _ways_out(self) -> TrunkWays:
        return TrunkWays(self.selection, draw=self._ids.fraction, monotonic=self._clock.monotonic)

    def _servers(self) -> Servers:
        monotonic, limits = self._clock.monotonic, LocationLimits()
        locator = Locator(Dns(limits), sip_assembly.reach(self.settings), monotonic=monotonic, limits=limits)
        servers = Servers(locator, self._secret("location"), monotonic=monotonic, touch=self.driver.touch)
        self._stack.callback(servers.stop)
        return servers

    def _make_sip(self, trunks: Sequence[Trunk]) -> None:
        """What real calls and those that nobody makes have in common."""
        self.network = Sockets(self.transports, self.driver.touch, self.driver.asked)
        self.trunk_calls = TrunkCalls(trunks, self.trunks, self._ids.token, sip_assembly.origins(self.settings))
        self.admission = sip_assembly.admission(self.settings, self.accounts, self.authenticator)

    def _edge(self) -> Edge:
        return Edge(
            exchange=self.exchange,
            layer=TransactionLayer(Timings(t1=self.settings.sip.t1), self.settings.limits.transactions),
            network=self.network,
            forwarding=Forwarding(self._secret("forwarding")),
            monotonic=self._clock.monotonic,
            location=self.servers,
            trunks=self.trunk_calls,
            manners=sip_assembly.manners(self.settings),
            admission=self.admission,
            registration=self.registration,
            throttle=self.throttle,
            ignored=self.driver.ignored,
        )

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
        phones = self.transports.mount_websocket(ListenAddress("WS", listener.host, listener.port))
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
