"""Real loopback sockets on both event loops; every wait is on a future, with a timeout."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
import uvloop

from strowger.sip.flow import Flow
from strowger.sip.message.errors import ParseError
from strowger.sip.transport.flow import parse_listen
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.names import Resolver, system_resolver
from strowger.sip.transport.tls import TlsContexts
from strowger.sip.transport.transports import Transports
from strowger.tls import DevCa, client_context, create_dev_ca, server_context

WAIT_S = 5.0
REPLY = b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable]:
    """Every asynchronous test of this folder runs on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Exchange:
    """A server's transports with everything they hand up kept in queues."""

    def __init__(self, limits: TransportLimits, resolver: Resolver, tls: TlsContexts | None) -> None:
        self.received: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.failures: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.lost: asyncio.Queue[Flow] = asyncio.Queue()
        self.unframed: list[tuple[Flow, ParseError]] = []
        self.reply: bytes | None = REPLY
        self.pace: Callable[[int], float] = lambda messages: 0.0
        self.on_receive: Callable[[bytes, Flow], None] = lambda data, flow: None
        self.transports = Transports(
            receive=self._receive,
            failed=lambda key, reason: self.failures.put_nowait((key, reason)),
            garbled=self._garbled,
            pace=lambda flow, messages: self.pace(messages),
            limits=limits,
            resolver=resolver,
            tls=tls,
            lost=self.lost.put_nowait,
        )
        self._changed = asyncio.Event()
        self._watch("_keep")
        self._watch("lost")
        self._watch("opened")

    def _watch(self, name: str) -> None:
        """Wake who waits for a number of connections after each call of the pool's method `name`."""
        watched = getattr(self.transports._pool, name)

        def call(*arguments: object) -> None:
            watched(*arguments)
            self._changed.set()

        setattr(self.transports._pool, name, call)

    def _receive(self, data: bytes, flow: Flow) -> None:
        self.received.put_nowait((data, flow))
        self.on_receive(data, flow)

    def _garbled(self, flow: Flow, error: ParseError) -> bytes | None:
        self.unframed.append((flow, error))
        return self.reply

    async def listen(self, text: str, *, advertise: str = "") -> tuple[str, int]:
        index = await self.transports.listen(parse_listen(text, advertise=advertise))
        return self.transports.local(index)[1:]

    async def next(self) -> tuple[bytes, Flow]:
        return await asyncio.wait_for(self.received.get(), WAIT_S)

    async def connections(self, count: int) -> None:
        """Wait until so many TCP connections exist."""
        async with asyncio.timeout(WAIT_S):
            while self.transports.counters.connections_open != count:
                self._changed.clear()
                await self._changed.wait()

    async def handshakes(self, count: int) -> None:
        """Wait until so many accepted connections are in their handshake."""
        async with asyncio.timeout(WAIT_S):
            while len(self.transports._pool._room.handshakes) != count:
                self._changed.clear()
                await self._changed.wait()

    async def failure(self) -> tuple[str, str]:
        return await asyncio.wait_for(self.failures.get(), WAIT_S)

    def trouble(self, name: str) -> int:
        return self.transports.counters.troubles[name]


class Client:
    """A TCP peer of the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.writer.get_extra_info("sockname")[:2]
        return host, port

    async def send(self, data: bytes) -> None:
        if self.writer.transport.is_closing():
            raise ConnectionResetError("closed by the server")
        self.writer.write(data)
        await self.writer.drain()

    async def read(self, octets: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(octets), WAIT_S)

    async def ended(self) -> bytes:
        """Everything until the server closes; a reset counts as an end."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(), WAIT_S)
        return b""

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


Serve = Callable[..., Exchange]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Makes exchanges, and stops them at the end."""
    made: list[Exchange] = []

    def make(
        limits: TransportLimits | None = None, resolver: Resolver = system_resolver, tls: TlsContexts | None = None
    ) -> Exchange:
        made.append(Exchange(limits or TransportLimits(), resolver, tls))
        return made[-1]

    yield make
    for exchange in made:
        await asyncio.wait_for(exchange.transports.stop(), WAIT_S)


@pytest_asyncio.fixture
async def dial() -> AsyncIterator[Callable]:
    """Opens TCP connections, and closes them at the end."""
    made: list[Client] = []

    async def connect(address: tuple[str, int], ssl: ssl.SSLContext | None = None, name: str | None = None) -> Client:
        opening = asyncio.open_connection(*address, ssl=ssl, server_hostname=name)
        made.append(Client(*await asyncio.wait_for(opening, WAIT_S)))
        return made[-1]

    yield connect
    for client in made:
        await client.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> DevCa:
    """An authority and a certificate for this machine and sip.test."""
    return create_dev_ca(tmp_path_factory.mktemp("tls"), ["sip.test"], now=time.time())


@pytest.fixture
def tls(authority: DevCa) -> TlsContexts:
    """What a server on this machine shows and believes."""
    return TlsContexts(
        server=lambda: server_context(authority.cert, authority.key),
        client=lambda: client_context(authority.authority),
        files=(authority.cert, authority.key),
    )


@pytest.fixture(scope="session")
def trusting(authority: DevCa) -> ssl.SSLContext:
    """What a peer connects with."""
    return client_context(authority.authority)


@pytest.fixture
def phone() -> Iterator[Callable]:
    """Opens UDP sockets of a peer; blocking, with a timeout, since what they wait for is already in the kernel."""
    made: list[socket.socket] = []

    def opened(host: str = "127.0.0.1") -> socket.socket:
        made.append(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM))
        made[-1].bind((host, 0))
        made[-1].settimeout(WAIT_S)
        return made[-1]

    yield opened
    for each in made:
        each.close()


@pytest.fixture
def nobody() -> int:
    """A TCP port of 127.0.0.1 that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
