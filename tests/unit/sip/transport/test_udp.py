"""One UDP socket: datagrams over loopback, both families."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import replace

import pytest

from strowger.sip.flow import Flow
from strowger.sip.transport.flow import ListenAddress
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.numeric import numeric
from strowger.sip.transport.trouble import Counters, Troubles
from strowger.sip.transport.udp import DATAGRAMS_PER_TURN, UdpListener

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_datagram_arrives_with_its_flow_and_is_answered_on_it(serve, phone, host):
    exchange, peer = serve(), phone(host)
    address = await exchange.listen(f"udp:[{host}]:0" if ":" in host else f"udp:{host}:0")
    peer.sendto(b"OPTIONS", address)
    data, flow = await exchange.next()
    assert (data, flow) == (b"OPTIONS", Flow("UDP", host, peer.getsockname()[1], 0, 0))
    exchange.transports.send(flow, b"SIP/2.0 200 OK", "key")
    answer, sender = peer.recvfrom(99)
    assert (answer, sender[:2]) == (b"SIP/2.0 200 OK", address)
    assert exchange.transports.counters.datagrams_in == exchange.transports.counters.datagrams_out == 1


async def test_keep_alives_are_swallowed(serve, phone):
    exchange, peer = serve(), phone()
    address = await exchange.listen("udp:127.0.0.1:0")
    for keep_alive in (b"", b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0", b"\r\n\0"):
        peer.sendto(keep_alive, address)
    peer.sendto(b"\r\n\r\nOPTIONS", address)
    assert (await exchange.next())[0] == b"\r\n\r\nOPTIONS"
    assert exchange.received.empty()
    assert exchange.transports.counters.keep_alives == 6


async def test_any_octets_are_handed_up_as_they_are(serve, phone):
    exchange, peer = serve(), phone()
    address = await exchange.listen("udp:127.0.0.1:0")
    for payload in (b"\xff\xfe\xfd", b"\0a", bytes(range(256)), b" "):
        peer.sendto(payload, address)
        assert (await exchange.next())[0] == payload


async def test_the_longest_datagram_passes_and_one_octet_more_does_not(serve, phone):
    exchange, peer = serve(replace(TransportLimits(), datagram_bytes=1_000)), phone()
    address = await exchange.listen("udp:127.0.0.1:0")
    peer.sendto(b"x" * 1_001, address)
    peer.sendto(b"x" * 1_000, address)
    assert (await exchange.next())[0] == b"x" * 1_000
    assert exchange.trouble("datagram too long") == 1


async def test_the_largest_datagram_of_ipv4_arrives(serve, phone):
    exchange, peer = serve(), phone()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000)
    peer.sendto(b"x" * 65_507, await exchange.listen("udp:127.0.0.1:0"))
    assert len((await exchange.next())[0]) == 65_507


async def test_what_is_too_long_to_send_is_reported(serve, phone):
    exchange = serve()
    await exchange.listen("udp:127.0.0.1:0")
    flow = exchange.transports.flow_to("UDP", *phone().getsockname())
    exchange.transports.send(flow, b"x" * 65_508, "key")
    assert exchange.failures.empty()
    key, reason = await exchange.failure()
    assert key == "key"
    assert reason == f"UDP to 127.0.0.1:{flow.port}: Message too long"
    assert exchange.trouble("undelivered") == 1


async def test_a_receiver_that_raises_costs_one_datagram(serve, phone):
    exchange, peer = serve(), phone()
    address = await exchange.listen("udp:127.0.0.1:0")
    surfaced: asyncio.Queue[BaseException] = asyncio.Queue()
    asyncio.get_running_loop().set_exception_handler(lambda _, what: surfaced.put_nowait(what["exception"]))

    def choke(data: bytes, flow: Flow) -> None:
        if data == b"1":
            raise LookupError("receiver at fault")

    exchange.on_receive = choke
    for payload in (b"1", b"2"):
        peer.sendto(payload, address)
    assert [(await exchange.next())[0] for _ in range(2)] == [b"1", b"2"]
    assert str(await asyncio.wait_for(surfaced.get(), 5)) == "receiver at fault"


async def test_a_peer_that_is_not_there_does_not_end_the_socket(serve, phone):
    exchange, peer = serve(), phone()
    gone = phone()
    lost = gone.getsockname()
    gone.close()
    address = await exchange.listen("udp:127.0.0.1:0")
    for _ in range(3):
        exchange.transports.send(exchange.transports.flow_to("UDP", *lost), b"OPTIONS", "key")
    peer.sendto(b"OPTIONS", address)
    assert (await exchange.next())[0] == b"OPTIONS"
    assert exchange.failures.empty()


async def test_more_datagrams_than_one_turn_takes_all_arrive(serve, phone):
    exchange, peer = serve(), phone()
    address = await exchange.listen("udp:127.0.0.1:0")
    for number in range(3 * DATAGRAMS_PER_TURN + 1):
        peer.sendto(b"%d" % number, address)
    assert [(await exchange.next())[0] for _ in range(97)] == [b"%d" % number for number in range(97)]


class FaultySocket(socket.socket):
    """A UDP socket whose calls fail with the errors put into it."""

    read_error: OSError | None = None
    write_error: OSError | None = None

    def recvfrom(self, *args):
        error, self.read_error = self.read_error, None
        if error:
            raise error
        return super().recvfrom(*args)

    def sendto(self, *args):
        if self.write_error:
            raise self.write_error
        return super().sendto(*args)


@pytest.fixture
def faulty():
    made = FaultySocket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.bind(("127.0.0.1", 0))
    yield made
    made.close()


def reading(made: FaultySocket) -> tuple[UdpListener, asyncio.Queue[bytes], Counters]:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    counters = Counters()
    listener = UdpListener(
        made,
        ListenAddress("UDP", *made.getsockname()),
        0,
        receive=lambda data, flow: queue.put_nowait(data),
        limits=TransportLimits(),
        counters=counters,
        troubles=Troubles(counters, lambda: 0.0),
    )
    return listener, queue, counters


async def test_an_icmp_error_read_from_the_socket_is_counted_and_reading_goes_on(faulty, phone):
    listener, queue, counters = reading(faulty)
    faulty.read_error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    phone().sendto(b"OPTIONS", faulty.getsockname())
    assert await asyncio.wait_for(queue.get(), 5) == b"OPTIONS"
    assert counters.troubles["receive failed"] == 1
    listener.close()


async def test_a_system_out_of_memory_is_left_alone_for_a_while(faulty, phone, monkeypatch):
    monkeypatch.setattr("strowger.sip.transport.udp.PAUSE_S", 0.01)
    listener, queue, counters = reading(faulty)
    faulty.read_error = OSError(errno.ENOMEM, "Cannot allocate memory")
    phone().sendto(b"OPTIONS", faulty.getsockname())
    assert await asyncio.wait_for(queue.get(), 5) == b"OPTIONS"
    assert counters.troubles["receive failed"] == 1
    listener.close()
    listener.close()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS, errno.EPERM])
async def test_a_datagram_the_system_drops_is_lost_not_failed(faulty, number):
    listener, _, counters = reading(faulty)
    faulty.write_error = OSError(number, "not now")
    peer = numeric("127.0.0.1")
    assert peer is not None
    assert listener.send(b"OPTIONS", peer, 5060) == ""
    assert counters.troubles["lost in sending"] == 1
    assert counters.datagrams_out == 0
    listener.close()


async def test_how_long_there_have_been_more_datagrams_than_were_read(serve, phone):
    exchange, peer = serve(), phone()
    address = await exchange.listen("udp:127.0.0.1:0")
    backlogs = []
    exchange.on_receive = lambda data, flow: backlogs.append(exchange.transports.backlog_s())
    for _ in range(3 * DATAGRAMS_PER_TURN):
        peer.sendto(b"OPTIONS", address)
    for _ in range(3 * DATAGRAMS_PER_TURN):
        await exchange.next()
    assert backlogs[: 2 * DATAGRAMS_PER_TURN] == [0.0] * 2 * DATAGRAMS_PER_TURN
    assert backlogs[-1] >= 0.0
    behind = exchange.transports.backlog_s()
    peer.sendto(b"OPTIONS", address)
    await exchange.next()
    await asyncio.sleep(0)
    assert behind < 5
    assert exchange.transports.backlog_s() == 0.0
