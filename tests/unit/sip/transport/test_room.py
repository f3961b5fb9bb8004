"""Who has a place, and who leaves for whom. With real connections it is in test_pool and test_tls."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from strowger.sip.flow import Flow
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.room import Room

LIMITS = replace(TransportLimits(), tcp_connections=3, tcp_connections_per_address=2, handshakes=2)


class Bench:
    """A room whose connections end as soon as they are cut."""

    def __init__(self, limits: TransportLimits = LIMITS) -> None:
        self.here: list[Any] = []
        self.log: list[tuple[str, str]] = []
        troubles: Any = SimpleNamespace(note=lambda trouble, why, host: self.log.append((trouble.name, why)))
        self.room = Room(limits, troubles, lambda: len(self.here), self.end)
        self.number = 0

    def has_place(self, host: str, *, is_stopping: bool = False) -> bool:
        return self.room.has_place_for(host, is_stopping=is_stopping)

    def come(self, host: str, transport: str = "TCP", *, proven: bool = False) -> Any:
        self.number += 1
        connection = SimpleNamespace(flow=Flow(transport, host, 40_000, 0, self.number), proven=proven, close_by=0.0)
        self.here.append(connection)
        self.room.take(connection)
        return connection

    def end(self, connection: Any, why: str = "") -> None:
        self.here.remove(connection)
        self.room.leave(connection)


def test_one_address_has_so_many_and_gets_another_when_one_has_gone() -> None:
    bench = Bench()
    first = bench.come("192.0.2.1")
    assert bench.has_place("192.0.2.1")
    bench.come("192.0.2.1")
    assert not bench.has_place("192.0.2.1")
    assert bench.log == [
        ("ADDRESS_FULL", "a connection was refused: its address has 2 already (limits.tcp_connections_per_address)")
    ]
    assert bench.has_place("192.0.2.2")
    bench.end(first)
    assert bench.has_place("192.0.2.1")


def test_a_network_of_ipv6_is_one_address() -> None:
    bench = Bench()
    bench.come("2001:db8::1")
    bench.come("2001:db8::2")
    assert not bench.has_place("2001:db8::3")
    assert bench.has_place("2001:db8:0:1::3")


def test_the_oldest_that_has_said_nothing_leaves_for_the_next() -> None:
    bench = Bench()
    proven, silent, younger = bench.come("192.0.2.1", proven=True), bench.come("192.0.2.2"), bench.come("192.0.2.3")
    assert bench.has_place("192.0.2.4")
    assert bench.here == [proven, younger]
    assert silent not in bench.here
    assert bench.log == [
        (
            "CONNECTIONS_FULL",
            "a connection was closed: it brought no message and 3 are open (limits.tcp_connections)",
        )
    ]


def test_nobody_leaves_who_has_brought_a_message_or_is_about_to_close() -> None:
    bench = Bench()
    for n in range(2):
        bench.come(f"192.0.2.{n}", proven=True)
    bench.come("192.0.2.9").close_by = 4.0
    assert not bench.has_place("192.0.2.5")
    assert not bench.room.make()
    assert (len(bench.here), bench.log[0][1]) == (
        3, "a connection was refused: 3 connections are open (limits.tcp_connections)",
    )  # fmt: skip


def test_who_stops_has_no_place() -> None:
    assert not Bench().has_place("192.0.2.1", is_stopping=True)


def test_of_too_many_handshakes_the_oldest_ends() -> None:
    bench = Bench(replace(LIMITS, tcp_connections=9, tcp_connections_per_address=9))
    oldest, done, *_ = (bench.come("192.0.2.1", transport) for transport in ("TLS", "WS", "TCP"))
    assert sorted(bench.room.handshakes) == [1, 2]
    bench.room.stands(done)
    assert sorted(bench.room.handshakes) == [1]
    bench.come("192.0.2.1", "TLS")
    bench.come("192.0.2.1", "WSS")
    assert oldest not in bench.here
    assert bench.log == [("HANDSHAKE", "a connection was closed: its handshake is the oldest of 2 (limits.handshakes)")]
    assert sorted(bench.room.handshakes) == [4, 5]
