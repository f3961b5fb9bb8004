from __future__ import annotations

import asyncio
import json
import ssl
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from strowger.acs.errors import Unavailable
from strowger.acs.http import HttpListener
from strowger.acs.http_limits import HttpLimits
from strowger.acs.message import Reply, Request
from strowger.tls import create_dev_ca, server_context
from tests.support.http import NOW, EchoApi, RawClient, connected, listening

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


def post(body: bytes, target: str = "/a") -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def code_of(body: bytes) -> str:
    return str(json.loads(body)["error"]["code"])


@pytest.mark.asyncio
async def test_a_request_and_its_reply_to_the_octet() -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        client.send(post(b"body"))
        reply = await client.reply()
    assert reply.head == (
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Own: 1\r\nContent-Length: 2\r\n"
        "Connection: keep-alive\r\n\r\n"
    )
    assert reply.body == b"ok"
    request = api.requests[0]
    assert (request.method, request.target, request.body, request.is_tls) == ("POST", "/a", b"body", False)
    assert request.headers.first("host") == "h"


@pytest.mark.asyncio
async def test_no_content_has_no_length() -> None:
    api = EchoApi()
    api.reply = Reply(204)
    async with listening(api.handle) as port, connected(port) as client:
        client.send(GET)
        assert "content-length" not in (await client.reply()).headers


@pytest.mark.parametrize(
    "target",
    [
        "/calling/callConnections:redirect?api-version=2026-03-12",
        "/p/8%3Aacs%3Aa_b?v=1",
        "/p/8:acs:a_b",
        "/p/4%3A%2B45",
        "/p/4:+45",
        "/p/%2b%2B+%20",
        "//a//b/../c/./d",
        "/a?b=c?d&e=%3A:+/",
        "/a%00",
        "/a?",
        "/a%",
        "/a?x[]={}|^",
    ],
)
@pytest.mark.asyncio
async def test_the_target_arrives_as_sent(target: str) -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        client.send(post(b"", target))
        await client.reply()
    assert api.requests[0].target == target


@pytest.mark.parametrize(
    ("sent", "target"),
    [
        ("http://other:1/a?b", "/a?b"),
        ("HTTPS://other/a%3A", "/a%3A"),
        ("http://other", "/"),
        ("http://other?a", "/"),
    ],
)
@pytest.mark.asyncio
async def test_the_absolute_form_is_reduced(sent: str, target: str) -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        client.send(post(b"", sent))
        await client.reply()
    assert api.requests[0].target == target


@pytest.mark.asyncio
async def test_many_requests_on_one_connection_also_pipelined() -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        for _ in range(3):
            client.send(GET)
            assert (await client.reply()).status == 200
        client.send(post(b"1") + post(b"22") + GET)
        for _ in range(3):
            assert (await client.reply()).status == 200
    assert [request.body for request in api.requests] == [b"", b"", b"", b"1", b"22", b""]


@pytest.mark.parametrize(
    ("octets", "is_kept"),
    [
        (b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", False),
        (b"GET /a HTTP/1.0\r\nHost: h\r\n\r\n", False),
        (b"GET /a HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
@pytest.mark.asyncio
async def test_who_wants_the_connection_closed(octets: bytes, is_kept: bool) -> None:
    async with listening(EchoApi().handle) as port, connected(port) as client:
        client.send(octets)
        assert (await client.reply()).headers["connection"] == ("keep-alive" if is_kept else "close")
        if is_kept:
            client.send(GET)
            await client.reply()
        else:
            assert await client.is_closed()


@pytest.mark.asyncio
async def test_head_is_answered_without_a_body() -> None:
    async with listening(EchoApi().handle) as port, connected(port) as client:
        client.send(b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + GET)
        reply = await client.reply(has_body=False)
        assert reply.headers["content-length"] == "2"
        assert (await client.reply()).body == b"ok"


@pytest.mark.asyncio
async def test_a_body_in_pieces_and_in_chunks() -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        octets = post(b"abcdef")
        client.send(octets[:-4])
        await asyncio.sleep(0)
        client.send(octets[-4:])
        await client.reply()
        client.send(
            b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
        )
        await client.reply()
    assert [request.body for request in api.requests] == [b"abcdef", b"abcdef"]


@pytest.mark.asyncio
async def test_compressed_octets_stay_compressed() -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        client.send(post(b"\x1f\x8b").replace(b"Host: h", b"Host: h\r\nContent-Encoding: gzip"))
        assert (await client.reply()).status == 200
    assert api.requests[0].body == b"\x1f\x8b"


@pytest.mark.asyncio
async def test_a_client_that_expects_is_told_to_continue() -> None:
    async with listening(EchoApi().handle) as port, connected(port) as client:
        client.send(b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        assert (await client.reply()).status == 100
        client.send(b"x")
        assert (await client.reply()).status == 200


@pytest.mark.asyncio
async def test_but_not_for_too_long_a_body() -> None:
    async with listening(EchoApi().handle, HttpLimits(body_bytes=8, linger_s=0.01)) as port, connected(port) as client:
        client.send(b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        assert (await client.reply()).status == 413


@pytest.mark.asyncio
async def test_the_body_is_limited() -> None:
    api = EchoApi()
    async with listening(api.handle, HttpLimits(body_bytes=8)) as port:
        async with connected(port) as client:
            client.send(post(b"x" * 8))
            assert (await client.reply()).status == 200
            client.send(post(b"x" * 9))
            reply = await client.reply()
            assert (reply.status, code_of(reply.body), reply.headers["connection"]) == (413, "413", "close")
            assert await client.is_closed()
        async with connected(port) as client:
            client.send(b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(b"5\r\naaaaa\r\n5\r\naaaaa\r\n")
            assert (await client.reply()).status == 413
            client.send(b"0\r\n\r\n")
            assert await client.is_closed()
    assert len(api.requests) == 1


@pytest.mark.asyncio
async def test_a_giant_body_is_refused_before_it_is_sent() -> None:
    async with listening(EchoApi().handle, HttpLimits(linger_s=0.1)) as port, connected(port) as client:
        client.send(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\n\r\n" + b"x" * 200_000)
        assert (await client.reply()).status == 413
        assert await client.is_closed()


@pytest.mark.asyncio
async def test_a_slow_body() -> None:
    async with listening(EchoApi().handle, HttpLimits(body_s=0.02, linger_s=0.02)) as port, connected(port) as client:
        client.send(post(b"abc")[:-1])
        reply = await client.reply()
        assert (reply.status, code_of(reply.body)) == (408, "408")
        assert await client.is_closed()


@pytest.mark.asyncio
async def test_a_body_that_is_no_chunk() -> None:
    api = EchoApi()
    async with listening(api.handle) as port, connected(port) as client:
        client.send(b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(0.01)  # so that the server most likely reads it apart; the outcome is the same if not
        client.send(b"zz\r\n")
        assert (await client.reply()).status == 400
        assert await client.is_closed()
    assert api.requests == []


@pytest.mark.asyncio
async def test_a_client_that_leaves_within_its_body_reaches_nobody() -> None:
    api = EchoApi()
    with capture_logs() as logs:
        async with listening(api.handle) as port:
            async with connected(port) as client:
                client.send(post(b"abc")[:-1])
                await asyncio.sleep(0.01)  # so that the request is most likely under way
            async with connected(port) as client:
                client.send(GET)
                await client.reply()
    assert [request.method for request in api.requests] == ["GET"]
    assert logs == []


@pytest.mark.asyncio
async def test_the_head_is_limited() -> None:
    async with listening(EchoApi().handle) as port:
        filler = b"GET /a HTTP/1.1\r\nHost: h\r\nX-Filler: "
        overhead = len(b"/a") + len(b"Host") + len(b"h") + len(b"X-Filler") + 2 * 4
        for size, status in ((16_384 - overhead, 200), (16_385 - overhead, 431), (60_000, 431)):
            async with connected(port) as client:
                client.send(filler + b"x" * size + b"\r\n\r\n")
                assert (await client.reply()).status == status


@pytest.mark.asyncio
async def test_a_request_refused_by_the_handler() -> None:
    async def refuse(request: Request) -> Reply:
        raise Unavailable("busy")

    async with listening(refuse) as port, connected(port) as client:
        client.send(GET)
        reply = await client.reply()
        assert (reply.status, code_of(reply.body), reply.headers["connection"]) == (503, "503", "keep-alive")


@pytest.mark.asyncio
async def test_a_stop_lets_running_requests_finish() -> None:
    api = EchoApi()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def gate() -> None:
        entered.set()
        await leave.wait()

    api.gate = gate
    listener = HttpListener(api.handle, wall=lambda: NOW)
    port = await listener.start("127.0.0.1", 0)
    async with connected(port) as busy, connected(port) as idle:
        busy.send(GET)
        await entered.wait()
        stopping = asyncio.ensure_future(listener.stop(5.0))
        assert await idle.is_closed()
        leave.set()
        assert (await busy.reply()).status == 200
        await stopping
        assert await busy.is_closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await listener.stop()


@pytest.mark.asyncio
async def test_several_addresses() -> None:
    api = EchoApi()
    listener = HttpListener(api.handle, wall=lambda: NOW)
    ports = [await listener.start("127.0.0.1", 0), await listener.start("127.0.0.1", 0)]
    for port in ports:
        async with connected(port) as client:
            client.send(GET)
            assert (await client.reply()).status == 200
            assert listener.open_connections >= 1
    await listener.stop()
    assert (len(api.requests), listener.open_connections) == (2, 0)


@pytest.mark.asyncio
async def test_tls(tmp_path: Path) -> None:
    files = create_dev_ca(tmp_path, ["127.0.0.1"], now=time.time())
    api = EchoApi()
    listener = HttpListener(api.handle, wall=lambda: NOW)
    port = await listener.start("127.0.0.1", 0, server_context(files.cert, files.key))
    trust = ssl.create_default_context(cafile=files.authority)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    client = RawClient(reader, writer)
    client.send(GET)
    assert (await client.reply()).status == 200
    writer.close()
    await listener.stop()
    assert api.requests[0].is_tls
