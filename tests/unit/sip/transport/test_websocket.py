"""SIP over WebSocket, with aiohttp's client as the peer."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import cast

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web

from strowger.sip.flow import Flow
from strowger.sip.transport.errors import NoListener
from strowger.sip.transport.flow import ListenAddress
from strowger.sip.transport.limits import TransportLimits

pytestmark = pytest.mark.asyncio
LIMITS = TransportLimits()
OPTIONS = b"OPTIONS sip:1 SIP/2.0\r\n\r\n"
"""A frame ends where its message ends: Content-Length is not needed."""
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: c3Ryb3dnZXItc3Ryb3dnZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as made:
        yield made


@pytest_asyncio.fixture
async def connect(session: aiohttp.ClientSession) -> AsyncIterator[Callable]:
    """Opens WebSockets, and closes them at the end."""
    made: list[aiohttp.ClientWebSocketResponse] = []

    async def opened(address: tuple[str, int], scheme: str = "ws", **options):
        host, port = address
        url = f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
        made.append(await session.ws_connect(url, **{"protocols": ("sip",), **options}))
        return made[-1]

    yield opened
    for each in made:
        await each.close()


async def raw(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*address)


async def ended(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 5)
    return b""


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """A client's frame with a mask of zeros."""
    head = bytes([(0x80 if final else 0) | opcode])
    if len(payload) < 126:
        return head + bytes([0x80 | len(payload)]) + bytes(4) + payload
    return head + b"\xfe" + struct.pack("!H", len(payload)) + bytes(4) + payload


# ------------------------------------------------------------------------------------------------------------ messages


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_message_arrives_with_its_flow_and_is_answered_on_it(serve, connect, host):
    exchange = serve()
    address = await exchange.listen(f"ws:[{host}]:0" if ":" in host else f"ws:{host}:0")
    peer = await connect(address)
    assert peer.protocol == "sip"
    await peer.send_str(OPTIONS.decode())
    data, flow = await exchange.next()
    assert data == OPTIONS
    assert flow[:4] == ("WS", *peer.get_extra_info("sockname")[:2], 0)
    assert flow.connection > 0
    exchange.transports.send(flow, b"SIP/2.0 200 OK\r\n\r\n", "key")
    assert await peer.receive() == (WSMsgType.TEXT, "SIP/2.0 200 OK\r\n\r\n", "")
    assert exchange.failures.empty()
    assert (exchange.transports.counters.messages_in, exchange.transports.counters.messages_out) == (1, 1)


async def test_it_is_the_same_over_tls(serve, connect, tls, trusting):
    exchange = serve(tls=tls)
    peer = await connect(await exchange.listen("wss:127.0.0.1:0"), "wss", ssl=trusting)
    await peer.send_bytes(OPTIONS)
    data, flow = await exchange.next()
    assert (data, flow.transport) == (OPTIONS, "WSS")
    exchange.transports.send(flow, b"200", "key")
    assert (await peer.receive()).data == "200"
    assert exchange.transports.sent_by(flow) == f"127.0.0.1:{exchange.transports.local(0)[2]}"


async def test_text_and_binary_are_taken_and_what_is_no_utf_8_is_sent_as_binary(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    await peer.send_str("MESSAGE grüß")
    data, flow = await exchange.next()
    assert data == "MESSAGE grüß".encode()
    await peer.send_bytes(b"MESSAGE \xff\x00")
    assert (await exchange.next())[0] == b"MESSAGE \xff\x00"
    for payload in (b"ascii", "grüß".encode(), b"\xff\x00"):
        exchange.transports.send(flow, payload)
    assert [(await peer.receive())[:2] for _ in range(3)] == [
        (WSMsgType.TEXT, "ascii"),
        (WSMsgType.TEXT, "grüß"),
        (WSMsgType.BINARY, b"\xff\x00"),
    ]


async def test_messages_keep_their_order_both_ways(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    for number in range(200):
        await peer.send_str(f"{number}")
    received = [await exchange.next() for _ in range(200)]
    assert [data for data, _ in received] == [b"%d" % number for number in range(200)]
    for data, flow in received:
        exchange.transports.send(flow, data, "key")
    assert [(await peer.receive()).data for _ in range(200)] == [f"{number}" for number in range(200)]


async def test_a_message_in_fragments_is_one(serve):
    exchange = serve()
    _, writer = await raw(await exchange.listen("ws:127.0.0.1:0"))
    writer.write(UPGRADE + frame(1, b"OPTIONS ", final=False) + frame(9, b"") + frame(0, b"sip:1 SIP/2.0\r\n\r\n"))
    assert (await exchange.next())[0] == OPTIONS
    writer.close()


async def test_a_receiver_that_raises_costs_one_message_not_the_connection(serve, connect):
    exchange = serve()
    seen: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context))

    def receive(data: bytes, flow: Flow) -> None:
        if data == b"bad":
            raise RuntimeError("a fault of ours")

    exchange.on_receive = receive
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    for text in ("bad", "good"):
        await peer.send_str(text)
    assert [(await exchange.next())[0] for _ in range(2)] == [b"bad", b"good"]
    assert [str(each["exception"]) for each in seen] == ["a fault of ours"]


async def test_a_peer_in_a_hurry_is_made_to_wait(serve, connect):
    exchange = serve()
    told = []

    def pace(messages: int) -> float:
        told.append(messages)
        return 0.05

    exchange.pace = pace
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    loop = asyncio.get_running_loop()
    await peer.send_bytes(OPTIONS)
    await exchange.next()
    began = loop.time()
    await peer.send_bytes(OPTIONS)
    await exchange.next()
    assert loop.time() - began >= 0.04
    assert told == [1, 1]


@pytest.mark.parametrize("octets", [LIMITS.ws_frame_bytes - 1, LIMITS.ws_frame_bytes])
async def test_a_message_up_to_the_limit_is_taken(serve, connect, octets):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    await peer.send_bytes(b"x" * octets)
    assert len((await exchange.next())[0]) == octets


async def test_a_message_over_the_limit_ends_the_connection(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    await peer.send_str("first")
    await exchange.next()
    await peer.send_bytes(b"x" * (LIMITS.ws_frame_bytes + 1))
    assert (await peer.receive()).type is WSMsgType.CLOSE
    assert peer.close_code == 1009
    await exchange.connections(0)
    assert exchange.received.empty()
    assert exchange.trouble("unframeable stream") == 1


async def test_text_that_is_no_utf_8_ends_the_connection(serve):
    exchange = serve()
    reader, writer = await raw(await exchange.listen("ws:127.0.0.1:0"))
    writer.write(UPGRADE + frame(1, b"\xff"))
    assert (await ended(reader)).endswith(b"\r\n\r\n\x88\x02\x03\xef")
    await exchange.connections(0)
    assert exchange.trouble("unframeable stream") == 1
    writer.close()


# ----------------------------------------------------------------------------------------------------------- handshake


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 400),
        ("GET", {"Sec-WebSocket-Protocol": "sip"}, 400),
        ("POST", {"Sec-WebSocket-Protocol": "sip"}, 400),
        ("GET", {"Sec-WebSocket-Protocol": "xmpp, msrp", "Upgrade": "websocket", "Connection": "Upgrade"}, 400),
    ],
)
async def test_whoever_does_not_ask_for_sip_is_refused_without_a_word_about_us(
    serve, session, method, headers, status
):
    exchange = serve()
    host, port = await exchange.listen("ws:127.0.0.1:0")
    async with session.request(method, f"http://{host}:{port}/", headers=headers) as response:
        assert response.status == status
        assert response.headers["Server"] == "strowger"
        assert "aiohttp" not in await response.text()
    await exchange.connections(0)


async def test_one_of_several_subprotocols_is_enough_and_no_extension_is_agreed_on(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"), protocols=("msrp", "sip"), compress=15)
    assert (peer.protocol, peer.compress) == ("sip", 0)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://Phone.example", 101), ("https://evil.example", 403), (None, 403), ("null", 403)],
)
async def test_only_pages_of_the_origins_that_are_allowed_connect(serve, connect, origin, status):
    exchange = serve(replace(LIMITS, ws_origins=("https://phone.example",)))
    address = await exchange.listen("ws:127.0.0.1:0")
    if status == 101:
        assert (await connect(address, origin=origin)).protocol == "sip"
        return
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(address, origin=origin)
    assert refused.value.status == status


async def test_octets_that_are_no_http_are_answered_without_being_repeated(serve):
    exchange = serve()
    reader, writer = await raw(await exchange.listen("ws:127.0.0.1:0"))
    writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
    said = await ended(reader)
    assert said.startswith(b"HTTP/1.0 400 ") or said.startswith(b"HTTP/1.1 400 ")
    assert b"nonsense" not in said
    assert b"aiohttp" not in said
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost:"])
async def test_a_slow_handshake_is_closed_at_its_limit(serve, sent):
    exchange = serve(replace(LIMITS, handshake_s=0.05))
    reader, writer = await raw(await exchange.listen("ws:127.0.0.1:0"))
    writer.write(sent)
    assert await ended(reader) == b""
    await exchange.connections(0)
    assert exchange.trouble("handshake failed") == 1
    writer.close()


async def test_a_slow_request_over_tls_is_closed_at_the_same_limit(serve, tls, trusting):
    exchange = serve(replace(LIMITS, handshake_s=0.2), tls=tls)
    address = await exchange.listen("wss:127.0.0.1:0")
    reader, writer = await asyncio.open_connection(*address, ssl=trusting)
    assert await ended(reader) == b""
    half_open, half_writer = await raw(address)
    assert await ended(half_open) == b""
    await exchange.connections(0)
    assert exchange.trouble("handshake failed") == 2
    writer.close()
    half_writer.close()


async def test_of_too_many_handshakes_the_oldest_makes_way(serve, connect):
    exchange = serve(replace(LIMITS, handshakes=1))
    address = await exchange.listen("ws:127.0.0.1:0")
    reader, writer = await raw(address)
    await exchange.handshakes(1)
    peer = await connect(address)
    assert await ended(reader) == b""
    await peer.send_str("here")
    assert (await exchange.next())[0] == b"here"
    writer.close()


async def test_one_address_has_its_share_and_no_more(serve, connect):
    exchange = serve(replace(LIMITS, tcp_connections_per_address=2))
    address = await exchange.listen("ws:127.0.0.1:0")
    peers = [await connect(address) for _ in range(2)]
    reader, writer = await raw(address)
    assert await ended(reader) == b""
    writer.close()
    assert exchange.trouble("address full") == 1
    await peers[0].close()
    await exchange.connections(1)
    await connect(address)


# ---------------------------------------------------------------------------------------------------------- keep-alive


async def test_pings_and_double_line_breaks_are_answered(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"), autoping=False)
    await peer.ping(b"x")
    assert (await peer.receive())[:2] == (WSMsgType.PONG, b"x")
    for text in ("\r\n", "", "\r\n\r\n"):
        await peer.send_str(text)
    assert (await peer.receive())[:2] == (WSMsgType.TEXT, "\r\n")
    assert exchange.transports.counters.keep_alives == 3
    assert exchange.received.empty()


async def test_a_silent_peer_is_pinged_and_gone_when_it_does_not_answer(serve, connect):
    exchange = serve(replace(LIMITS, ws_ping_s=0.05))
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"), autoping=False)
    await peer.send_str("here")
    await exchange.next()
    assert (await peer.receive()).type is WSMsgType.PING
    await exchange.connections(0)
    assert exchange.trouble("idle connection") == 1


async def test_a_connection_that_brings_no_message_is_closed(serve, connect):
    exchange = serve(replace(LIMITS, tcp_message_s=0.05))
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    await peer.send_str("\r\n\r\n")
    assert (await peer.receive()).data == "\r\n"
    assert (await peer.receive()).type is WSMsgType.CLOSE
    assert peer.close_code == 1001
    await exchange.connections(0)
    assert exchange.trouble("silent connection") == 1


# ------------------------------------------------------------------------------------------------------------- the end


async def test_nothing_is_sent_to_a_peer_that_is_gone(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    await peer.send_str("here")
    _, flow = await exchange.next()
    await peer.close()
    await exchange.connections(0)
    exchange.transports.send(flow, b"INVITE", "key")
    assert exchange.failures.empty()
    reason = f"WS to 127.0.0.1:{flow.port}: the connection is gone, and only the peer can open another"
    assert await exchange.failure() == ("key", reason)


async def test_a_flow_of_before_a_restart_leads_nowhere(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    await peer.send_str("here")
    _, flow = await exchange.next()
    exchange.transports.send(flow._replace(connection=0), b"INVITE", "key")
    assert (await exchange.failure())[1].endswith("only the peer can open another")


async def test_a_connection_serves_other_ports_of_its_flow_but_no_other_host(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    await peer.send_str("here")
    _, flow = await exchange.next()
    exchange.transports.send(flow._replace(host="127.0.0.9"), b"secret", "key")
    assert (await exchange.failure())[0] == "key"
    exchange.transports.send(flow._replace(port=5060), b"mine", "key")
    assert (await peer.receive()).data == "mine"


@pytest.mark.parametrize("transport", ["WS", "wss"])
async def test_no_peer_is_called(serve, transport):
    exchange = serve()
    await exchange.listen("ws:127.0.0.1:0")
    with pytest.raises(NoListener, match="only a peer can open a WebSocket"):
        exchange.transports.flow_to(transport, "127.0.0.1", 80)


async def test_messages_lost_with_the_connection_are_reported(serve, connect):
    exchange = serve()
    _, writer = await raw(await exchange.listen("ws:127.0.0.1:0"))
    writer.write(UPGRADE + frame(1, b"here"))
    _, flow = await exchange.next()
    cast(asyncio.Transport, writer.transport).pause_reading()
    for number in range(20):
        exchange.transports.send(flow, b"x" * 10_000, f"{number}")
    exchange.transports._pool._all[flow.connection].abort("cut by the test")
    failures = [await exchange.failure() for _ in range(20)]
    assert failures == [(f"{number}", f"WS to 127.0.0.1:{flow.port}: cut by the test") for number in range(20)]
    writer.close()


async def test_a_peer_that_does_not_read_is_cut_and_what_it_never_got_is_reported(serve):
    exchange = serve(replace(LIMITS, tcp_write_buffer_bytes=50_000))
    _, writer = await raw(await exchange.listen("ws:127.0.0.1:0"))
    writer.write(UPGRADE + frame(1, b"here"))
    _, flow = await exchange.next()
    cast(asyncio.Transport, writer.transport).pause_reading()
    sent = 0
    async with asyncio.timeout(5):
        while not exchange.trouble("peer does not read"):
            exchange.transports.send(flow, b"x" * 10_000, f"{sent}")
            sent += 1
            await asyncio.sleep(0)
    await exchange.connections(0)
    keys = [(await exchange.failure())[0] for _ in range(exchange.failures.qsize())]
    assert keys[-1] == f"{sent - 1}"
    assert len(keys) >= 6
    writer.close()


async def test_a_stopped_server_says_goodbye_after_what_was_written(serve, connect):
    exchange = serve()
    peer = await connect(await exchange.listen("ws:127.0.0.1:0"))
    await peer.send_str("here")
    _, flow = await exchange.next()
    exchange.transports.send(flow, b"last words", "key")
    stopping = asyncio.create_task(exchange.transports.stop())
    assert (await peer.receive()).data == "last words"
    assert (await peer.receive()).type is WSMsgType.CLOSE
    await stopping
    assert peer.close_code == 1001
    assert exchange.failures.empty()
    assert exchange.transports.counters.connections_open == 0


async def test_stopping_does_not_wait_for_a_peer_that_says_nothing(serve):
    exchange = serve(replace(LIMITS, close_s=0.05))
    address = await exchange.listen("ws:127.0.0.1:0")
    upgraded, begun = await raw(address), await raw(address)
    upgraded[1].write(UPGRADE)
    await upgraded[0].readuntil(b"\r\n\r\n")
    await exchange.connections(2)
    await exchange.transports.stop()
    assert exchange.transports.counters.connections_open == 0
    for reader, writer in (upgraded, begun):
        await ended(reader)
        writer.close()


# ------------------------------------------------------------------------------------------------------------- mounted


class Console:
    """Somebody else's HTTP listener."""

    def __init__(self, handle: Callable) -> None:
        self._server = web.Server(handle, handler_cancellation=True)
        self.address = ("", 0)

    async def open(self) -> None:
        self._listening = await asyncio.get_running_loop().create_server(self._server, "127.0.0.1", 0)
        self.address = self._listening.sockets[0].getsockname()

    async def close(self) -> None:
        self._listening.close()
        await self._server.shutdown(1)


async def mounted(exchange) -> Console:
    door = exchange.transports.mount_websocket(ListenAddress("WS", "127.0.0.1", 7080))
    console = Console(door.handle)
    await console.open()
    return console


async def test_a_door_on_another_listener_is_a_listener_of_its_own(serve, connect):
    exchange = serve()
    await exchange.listen("udp:127.0.0.1:0")
    console = await mounted(exchange)
    peer = await connect(console.address)
    await peer.send_str("here")
    data, flow = await exchange.next()
    assert (data, flow.transport, flow.listener) == (b"here", "WS", 1)
    assert exchange.transports.sent_by(flow) == "127.0.0.1:7080"
    assert exchange.transports.local(1) == ("WS", "127.0.0.1", 7080)
    exchange.transports.send(flow, b"200", "key")
    assert (await peer.receive()).data == "200"
    await peer.close()
    await exchange.connections(0)
    exchange.transports.send(flow, b"INVITE", "key")
    assert (await exchange.failure())[0] == "key"
    await console.close()


async def test_a_door_whose_listener_has_a_name_serves_both_families(serve):
    exchange = serve()
    named = exchange.transports.mount_websocket(ListenAddress("WS", "localhost", 7080))
    numbered = exchange.transports.mount_websocket(ListenAddress("WSS", "::1", 7443))
    assert (named.family, numbered.family) == (0, 6)
    exchange.transports.send(Flow("WS", "127.0.0.1", 5, 0, 7), b"INVITE", "key")
    assert (await exchange.failure())[1].endswith("only the peer can open another")


async def test_the_door_has_the_same_limits(serve, connect, session):
    exchange = serve(replace(LIMITS, tcp_connections_per_address=1))
    console = await mounted(exchange)
    await connect(console.address)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(console.address)
    assert refused.value.status == 503
    assert exchange.trouble("address full") == 1
    await exchange.transports.stop()
    await exchange.connections(0)
    await console.close()


async def test_a_refusal_at_the_door_keeps_no_place(serve, session):
    exchange = serve()
    console = await mounted(exchange)
    async with session.get(f"http://127.0.0.1:{console.address[1]}/sip") as response:
        assert response.status == 400
    await exchange.connections(0)
    assert exchange.transports.counters.connections_accepted == 1
    await console.close()


async def test_a_door_learns_the_port_that_its_listener_got(serve):
    exchange = serve()
    door = exchange.transports.mount_websocket(ListenAddress("WS", "127.0.0.1", 0))
    door.bound(41_080)
    assert exchange.transports.local(0) == ("WS", "127.0.0.1", 41_080)
    assert exchange.transports.sent_by(Flow("WS", "127.0.0.1", 5, 0, 7)) == "127.0.0.1:41080"
