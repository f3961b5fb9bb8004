"""What a client may take from the listener."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from unittest.mock import Mock

import pytest
import pytest_asyncio
from aiohttp import web

from strowger.console.listener import Answer, Listener, ListenerLimits, _Connection, _Server, serve_websocket

pytestmark = pytest.mark.asyncio

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

Listening = Callable[..., Awaitable[int]]


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="hello")


async def fail(request: web.BaseRequest) -> web.StreamResponse:
    raise RuntimeError("a fault")


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connected(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def answer_to(self, octets: bytes) -> bytes:
        """Everything that comes back until the connection is closed; nothing when it is cut."""
        self._writer.write(octets)
        try:
            return await asyncio.wait_for(self._reader.read(), 5)
        except ConnectionResetError:
            return b""
        finally:
            self._writer.transport.abort()


@pytest_asyncio.fixture
async def listening() -> AsyncIterator[Listening]:
    listeners: list[Listener] = []

    async def listen(answer: Answer = hello, **limits) -> int:
        listeners.append(Listener(answer, ListenerLimits(**limits)))
        return await listeners[-1].start("127.0.0.1", 0)

    yield listen
    for listener in listeners:
        await listener.stop()


async def test_each_connection_serves_one_request(listening: Listening) -> None:
    answer = await (await Client.connected(await listening())).answer_to(REQUEST + REQUEST)
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert answer.endswith(b"hello")


async def test_after_the_stop_nobody_is_there() -> None:
    listener = Listener(hello)
    port = await listener.start("127.0.0.1", 0)
    await listener.stop()
    await listener.stop()
    with pytest.raises(ConnectionRefusedError):
        await Client.connected(port)


@pytest.mark.parametrize("octets", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"<script> / HTTP/1.1\r\n\r\n"])
async def test_octets_that_are_no_request(listening: Listening, octets: bytes) -> None:
    head, _, body = (await (await Client.connected(await listening())).answer_to(octets)).partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0].endswith(b" 400 Bad Request")
    assert b"aiohttp" not in head
    assert json.loads(body)["error"]["code"] == "malformed"


@pytest.mark.parametrize(("octets", "status"), [(80, b"200"), (500, b"400")])
async def test_a_header_line_has_a_longest(listening: Listening, octets: int, status: bytes) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * octets + b"\r\n\r\n"
    assert (await (await Client.connected(await listening(line_bytes=100))).answer_to(request))[9:12] == status


@pytest.mark.parametrize(("fields", "status"), [(6, b"200"), (20, b"400")])
async def test_there_is_a_most_of_header_fields(listening: Listening, fields: int, status: bytes) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * fields + b"\r\n"
    assert (await (await Client.connected(await listening(header_fields=10))).answer_to(request))[9:12] == status


async def test_a_fault_of_ours_is_logged_and_not_shown(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[object] = []
    monkeypatch.setattr("strowger.console.listener._log.error", lambda event, **more: logged.append(event))
    answer = await (await Client.connected(await listening(fail))).answer_to(REQUEST)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"a fault" not in answer
    assert logged == ["console request failed"]


async def test_a_silent_client_is_cut_off(listening: Listening) -> None:
    client = await Client.connected(await listening(head_s=0.01))
    assert await client.answer_to(REQUEST[:-2]) == b""


async def test_any_kind_of_transport_is_cut_off() -> None:
    transport = Mock()  # like those of uvloop, no asyncio.Transport by inheritance
    connection = _Connection(_Server(hello, ListenerLimits(connections=0)), None)
    connection.connection_made(transport)
    transport.abort.assert_called_once_with()
    connection.connection_lost(None)


async def test_there_is_a_most_of_connections(listening: Listening) -> None:
    port = await listening(connections=1)
    first, second = await Client.connected(port), await Client.connected(port)
    assert await second.answer_to(b"") == b""
    assert (await first.answer_to(REQUEST)).startswith(b"HTTP/1.1 200 ")


async def upgrade(request: web.BaseRequest) -> web.StreamResponse:
    """Hand over to the WebSockets of the address, if it has some."""
    return await serve_websocket(request) or web.Response(text="none here")


async def until_closed(request: web.BaseRequest) -> web.StreamResponse:
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    await websocket.receive()
    return websocket


UPGRADE = REQUEST[:-2] + (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: c3Ryb3dnZXItc3Ryb3dnZQ==\r\n\r\n"
)


async def test_each_address_has_websockets_of_its_own_or_none() -> None:
    listener = Listener(upgrade)
    served = await listener.start("127.0.0.1", 0, hello)
    bare = await listener.start("127.0.0.1", 0)
    assert (await (await Client.connected(served)).answer_to(REQUEST)).endswith(b"hello")
    assert (await (await Client.connected(bare)).answer_to(REQUEST)).endswith(b"none here")
    await listener.stop()


async def test_a_websocket_takes_no_place_from_requests() -> None:
    listener = Listener(upgrade, ListenerLimits(connections=1, head_s=0.2))
    port = await listener.start("127.0.0.1", 0, until_closed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE)
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 101 ")
    other, waiting = await asyncio.open_connection("127.0.0.1", port)
    assert await (await Client.connected(port)).answer_to(REQUEST) == b""  # the place is taken by the one that waits
    waiting.close()
    assert await asyncio.wait_for(other.read(), 5) == b""
    writer.close()
    await asyncio.wait_for(reader.read(), 5)
    assert b"none here" not in await (await Client.connected(port)).answer_to(UPGRADE + b"\x88\x80\0\0\0\0")
    await listener.stop()
