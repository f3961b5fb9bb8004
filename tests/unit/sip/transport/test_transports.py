"""The door: choosing a listener, names, what can never be sent, and our own address."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from strowger.sip.driver import Sockets
from strowger.sip.flow import Flow
from strowger.sip.location.resolve import Destination
from strowger.sip.network import flows_to
from strowger.sip.transport.errors import ListenFailed, NoListener
from strowger.sip.transport.limits import TransportLimits

pytestmark = pytest.mark.asyncio
LIMITS = TransportLimits()


async def test_listeners_are_numbered_and_tell_their_port(serve):
    exchange = serve()
    for text in ("udp:127.0.0.1:0", "tcp:127.0.0.1:0", "udp:[::1]:0"):
        await exchange.listen(text)
    assert [exchange.transports.local(index)[:2] for index in range(3)] == [
        ("UDP", "127.0.0.1"),
        ("TCP", "127.0.0.1"),
        ("UDP", "::1"),
    ]
    assert all(exchange.transports.local(index)[2] > 0 for index in range(3))


async def test_a_port_that_is_taken_leaves_the_rest_working(serve, phone):
    exchange, peer = serve(), phone()
    address = await exchange.listen("udp:127.0.0.1:0")
    with pytest.raises(ListenFailed, match="Address already in use"):
        await exchange.listen(f"udp:127.0.0.1:{address[1]}")
    peer.sendto(b"OPTIONS", address)
    assert (await exchange.next())[1].listener == 0


@pytest.mark.parametrize(
    ("transport", "host", "family", "flow"),
    [
        ("UDP", "192.0.2.1", None, Flow("UDP", "192.0.2.1", 5, 0, 0)),
        ("udp", "2001:DB8::1", None, Flow("UDP", "2001:db8::1", 5, 2, 0)),
        ("UDP", "[2001:db8::1]", 4, Flow("UDP", "2001:db8::1", 5, 2, 0)),
        ("TCP", "192.0.2.1", None, Flow("TCP", "192.0.2.1", 5, 1, 0)),
        ("UDP", "::ffff:192.0.2.1", None, Flow("UDP", "192.0.2.1", 5, 0, 0)),
        ("UDP", "Phone.Example.COM", None, Flow("UDP", "phone.example.com", 5, 0, 0)),
        ("UDP", "phone.example.com", 6, Flow("UDP", "phone.example.com", 5, 2, 0)),
    ],
)
async def test_a_new_flow_gets_the_listener_that_reaches_it(serve, transport, host, family, flow):
    exchange = serve()
    for text in ("udp:127.0.0.1:0", "tcp:127.0.0.1:0", "udp:[::1]:0"):
        await exchange.listen(text)
    assert exchange.transports.flow_to(transport, host, 5, family=family) == flow


@pytest.mark.parametrize(
    ("transport", "host", "sentence"),
    [
        ("TCP", "::1", r"^no listener for TCP over IPv6, to reach ::1: add one to \[listen\] sip$"),
        ("TLS", "a.test", r"^no listener for TLS, to reach a\.test: add one to \[listen\] sip$"),
        ("UDP\r\n", "a.test", r"^no listener for UDP\\r\\n, "),
    ],
)
async def test_without_a_listener_it_is_said_which_one_is_missing(serve, transport, host, sentence):
    exchange = serve()
    await exchange.listen("udp:127.0.0.1:0")
    await exchange.listen("tcp:127.0.0.1:0")
    with pytest.raises(NoListener, match=sentence):
        exchange.transports.flow_to(transport, host, 5060)


@pytest.mark.parametrize(
    ("flow", "reason"),
    [
        (Flow("UDP", "0.0.0.0", 5060, 0), "is the unspecified address"),
        (Flow("UDP", "224.0.1.75", 5060, 0), "is a multicast address"),
        (Flow("UDP", "255.255.255.255", 5060, 0), "is the broadcast address"),
        (Flow("UDP", "192.0.2.1", 0, 0), "0 is no port"),
        (Flow("UDP", "192.0.2.1", 65_536, 0), "65536 is no port"),
        (Flow("UDP", "192.0.2.1", -1, 0), "-1 is no port"),
        (Flow("UDP", "192.0.2.1", 5060, 9), "its listener is no longer there"),
        (Flow("UDP", "192.0.2.1", 5060, -1), "its listener is no longer there"),
        (Flow("TCP", "192.0.2.1", 5060, 0), "does not reach IPv4 over TCP"),
        (Flow("UDP", "::1", 5060, 0), "does not reach IPv6 over UDP"),
        (Flow("UDP", "bad name", 5060, 0), "it is no host name"),
        (Flow("UDP", "999.1.1.1", 5060, 0), "it is no host name"),
        (Flow("UDP", "a.test", 5060, 9), "its listener is no longer there"),
    ],
)
async def test_what_can_never_arrive_is_reported_later_and_never_raised(serve, flow, reason):
    exchange = serve()
    await exchange.listen("udp:127.0.0.1:0")
    exchange.transports.send(flow, b"OPTIONS", "key")
    assert exchange.failures.empty()
    key, said = await exchange.failure()
    assert key == "key"
    assert said.endswith(reason)
    assert exchange.trouble("undelivered") == 1


async def test_without_a_key_nobody_is_told(serve):
    exchange = serve()
    await exchange.listen("udp:127.0.0.1:0")
    exchange.transports.send(Flow("UDP", "0.0.0.0", 5060, 0), b"OPTIONS")
    exchange.transports.send(Flow("UDP", "0.0.0.0", 5060, 0), b"OPTIONS", "second")
    assert (await exchange.failure())[0] == "second"
    assert exchange.failures.empty()


class Zone:
    """A name server that answers when told to."""

    def __init__(self, *found: str) -> None:
        self.found = found
        self.asked = 0
        self.open = asyncio.Event()

    async def __call__(self, host: str, family: int) -> tuple[str, ...]:
        self.asked += 1
        await self.open.wait()
        if not self.found:
            raise OSError(f"{host} is unknown")
        return self.found


async def test_messages_to_a_name_wait_for_its_address_and_keep_their_order(serve, phone):
    zone, peer = Zone("127.0.0.1"), phone()
    exchange = serve(resolver=zone)
    await exchange.listen("udp:127.0.0.1:0")
    flow = exchange.transports.flow_to("UDP", "phone.test", peer.getsockname()[1])
    exchange.transports.send(flow, b"1", "key")
    exchange.transports.send(flow, b"2", "key")
    zone.open.set()
    loop = asyncio.get_running_loop()
    peer.setblocking(False)
    assert [await asyncio.wait_for(loop.sock_recv(peer, 9), 5) for _ in range(2)] == [b"1", b"2"]
    exchange.transports.send(flow._replace(host="PHONE.test"), b"3", "key")
    assert peer.recv(9) == b"3"
    assert zone.asked == 1


async def test_a_name_leads_to_a_tcp_connection_too(serve):
    zone = Zone("127.0.0.1")
    zone.open.set()
    far, near = serve(), serve(resolver=zone)
    address = await far.listen("tcp:127.0.0.1:0")
    await near.listen("tcp:127.0.0.1:0")
    message = b"OPTIONS sip:1 SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    near.transports.send(near.transports.flow_to("TCP", "far.test", address[1]), message, "key")
    data, flow = await far.next()
    far.transports.send(flow, b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert data == message
    assert (await near.next())[1][:3] == ("TCP", "127.0.0.1", address[1])


async def test_a_name_that_does_not_exist_fails_everything_that_waits_and_what_comes_soon_after(serve):
    zone = Zone()
    exchange = serve(resolver=zone)
    await exchange.listen("udp:127.0.0.1:0")
    flow = exchange.transports.flow_to("UDP", "nobody.test", 5060)
    exchange.transports.send(flow, b"1", "a")
    exchange.transports.send(flow, b"2", "b")
    zone.open.set()
    reason = "UDP to nobody.test:5060: nobody.test cannot be resolved: nobody.test is unknown"
    assert [await exchange.failure() for _ in range(2)] == [("a", reason), ("b", reason)]
    exchange.transports.send(flow, b"3", "c")
    assert exchange.failures.empty()
    assert await exchange.failure() == ("c", reason)
    assert zone.asked == 1


async def test_what_waits_for_a_name_is_bounded(serve):
    zone = Zone()
    exchange = serve(replace(LIMITS, connecting_queue=2), zone)
    await exchange.listen("udp:127.0.0.1:0")
    flow = exchange.transports.flow_to("UDP", "slow.test", 5060)
    for number in range(3):
        exchange.transports.send(flow, b"OPTIONS", f"{number}")
    assert await exchange.failure() == ("2", "slow.test: too much waits for its address (limits.connecting_queue)")
    await exchange.transports.stop()
    assert [(await exchange.failure())[0] for _ in range(2)] == ["0", "1"]


async def test_a_slow_name_holds_up_nobody_else(serve, phone):
    exchange, peer = serve(resolver=Zone()), phone()
    await exchange.listen("udp:127.0.0.1:0")
    exchange.transports.send(exchange.transports.flow_to("UDP", "slow.test", 5060), b"OPTIONS", "key")
    exchange.transports.send(exchange.transports.flow_to("UDP", *peer.getsockname()), b"now", "key")
    assert peer.recv(9) == b"now"


@pytest.mark.parametrize(
    ("listen", "advertise", "peer", "written"),
    [
        ("udp:127.0.0.1:0", "", "127.0.0.1", "127.0.0.1:{}"),
        ("udp:[::1]:0", "", "::1", "[::1]:{}"),
        ("udp:0.0.0.0:0", "", "127.0.0.8", "127.0.0.1:{}"),
        ("udp:[::]:0", "", "::1", "[::1]:{}"),
        ("udp:0.0.0.0:0", "sip.example.com", "192.0.2.1", "sip.example.com:{}"),
        ("udp:0.0.0.0:0", "198.51.100.7", "192.0.2.1", "198.51.100.7:{}"),
        ("tcp:127.0.0.1:0", "sip.example.com", "192.0.2.1", "sip.example.com:{}"),
    ],
)
async def test_sent_by(serve, listen, advertise, peer, written):
    exchange = serve()
    _, port = await exchange.listen(listen, advertise=advertise)
    flow = exchange.transports.flow_to(listen[:3], peer, 5060)
    assert exchange.transports.sent_by(flow) == written.format(port)


async def test_a_long_request_goes_over_tcp_and_by_udp_where_nobody_takes_tcp(serve, phone):
    exchange, peer = serve(), phone()
    await exchange.listen("udp:127.0.0.1:0")
    await exchange.listen("tcp:127.0.0.1:0")
    place = Destination("UDP", "127.0.0.1", peer.getsockname()[1], "")
    flows = flows_to(Sockets(exchange.transports, lambda: None), place, or_tcp=True)
    assert [flow.transport for flow in flows] == ["TCP", "UDP"]
    exchange.transports.send(flows[0], b"x" * 1_301, "key")
    assert (await exchange.failure())[1].endswith("Connection refused")
    exchange.transports.send(flows[1], b"x" * 1_301, "key")
    assert len(peer.recv(2_000)) == 1_301


async def test_stopping_twice_is_once_and_frees_the_ports(serve):
    exchange, next_one = serve(), serve()
    addresses = [await exchange.listen("udp:127.0.0.1:0"), await exchange.listen("tcp:127.0.0.1:0")]
    await exchange.transports.stop()
    await exchange.transports.stop()
    await next_one.listen(f"udp:127.0.0.1:{addresses[0][1]}")
    await next_one.listen(f"tcp:127.0.0.1:{addresses[1][1]}")


async def test_a_stopped_server_sends_nothing(serve):
    exchange = serve()
    await exchange.listen("udp:127.0.0.1:0")
    await exchange.transports.stop()
    exchange.transports.send(Flow("UDP", "127.0.0.1", 5060, 0), b"OPTIONS", "key")
    assert await exchange.failure() == ("key", "UDP to 127.0.0.1:5060: the server is stopping")
