"""Sockets on loopback: both transports, names, limits, and what happens to a message that cannot be sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest
import pytest_asyncio

from strowger.phones import endpoint as endpoint_module
from strowger.phones.address import Peer
from strowger.phones.endpoint import Endpoint, Upward
from strowger.phones.errors import AddressInvalid
from strowger.sip.message.errors import ParseError
from tests.unit.phones.conftest import TIMEOUT_S

pytestmark = pytest.mark.asyncio

MESSAGE = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 2\r\n\r\nab"
OTHER = b"OPTIONS sip:y SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Ears:
    """An endpoint whose news goes into queues."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, Peer]] = asyncio.Queue()
        self.failures: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.faults: asyncio.Queue[tuple[Peer, ParseError]] = asyncio.Queue()
        self.endpoint = Endpoint(
            Upward(
                lambda data, peer: self.received.put_nowait((data, peer)),
                lambda key, reason: self.failures.put_nowait((key, reason)),
                lambda peer, error: self.faults.put_nowait((peer, error)),
            )
        )

    async def receive(self) -> tuple[bytes, Peer]:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.received.get()

    async def failure(self) -> tuple[str, str]:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.failures.get()


OpenEars: TypeAlias = Callable[..., Awaitable[Ears]]


@pytest_asyncio.fixture
async def open_ears() -> AsyncIterator[OpenEars]:
    opened: list[Ears] = []

    async def open_one(transport: str, host: str = "127.0.0.1") -> Ears:
        ears = Ears()
        opened.append(ears)
        await ears.endpoint.open(Peer(transport, host, 0))
        return ears

    yield open_one
    for ears in opened:
        await ears.endpoint.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_there_and_back(open_ears: OpenEars, transport: str, host: str) -> None:
    here, there = await open_ears(transport, host), await open_ears(transport, host)
    here.endpoint.send(there.endpoint.local, MESSAGE)
    data, source = await there.receive()
    assert (data, source.transport, source.host) == (MESSAGE, transport, host)
    there.endpoint.send(source, OTHER)
    data, source = await here.receive()
    assert (data, source) == (OTHER, there.endpoint.local)
    assert here.endpoint.sent_by(transport).endswith(f":{here.endpoint.local.port}")


async def test_messages_for_a_connection_that_is_being_made_stay_in_order(open_ears: OpenEars) -> None:
    here, there = await open_ears("UDP"), await open_ears("TCP")
    for message in (MESSAGE, OTHER, MESSAGE):
        here.endpoint.send(there.endpoint.local, message)
    assert [(await there.receive())[0] for _ in range(3)] == [MESSAGE, OTHER, MESSAGE]
    assert len(here.endpoint.connections) == 1


async def test_a_name_is_looked_up_once(open_ears: OpenEars, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = await open_ears("UDP"), await open_ears("UDP")
    peer = Peer("UDP", "localhost", there.endpoint.local.port)
    here.endpoint.send(peer, MESSAGE)
    assert (await there.receive())[0] == MESSAGE

    async def fail(*_args: object, **_options: object) -> list:
        raise OSError("looked up again")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    here.endpoint.send(peer, OTHER, "key")
    assert (await there.receive())[0] == OTHER
    here.endpoint.send(Peer("UDP", "elsewhere.invalid", 5060), OTHER, "key")
    assert await here.failure() == ("key", "looked up again")


async def test_a_connection_that_is_refused_is_reported_for_each_message(
    open_ears: OpenEars, unused_tcp_port: int
) -> None:
    here = await open_ears("UDP")
    peer = Peer("TCP", "127.0.0.1", unused_tcp_port)
    for key in ("one", "", "two"):
        here.endpoint.send(peer, MESSAGE, key)
    assert [(await here.failure())[0] for _ in range(2)] == ["one", "two"]


async def test_only_so_many_messages_wait_for_a_connection(
    open_ears: OpenEars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "CONNECTING_QUEUE", 2)
    here, there = await open_ears("UDP"), await open_ears("TCP")
    for key in ("one", "two", "three"):
        here.endpoint.send(there.endpoint.local, MESSAGE, key)
    key, reason = await here.failure()
    assert (key, reason) == ("three", f"2 messages are waiting for {there.endpoint.local} already")
    assert [(await there.receive())[0] for _ in range(2)] == [MESSAGE, MESSAGE]


@pytest.mark.parametrize(("limit", "failures"), [(len(MESSAGE), 0), (len(MESSAGE) - 1, 1)])
async def test_a_peer_may_leave_only_so_much_unread(open_ears, monkeypatch, limit: int, failures: int) -> None:
    here, there = await open_ears("UDP"), await open_ears("TCP")
    here.endpoint.send(there.endpoint.local, OTHER)
    await there.receive()
    monkeypatch.setattr(endpoint_module, "WRITE_BUFFER_BYTES", limit)
    here.endpoint.send(there.endpoint.local, MESSAGE, "key")
    if failures:
        assert await here.failure() == ("key", f"the peer has left {limit} bytes unread")
    else:
        assert (await there.receive())[0] == MESSAGE


async def test_a_response_finds_another_way_when_its_connection_is_gone(open_ears: OpenEars) -> None:
    here, there = await open_ears("TCP"), await open_ears("TCP")
    gone = Peer("TCP", "127.0.0.1", 1, answer_port=there.endpoint.local.port)
    here.endpoint.send(gone, MESSAGE)
    assert (await there.receive())[0] == MESSAGE
    here.endpoint.send(gone, OTHER)
    assert (await there.receive())[0] == OTHER
    assert len(here.endpoint.connections) == 1


@pytest.mark.parametrize("size", [endpoint_module.DATAGRAM_BYTES, endpoint_module.DATAGRAM_BYTES + 1])
async def test_the_largest_datagram(open_ears: OpenEars, size: int) -> None:
    here, there = await open_ears("UDP"), await open_ears("UDP")
    here.endpoint.send(there.endpoint.local, b"x" * size, "key")
    if size <= endpoint_module.DATAGRAM_BYTES:
        assert len((await there.receive())[0]) == size
    else:
        assert await here.failure() == ("key", f"{size} bytes do not fit into one datagram")


async def test_addresses_of_another_family(open_ears: OpenEars) -> None:
    here = await open_ears("UDP")
    here.endpoint.send(Peer("UDP", "::1", 5060), MESSAGE, "key")
    assert await here.failure() == ("key", "::1 and 127.0.0.1 are addresses of different families")


async def test_a_stream_in_pieces_and_its_keep_alive(open_ears: OpenEars) -> None:
    there = await open_ears("TCP")
    reader, writer = await asyncio.open_connection("127.0.0.1", there.endpoint.local.port)
    writer.write(b"\r\n\r\n" + MESSAGE[:20])
    async with asyncio.timeout(TIMEOUT_S):
        assert await reader.readexactly(2) == b"\r\n"
    writer.write(MESSAGE[20:] + OTHER)
    assert [(await there.receive())[0] for _ in range(2)] == [MESSAGE, OTHER]
    writer.close()
    await writer.wait_closed()


async def test_a_stream_that_is_no_sip_is_closed(open_ears: OpenEars) -> None:
    there = await open_ears("TCP")
    reader, writer = await asyncio.open_connection("127.0.0.1", there.endpoint.local.port)
    writer.write(OTHER + b"OPTIONS sip:x SIP/2.0\r\nContent-Length: -1\r\n\r\n")
    async with asyncio.timeout(TIMEOUT_S):
        assert await reader.read() == b""
    assert (await there.receive())[0] == OTHER
    assert there.faults.qsize() == 1
    assert there.endpoint.connections == {}
    writer.close()
    await writer.wait_closed()


async def test_only_so_many_connections(open_ears: OpenEars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "CONNECTIONS", 1)
    there = await open_ears("TCP")
    first = await asyncio.open_connection("127.0.0.1", there.endpoint.local.port)
    first[1].write(OTHER)
    await there.receive()
    second = await asyncio.open_connection("127.0.0.1", there.endpoint.local.port)
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(ConnectionResetError):
            assert await second[0].read() == b""
            raise ConnectionResetError
    assert len(there.endpoint.connections) == 1
    for _, writer in (first, second):
        writer.transport.abort()


async def test_keep_alive_datagrams_are_swallowed(open_ears: OpenEars) -> None:
    here, there = await open_ears("UDP"), await open_ears("UDP")
    for datagram in (b"", b"\r\n\r\n", b"\0\0", OTHER):
        here.endpoint.send(there.endpoint.local, datagram)
    assert (await there.receive())[0] == OTHER


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_a_wildcard_is_no_address_of_a_phone(open_ears: OpenEars, host: str) -> None:
    with pytest.raises(AddressInvalid, match="one address that its peers can reach"):
        await open_ears("UDP", host)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_an_address_in_use(open_ears: OpenEars, transport: str) -> None:
    taken = (await open_ears(transport)).endpoint.local
    other = Ears()
    with pytest.raises(OSError, match="in use"):
        await other.endpoint.open(taken)
    await other.endpoint.close()


async def test_closing_does_not_wait_for_ever(open_ears: OpenEars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "CLOSE_TIMEOUT_S", 0.01)
    here = await open_ears("UDP")
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        accepted.set_result(writer)

    server = await asyncio.start_server(never_read, "127.0.0.1", 0, limit=1)
    peer = Peer("TCP", "127.0.0.1", server.sockets[0].getsockname()[1])
    here.endpoint.send(peer, MESSAGE)
    writer = await accepted
    for _ in range(3):
        here.endpoint.send(peer, b"x" * 4_000_000)
    async with asyncio.timeout(TIMEOUT_S):
        await here.endpoint.close()
    writer.transport.abort()
    server.close()
    await server.wait_closed()


async def test_nothing_is_reported_after_closing(open_ears: OpenEars, unused_tcp_port: int) -> None:
    here = await open_ears("UDP")
    here.endpoint.send(Peer("TCP", "127.0.0.1", unused_tcp_port), MESSAGE, "connecting")
    here.endpoint.send(Peer("UDP", "::1", 5060), MESSAGE, "failed")
    await here.endpoint.close()
    await here.endpoint.close()
    here.endpoint.send(here.endpoint.local, MESSAGE, "late")
    assert here.failures.empty()
