"""Connections that are idle, slow, half-open, too many or cut: each ends at its limit, and calls go through meanwhile.

Whoever misbehaves here comes from 127.0.0.2 and beyond; callers come from 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from strowger.phones.behaviours import Answer
from tests.e2e.stage import Stage
from tests.support.application import IncomingCall
from tests.support.server import HOST, NUMBER, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

CALLER = "+31687654321"
SOON = 5.0
SHORT_S = 1.0
"""What the limits on waiting are set to."""
LATE_S = 2.0
"""How much later a connection may be closed: deadlines are looked at once a second at the most, on a busy machine."""
SHORT = {"tcp_idle": SHORT_S, "tcp_message": SHORT_S, "handshake": SHORT_S}
OPTIONS = (
    b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:a@127.0.0.2>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: o%d\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"
"""How a TLS handshake begins that is never completed."""


def an_options(number: int = 1) -> bytes:
    return OPTIONS % (number, number)


@asynccontextmanager
async def connected(
    port: int, source: str = "127.0.0.2"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection from an address of choice, cut off at the end."""
    reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def closed_after(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drip: bytes = b"", every_s: float = 0.05
) -> float:
    """Seconds until the server ends the connection, into which `drip` falls octet by octet meanwhile."""
    began, octets = time.monotonic(), list(drip)
    while time.monotonic() < began + SHORT_S + SOON:
        try:
            if not await asyncio.wait_for(reader.read(65_536), every_s):
                break
        except TimeoutError:
            if octets:
                writer.write(bytes([octets.pop(0)]))
        except ConnectionError:
            break
    return time.monotonic() - began


async def calls(stage: Stage, transport: str = "tcp") -> None:
    """A call over TCP is held, redirected, answered and ended, with no wait of more than a second for anything."""
    caller = await stage.phone(CALLER, transport=transport)
    heard = len(announced(stage))
    proxy = f"{transport}:{HOST}:{stage.server.sip_port}"
    call = caller.call(f"sip:{NUMBER}@{HOST}:{stage.server.sip_port};transport={transport}", proxy=proxy)
    await call.wait_for(180, 1.0)
    await until(lambda: len(announced(stage)) > heard, 1.0, "the call is announced")
    await stage.redirect(announced(stage)[heard])
    assert (await call.final(1.0)).status == 200
    assert await call.hang_up() == 200


def announced(stage: Stage) -> list[IncomingCall]:
    """Events of calls by our caller."""
    return [event for event in stage.application.events if event.from_ == f"4:{CALLER}"]


@pytest.mark.parametrize(
    ("first", "drip", "why"),
    [
        (an_options(), b"", "idle for 1 s (limits.tcp_idle)"),
        (b"", b"", "no message in 1 s (limits.tcp_message)"),
        (b"\r\n\r\n", b"\r\n" * 100, "no message in 1 s (limits.tcp_message)"),
        (an_options(), an_options(2), "no complete message in 1 s (limits.tcp_message)"),
        (an_options() + b"OPTIONS sip:127.0.0.1 SIP/2.0", b"", "no complete message in 1 s (limits.tcp_message)"),
        (an_options() + an_options(2)[:-5] + b"9\r\n\r\nbody", b"", "no complete message in 1 s (limits.tcp_message)"),
    ],
    ids=["idle", "silent", "line breaks only", "slow", "no end", "no body"],
)
async def test_what_outstays_is_closed_at_its_limit(stage: Stage, first: bytes, drip: bytes, why: str) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, limits=SHORT)
    async with connected(server.sip_port) as (reader, writer):
        writer.write(first)
        closing = asyncio.create_task(closed_after(reader, writer, drip))
        await calls(stage)
        assert SHORT_S * 0.9 <= await closing <= SHORT_S + LATE_S
    assert why in server.log


async def test_half_a_tls_handshake_is_closed_at_its_limit(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, limits=SHORT)
    async with AsyncExitStack() as stack:
        halves = [await stack.enter_async_context(connected(server.tls_port)) for _ in range(50)]
        for _, writer in halves:
            writer.write(CLIENT_HELLO)
        closing = [asyncio.create_task(closed_after(*half)) for half in halves]
        await calls(stage)
        waits = await asyncio.gather(*closing)
    assert SHORT_S * 0.9 <= min(waits) <= max(waits) <= SHORT_S + LATE_S
    assert "no TLS handshake in 1 s (limits.handshake)" in server.log


async def test_of_too_many_from_one_address_the_newest_is_closed(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, limits={"tcp_connections_per_address": 10})
    async with AsyncExitStack() as stack:
        for number in range(10):
            reader, writer = await stack.enter_async_context(connected(server.sip_port))
            writer.write(an_options(number))
            assert await asyncio.wait_for(reader.readline(), SOON) == b"SIP/2.0 200 OK\r\n"
        reader, writer = await stack.enter_async_context(connected(server.sip_port))
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        reader, writer = await stack.enter_async_context(connected(server.sip_port, "127.0.0.3"))
        writer.write(an_options())
        assert await asyncio.wait_for(reader.readline(), SOON) == b"SIP/2.0 200 OK\r\n"
        await calls(stage)
    assert "its address has 10 already (limits.tcp_connections_per_address)" in server.log
    assert server.metrics['strowger_sip_troubles_total{kind="address full"}'] == 1


async def test_of_too_many_in_all_the_oldest_silent_one_is_closed(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    limits = {"tcp_connections": 400, "tcp_connections_per_address": 100}
    server = await stage.serve(trunk=target.uri, limits=limits)
    async with AsyncExitStack() as stack:
        silent = [
            await stack.enter_async_context(connected(server.sip_port, f"127.0.0.{2 + number // 100}"))
            for number in range(400)
        ]
        await until(lambda: server.metrics["strowger_sip_connections_open"] == 400, SOON, "all are accepted")
        await calls(stage)
        reader, _ = silent[0]
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        await calls(stage)
    assert "it brought no message and 400 are open (limits.tcp_connections)" in server.log


@pytest.mark.parametrize(
    ("length", "status"), [(2**31, 400), (2**31 - 1, 413), (65_537, 413), (65_536, 513), (10**30, 400)]
)
async def test_a_length_that_is_too_much_is_refused_and_closed(stage: Stage, length: int, status: int) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri)
    async with connected(server.sip_port) as (reader, writer):
        writer.write(an_options().replace(b"Content-Length: 0", b"Content-Length: %d" % length))
        answer = await asyncio.wait_for(reader.read(), SOON)
    assert answer.startswith(b"SIP/2.0 %d " % status)
    await calls(stage)


@pytest.mark.parametrize("trusted", [["127.0.0.0/8"], [HOST]], ids=["trusted", "paced"])
async def test_ten_thousand_requests_at_once(stage: Stage, trusted: list[str]) -> None:
    target = await stage.phone("target", Answer())
    limits = {"messages_per_source": 2_000, "strangers_per_second": 0}
    server = await stage.serve(trunk=target.uri, limits=limits, sip={"trusted": trusted})
    count, began = 10_000, time.monotonic()
    async with connected(server.sip_port) as (reader, writer):
        writer.write(b"".join(an_options(number) for number in range(count)))
        counting = asyncio.create_task(answered(reader, count))
        await calls(stage)
        await asyncio.wait_for(counting, 30)
    is_paced = HOST in trusted
    assert time.monotonic() - began >= (2.5 if is_paced else 0.0)  # 4,000 at once, then 2,000 a second
    await calls(stage)


async def answered(reader: asyncio.StreamReader, count: int) -> None:
    """So many requests were answered 200."""
    while count:
        line = await reader.readline()
        assert line, "closed before everything was answered"
        count -= line == b"SIP/2.0 200 OK\r\n"


async def test_connections_cut_after_each_message(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, limits={"hold": "2s"})
    invite = an_options().replace(b"OPTIONS", b"INVITE").replace(b"sip:127.0.0.1", b"sip:%s@a" % NUMBER.encode(), 1)
    invite = invite.replace(b"Content-Length", b"Contact: <sip:a@127.0.0.2>\r\nContent-Length")
    for number in range(400):
        message = invite if number % 2 else an_options()
        message = message.replace(b"z9hG4bK1;", b"z9hG4bK%d;" % number)
        cut_off(server.sip_port, message.replace(b"Call-ID: o1\r", b"Call-ID: o%d\r" % number))
        if number % 100 == 99:
            await calls(stage, "udp")
    await until(lambda: server.metrics["strowger_calls_live"] == 0, 10, "every call has ended")
    await until(lambda: server.metrics["strowger_sip_connections_open"] == 0, SOON, "every connection is gone")
    await calls(stage)
    assert server.is_running
    assert "Traceback" not in server.log


def cut_off(port: int, message: bytes) -> None:
    """Send a message over a connection of its own and reset that at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.bind(("127.0.0.2", 0))
        made.connect((HOST, port))
        made.sendall(message)
