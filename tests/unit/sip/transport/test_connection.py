"""One TCP connection: framing, keep-alives, deadlines, a peer that does not read."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import replace

import pytest

from strowger.sip.flow import Flow
from strowger.sip.transport.connection import MESSAGES_PER_TURN
from strowger.sip.transport.limits import TransportLimits

pytestmark = pytest.mark.asyncio
LIMITS = TransportLimits()
SHORT = replace(LIMITS, tcp_message_s=0.04)


ENDLESS = (
    b"OPTIONS sip:2 SIP/2.0\r\nVia: SIP/2.0/TCP a.test;branch=z9hG4bK1\r\nFrom: <sip:a@a.test>;tag=1\r\n"
    b"To: <sip:b@b.test>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: -1\r\n\r\n"
)


def options(number: int, body: bytes = b"") -> bytes:
    return b"OPTIONS sip:%d SIP/2.0\r\nContent-Length: %d\r\n\r\n%b" % (number, len(body), body)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_message_arrives_with_its_flow_and_is_answered_on_it(serve, dial, host):
    exchange = serve()
    peer = await dial(await exchange.listen(f"tcp:[{host}]:0" if ":" in host else f"tcp:{host}:0"))
    await peer.send(options(1))
    data, flow = await exchange.next()
    assert data == options(1)
    assert flow[:4] == ("TCP", *peer.address, 0)
    assert flow.connection > 0
    exchange.transports.send(flow, b"SIP/2.0 200 OK", "key")
    assert await peer.read(14) == b"SIP/2.0 200 OK"


async def test_a_message_may_come_octet_by_octet(serve, dial):
    exchange = serve()
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    for octet in options(1, b"v=0\r\n"):
        await peer.send(bytes([octet]))
    assert (await exchange.next())[0] == options(1, b"v=0\r\n")


async def test_messages_may_come_together(serve, dial):
    exchange = serve()
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    count = 20 * MESSAGES_PER_TURN
    await peer.send(b"\r\n\r\n" + b"".join(options(number) for number in range(count)) + options(count)[:-3])
    assert [(await exchange.next())[0] for _ in range(count)] == [options(number) for number in range(count)]
    await peer.send(options(count)[-3:])
    assert (await exchange.next())[0] == options(count)
    assert await peer.read(2) == b"\r\n"


async def test_a_peer_in_a_hurry_is_made_to_wait(serve, dial):
    exchange = serve()
    told = []

    def pace(messages: int) -> float:
        told.append(messages)
        return 0.05

    exchange.pace = pace
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(options(1) + options(2))
    loop = asyncio.get_running_loop()
    assert [(await exchange.next())[0] for _ in range(2)] == [options(1), options(2)]
    began = loop.time()
    await peer.send(options(3))
    assert (await exchange.next())[0] == options(3)
    assert loop.time() - began >= 0.04
    assert told == [2, 1]


async def test_a_double_line_break_is_answered_with_a_single_one(serve, dial):
    exchange = serve()
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    for _ in range(3):
        await peer.send(b"\r\n\r\n")
        assert await peer.read(2) == b"\r\n"
    assert exchange.transports.counters.keep_alives == 3
    assert exchange.received.empty()


async def test_a_receiver_that_raises_costs_one_message_not_the_connection(serve, dial):
    exchange = serve()
    surfaced: asyncio.Queue[BaseException] = asyncio.Queue()
    asyncio.get_running_loop().set_exception_handler(lambda _, what: surfaced.put_nowait(what["exception"]))

    def choke(data: bytes, flow: Flow) -> None:
        if data == options(1):
            raise LookupError("receiver at fault")

    exchange.on_receive = choke
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(options(1) + options(2))
    assert [(await exchange.next())[0] for _ in range(2)] == [options(1), options(2)]
    assert str(await asyncio.wait_for(surfaced.get(), 5)) == "receiver at fault"
    exchange.transports.send((await _third(exchange, peer))[1], b"ok")
    assert await peer.read(2) == b"ok"


async def _third(exchange, peer):
    await peer.send(options(3))
    return await exchange.next()


async def test_a_stream_that_cannot_be_framed_is_answered_and_closed_after_what_came_before(serve, dial):
    exchange = serve()
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(options(1) + ENDLESS + b"x" * 9_000)
    assert await peer.ended() == exchange.reply
    assert (await exchange.next())[0] == options(1)
    flow, error = exchange.unframed[0]
    assert (flow.host, error.status, len(exchange.unframed)) == ("127.0.0.1", 400, 1)
    assert exchange.trouble("unframeable stream") == 1


async def test_a_stream_without_an_answer_is_just_closed(serve, dial):
    exchange = serve()
    exchange.reply = None
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(b"OPTIONS sip:2 SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n")
    assert await peer.ended() == b""
    assert exchange.received.empty()


async def test_a_peer_that_sends_on_after_the_answer_is_cut(serve, dial):
    exchange = serve(replace(LIMITS, close_s=0.04))
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(b"\rX")
    await peer.ended()
    with pytest.raises(ConnectionError):
        for _ in range(1_000_000):
            await peer.send(b"x" * 1_000)
            await asyncio.sleep(0)
    assert exchange.received.empty()


async def test_a_message_that_never_ends_is_not_waited_for(serve, dial):
    exchange = serve(SHORT)
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(options(1) + options(2)[:-1])
    await exchange.next()
    assert await peer.ended() == b""
    assert exchange.trouble("slow message") == 1


async def test_dripping_does_not_move_the_deadline(serve, dial):
    exchange = serve(SHORT)
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(options(1))
    await exchange.next()
    with pytest.raises(ConnectionError):
        for _ in range(100_000):
            await peer.send(b"X")
            await asyncio.sleep(0)
    assert exchange.trouble("slow message") == 1


async def test_a_connection_that_brings_no_message_is_closed_whatever_else_it_sends(serve, dial):
    exchange = serve(SHORT)
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(b"\r\n\r\n")
    assert await peer.ended() == b"\r\n"
    assert exchange.trouble("silent connection") == 1


async def test_a_connection_that_brought_a_message_may_rest_until_it_is_idle(serve, dial):
    exchange = serve(replace(SHORT, tcp_idle_s=0.15))
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(options(1))
    await exchange.next()
    began = asyncio.get_running_loop().time()
    assert await peer.ended() == b""
    assert asyncio.get_running_loop().time() - began >= 0.14
    assert exchange.trouble("idle connection") == 1
    assert exchange.trouble("silent connection") == 0


async def test_a_peer_that_does_not_read_is_cut_and_what_it_never_got_is_reported(serve):
    limit = 64 * 1024
    exchange = serve(replace(LIMITS, tcp_write_buffer_bytes=limit))
    address = await exchange.listen("tcp:127.0.0.1:0")
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.connect(address)
        peer.sendall(options(1))
        _, flow = await exchange.next()
        sent = 0
        while not exchange.trouble("peer does not read"):
            exchange.transports.send(flow._replace(port=9), b"x" * 10_000, f"{sent}")
            sent += 1
            await asyncio.sleep(0)
            assert sent < 10_000
        key, reason = await exchange.failure()
    keys = [key] + [exchange.failures.get_nowait()[0] for _ in range(exchange.failures.qsize())]
    assert keys == [f"{number}" for number in range(sent - len(keys), sent)]
    assert limit // 10_000 <= len(keys) <= limit // 10_000 + 2
    assert reason.endswith("the peer does not read: 65536 octets wait for it (limits.tcp_write_buffer)")


async def test_a_buffer_filled_to_its_limit_is_still_a_reading_peer(serve):
    exchange = serve(replace(LIMITS, tcp_write_buffer_bytes=50_000_000))
    address = await exchange.listen("tcp:127.0.0.1:0")
    with socket.create_connection(address) as peer:
        peer.sendall(options(1))
        _, flow = await exchange.next()
        for _ in range(500):
            exchange.transports.send(flow, b"x" * 65_000, "key")
            await asyncio.sleep(0)
        assert exchange.trouble("peer does not read") == 0
        got = 0
        peer.setblocking(False)
        while got < 500 * 65_000:
            got += len(await asyncio.get_running_loop().sock_recv(peer, 1_000_000))
    assert exchange.failures.empty()


async def test_messages_lost_with_the_connection_are_reported(serve):
    exchange = serve(replace(LIMITS, tcp_write_buffer_bytes=50_000_000))
    address = await exchange.listen("tcp:127.0.0.1:0")
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.connect(address)
        peer.sendall(options(1))
        _, flow = await exchange.next()
        for number in range(200):
            exchange.transports.send(flow, b"x" * 65_000, f"{number}")
            await asyncio.sleep(0)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    key, reason = await exchange.failure()
    assert int(key) > 0
    assert reason.startswith("TCP to 127.0.0.1:")
    keys = [int(key)] + [int(exchange.failures.get_nowait()[0]) for _ in range(exchange.failures.qsize())]
    assert keys == list(range(keys[0], 200))


async def test_a_message_to_a_connection_just_broken_is_reported(serve):
    exchange = serve()
    address = await exchange.listen("tcp:127.0.0.1:0")
    with socket.create_connection(address) as peer:
        peer.sendall(options(1))
        _, flow = await exchange.next()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.transports.send(flow, b"SIP/2.0 200 OK", "key")
    assert exchange.failures.empty()
    assert (await exchange.failure())[0] == "key"


async def test_messages_that_were_written_are_not_reported_when_the_peer_leaves(serve, dial):
    exchange = serve()
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(options(1))
    _, flow = await exchange.next()
    exchange.transports.send(flow, b"SIP/2.0 200 OK", "key")
    await peer.read(14)
    await peer.close()
    await exchange.connections(0)
    assert exchange.failures.empty()


async def test_a_reset_ends_the_connection_quietly(serve):
    exchange = serve()
    address = await exchange.listen("tcp:127.0.0.1:0")
    with socket.create_connection(address) as peer:
        peer.sendall(options(1)[:-1])
        await exchange.connections(1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await exchange.connections(0)
    assert exchange.received.empty()
