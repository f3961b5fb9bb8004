"""Opening sockets, and our own address towards a peer."""

from __future__ import annotations

import socket

import pytest
from structlog.testing import capture_logs

from strowger.base.clock import VirtualClock
from strowger.sip.transport import sockets
from strowger.sip.transport.errors import ListenFailed
from strowger.sip.transport.flow import ListenAddress, parse_listen
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.numeric import numeric

LIMITS = TransportLimits(udp_receive_buffer_bytes=100_000)


def test_a_udp_socket_has_the_buffers_asked_for():
    with capture_logs() as lines, sockets.open_udp(parse_listen("udp:127.0.0.1:0"), LIMITS) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 200_000
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 200_000
        assert not made.getblocking()
    assert lines == []


def test_a_kernel_that_grants_less_is_reported(monkeypatch):
    monkeypatch.setattr(sockets, "_enlarge", lambda *asked: 50_000)
    with capture_logs() as lines, sockets.open_udp(parse_listen("udp:127.0.0.1:0"), LIMITS):
        pass
    assert "raise net.core.rmem_max" in lines[0]["event"]
    assert (lines[0]["wanted_bytes"], lines[0]["granted_bytes"]) == (100_000, 50_000)


def test_without_the_right_to_force_the_buffer_the_usual_way_is_taken():
    class Unprivileged(socket.socket):
        def setsockopt(self, *arguments):
            if arguments[1] in (32, 33):
                raise PermissionError
            super().setsockopt(*arguments)

    with Unprivileged(socket.AF_INET, socket.SOCK_DGRAM) as made:
        assert sockets._enlarge(made, socket.SO_RCVBUF, 33, 50_000) == 50_000


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_address_in_use_is_named(transport):
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if transport == "tcp":
            taken.listen()
        address = parse_listen(f"{transport}:127.0.0.1:{taken.getsockname()[1]}")
        opened = (
            (lambda: sockets.open_udp(address, LIMITS)) if transport == "udp" else lambda: sockets.open_tcp(address)
        )
        with pytest.raises(ListenFailed, match=rf"^cannot listen on {address}: Address already in use$"):
            opened()


def test_an_address_that_is_not_ours_is_named():
    with pytest.raises(ListenFailed, match="Cannot assign requested address"):
        sockets.open_tcp(parse_listen("tcp:192.0.2.1:0"))


def test_a_name_is_not_listened_on():
    with pytest.raises(ListenFailed, match="no numeric address"):
        sockets.open_tcp(ListenAddress("TCP", "localhost", 0))


def test_both_families_may_use_one_port():
    with sockets.open_udp(parse_listen("udp:0.0.0.0:0"), LIMITS) as four:
        port = four.getsockname()[1]
        with sockets.open_udp(parse_listen(f"udp:[::]:{port}"), LIMITS) as six:
            assert six.getsockname()[1] == port


def test_an_outgoing_socket_that_cannot_be_bound_is_closed():
    peer, source = numeric("127.0.0.1"), numeric("192.0.2.1")
    assert peer is not None
    with pytest.raises(OSError, match="Cannot assign"):
        sockets.open_outgoing(peer, source)


def test_a_connection_sends_at_once_and_notices_a_vanished_peer():
    with socket.socket() as made:
        sockets.tune_connection(made, LIMITS)
        options = [socket.TCP_NODELAY, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT]
        values = [made.getsockopt(socket.IPPROTO_TCP, option) for option in [*options, socket.TCP_USER_TIMEOUT]]
    assert values == [1, 60, 15, 4, 32_000]


def test_our_address_is_that_of_the_route():
    local = sockets.LocalAddresses(60.0, VirtualClock().monotonic)
    assert local.towards("127.0.0.9", 4) == "127.0.0.1"
    assert local.towards("::1", 6) == "::1"


def test_routes_are_asked_for_again_after_a_while_and_only_so_many_are_kept(monkeypatch):
    asked: list[str] = []

    def route(host: str, family: int) -> str:
        asked.append(host)
        return "127.0.0.1"

    monkeypatch.setattr(sockets, "_route", route)
    monkeypatch.setattr(sockets, "LOCAL_ADDRESSES", 2)
    clock = VirtualClock()
    local = sockets.LocalAddresses(60.0, clock.monotonic)
    for host in ("a", "a", "b", "c", "a"):
        local.towards(host, 4)
    assert asked == ["a", "b", "c", "a"]
    clock.advance(60)
    local.towards("a", 4)
    assert asked == ["a", "b", "c", "a", "a"]


def test_without_a_route_it_is_loopback(monkeypatch):
    class Cut(socket.socket):
        def connect(self, address):
            raise OSError("Network is unreachable")

    monkeypatch.setattr("strowger.sip.transport.sockets.socket.socket", Cut)
    local = sockets.LocalAddresses(60.0, VirtualClock().monotonic)
    assert [local.towards("192.0.2.1", 4), local.towards("name.test", 6)] == ["127.0.0.1", "::1"]
