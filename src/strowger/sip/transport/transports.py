"""Every SIP socket of the server behind one door (RFC 3261 §18): listen, send, and messages handed up.

    receive ◀── messages ── UdpListener · ConnectionPool ◀── send(flow) ── the driver
                                        Names ◀── a flow whose host is a name

What this leaves to the driver: Via (`sent-by`, `received`, `rport`), choosing UDP or TCP by size, and what to do when
`failed` is called. What it leaves out: NAPTR and SRV (RFC 3263 §4.1).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from strowger.base.clock import Clock, SystemClock
from strowger.base.tasks import spawn
from strowger.base.text import printable
from strowger.sip.flow import Flow
from strowger.sip.message.errors import ParseError
from strowger.sip.transport.connection import Garbled, Pace, unhurried
from strowger.sip.transport.errors import ListenFailed, NoListener, Unresolved
from strowger.sip.transport.flow import ListenAddress, host_port, is_host_name
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.names import Names, Resolver, system_resolver
from strowger.sip.transport.numeric import numeric, printed, unsendable
from strowger.sip.transport.peer import ENCRYPTED, WEBSOCKETS
from strowger.sip.transport.pool import ConnectionPool
from strowger.sip.transport.sockets import LocalAddresses, open_tcp, open_udp
from strowger.sip.transport.tcp import TcpListener
from strowger.sip.transport.tls import TlsContexts
from strowger.sip.transport.trouble import Counters, Trouble, Troubles
from strowger.sip.transport.udp import UdpListener
from strowger.sip.transport.websocket import MountedWebSocket

RESOLVE_TTL_S: Final = 60.0
"""Seconds an address found in the DNS is used without asking again; the system's resolver does not tell the record's
own."""

_NUMBERS_PER_SECOND: Final = 1 << 20
"""Connections that could be opened each second without a number of this run meeting one of the next."""

Listener: TypeAlias = UdpListener | TcpListener | MountedWebSocket
_Waiting: TypeAlias = deque[tuple[Flow, bytes, str]]


def _drop(flow: Flow, error: ParseError) -> bytes | None:
    """What is said to a stream that cannot be framed when nobody was asked: nothing."""
    return None


class Transports:
    """The SIP sockets of the server."""

    def __init__(  # noqa: PLR0913 - everything around it comes in from outside
        self,
        *,
        receive: Callable[[bytes, Flow], None],
        failed: Callable[[str, str], None],
        limits: TransportLimits | None = None,
        resolve_ttl_s: float = RESOLVE_TTL_S,
        garbled: Garbled = _drop,
        pace: Pace = unhurried,
        resolver: Resolver = system_resolver,
        clock: Clock | None = None,
        tls: TlsContexts | None = None,
        lost: Callable[[Flow], None] = lambda flow: None,
    ) -> None:
        """Open nothing yet.

        `receive(data, flow)` gets one datagram or framed message; what it raises goes to the loop's exception handler.
        `failed(key, reason)` is called when a message sent with a key was not delivered: later, never inside `send`.
        `garbled(flow, error)` returns what to send before a stream that cannot be framed is closed.
        `pace(flow, messages)` returns for how many seconds not to read a connection that brought so many messages.
        `tls` is needed to listen on TLS and WSS.
        `lost(flow)` is called when a connection has ended, though not by `stop`.
        """
        clock = clock or SystemClock()
        self._receive = receive
        self._tell = failed
        self._lost = lost
        self._limits = limits or TransportLimits()
        self._counters = Counters()
        self._troubles = Troubles(self._counters, clock.monotonic)
        self._names = Names(resolver, self._limits, resolve_ttl_s, clock.monotonic, self._counters)
        self._local = LocalAddresses(resolve_ttl_s, clock.monotonic)
        self._listeners: list[Listener] = []
        self._waiting: dict[tuple[str, int], _Waiting] = {}
        """What waits for a host name, by name and family."""
        self._stopped = False
        self._pool = ConnectionPool(
            receive=receive,
            garbled=garbled,
            failed=self._failed,
            limits=self._limits,
            counters=self._counters,
            troubles=self._troubles,
            first_number=int(clock.wall() * _NUMBERS_PER_SECOND),
            tls=tls,
            pace=pace,
            gone=self._gone,
        )
        self._tls = tls

    @property
    def counters(self) -> Counters:
        """What passed since the start; live, to be read only."""
        return self._counters

    def backlog_s(self) -> float:
        """For how many seconds there have always been more datagrams to read; 0 when all were read."""
        return max((each.backlog_s() for each in self._listeners if isinstance(each, UdpListener)), default=0.0)

    # ------------------------------------------------------------------------------------------------------- listening

    async def listen(self, address: ListenAddress) -> int:
        """Open a socket and begin to receive; returns the listener's index. Raises ListenFailed."""
        index = len(self._listeners)
        if address.transport in ENCRYPTED:
            self._load_certificate(address)
        if address.transport == "UDP":
            made = open_udp(address, self._limits)
            bound = address._replace(port=made.getsockname()[1])
            self._listeners.append(
                UdpListener(
                    made,
                    bound,
                    index,
                    receive=self._receive,
                    limits=self._limits,
                    counters=self._counters,
                    troubles=self._troubles,
                )
            )
        else:
            made = open_tcp(address)
            bound = address._replace(port=made.getsockname()[1])
            accepted = partial(self._pool.accept, transport=address.transport)
            self._listeners.append(TcpListener(made, bound, index, accepted=accepted, troubles=self._troubles))
        return index

    def mount_websocket(self, address: ListenAddress) -> MountedWebSocket:
        """A door for WebSockets on an HTTP listener of somebody else's, which is reached at `address`, WS or WSS."""
        mounted = MountedWebSocket(address, len(self._listeners), self._pool.admit_websocket)
        self._listeners.append(mounted)
        return mounted

    def _load_certificate(self, address: ListenAddress) -> None:
        if self._tls is None:
            raise ListenFailed(f"cannot listen on {address}: there is no certificate")
        try:
            self._tls.load()
        except (OSError, ValueError) as error:
            raise ListenFailed(f"cannot listen on {address}: the certificate cannot be used: {error}") from error

    def local(self, index: int) -> tuple[str, str, int]:
        """Transport, host and port that listener `index` is bound to."""
        address = self._listeners[index].address
        return address.transport, address.host, address.port

    async def stop(self) -> None:
        """Close every socket. Messages not written within `close_s` are reported as failed. May be called twice."""
        self._stopped = True
        for listener in self._listeners:
            listener.close()
        self._names.stop()
        await self._pool.stop()
        await asyncio.sleep(0)  # let the last calls of `failed` happen

    # --------------------------------------------------------------------------------------------------------- sending

    def flow_to(self, transport: str, host: str, port: int, *, family: int | None = None) -> Flow:
        """A flow for a new request: the first listener of that transport that can reach `host`.

        `host` is numeric (IPv6 with or without brackets) or a name. `family` (4 or 6) decides for names; without it the
        first listener of the transport does. Raises NoListener.
        """
        transport = transport.upper()
        if transport in WEBSOCKETS:
            raise NoListener(f"{printable(host)} cannot be reached over {transport}: only a peer can open a WebSocket")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        address = numeric(bare)
        if address is not None:
            family = address.family
        for listener in self._listeners:
            if listener.address.transport == transport and family in (None, listener.family):
                return Flow(transport, printed(address) if address else bare.lower(), port, listener.index, 0)
        wanted = f"{transport} over IPv{family}" if family else transport
        raise NoListener(f"no listener for {printable(wanted)}, to reach {printable(host)}: add one to [listen] sip")

    def sent_by(self, flow: Flow) -> str:
        """The `host:port` our Via carries for a request on `flow`, so that the answer finds us (RFC 3261 §18.1.1)."""
        listener = self._listeners[flow.listener]
        address = listener.address
        if address.advertise:
            return host_port(address.advertise, address.port)
        if address.host in ("0.0.0.0", "::"):
            return host_port(self._local.towards(flow.host, listener.family), address.port)
        return host_port(address.host, address.port)

    def has(self, flow: Flow) -> bool:
        """Whether the connection that a flow is bound to still stands."""
        return self._pool.has(flow)

    def send(self, flow: Flow, payload: bytes, key: str = "") -> None:
        """Send one message down `flow`. Never raises for the network's sake: `failed` is told `key` and why, later.

        TCP: the flow's connection if it lives; else any connection to its host and port; else a new one. So a response
        may carry the connection its request came on, and the port to fall back on (RFC 3261 §18.2.2). TLS: the same
        with a certificate for `flow.name`, or for the host itself. WebSocket: the flow's connection or none.
        """
        peer = numeric(flow.host)
        if peer is None:
            self._send_to_name(flow, payload, key)
            return
        problem = self._problem(flow, peer.family)
        if problem:
            self._undeliverable(flow, key, problem)
            return
        listener = self._listeners[flow.listener]
        if isinstance(listener, UdpListener):
            problem = listener.send(payload, peer, flow.port)
            if problem:
                self._undeliverable(flow, key, problem)
            return
        bound = numeric(listener.address.host)
        source = bound if bound is not None and any(bound.packed) else None
        self._pool.send(flow, peer, payload, key, source)

    def _problem(self, flow: Flow, family: int) -> str:
        """Why nothing can be sent down `flow`; empty when it can. A stored flow may be older than our listeners."""
        if self._stopped:
            return "the server is stopping"
        if not 0 <= flow.listener < len(self._listeners):
            return "its listener is no longer there"
        listener = self._listeners[flow.listener]
        if listener.address.transport != flow.transport or listener.family not in (family, 0):
            return f"{listener.address} does not reach IPv{family} over {printable(flow.transport)}"
        if not 0 < flow.port <= 65_535:
            return f"{flow.port} is no port"
        return unsendable(flow.host)

    def _send_to_name(self, flow: Flow, payload: bytes, key: str) -> None:
        if not is_host_name(flow.host):
            self._undeliverable(flow, key, "it is no host name")
            return
        if self._stopped or not 0 <= flow.listener < len(self._listeners):
            self._undeliverable(flow, key, "its listener is no longer there")
            return
        name = (flow.host.lower(), self._listeners[flow.listener].family)
        waiting = self._waiting.get(name)
        if waiting is not None:
            self._wait(waiting, flow, payload, key)
            return
        try:
            address = self._names.known(*name)
        except Unresolved as error:
            self._undeliverable(flow, key, error.reason)
            return
        if address is not None:
            self.send(flow._replace(host=address, name=flow.name or flow.host), payload, key)
            return
        self._waiting[name] = deque([(flow, payload, key)])
        spawn(self._send_when_known(name), f"send to {printable(name[0])}")

    def _wait(self, waiting: _Waiting, flow: Flow, payload: bytes, key: str) -> None:
        if len(waiting) < self._limits.connecting_queue:
            waiting.append((flow, payload, key))
            return
        reason = f"{printable(flow.host)}: too much waits for its address (limits.connecting_queue)"
        self._troubles.note(Trouble.QUEUE_FULL, reason)
        self._failed(key, reason)

    async def _send_when_known(self, name: tuple[str, int]) -> None:
        address, reason = "", "the look-up was given up"
        try:
            address = await self._names.look_up(*name)
        except Unresolved as error:
            reason = error.reason
        finally:
            for flow, payload, key in self._waiting.pop(name):
                if address:
                    self.send(flow._replace(host=address, name=flow.name or flow.host), payload, key)
                else:
                    self._undeliverable(flow, key, reason)

    def _undeliverable(self, flow: Flow, key: str, reason: str) -> None:
        where = host_port(printable(flow.host), flow.port)
        self._troubles.note(Trouble.UNDELIVERED, f"a message was not delivered: {reason}", where)
        self._failed(key, f"{flow.transport} to {where}: {reason}")

    def _gone(self, flow: Flow) -> None:
        """Tell the driver, later, for the same reason."""
        asyncio.get_running_loop().call_soon(self._lost, flow)

    def _failed(self, key: str, reason: str) -> None:
        """Tell the driver, later: it may be in the middle of the call that failed."""
        if key:
            asyncio.get_running_loop().call_soon(self._tell, key, reason)
