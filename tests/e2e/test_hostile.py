"""Whatever arrives on its sockets, the server goes on serving calls and finds nothing to be surprised about."""

from __future__ import annotations

import asyncio
import email.utils
import json
import random
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from strowger.phones.behaviours import Answer
from tests.e2e.stage import Stage
from tests.e2e.wire import Wire
from tests.support.acs import REDIRECT, REJECT, signed_headers
from tests.support.server import HOST, KEY_OCTETS, NUMBER, Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

TORTURE = Path(__file__).resolve().parents[1] / "conformance" / "sip" / "rfc4475"
SOON = 5.0
SEED = 4475
LARGEST_DATAGRAM = 65_507


def hostile_messages() -> Iterator[bytes]:
    """The torture test of RFC 4475, the same cut and flipped, noise, and things too large."""
    chance = random.Random(SEED)
    torture = [path.read_bytes() for path in sorted(TORTURE.glob("*.dat"))]
    assert len(torture) == 49
    yield from torture
    for message in torture:
        for _ in range(4):
            yield mutated(message, chance)
        yield message[: chance.randrange(len(message))]
    yield from (chance.randbytes(chance.randrange(1, 1_500)) for _ in range(200))
    yield b""
    yield b"\0" * 1_000
    yield b"\r\n" * 1_000
    yield b"INVITE sip:a@b SIP/2.0\r\n" + b"X: " + b"\0" * 100 + b"\r\n\r\n"
    yield b"A" * LARGEST_DATAGRAM
    yield b"INVITE " + b"sip:" * 16_000 + b" SIP/2.0\r\n\r\n"
    yield b"INVITE sip:a@b SIP/2.0\r\n" + b"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n" * 1_800 + b"\r\n"
    yield b"INVITE sip:a@b SIP/2.0\r\n" + b"X:\r\n " * 13_000 + b"\r\n\r\n"
    yield b"SIP/2.0 200 OK\r\n" + b'To: "' + b"\\" * 60_000 + b"\r\n\r\n"


def mutated(message: bytes, chance: random.Random) -> bytes:
    """Some octets of the message changed."""
    octets = bytearray(message)
    for _ in range(chance.randrange(1, 6)):
        octets[chance.randrange(len(octets))] = chance.choice((0, 10, 13, 34, 59, 60, 62, 127, 255))
    return bytes(octets)


async def test_hostile_datagrams(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile:
        hostile.connect((HOST, server.sip_port))
        for number, message in enumerate(hostile_messages()):
            hostile.send(message)
            if number % 50 == 0:
                await alive(server)
    await serves(stage)


async def test_hostile_streams(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri)
    for number, message in enumerate(hostile_messages()):
        await pour(server.sip_port, message, reset=number % 5 == 0)
    await alive(server)
    await serves(stage)


BOUNDS = {"sip_message": 4_096, "sip_header_lines": 16, "sip_header_line": 512, "sip_via": 3, "sip_uri": 128}


async def test_bounds_are_as_they_are_set(stage: Stage) -> None:
    server = await stage.serve(limits=BOUNDS)
    with Wire(server.sip_port) as wire:
        plain = wire.request("OPTIONS", NUMBER)
        uri = f"sip:{NUMBER}@{HOST}:{server.sip_port}".encode()
        via = b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbefore\r\n"
        lines = plain.count(b"\r\n") - 2
        for made, most, status in (
            (lambda number: with_lines(plain, b"X: y\r\n" * (number - lines)), 16, 513),
            (lambda number: with_lines(plain, b"X:".ljust(number, b"y") + b"\r\n"), 512, 513),
            (lambda number: with_lines(plain, via * (number - 1)), 3, 513),
            (lambda number: with_body(plain, number), 4_096, 513),
            (lambda number: plain.replace(uri, (uri + b";").ljust(number, b"x"), 1), 128, 414),
        ):
            wire.send(made(most))
            await wire.response(200)
            wire.send(made(most + 1))
            await wire.response(status)


def with_lines(request: bytes, lines: bytes) -> bytes:
    """The request with more header lines, in front of the last."""
    return request.replace(b"Content-Length", lines + b"Content-Length")


def with_body(request: bytes, octets: int) -> bytes:
    """The request with a body, so that it has so many octets."""
    head = request.replace(b"Content-Length: 0\r\n", b"Content-Type: text/plain\r\nContent-Length: %d\r\n")
    length = octets - len(head % 1_000)
    return head % length + b"x" * length


async def test_what_is_no_tls(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri)
    chance = random.Random(SEED)
    noises = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100, b"\0" * 70_000]
    for noise in [*noises, *(chance.randbytes(500) for _ in range(20))]:
        await pour(server.api_port, noise)
        await pour(server.console_port, noise)
    await serves(stage)


SLOW = {
    "head": (b"POST /calling HTTP/1.1\r\nHost: x\r\nX-A: ", b"408"),
    "body": (b"POST /calling HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1", b"408"),
    "long head": (b"POST /calling HTTP/1.1\r\nHost: x\r\nX-A: " + b"1" * 5_000, b"431"),
    "long body": (b"POST /calling HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000000\r\n\r\n1", b"413"),
}


async def test_a_slow_client_of_the_api_is_told_and_cut_at_the_limits(stage: Stage) -> None:
    limits = {"http_head": 4_096, "http_head_within": "300ms", "http_body_within": "300ms", "http_connections": 8}
    server = await stage.serve(limits=limits)
    trust = ssl.create_default_context(cafile=str(server.authority))
    opened = [await asyncio.open_connection(HOST, server.api_port, ssl=trust) for _ in range(9)]
    assert await asyncio.wait_for(opened[-1][0].read(), SOON) == b""
    for (reader, writer), (octets, status) in zip(opened, SLOW.values(), strict=False):
        writer.write(octets)
        assert (await asyncio.wait_for(reader.read(), SOON)).startswith(b"HTTP/1.1 %s " % status)
    opened.append(await asyncio.open_connection(HOST, server.console_port))
    reader, writer = opened[-1]
    writer.write(b"GET /healthz HTTP/1.1\r\nX-A: ")
    assert await asyncio.wait_for(reader.read(), SOON) == b""
    for _, each in opened:
        each.close()


async def pour(port: int, octets: bytes, *, reset: bool = False) -> None:
    """Send all of it over a connection of its own; then wait until the server closes it, or break it off at once."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(octets)
        await asyncio.wait_for(writer.drain(), SOON)
        if not reset:
            writer.write_eof()
            await asyncio.wait_for(reader.read(), SOON)
    except ConnectionError:
        pass  # the server may close as soon as it has seen enough
    finally:
        writer.transport.abort()


async def alive(server: Server) -> None:
    """OPTIONS is answered, so everything before it has been read: no flood is lost in the socket's buffer unseen."""
    with Wire(server.sip_port) as wire:
        wire.send(wire.request("OPTIONS", NUMBER))
        await wire.response(200)


async def serves(stage: Stage) -> None:
    """A call still gets through, and nothing surprised the server."""
    called = len(stage.application.events)
    call = stage.call(await stage.caller())
    await call.wait_for(180, SOON)
    await stage.redirect(await stage.application.event(called))
    assert (await call.final(SOON)).status == 200
    assert await call.hang_up() == 200
    assert stage.server.is_running
    assert "Traceback" not in stage.server.log


BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"incomingCallContext": "\xff\xfe"}',
    "a number": b"1",
    "null": b"null",
    "an array": b"[]",
    "nested too deep": b'{"incomingCallContext":' * 10_000,
    "arrays too deep": b"[" * 30_000 + b"]" * 30_000,
    "a huge number": b'{"incomingCallContext": ' + b"9" * 60_000 + b"}",
    "NaN": b'{"incomingCallContext": NaN}',
    "wrong types": b'{"incomingCallContext": 1, "target": "x"}',
    "twice": b'{"incomingCallContext": "a", "incomingCallContext": "b", "target": {"rawId": "4:+1"}}',
    "lone surrogate": b'{"incomingCallContext": "\\ud800", "target": {"rawId": "4:+31612345678"}}',
    "NUL": b'{"incomingCallContext": "\\u0000", "target": {"rawId": "4:+31612345678"}}',
    "line breaks": b'{"incomingCallContext": "c", "target": {"rawId": "4:+316\\r\\nX: y"}}',
    "two identifiers": b'{"incomingCallContext": "c", "target": '
    b'{"phoneNumber": {"value": "+31612345678"}, "communicationUser": {"id": "x"}}}',
    "unknown kind": b'{"incomingCallContext": "c", "target": {"kind": "carrierPigeon", "rawId": "x"}}',
    "empty target": b'{"incomingCallContext": "c", "target": {}}',
    "too large": b'{"incomingCallContext": "' + b"x" * 200_000 + b'"}',
    "a bomb": json.dumps({"incomingCallContext": "H4sIAAAAAAAA/" + "A" * 8_000, "target": {"rawId": "4:+1"}}).encode(),
}


async def test_a_malformed_body_is_the_clients_fault(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri)
    async with aiohttp.ClientSession(server.api_origin, connector=trusting(server)) as session:
        for operation in (REDIRECT, REJECT):
            for name, body in BODIES.items():
                async with session.post(operation, data=body, headers=signed(server, operation, body)) as response:
                    assert 400 <= response.status < 500, f"{name} at {operation}: {response.status}"
                    assert (await response.json())["error"]["code"], name
    await serves(stage)


HEADERS = [
    {"Authorization": ""},
    {"Authorization": "HMAC-SHA256"},
    {"Authorization": "HMAC-SHA256 SignedHeaders=&Signature="},
    {"Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=!!!!"},
    {"Authorization": "HMAC-SHA256 SignedHeaders=" + "a;" * 1_000 + "&Signature=AAAA"},
    {"Authorization": "Bearer a.b.c"},
    {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    {"Authorization": "Bearer " + "e30." * 3_000},
    {"Authorization": "Bearer"},
    {"x-ms-date": "yesterday"},
    {"x-ms-date": "Sun, 06 Nov 1994 08:49:37 GMT"},
    {"x-ms-content-sha256": "AAAA"},
    {"Repeatability-Request-ID": "no uuid"},
    {"Repeatability-Request-ID": "x" * 5_000, "Repeatability-First-Sent": "never"},
    {"Content-Type": "application/xml"},
    {"Content-Encoding": "gzip"},
    {"Host": "somebody.else.example"},
]
PATHS = [("GET", "/"), ("POST", "/calling/../../etc/passwd"), ("TRACE", REDIRECT), ("POST", "/%00"), ("POST", "/%")]


async def test_malformed_headers_and_paths_are_the_clients_fault(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri)
    body = b'{"incomingCallContext": "c", "target": {"rawId": "4:+31612345678"}}'
    async with aiohttp.ClientSession(server.api_origin, connector=trusting(server)) as session:
        for changed in HEADERS:
            headers = {**signed(server, REDIRECT, body), **changed}
            async with session.post(REDIRECT, data=body, headers=headers) as response:
                assert 400 <= response.status < 500, f"{changed}: {response.status}"
        for method, path in PATHS:
            async with session.request(method, path, data=body, headers=signed(server, path, body)) as response:
                assert 400 <= response.status < 500 or response.status == 501, f"{method} {path}: {response.status}"
    await serves(stage)


def signed(server: Server, target: str, body: bytes) -> dict[str, str]:
    """The headers of a well-signed request."""
    date = email.utils.formatdate(usegmt=True)
    return signed_headers("POST", target, body, date, host=f"{HOST}:{server.api_port}", key=KEY_OCTETS)


def trusting(server: Server) -> aiohttp.TCPConnector:
    """A connector that trusts the server's own authority only."""
    return aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(server.authority)))
