"""Requests of our own outside of calls: sent by the transaction layer, and told of once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from strowger.sip.flow import Flow
from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request, Response
from strowger.sip.own_requests import NoResponse, OwnRequests
from strowger.sip.transaction.errors import DuplicateTransaction, TransactionLimit
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import (
    Ignored,
    Output,
    ResponseArrived,
    Send,
    Terminated,
    TimedOut,
    TransportFailed,
)
from tests.support.sip_edge import EdgeBench

CARRIER = Flow("UDP", "192.0.2.50", 5060, 0)


def options(n: int = 1) -> Request:
    return Request.make(
        "OPTIONS",
        "sip:carrier.example",
        [
            ("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{n}"),
            ("From", "<sip:192.0.2.1>;tag=f"),
            ("To", "<sip:carrier.example>"),
            ("Call-ID", f"{n}"),
            ("CSeq", "1 OPTIONS"),
            ("Max-Forwards", "70"),
        ],
    )


class Bench:
    """Own requests over a layer; what is sent is a list, and what is told another."""

    def __init__(self, at_most: int = 10) -> None:
        self.now = 0.0
        self.layer = TransactionLayer()
        self.own = OwnRequests(self.layer, self.perform, lambda: self.now, at_most)
        self.sent: list[bytes] = []
        self.told: list[Response | NoResponse] = []
        self.not_ours: list[Output] = []

    def perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self.sent.append(output.payload)
            elif not self.is_ours(output):
                self.not_ours.append(output)

    def is_ours(self, output: Output) -> bool:
        match output:
            case ResponseArrived(key, response):
                return self.own.receive(key, response)
            case TimedOut(key):
                return self.own.silence(key)
            case TransportFailed(key):
                return self.own.unreachable(key)
        return isinstance(output, Terminated | Ignored)

    def send(self, n: int = 1) -> str:
        return self.own.send(options(n), CARRIER, self.told.append)

    def answer(self, status: int, n: int = 1) -> None:
        self.perform(self.layer.receive(response_to(options(n), status, to_tag="t"), CARRIER, self.now, False))

    def later(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.layer.next_deadline()) is not None and at <= until:
            self.now = at
            self.perform(self.layer.advance(at))
        self.now = until


def test_a_final_response_is_told_once() -> None:
    bench = Bench()
    bench.send()
    assert bench.sent == [options().to_bytes()]
    bench.answer(100)
    assert bench.told == []
    bench.answer(200)
    bench.answer(200)
    assert [each.status for each in bench.told if isinstance(each, Response)] == [200]
    bench.later(60)
    assert (len(bench.own), len(bench.layer), bench.not_ours) == (0, 0, [])


def test_silence_is_told_after_timer_f() -> None:
    bench = Bench()
    bench.send()
    bench.later(31.9)
    assert (bench.told, len(bench.sent)) == ([], 11)
    bench.later(0.2)
    assert bench.told == [NoResponse("nothing came back")]
    assert (len(bench.own), len(bench.layer)) == (0, 0)


def test_what_cannot_be_sent_is_told() -> None:
    bench = Bench()
    key = bench.send()
    bench.perform(bench.layer.transport_failed(key, bench.now))
    assert bench.told == [NoResponse("it cannot be reached")]


def test_what_is_forgotten_is_not_told_and_not_repeated() -> None:
    bench = Bench()
    key = bench.send()
    assert [bench.own.forget(key), bench.own.forget(key)] == [True, False]
    bench.later(60)
    assert (bench.told, len(bench.sent), len(bench.own), len(bench.layer)) == ([], 1, 0, 0)


def test_only_so_many_at_one_time() -> None:
    bench = Bench(at_most=2)
    bench.send(1)
    bench.send(2)
    with pytest.raises(TransactionLimit):
        bench.send(3)
    bench.answer(200, 1)
    bench.send(3)
    assert len(bench.own) == 2


def test_what_the_layer_refuses_is_not_waited_for() -> None:
    bench = Bench()
    bench.send()
    with pytest.raises(DuplicateTransaction):
        bench.send()
    assert (len(bench.own), len(bench.sent)) == (1, 1)


def test_keys_of_calls_are_left_alone() -> None:
    own = Bench().own
    response = response_to(options(), 200, to_tag="t")
    assert not any((own.receive("x", response), own.silence("x"), own.unreachable("x")))


def test_the_edge_asks_here_before_its_calls() -> None:
    edge = EdgeBench()
    told: list[Response | NoResponse] = []
    edge.edge.own_requests.send(options(1), CARRIER, told.append)
    assert edge.out() == ["192.0.2.50:5060 OPTIONS sip:carrier.example"]
    edge.feed(response_to(options(1), 404, to_tag="t").to_bytes(), CARRIER)
    key = edge.edge.own_requests.send(options(2), CARRIER, told.append)
    edge.edge.transport_failed(key)
    edge.edge.own_requests.send(options(3), CARRIER, told.append)
    edge.later(33)
    assert isinstance(told[0], Response) and told[0].status == 404
    assert told[1:] == [NoResponse("it cannot be reached"), NoResponse("nothing came back")]
