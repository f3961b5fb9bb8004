from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine

import pytest
import uvloop
from structlog.testing import capture_logs

from strowger.acs.http import HttpListener
from strowger.acs.http_connection import DateLine, encode_reply
from strowger.acs.http_limits import HttpLimits
from strowger.acs.message import Reply, Request
from tests.support.http import NOW, EchoApi, connected, listening

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


def test_the_date_changes_with_the_second() -> None:
    times = [784_111_777.0, 784_111_777.9, 784_111_778.0]
    line = DateLine(lambda: times.pop(0))
    assert [line(), line(), line()] == [
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n",
    ]


def test_a_reply_to_the_octet() -> None:
    assert encode_reply(Reply(404, (("A", "b"),), b"xy"), "Date: d\r\n", is_last=True) == (
        b"HTTP/1.1 404 Not Found\r\nDate: d\r\nA: b\r\nContent-Length: 2\r\nConnection: close\r\n\r\nxy"
    )
    assert encode_reply(Reply(204), "", is_last=False) == b"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n"


@pytest.mark.parametrize(
    ("octets", "status", "message"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "plain HTTP, and the client tries TLS"),
        (b"SECRETGARBAGE\r\n\r\n", 400, "no HTTP request"),
        (b"GET /a HTTP/1.1\r\n\r\n", 400, "no HTTP request"),
        (b"GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400, "no HTTP request"),
        (b"GET /a HTTP/1.1\r\nHost : h\r\n\r\n", 400, "no HTTP request"),
        (b"GET /a HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400, "no HTTP request"),
        (b"GET /a HTTP/3.0\r\nHost: h\r\n\r\n", 400, "no HTTP request"),
        (b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "no HTTP request"),
        (b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", 400, "no HTTP request"),
        (
            b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "no HTTP request",
        ),
        (b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 400, "no HTTP request"),
        (b"GET /a HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 64 + b"\r\n", 400, "no HTTP request"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431, "longer than 16384 bytes"),
        (b"GET /a HTTP/1.1\r\nHost: h\r\n" + b"Abc: d\r\n" * 100_000 + b"\r\n", 400, "no HTTP request"),
    ],
)
@pytest.mark.asyncio
async def test_octets_that_are_no_request(octets: bytes, status: int, message: str) -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        client.send(octets)
        reply = await client.reply()
        assert reply.status == status
        assert message in json.loads(reply.body)["error"]["message"]
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        assert reply.headers["connection"] == "close"
        assert "SECRET" not in reply.body.decode()
        for product in ("aiohttp", "python", "server:"):
            assert product not in (reply.head + reply.body.decode()).lower()
        assert await client.is_closed()
    assert api.requests == []


@pytest.mark.asyncio
async def test_sixty_four_fields_are_enough() -> None:
    async with listening(EchoApi().handle) as port, connected(port) as client:
        client.send(b"GET /a HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 63 + b"\r\n")
        assert (await client.reply()).status == 200


@pytest.mark.parametrize(
    "octets",
    [
        b"CONNECT host:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT host:99999999 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http://[::1/a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http://h:99999999/a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET ftp://h/a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET //[/a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
@pytest.mark.asyncio
async def test_odd_targets_get_a_reply_or_a_refusal(octets: bytes) -> None:
    async with listening(EchoApi().handle) as port:
        async with connected(port) as client:
            client.send(octets)
            assert (await client.reply()).status in (200, 400)
        async with connected(port) as client:
            client.send(GET)
            assert (await client.reply()).status == 200


@pytest.mark.asyncio
async def test_many_requests_sent_ahead_are_answered_in_order() -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(200)))
        for _ in range(200):
            assert (await client.reply()).status == 200
    assert [request.target for request in api.requests] == [f"/{number}" for number in range(200)]


@pytest.mark.asyncio
async def test_a_declined_upgrade_is_answered_and_ends_the_connection() -> None:
    async with listening(EchoApi().handle) as port, connected(port) as client:
        client.send(b"GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert await client.is_closed()


@pytest.mark.asyncio
async def test_a_reply_that_cannot_be_written_is_a_fault_of_ours() -> None:
    api = EchoApi()
    api.reply = Reply(200, (("X-Own", "\u2013"),))
    async with listening(api.handle) as port, connected(port) as client:
        client.send(GET)
        assert (await client.reply()).status == 500
        assert await client.is_closed()


@pytest.mark.asyncio
async def test_a_head_that_never_ends_is_cut_by_size() -> None:
    async with listening(EchoApi().handle) as port, connected(port) as client:
        client.send(b"GET /a HTTP/1.1\r\n")
        for _ in range(17):
            client.send(b"X: " + b"y" * 1_019 + b"\r\n")
            await asyncio.sleep(0)
        assert (await client.reply()).status == 431
        assert await client.is_closed()


@pytest.mark.asyncio
async def test_a_head_that_never_ends_is_cut_by_time() -> None:
    async with listening(EchoApi().handle, HttpLimits(head_s=0.02)) as port:
        async with connected(port) as client:
            client.send(b"GET /a HT")
            reply = await client.reply()
            assert (reply.status, json.loads(reply.body)["error"]["code"]) == (408, "408")
            assert await client.is_closed()
        async with connected(port) as client:
            client.send(GET)
            assert (await client.reply()).status == 200
            client.send(b"G")
            assert (await client.reply()).status == 408


@pytest.mark.asyncio
async def test_a_head_in_time_is_not_cut() -> None:
    async with listening(EchoApi().handle, HttpLimits(head_s=0.02)) as port, connected(port) as client:
        client.send(GET[:5])
        await asyncio.sleep(0)
        client.send(GET[5:])
        assert (await client.reply()).status == 200
        await asyncio.sleep(0.04)  # longer than head_s: a timer that was left running would cut here
        client.send(GET)
        assert (await client.reply()).status == 200


@pytest.mark.asyncio
async def test_a_silent_connection_is_closed() -> None:
    async with listening(EchoApi().handle, HttpLimits(idle_s=0.02)) as port:
        async with connected(port) as client:
            assert await client.is_closed()
        async with connected(port) as client:
            client.send(GET)
            await client.reply()
            assert await client.is_closed()


async def cut_the_third_connection() -> None:
    listener = HttpListener(EchoApi().handle, wall=lambda: NOW, limits=HttpLimits(connections=2))
    port = await listener.start("127.0.0.1", 0)
    async with connected(port) as first, connected(port) as second:
        for client in (first, second):
            client.send(GET)
            await client.reply()
        async with connected(port) as third:
            assert await third.is_closed()
        first.send(GET)
        assert (await first.reply()).status == 200
    async with asyncio.timeout(5):
        while listener.open_connections:  # noqa: ASYNC110  # nothing tells of a connection's end
            await asyncio.sleep(0.001)
    async with connected(port) as client:
        client.send(GET)
        assert (await client.reply()).status == 200
    await listener.stop()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_connections_are_limited(run: Callable[[Coroutine[object, object, None]], None]) -> None:
    run(cut_the_third_connection())


@pytest.mark.asyncio
async def test_a_client_that_does_not_read_is_cut() -> None:
    api = EchoApi()
    api.reply = Reply(200, (), b"x" * 4_000_000)
    listener = HttpListener(api.handle, wall=lambda: NOW, limits=HttpLimits(write_s=0.02))
    port = await listener.start("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(GET * 8)
        async with asyncio.timeout(5):
            while not api.requests or listener.open_connections:  # noqa: ASYNC110  # nothing tells of a cut
                await asyncio.sleep(0.001)
    assert len(api.requests) < 8
    await listener.stop()


@pytest.mark.asyncio
async def test_a_fault_of_ours_is_an_error_without_details() -> None:
    async def fail(request: Request) -> Reply:
        raise ZeroDivisionError("secret")

    async with listening(fail) as port, connected(port) as client:
        client.send(GET)
        reply = await client.reply()
    assert reply.status == 500
    assert json.loads(reply.body) == {"error": {"code": "9999", "message": "The server failed; its log says why."}}


class Scripted:
    """Pieces that a test gives out, and whether they were closed; an exception is raised."""

    def __init__(self, *pieces: bytes | Exception, endless: bool = False) -> None:
        self.pieces = list(pieces)
        self.endless = endless
        self.given = 0
        self.left = asyncio.Event()
        self.closed = asyncio.Event()

    def __aiter__(self) -> Scripted:
        return self

    async def __anext__(self) -> bytes:
        self.given += 1
        if self.endless:
            return self.pieces[0] if isinstance(self.pieces[0], bytes) else b""
        if self.pieces:
            piece = self.pieces.pop(0)
            if isinstance(piece, Exception):
                raise piece
            return piece
        if self.left.is_set():
            raise StopAsyncIteration
        await self.left.wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed.set()


class Streaming:
    """An API that answers with pieces."""

    def __init__(self, pieces: Scripted, *, tells_gone: bool = False) -> None:
        self.pieces = pieces
        self.tells_gone = tells_gone

    async def handle(self, request: Request) -> Reply:
        if self.tells_gone and request.when_gone is not None:
            request.when_gone(self.pieces.left.set)
        return Reply(200, (("X-Own", "1"),), b"first,", self.pieces)


@pytest.mark.asyncio
async def test_a_reply_in_pieces_ends_with_the_connection() -> None:
    pieces = Scripted(b"second,", b"third")
    pieces.left.set()
    async with listening(Streaming(pieces).handle) as port, connected(port) as client:
        client.send(GET + GET)
        octets = await client.reader.read()
    assert octets == (
        b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Own: 1\r\nConnection: close\r\n\r\n"
        b"first,second,third"
    )
    assert pieces.closed.is_set()


@pytest.mark.asyncio
async def test_a_client_that_leaves_is_told_of_at_once_and_its_pieces_are_closed() -> None:
    pieces = Scripted(b"second")
    async with listening(Streaming(pieces, tells_gone=True).handle) as port:
        async with connected(port) as client:
            client.send(GET)
            await client.reader.readuntil(b"first,second")
            assert not pieces.left.is_set()
        async with asyncio.timeout(5):
            await pieces.left.wait()
            await pieces.closed.wait()


@pytest.mark.asyncio
async def test_who_asks_late_is_told_of_a_client_that_left_before() -> None:
    left, told = asyncio.Event(), asyncio.Event()

    async def wait_and_ask(request: Request) -> Reply:
        assert request.when_gone is not None
        request.when_gone(left.set)
        await left.wait()
        request.when_gone(told.set)
        await told.wait()
        return Reply(200)

    async with listening(wait_and_ask) as port:
        async with connected(port) as client:
            client.send(GET)
            await client.writer.drain()
        async with asyncio.timeout(5):
            await told.wait()


@pytest.mark.asyncio
async def test_a_reader_of_pieces_that_does_not_read_is_cut_and_no_more_are_made() -> None:
    pieces = Scripted(b"x" * 65_536, endless=True)
    listener = HttpListener(Streaming(pieces).handle, wall=lambda: NOW, limits=HttpLimits(write_s=0.02))
    port = await listener.start("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(GET)
        async with asyncio.timeout(5):
            await pieces.closed.wait()
        given = pieces.given
        assert given * 65_536 < 16 * 1024 * 1024  # what the kernel holds, and no more
        await asyncio.sleep(0)
        assert pieces.given == given
    await listener.stop()


@pytest.mark.asyncio
async def test_pieces_that_fail_end_the_connection_and_are_logged() -> None:
    pieces = Scripted(b"second", ZeroDivisionError("secret"))
    with capture_logs() as logs:
        async with listening(Streaming(pieces).handle) as port, connected(port) as client:
            client.send(GET)
            octets = await client.reader.read()
    assert octets.endswith(b"first,second")
    assert [each["event"] for each in logs] == ["a reply broke off"]
    assert pieces.closed.is_set()
