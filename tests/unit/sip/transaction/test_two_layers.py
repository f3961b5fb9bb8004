"""Two transaction layers over a network that loses one datagram in five: calls always come to an end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import pytest

from strowger.sip.message.build import ack_2xx, response_to
from strowger.sip.message.message import Response, parse_message
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import (
    AckArrived,
    Output,
    RequestArrived,
    ResponseArrived,
    Send,
    Terminated,
    TimedOut,
)
from tests.support.net import Datagram, Delivery, Link, Network
from tests.unit.sip.transaction.messages import request

CALLER, CALLEE = "192.0.2.1:5060", "192.0.2.2:5060"
RING_S = 3.0
INVITE_CALLS = 20
T1, T2, GIVE_UP_S = 0.5, 4.0, 32.0
LOSSY = Link(latency=(0.005, 0.08), loss=0.2, duplication=0.1)


class Peer:
    """A user agent without ears: a layer, what happened to it, and what its core does about each output."""

    def __init__(self) -> None:
        self.layer = TransactionLayer()
        self.happened: list[str] = []
        self._later: list[tuple[float, Callable[[float], list[Output]]]] = []

    def receive(self, payload: bytes, source: str, now: float) -> Iterable[Datagram]:
        return self.perform(self.layer.receive(parse_message(payload), source, now, False), now)

    def advance(self, now: float) -> Iterable[Datagram]:
        due = [entry for entry in self._later if entry[0] <= now]
        self._later = [entry for entry in self._later if entry[0] > now]
        outputs = [output for _, act in due for output in act(now)]
        return self.perform([*outputs, *self.layer.advance(now)], now)

    def next_deadline(self) -> float | None:
        deadlines = [at for at, _ in self._later]
        if (deadline := self.layer.next_deadline()) is not None:
            deadlines.append(deadline)
        return min(deadlines, default=None)

    def later(self, at: float, act: Callable[[float], list[Output]]) -> None:
        self._later.append((at, act))

    def perform(self, outputs: list[Output], now: float) -> list[Datagram]:
        datagrams: list[Datagram] = []
        for output in outputs:
            if isinstance(output, Send):
                datagrams.append(Datagram(str(output.flow), output.payload))
            elif isinstance(output, Terminated | TimedOut):
                self.happened.append(type(output).__name__)
            else:
                datagrams.extend(self.perform(self.core(output, now), now))
        return datagrams

    def core(self, output: Output, now: float) -> list[Output]:
        raise NotImplementedError


class Caller(Peer):
    """Sends one INVITE and acknowledges each 2xx."""

    def __init__(self) -> None:
        super().__init__()
        self.invite = request("INVITE", sent_by=CALLER)

    def call(self) -> list[Datagram]:
        _, outputs = self.layer.request(self.invite, CALLEE, 0.0, False)
        return self.perform(outputs, 0.0)

    def core(self, output: Output, now: float) -> list[Output]:
        if not isinstance(output, ResponseArrived):
            return []
        self.happened.append(str(output.response.status))
        if not 200 <= output.response.status < 300:
            return []
        acknowledgement = ack_2xx(self.invite, output.response, "z9hG4bKack")
        return [Send(CALLEE, acknowledgement.to_bytes(), "")]


class Callee(Peer):
    """Rings, then gives its final response; repeats a 2xx until the ACK comes (RFC 3261 §13.3.1.4)."""

    contact: ClassVar = (("Contact", f"<sip:bob@{CALLEE}>"),)

    def __init__(self, final: int) -> None:
        super().__init__()
        self.final = final
        self.acknowledged = False

    def core(self, output: Output, now: float) -> list[Output]:
        if isinstance(output, AckArrived):
            self.acknowledged = True
        if not isinstance(output, RequestArrived):
            return []
        self.happened.append(output.request.method)
        answer = response_to(output.request, self.final, to_tag="bob", headers=self.contact)
        self.later(now + RING_S, lambda at: self.answer(output.key, answer, at, T1))
        return self.layer.respond(output.key, response_to(output.request, 180, to_tag="bob"), now)

    def answer(self, key: str, answer: Response, now: float, interval: float) -> list[Output]:
        if self.acknowledged:
            return []
        if answer.status < 300 and now < GIVE_UP_S:
            self.later(now + interval, lambda at: self.answer(key, answer, at, min(2 * interval, T2)))
        return self.layer.respond(key, answer, now)


def call(final: int, network: Network) -> tuple[Caller, Callee]:
    """Let one call run to its end."""
    caller, callee = Caller(), Callee(final)
    network.attach(CALLER, caller)
    network.attach(CALLEE, callee)
    network.send(CALLER, caller.call())
    network.run()
    assert len(caller.layer) == len(callee.layer) == 0
    return caller, callee


@pytest.mark.parametrize("seed", range(INVITE_CALLS))
def test_answered_call_under_loss(seed: int) -> None:
    caller, callee = call(200, Network(seed, LOSSY))
    assert callee.happened == ["INVITE", "Terminated"]
    assert callee.acknowledged
    assert "200" in caller.happened
    assert caller.happened[-1] == "Terminated"
    assert "TimedOut" not in caller.happened


@pytest.mark.parametrize("seed", range(INVITE_CALLS))
def test_rejected_call_under_loss(seed: int) -> None:
    caller, callee = call(486, Network(seed, LOSSY))
    assert callee.happened == ["INVITE", "Terminated"]
    assert caller.happened.count("486") == 1
    assert caller.happened[-1] == "Terminated"
    assert not callee.acknowledged  # the ACK of a rejection stays inside the transaction


def first_lines(network: Network) -> list[tuple[float, str, int]]:
    """The ladder in short: when, what, how many copies arrived."""
    return [(line.sent_at, line.payload.split(b"\r\n", 1)[0].decode(), line.copies) for line in network.ladder]


def test_ladder_of_a_rejected_call_without_loss() -> None:
    network = Network(link=Link(latency=(0.125, 0.125)))
    call(486, network)
    assert first_lines(network) == [
        (0.0, "INVITE sip:bob@example.net SIP/2.0", 1),
        (0.125, "SIP/2.0 180 Ringing", 1),
        (3.125, "SIP/2.0 486 Busy Here", 1),
        (3.25, "ACK sip:bob@example.net SIP/2.0", 1),
    ]
    assert network.now == 3.25 + 32.0  # Timer D of the caller is the last thing to happen


def test_ladder_of_a_lost_ack() -> None:
    def first_ack(line: Delivery) -> bool:
        return line.payload.startswith(b"ACK") and line.sent_at < 3.5

    network = Network(link=Link(latency=(0.125, 0.125)), drop=first_ack)
    call(486, network)
    assert first_lines(network)[3:] == [
        (3.25, "ACK sip:bob@example.net SIP/2.0", 0),
        (3.625, "SIP/2.0 486 Busy Here", 1),  # Timer G
        (3.75, "ACK sip:bob@example.net SIP/2.0", 1),
    ]


def test_dead_callee_is_given_up_after_32_seconds() -> None:
    network = Network()
    caller = Caller()
    network.attach(CALLER, caller)
    network.send(CALLER, caller.call())
    network.run()
    assert [line.sent_at for line in network.ladder] == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert caller.happened == ["TimedOut", "Terminated"]
    assert network.now == 32.0


def test_same_seed_same_ladder() -> None:
    ladders = []
    for _ in range(2):
        network = Network(7, LOSSY)
        call(200, network)
        ladders.append(network.ladder)
    assert ladders[0] == ladders[1]
    assert {line.copies for line in ladders[0]} >= {0, 1}


def test_network_stops_at_the_time_it_is_told() -> None:
    network = Network()
    caller = Caller()
    network.attach(CALLER, caller)
    network.send(CALLER, caller.call())
    network.run(until=2.0)
    assert network.now == 2.0
    assert len(network.ladder) == 3


def test_endless_exchange_is_reported() -> None:
    class Echo:
        def receive(self, payload: bytes, source: str, now: float) -> list[Datagram]:
            return [Datagram(source, payload)]

        def advance(self, now: float) -> list[Datagram]:
            return []

        def next_deadline(self) -> float | None:
            return None

    network = Network(max_events=100)
    network.attach("a", Echo())
    network.attach("b", Echo())
    network.send("a", [Datagram("b", request("OPTIONS").to_bytes())])
    with pytest.raises(AssertionError, match="still busy after 100 events"):
        network.run()
