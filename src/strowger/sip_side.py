"""The SIP side of a server: what carries messages, what knows the ways out, and the edge, made in this order, joined.

The exchange stands between the last two: it asks for ways out, and the edge tells it what arrives. Nothing is decided
here; what the settings mean is for `sip_assembly` to say.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from strowger import sip_assembly
from strowger.accounts import Accounts
from strowger.base.clock import Clock
from strowger.base.ids import Ids
from strowger.base.memory import resident_bytes
from strowger.calls.exchange import Exchange
from strowger.settings import Settings
from strowger.sip.authentication.authenticator import Authenticator
from strowger.sip.driver import Driver, Sockets
from strowger.sip.edge import Edge
from strowger.sip.location.dns import Dns
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.locator import Locator
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.registration import Registration
from strowger.sip.servers import Servers
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.timers import Timings
from strowger.sip.transport.flow import host_port, parse_listen
from strowger.sip.transport.transports import Transports
from strowger.sip.trunk.ways_out import TrunkWays
from strowger.sip.trunk_calls import TrunkCalls
from strowger.sip.trunk_care import TrunkCare
from strowger.tls import DevCa
from strowger.trunk_log import log_change

LEAVE_TRUNKS_S: Final = 2.0
"""How long a stopping server waits until carriers have taken its registrations back."""


class SipSide:
    """Everything that speaks SIP in one server."""

    def __init__(self, settings: Settings, dev_ca: DevCa | None, clock: Clock, ids: Ids) -> None:
        """What carries messages; nothing listens yet."""
        self._clock = clock
        self._ids = ids
        self.throttle = sip_assembly.throttle(settings, chance=ids.fraction, resident_bytes=resident_bytes)
        self.driver = Driver(
            asyncio.get_running_loop(),
            clock.monotonic,
            message_limits=sip_assembly.message_limits(settings),
            throttle=self.throttle,
            backlog_s=lambda: self.transports.backlog_s(),  # noqa: PLW0108 - made after the driver
        )
        self.transports = Transports(
            receive=self.driver.receive,
            failed=self.driver.failed,
            garbled=self.driver.unframeable,
            pace=self.driver.pace,
            limits=sip_assembly.transport_limits(settings),
            tls=sip_assembly.sip_tls(settings, dev_ca),
            lost=self.driver.lost,
        )

    def know_ways(self, settings: Settings, secret: Callable[[str], bytes]) -> None:
        """The trunks and the names: where calls may go, and what is told to whom. `secret` is the one of a purpose."""
        clock, ids, self._settings = self._clock, self._ids, settings
        self.known_trunks = trunks = sip_assembly.trunks(settings)
        roster = sip_assembly.roster(settings, clock.monotonic(), ids.fraction)
        self.trunks = TrunkCare(
            trunks,
            roster,
            monotonic=clock.monotonic,
            wall=clock.wall,
            token=ids.token,
            spread=ids.fraction,
            changed=log_change,
        )
        self.selection = sip_assembly.selection(settings, trunks, roster)
        self.ways_out = TrunkWays(self.selection, draw=ids.fraction, monotonic=clock.monotonic)
        limits = LocationLimits()
        locator = Locator(Dns(limits), sip_assembly.reach(settings), monotonic=clock.monotonic, limits=limits)
        self.servers = Servers(locator, secret("location"), monotonic=clock.monotonic, touch=self.driver.touch)
        self.network = Sockets(self.transports, self.driver.touch, self.driver.asked)
        self._forwarding = Forwarding(secret("forwarding"))
        self.trunk_calls = TrunkCalls(trunks, self.trunks, ids.token, sip_assembly.origins(settings))

    def join(
        self, exchange: Exchange, registration: Registration, accounts: Accounts, authenticator: Authenticator
    ) -> None:
        """The edge between what carries messages and the exchange, and both driven by one loop."""
        settings = self._settings
        self.admission = sip_assembly.admission(settings, accounts, authenticator)
        self.edge = Edge(
            exchange=exchange,
            layer=TransactionLayer(Timings(t1=settings.sip.t1), settings.limits.transactions),
            network=self.network,
            forwarding=self._forwarding,
            monotonic=self._clock.monotonic,
            location=self.servers,
            trunks=self.trunk_calls,
            manners=sip_assembly.manners(settings),
            admission=self.admission,
            registration=registration,
            throttle=self.throttle,
            ignored=self.driver.ignored,
        )
        exchange.telephony = self.edge.telephony
        self.driver.attach(self.edge, self.transports.send, self.edge, exchange, self.trunks)

    async def listen(self) -> list[str]:
        """Open every listener, and let nothing in before `open`; the addresses. Raises TransportError."""
        addresses = []
        for listener in self._settings.listen.sip:
            index = await self.transports.listen(parse_listen(str(listener)))
            transport, host, port = self.transports.local(index)
            addresses.append(f"{transport.lower()}:{host_port(host, port)}")
        return addresses

    def open(self) -> None:
        """Let messages in, and begin to ask trunks how they are."""
        self.driver.open()
        self.trunks.open(self.edge.own_requests, self.network, self.servers)
        self.driver.touch()

    async def leave(self) -> None:
        """Calls for a registration that is left behind would come here, and nobody would take them."""
        left = asyncio.Event()
        self.trunks.leave(left.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(left.wait(), LEAVE_TRUNKS_S)
