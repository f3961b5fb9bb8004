"""The driver: feed, and keep one timer armed for the earliest deadline of anybody."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from strowger.sip.driver import GARBLED_LOGGED_PER_S, LONGEST_SLEEP_S, REFUSED_LOGGED_PER_S, Driver, Sockets
from strowger.sip.flow import Flow
from strowger.sip.message import MessageLimits, ParseError, Request, Response
from strowger.sip.network import Unreachable
from strowger.sip.overload import Overload, OverloadLimits
from strowger.sip.rate_limits import RateLimits, Rates
from strowger.sip.throttle import Throttle
from strowger.sip.transport.errors import NoListener
from tests.support.sip_edge import CALLER, INVITE


class Loop:
    """An event loop of which every turn and every timer is taken by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.timer: SimpleNamespace | None = None

    def call_soon(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def call_later(self, delay: float, call: Callable[[], None]) -> SimpleNamespace:
        timer = SimpleNamespace(delay=delay, call=call, is_cancelled=False)
        timer.cancel = lambda: setattr(timer, "is_cancelled", True)
        timer.cancelled = lambda: timer.is_cancelled
        self.timer = timer
        return timer

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()


class Core:
    """Edge and timed part in one; writes down what it is told."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.received: list[Request | Response] = []
        self.advanced: list[float] = []
        self.fails = False

    def receive(self, message: Request | Response, flow: Flow) -> None:
        self.received.append(message)

    def reply_to_unparsed(self, error: ParseError, flow: Flow) -> tuple[Flow, bytes] | None:
        return (flow, b"reply") if error.status else None

    def transport_failed(self, key: str) -> None:
        self.received.append(key)  # type: ignore[arg-type]

    def next_deadline(self) -> float | None:
        return self.deadline

    def advance(self, now: float) -> None:
        self.advanced.append(now)
        if self.fails:
            raise RuntimeError


class Rig:
    """A driver with everything around it faked."""

    def __init__(self, **options: Any) -> None:
        self.loop, self.core, self.now = Loop(), Core(), 100.0
        self.sent: list[tuple[Flow, bytes, str]] = []
        self.driver = Driver(self.loop, lambda: self.now, **options)  # type: ignore[arg-type]
        self.driver.attach(self.core, lambda *what: self.sent.append(what), self.core)  # type: ignore[arg-type]

    def feed(self, data: bytes) -> None:
        self.driver.receive(data, CALLER)
        self.loop.turn()


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.driver.open()
    return rig


AN_INVITE = INVITE.format(to="bob", n=1, hops=70).replace("\n", "\r\n").encode()


def test_nothing_is_taken_before_the_doors_open() -> None:
    rig = Rig()
    rig.feed(AN_INVITE)
    assert (rig.core.received, rig.driver.counters["too early"]) == ([], 1)
    rig.driver.open()
    rig.feed(AN_INVITE)
    assert len(rig.core.received) == 1


def test_the_timer_is_armed_for_the_earliest_deadline(rig: Rig) -> None:
    rig.core.deadline = 100.25
    rig.feed(AN_INVITE)
    timer = rig.loop.timer
    assert timer is not None
    assert timer.delay == pytest.approx(0.25)
    rig.feed(AN_INVITE)
    assert rig.loop.timer is timer, "an earlier one is not armed again"
    rig.core.deadline = 100.1
    rig.feed(AN_INVITE)
    assert timer.is_cancelled
    assert rig.loop.timer is not None
    assert rig.loop.timer.delay == pytest.approx(0.1)


def test_without_a_deadline_it_looks_again_soon(rig: Rig) -> None:
    rig.feed(AN_INVITE)
    assert rig.loop.timer is not None
    assert rig.loop.timer.delay == pytest.approx(LONGEST_SLEEP_S)


def test_what_is_due_is_run_and_the_timer_armed_again_even_if_it_fails(rig: Rig) -> None:
    rig.core.deadline = 100.25
    rig.feed(AN_INVITE)
    rig.now, rig.core.deadline, rig.core.fails = 100.25, 100.5, True
    assert rig.loop.timer is not None
    with pytest.raises(RuntimeError):
        rig.loop.timer.call()
    assert rig.core.advanced == [100.25]
    assert rig.loop.timer.delay == pytest.approx(0.25)


def test_garbage_is_counted_and_logged_at_a_bounded_rate(rig: Rig) -> None:
    with capture_logs() as lines:
        for _ in range(GARBLED_LOGGED_PER_S + 5):
            rig.feed(b"\xff\x00 garbage\r\n\r\n")
    assert len(lines) == GARBLED_LOGGED_PER_S
    assert rig.driver.counters["garbled"] == GARBLED_LOGGED_PER_S + 5
    rig.now += 1
    with capture_logs() as lines:
        rig.feed(b"garbage")
    assert [line["event"] for line in lines] == ["not a SIP message"]


def test_a_malformed_request_is_answered_where_that_is_possible(rig: Rig) -> None:
    rig.feed(AN_INVITE.replace(b"Content-Length: 0", b"Content-Length: -1"))
    assert rig.sent == [(CALLER, b"reply", "")]
    assert rig.driver.unframeable(CALLER, ParseError(400, "no")) == b"reply"
    assert rig.driver.unframeable(CALLER, ParseError(None, "no")) is None


@pytest.mark.parametrize(
    ("transport", "is_taken"), [("UDP", True), ("TCP", False), ("TLS", False), ("WS", True), ("WSS", True)]
)
def test_only_in_a_stream_the_length_must_be_told(rig: Rig, transport: str, is_taken: bool) -> None:
    rig.driver.receive(AN_INVITE.replace(b"Content-Length: 0\r\n", b""), CALLER._replace(transport=transport))
    assert (len(rig.core.received), rig.driver.counters["garbled"]) == ((1, 0) if is_taken else (0, 1))


def test_limits_as_they_are_set() -> None:
    rig = Rig(message_limits=MessageLimits(message_bytes=len(AN_INVITE)))
    rig.driver.open()
    rig.feed(AN_INVITE)
    assert len(rig.core.received) == 1
    rig.feed(AN_INVITE + b"x")
    assert (len(rig.core.received), rig.sent) == (1, [(CALLER, b"reply", "")])


def a_door(rates: Rates, resident_bytes: int = 0) -> Throttle:
    overload = Overload(OverloadLimits(memory_bytes=1, lag_s=0.5), lambda: resident_bytes)
    return Throttle(RateLimits(rates, lambda host: False), overload, chance=lambda: 0.0)


def test_a_flood_of_datagrams_is_not_read(rig: Rig) -> None:
    rig = Rig(throttle=a_door(Rates(messages_per_source=1)))
    rig.driver.open()
    with capture_logs() as lines:
        for _ in range(10):
            rig.feed(AN_INVITE)
            rig.feed(b"garbage")
    assert (len(rig.core.received), rig.driver.counters["garbled"]) == (1, 0)
    assert lines == [
        {
            "event": "a source is refused",
            "limit": "limits.messages_per_source",
            "source": "192.0.2.9",
            "log_level": "warning",
        }
    ]


def test_connections_are_slowed_down_and_lose_nothing(rig: Rig) -> None:
    rig = Rig(throttle=a_door(Rates(messages_per_source=1)))
    rig.driver.open()
    tcp = CALLER._replace(transport="TCP", connection=1)
    for _ in range(5):
        rig.driver.receive(AN_INVITE, tcp)
    assert len(rig.core.received) == 5
    assert (rig.driver.pace(tcp, 2), rig.driver.pace(tcp, 3)) == (0.0, 3.0)
    assert Rig().driver.pace(tcp, 1_000_000) == 0.0


def test_lines_about_many_sources_are_bounded_too() -> None:
    rig = Rig(throttle=a_door(Rates(messages_per_source=0.1)))
    rig.driver.open()
    with capture_logs() as lines:
        for number in range(2 * 3 * REFUSED_LOGGED_PER_S):
            rig.driver.receive(AN_INVITE, CALLER._replace(host=f"192.0.2.{number // 2}"))
    assert len(lines) == REFUSED_LOGGED_PER_S


def test_the_lateness_of_the_timer_is_judged(rig: Rig) -> None:
    door = a_door(Rates())
    rig = Rig(throttle=door)
    rig.driver.open()
    rig.loop.turn()
    rig.now = 101.0  # when the timer is due
    assert rig.loop.timer is not None
    rig.loop.timer.call()
    assert (door.overload.reason, door.overload.lag_s) == ("", 0.0)
    with capture_logs() as lines:
        rig.now = 102.6
        rig.loop.timer.call()
        assert door.overload.reason == "loop_lag"
        assert door.overload.lag_s == pytest.approx(0.6)
        for now in (103.6, 104.6, 105.6, 106.6):
            rig.now = now
            rig.loop.timer.call()
    assert [line["event"] for line in lines] == [
        "overload: new calls and registrations get 503",
        "the overload is over",
    ]


def test_a_timer_that_messages_overtake_is_late_all_the_same() -> None:
    door = a_door(Rates())
    rig = Rig(throttle=door)
    rig.driver.open()
    rig.loop.turn()
    rig.now = 101.5
    rig.feed(AN_INVITE)
    assert door.overload.reason == "loop_lag"


def test_datagrams_that_pile_up_are_lateness_too() -> None:
    door = a_door(Rates())
    rig = Rig(throttle=door, backlog_s=lambda: 0.5)
    rig.driver.open()
    rig.loop.turn()
    rig.now = 101.0
    assert rig.loop.timer is not None
    rig.loop.timer.call()
    assert door.overload.reason == "loop_lag"


def test_memory_is_looked_at() -> None:
    door = a_door(Rates(), resident_bytes=1)
    rig = Rig(throttle=door)
    rig.driver.open()
    rig.loop.turn()
    rig.now = 101.0
    assert rig.loop.timer is not None
    rig.loop.timer.call()
    assert door.overload.reason == "memory"


def test_a_failed_send_is_told_to_the_core(rig: Rig) -> None:
    rig.driver.failed("key", "refused")
    assert rig.core.received == ["key"]


def test_a_stopped_driver_runs_no_timer(rig: Rig) -> None:
    rig.feed(AN_INVITE)
    rig.driver.stop()
    assert rig.loop.timer is not None
    assert rig.loop.timer.is_cancelled


class Transports:
    """One UDP listener."""

    sent_by = has = None

    def __init__(self) -> None:
        self.sent: list[tuple[Flow, bytes, str]] = []

    def send(self, *what: object) -> None:
        self.sent.append(what)  # type: ignore[arg-type]

    def local(self, index: int) -> tuple[str, str, int]:
        return [("UDP", "127.0.0.1", 5060)][index]

    def flow_to(self, transport: str, host: str, port: int) -> Flow:
        if transport != "UDP":
            raise NoListener(f"no listener for {transport}")
        return Flow(transport, host, port, 0)


def test_the_way_back_after_a_restart() -> None:
    sockets = Sockets(Transports(), lambda: None)  # type: ignore[arg-type]
    assert sockets.flow_back("UDP", "192.0.2.9", 5062, 0) == Flow("UDP", "192.0.2.9", 5062, 0, 0)
    assert sockets.flow_back("UDP", "192.0.2.9", 5062, 7) == Flow("UDP", "192.0.2.9", 5062, 0, 0)
    with pytest.raises(Unreachable):
        sockets.flow_back("TCP", "192.0.2.9", 5062, 7)


def test_whoever_sends_may_have_armed_a_timer() -> None:
    transports, touched = Transports(), []
    sockets = Sockets(transports, lambda: touched.append(True))  # type: ignore[arg-type]
    sockets.send(CALLER, b"INVITE", "key")
    assert transports.sent == [(CALLER, b"INVITE", "key")]
    assert touched == [True]


def test_whom_a_request_was_sent_to_may_answer() -> None:
    rig = Rig(throttle=a_door(Rates(messages_per_source=1)))
    rig.driver.open()
    sockets = Sockets(Transports(), lambda: None, rig.driver.asked)  # type: ignore[arg-type]
    answer = AN_INVITE.replace(b"INVITE sip:bob@192.0.2.1 SIP/2.0", b"SIP/2.0 200 OK", 1)
    for payload, flow in (
        (b"SIP/2.0 200 OK", CALLER),
        (b"OPTIONS", CALLER._replace(host="a.test")),
    ):
        sockets.send(flow, payload, "")
    for _ in range(10):
        rig.feed(answer)
    assert len(rig.core.received) == 2
    sockets.send(CALLER, b"INVITE sip:a SIP/2.0", "key")
    for _ in range(10):
        rig.feed(answer)
    assert len(rig.core.received) == 12
    Rig().driver.asked(CALLER.host)


def test_a_keep_alive_over_udp_is_answered_and_no_sip(rig: Rig) -> None:
    ping = bytes.fromhex("000100002112a442") + bytes(12)
    rig.driver.open()
    rig.driver.receive(ping, CALLER)
    ((flow, answer, _),) = rig.sent
    assert (flow, answer[:2]) == (CALLER, b"\x01\x01")
    assert (rig.core.received, rig.driver.counters["garbled"], rig.driver.counters["kept alive"]) == ([], 0, 1)
    rig.driver.receive(ping, CALLER._replace(transport="TCP"))
    assert rig.driver.counters["garbled"] == 1, "over a connection it is no keep-alive"
