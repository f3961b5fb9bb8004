"""Which connection a message takes, who may have one, and what happens when there is none."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from strowger.sip.flow import Flow
from strowger.sip.transport.limits import TransportLimits

pytestmark = pytest.mark.asyncio
LIMITS = TransportLimits()
OPTIONS = b"OPTIONS sip:1 SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Far:
    """A TCP server that keeps what it gets, by connection."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.address = ("", 0)

    async def open(self) -> None:
        self._server = await asyncio.start_server(
            lambda reader, writer: self.connections.put_nowait((reader, writer)), "127.0.0.1", 0
        )
        self.address = self._server.sockets[0].getsockname()

    async def next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(self.connections.get(), 5)

    def close(self) -> None:
        self._server.close()


async def far() -> Far:
    made = Far()
    await made.open()
    return made


async def test_a_new_connection_is_opened_once_and_messages_keep_their_order(serve):
    exchange, peer = serve(), await far()
    await exchange.listen("tcp:127.0.0.1:0")
    flow = exchange.transports.flow_to("TCP", *peer.address)
    for number in range(10):
        exchange.transports.send(flow, b"%d" % number, f"{number}")
    reader, writer = await peer.next()
    assert await reader.readexactly(10) == b"0123456789"
    exchange.transports.send(flow, b"more", "key")
    assert await reader.readexactly(4) == b"more"
    assert exchange.transports.counters.connections_opened == 1
    writer.write(OPTIONS)
    answer_flow = (await exchange.next())[1]
    assert answer_flow[:4] == ("TCP", *peer.address, 0)
    assert answer_flow.connection > 0
    writer.close()
    peer.close()


async def test_an_accepted_connection_serves_requests_to_its_other_end(serve, dial):
    exchange = serve()
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(OPTIONS)
    await exchange.next()
    exchange.transports.send(exchange.transports.flow_to("TCP", *peer.address), b"again", "key")
    assert await peer.read(5) == b"again"


async def test_when_the_connection_is_gone_another_is_opened_to_the_port_of_the_flow(serve, dial):
    exchange, sent_by = serve(), await far()
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(OPTIONS)
    _, flow = await exchange.next()
    await peer.close()
    await exchange.connections(0)
    exchange.transports.send(flow._replace(port=sent_by.address[1]), b"SIP/2.0 200 OK", "key")
    reader, writer = await sent_by.next()
    assert await reader.readexactly(14) == b"SIP/2.0 200 OK"
    writer.close()
    sent_by.close()


async def test_a_connection_that_the_peer_closed_is_opened_again(serve):
    exchange, peer = serve(), await far()
    await exchange.listen("tcp:127.0.0.1:0")
    flow = exchange.transports.flow_to("TCP", *peer.address)
    for number in range(3):
        exchange.transports.send(flow, b"%d" % number, "key")
        reader, writer = await peer.next()
        assert await reader.readexactly(1) == b"%d" % number
        writer.close()
        await writer.wait_closed()
        await exchange.connections(0)
    assert exchange.transports.counters.connections_opened == 3
    peer.close()


async def test_a_connection_number_of_another_peer_is_not_believed(serve, dial, nobody):
    exchange = serve()
    peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await peer.send(OPTIONS)
    _, flow = await exchange.next()
    exchange.transports.send(flow._replace(host="127.0.0.9", port=nobody), b"secret", "key")
    assert (await exchange.failure())[0] == "key"
    exchange.transports.send(flow, b"mine")
    assert await peer.read(4) == b"mine"


async def test_numbers_of_two_runs_do_not_meet(serve, dial):
    numbers = []
    for _ in range(2):
        exchange = serve()
        peer = await dial(await exchange.listen("tcp:127.0.0.1:0"))
        await peer.send(OPTIONS)
        numbers.append((await exchange.next())[1].connection)
    assert all(number > 1 << 50 for number in numbers)
    assert numbers[0] < numbers[1], "of two runs within one second"


async def test_a_refused_connection_fails_everything_that_waits_for_it_later(serve, nobody):
    exchange = serve()
    await exchange.listen("tcp:127.0.0.1:0")
    flow = exchange.transports.flow_to("TCP", "127.0.0.1", nobody)
    for key in ("a", "b", ""):
        exchange.transports.send(flow, b"INVITE", key)
    assert exchange.failures.empty()
    assert [await exchange.failure() for _ in range(2)] == [
        ("a", f"TCP to 127.0.0.1:{nobody}: Connection refused"),
        ("b", f"TCP to 127.0.0.1:{nobody}: Connection refused"),
    ]
    assert exchange.failures.empty()


@pytest.fixture
def deaf():
    """A listening socket that completes no handshake: its backlog is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
            fillers.append(filler)
        yield listening.getsockname()
        for filler in fillers:
            filler.close()


async def test_a_connection_that_does_not_come_is_given_up_in_time(serve, deaf):
    exchange = serve(replace(LIMITS, connect_timeout_s=0.05))
    await exchange.listen("tcp:127.0.0.1:0")
    exchange.transports.send(exchange.transports.flow_to("TCP", *deaf), b"INVITE", "key")
    reason = f"TCP to 127.0.0.1:{deaf[1]}: no connection in 0.05 s (limits.connect)"
    assert await exchange.failure() == ("key", reason)


async def test_the_queue_of_a_coming_connection_is_bounded_in_messages(serve, deaf):
    exchange = serve(replace(LIMITS, connecting_queue=3, connect_timeout_s=0.05))
    await exchange.listen("tcp:127.0.0.1:0")
    flow = exchange.transports.flow_to("TCP", *deaf)
    for number in range(4):
        exchange.transports.send(flow, b"INVITE", f"{number}")
    assert (await exchange.failure())[0] == "3"
    assert exchange.trouble("queue full") == 1
    assert [(await exchange.failure())[0] for _ in range(3)] == ["0", "1", "2"]


async def test_the_queue_of_a_coming_connection_is_bounded_in_octets(serve, deaf):
    exchange = serve(replace(LIMITS, tcp_write_buffer_bytes=12, connect_timeout_s=0.05))
    await exchange.listen("tcp:127.0.0.1:0")
    flow = exchange.transports.flow_to("TCP", *deaf)
    for number in range(3):
        exchange.transports.send(flow, b"INVITE", f"{number}")
    assert (await exchange.failure())[0] == "2"


async def test_connections_being_opened_are_bounded(serve, deaf):
    exchange = serve(replace(LIMITS, tcp_connecting=1, connect_timeout_s=0.05))
    await exchange.listen("tcp:127.0.0.1:0")
    exchange.transports.send(exchange.transports.flow_to("TCP", *deaf), b"INVITE", "first")
    exchange.transports.send(exchange.transports.flow_to("TCP", "127.0.0.2", 1), b"INVITE", "second")
    reason = "TCP to 127.0.0.2:1: 1 other connections are being opened (limits.tcp_connecting)"
    assert await exchange.failure() == ("second", reason)


async def test_stopping_fails_what_waits_even_for_a_connection_not_begun(serve, deaf):
    exchange = serve()
    await exchange.listen("tcp:127.0.0.1:0")
    exchange.transports.send(exchange.transports.flow_to("TCP", *deaf), b"INVITE", "key")
    await exchange.transports.stop()
    assert await exchange.failure() == ("key", f"TCP to 127.0.0.1:{deaf[1]}: given up")


async def test_one_address_has_its_share_and_no_more(serve, dial):
    exchange = serve(replace(LIMITS, tcp_connections_per_address=3))
    address = await exchange.listen("tcp:127.0.0.1:0")
    peers = [await dial(address) for _ in range(3)]
    refused = await dial(address)
    assert await refused.ended() == b""
    assert exchange.trouble("address full") == 1
    for peer in peers:
        await peer.send(OPTIONS)
        await exchange.next()
    await peers[0].close()
    await exchange.connections(2)
    again = await dial(address)
    await again.send(OPTIONS)
    assert (await exchange.next())[0] == OPTIONS


async def test_a_connection_that_never_came_to_stand_gives_its_place_back(serve, dial, monkeypatch):
    exchange = serve(replace(LIMITS, tcp_connections_per_address=1))
    address = await exchange.listen("tcp:127.0.0.1:0")

    def broken() -> asyncio.Protocol:
        raise OSError("no transport")

    with monkeypatch.context() as patch:
        patch.setattr(exchange.transports._pool, "_protocol", lambda connection: broken)
        assert await (await dial(address)).ended() == b""
    await exchange.connections(0)
    peer = await dial(address)
    await peer.send(OPTIONS)
    assert (await exchange.next())[0] == OPTIONS


async def test_another_address_is_not_refused_for_it(serve, dial):
    exchange = serve(replace(LIMITS, tcp_connections_per_address=1))
    address = await exchange.listen("tcp:127.0.0.1:0")
    await dial(address)
    _, writer = await asyncio.open_connection(*address, local_addr=("127.0.0.2", 0))
    writer.write(OPTIONS)
    assert (await exchange.next())[1].host == "127.0.0.2"
    writer.close()
    await writer.wait_closed()


async def test_a_silent_connection_makes_room_when_all_are_taken_and_a_used_one_does_not(serve, dial):
    exchange = serve(replace(LIMITS, tcp_connections=2))
    address = await exchange.listen("tcp:127.0.0.1:0")
    used, silent = await dial(address), await dial(address)
    await used.send(OPTIONS)
    await exchange.next()
    await exchange.connections(2)
    newcomer = await dial(address)
    assert await silent.ended() == b""
    await newcomer.send(OPTIONS)
    await exchange.next()
    refused = await dial(address)
    assert await refused.ended() == b""
    assert exchange.trouble("connections full") == 2
    await used.send(OPTIONS)
    await exchange.next()


async def test_we_open_no_connection_either_when_all_are_taken(serve, dial, nobody):
    exchange = serve(replace(LIMITS, tcp_connections=1))
    used = await dial(await exchange.listen("tcp:127.0.0.1:0"))
    await used.send(OPTIONS)
    await exchange.next()
    exchange.transports.send(exchange.transports.flow_to("TCP", "127.0.0.1", nobody), b"INVITE", "key")
    reason = f"TCP to 127.0.0.1:{nobody}: 1 connections are open (limits.tcp_connections)"
    assert await exchange.failure() == ("key", reason)


async def test_a_stopped_pool_has_closed_its_connections(serve, dial):
    exchange = serve()
    peers = [await dial(await exchange.listen("tcp:127.0.0.1:0")) for _ in range(2)]
    for peer in peers:
        await peer.send(OPTIONS)
    flows = [(await exchange.next())[1] for _ in peers]
    exchange.transports.send(flows[0], b"last words")
    await exchange.transports.stop()
    assert sorted([await peer.ended() for peer in peers]) == [b"", b"last words"]
    assert exchange.transports.counters.connections_open == 0
    exchange.transports.send(flows[0], b"too late", "key")
    assert await exchange.failure() == ("key", f"TCP to 127.0.0.1:{flows[0].port}: the server is stopping")


async def test_a_connection_comes_from_the_address_we_listen_on(serve):
    exchange, peer = serve(), await far()
    await exchange.listen("tcp:127.0.0.5:0")
    exchange.transports.send(Flow("TCP", *peer.address, 0), b"x")
    _, writer = await peer.next()
    assert writer.get_extra_info("peername")[0] == "127.0.0.5"
    writer.close()
    peer.close()


async def test_a_connection_that_ends_is_told_but_for_those_that_the_server_ends(serve):
    exchange = serve()
    _, port = await exchange.listen("tcp:127.0.0.1:0")
    readers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    flows = []
    for _, writer in readers:
        writer.write(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n")
        flows.append((await asyncio.wait_for(exchange.received.get(), 5))[1])
    assert [exchange.transports.has(flow) for flow in flows] == [True, True]
    assert not exchange.transports.has(flows[0]._replace(host="192.0.2.1"))
    readers[0][1].close()
    assert await asyncio.wait_for(exchange.lost.get(), 5) == flows[0]
    assert [exchange.transports.has(flow) for flow in flows] == [False, True]
    await exchange.transports.stop()
    assert exchange.lost.empty()
    readers[1][1].close()
