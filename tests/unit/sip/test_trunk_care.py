"""The care of trunks on a virtual clock: what is sent when, and what is concluded from what comes back."""

from __future__ import annotations

from itertools import count

import pytest

from strowger.sip.authentication.client import Account
from strowger.sip.authentication.credentials import Credential
from strowger.sip.flow import Flow
from strowger.sip.location.records import Answer, Kind, Question
from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request, Response
from strowger.sip.own_requests import OwnRequests
from strowger.sip.trunk.health import HealthPolicy, WentDown, WentUp
from strowger.sip.trunk.registering import NotRegistered, Registered
from strowger.sip.trunk.roster import Entry, Roster
from strowger.sip.trunk.trunk import Trunk
from strowger.sip.trunk_care import Change, RegistrationState, TrunkCare
from tests.support.sip_edge import EdgeBench

WALL = 1_700_000_000.0
PLAIN = Trunk("plain", "sip:carrier.example")
ACCOUNT = Account(Credential.of_password("us", "carrier.example", "secret"), frozenset({"carrier.example"}))
REGISTERS = Trunk("paid", "sip:carrier.example", account=ACCOUNT, username="us", register_expires_s=3_600.0)
CHALLENGE = ("WWW-Authenticate", 'Digest realm="carrier.example", nonce="n1", algorithm=SHA-256, qop="auth"')


class Bench:
    """Trunks, an edge for their requests, and a wire that is a list."""

    def __init__(self, *trunks: Trunk, asks: bool = True, own_at_most: int = 100) -> None:
        self.edge = EdgeBench()
        self.clock = self.edge.bench.clock
        self.started = self.clock.monotonic()
        self.edge.names.records[Question(Kind.A, "carrier.example")] = Answer(("192.0.2.50", "192.0.2.51"))
        roster = Roster((Entry(each.name, HealthPolicy(asks=asks)) for each in trunks), self.started, lambda: 0.0)
        words = count(1)
        self.changes: list[tuple[str, Change]] = []
        self.care = TrunkCare(
            trunks,
            roster,
            monotonic=self.clock.monotonic,
            wall=lambda: WALL + self.elapsed,
            token=lambda: f"w{next(words)}",
            spread=lambda: 0.0,
            changed=lambda trunk, change: self.changes.append((trunk, change)),
        )
        edge = self.edge.edge
        self.own = edge.own_requests
        if own_at_most == 0:
            self.own = OwnRequests(self.edge.layer, edge.perform, self.clock.monotonic, 0)
        self.last: dict[str, Request] = {}

    @property
    def elapsed(self) -> float:
        return round(self.clock.monotonic() - self.started, 3)

    def open(self) -> list[str]:
        self.care.open(self.own, self.edge.wire, self.edge.names)
        return self.until(0.0)

    def until(self, elapsed: float) -> list[str]:
        """Let time pass, timer by timer; what went out, and when."""
        lines = []
        until = self.started + elapsed
        while True:
            deadlines = [self.edge.edge.next_deadline(), self.care.next_deadline()]
            at = min((each for each in deadlines if each is not None), default=None)
            if at is None or at > until:
                break
            self.clock.now = max(self.clock.now, at)
            self.edge.edge.advance(self.clock.now)
            self.care.advance(self.clock.now)
            lines += self.out()
        self.clock.now = until
        return lines

    def out(self) -> list[str]:
        lines = []
        for flow, message in self.edge.wire.take():
            assert isinstance(message, Request)
            self.last[message.method] = message
            lines.append(f"{self.elapsed:g} {message.method} {flow.host}:{flow.port}")
        return lines

    def answer(self, method: str, status: int, *headers: tuple[str, str]) -> list[str]:
        response = response_to(self.last[method], status, to_tag="t", headers=headers)
        assert isinstance(response, Response)
        self.edge.edge.receive(response, Flow("UDP", "192.0.2.50", 5060, 0))
        return self.out()

    def say(self) -> str:
        """The state of the first trunk, in one line."""
        state = self.care.states()[0]
        return f"{state.state} since {state.since - WALL:g}: {state.why}"


def test_nothing_happens_before_the_listeners_are_there() -> None:
    bench = Bench(PLAIN, REGISTERS)
    assert bench.care.next_deadline() is None
    bench.care.advance(bench.clock.now)
    assert bench.out() == []


def test_a_trunk_is_asked_by_options_from_our_own_address() -> None:
    bench = Bench(PLAIN)
    assert bench.open() == ["0 OPTIONS 192.0.2.50:5060"]
    assert bench.last["OPTIONS"].to_bytes().decode().split("\r\n") == [
        "OPTIONS sip:carrier.example SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKw1;rport",
        "Max-Forwards: 70",
        "From: <sip:192.0.2.1>;tag=w2",
        "To: <sip:carrier.example>",
        "Call-ID: w3",
        "CSeq: 1 OPTIONS",
        "Contact: <sip:192.0.2.1:5060>",
        "Accept: application/sdp",
        "Content-Length: 0",
        "",
        "",
    ]
    bench.answer("OPTIONS", 404)
    assert bench.say() == "up since 0: it answered 404 to OPTIONS"
    assert bench.until(15.0) == ["15 OPTIONS 192.0.2.50:5060"]


def test_it_goes_down_and_comes_up_slowly() -> None:
    bench = Bench(PLAIN)
    bench.open()
    bench.answer("OPTIONS", 503)
    assert bench.say() == "suspect since 0: it answered 503 to OPTIONS"
    assert bench.until(2.0) == ["2 OPTIONS 192.0.2.50:5060"]
    bench.answer("OPTIONS", 503)
    bench.until(4.0)
    bench.answer("OPTIONS", 408)
    assert bench.say() == "down since 4: it answered 408 to OPTIONS"
    assert not bench.care.states()[0].is_usable
    assert bench.changes == [("plain", WentDown("it answered 408 to OPTIONS"))]
    assert bench.until(19.0) == ["19 OPTIONS 192.0.2.50:5060"]
    bench.answer("OPTIONS", 200)
    assert bench.say() == "recovering since 19: it answered 200 to OPTIONS"
    bench.until(21.0)
    bench.answer("OPTIONS", 200)
    assert bench.say() == "up since 21: it answered 200 to OPTIONS"
    assert bench.changes[1:] == [("plain", WentUp("it answered 200 to OPTIONS"))]


def test_a_dead_trunk_gets_the_repeats_of_one_request_at_a_time() -> None:
    bench = Bench(PLAIN)
    lines = [*bench.open(), *bench.until(13.0)]
    times = (0, 0.5, 1.5, 3.5, 5, 5.5, 6.5, 8.5, 10, 10.5, 11.5)
    assert lines == [f"{at} OPTIONS 192.0.2.50:5060" for at in times]
    assert bench.say() == "down since 13: it did not answer OPTIONS within 3 s"
    assert len(bench.own) == 1
    assert bench.changes == [("plain", WentDown("it did not answer OPTIONS within 3 s"))]


def test_a_trunk_that_cannot_be_reached_fails() -> None:
    bench = Bench(Trunk("plain", "sips:carrier.example"))
    assert bench.open() == []
    assert bench.say() == "suspect since 0: a sips URI wants TLS, and no listener of ours speaks it"
    bench = Bench(PLAIN)
    bench.open()
    bench.edge.edge.transport_failed(next(iter(bench.own._waiting)))
    assert bench.say() == "suspect since 0: it cannot be reached"


def test_a_full_table_of_ours_is_no_fault_of_the_trunk() -> None:
    bench = Bench(PLAIN, own_at_most=0)
    assert bench.open() == []
    assert bench.say() == "up since 0: not heard of yet"
    bench.until(60.0)
    assert bench.say() == "up since 0: not heard of yet"


def test_a_trunk_that_wants_to_be_left_alone_gets_nothing_at_all() -> None:
    bench = Bench(REGISTERS)
    assert bench.open() == ["0 OPTIONS 192.0.2.50:5060", "0 REGISTER 192.0.2.50:5060"]
    bench.answer("REGISTER", 200, ("Expires", "60"))
    bench.answer("OPTIONS", 503, ("Retry-After", "100 (busy)"))
    assert bench.say() == "held since 0: it answered 503 and wants to be left alone for 100 s"
    assert bench.until(99.9) == []
    assert bench.until(100.0) == ["100 OPTIONS 192.0.2.50:5060", "100 REGISTER 192.0.2.50:5060"]


def test_a_trunk_that_is_not_asked_learns_from_calls_alone() -> None:
    bench = Bench(PLAIN, asks=False)
    assert bench.open() == []
    bench.care.failed("plain", "nothing came back")
    assert bench.care.states()[0].is_asked is False
    assert bench.say() == "up since 0: not heard of yet"
    bench.care.heard("plain", 503, 20.0)
    assert bench.say() == "held since 0: it answered 503 and wants to be left alone for 20 s"
    bench.until(20.0)
    assert bench.say() == "suspect since 20: the time it wanted to be left alone is over"
    bench.care.heard("plain", 180, None)
    assert bench.say() == "up since 20: it answered 180 to a call"


def test_calls_that_fail_are_reason_to_ask_soon() -> None:
    bench = Bench(PLAIN)
    bench.open()
    bench.answer("OPTIONS", 200)
    bench.care.failed("plain", "nothing came back")
    assert bench.say() == "suspect since 0: nothing came back"
    assert bench.until(2.0) == ["2 OPTIONS 192.0.2.50:5060"]


# Several places ------------------------------------------------------------------------------------------------------


def test_a_place_that_is_silent_or_out_of_service_is_avoided() -> None:
    bench = Bench(PLAIN)
    bench.open()
    bench.until(4.9)
    assert bench.edge.names.avoided == []
    bench.until(5.0)
    assert bench.edge.names.avoided == ["192.0.2.50"], "it did not answer in time, and is asked anew"
    bench.answer("OPTIONS", 404)
    bench.until(20.0)
    assert bench.edge.names.avoided == ["192.0.2.50"], "it answered"
    bench.answer("OPTIONS", 503, ("Retry-After", "9"))
    assert bench.edge.names.avoided == ["192.0.2.50", "192.0.2.50"]
    registers = Bench(REGISTERS, asks=False)
    registers.open()
    registers.until(32.0)
    assert registers.edge.names.avoided == ["192.0.2.50"]


def test_a_trunk_is_asked_at_the_next_place() -> None:
    bench = Bench(PLAIN)
    bench.open()
    bench.until(4.9)
    bench.edge.names.records[Question(Kind.A, "carrier.example")] = Answer(("192.0.2.51",))
    assert bench.until(5.0) == ["5 OPTIONS 192.0.2.51:5060"]


def test_a_name_that_is_looked_up_too_slowly_counts_as_silence() -> None:
    bench = Bench(REGISTERS)
    bench.edge.names.is_slow = True
    assert bench.open() == []
    bench.until(3.0)
    assert bench.say() == "suspect since 3: it did not answer OPTIONS within 3 s"
    bench.until(5.0)
    bench.edge.names.answer()
    assert bench.out() == ["5 REGISTER 192.0.2.50:5060", "5 OPTIONS 192.0.2.50:5060"], "the later one alone"


def test_what_was_looked_up_for_nothing_is_not_used() -> None:
    bench = Bench(REGISTERS, PLAIN)
    bench.edge.names.is_slow = True
    bench.open()
    bench.care.leave(lambda: None)
    bench.edge.names.answer()
    assert [line.partition(" ")[2] for line in bench.out()] == ["REGISTER 192.0.2.50:5060"]
    assert bench.last["REGISTER"].first("Expires") == "0"


def test_a_name_that_does_not_exist_is_told() -> None:
    bench = Bench(Trunk("plain", "sip:nowhere.example"))
    bench.open()
    assert bench.say().startswith("suspect since 0: ")
    assert "nowhere.example" in bench.say()


# Registration --------------------------------------------------------------------------------------------------------


def test_registers_with_a_digest_and_refreshes() -> None:
    bench = Bench(REGISTERS, asks=False)
    assert bench.open() == ["0 REGISTER 192.0.2.50:5060"]
    first = bench.last["REGISTER"]
    assert first.to_bytes().decode().split("\r\n") == [
        "REGISTER sip:carrier.example SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKw3;rport",
        "Max-Forwards: 70",
        "From: <sip:us@carrier.example>;tag=w2",
        "To: <sip:us@carrier.example>",
        "Call-ID: w1",
        "CSeq: 1 REGISTER",
        "Contact: <sip:us@192.0.2.1:5060>",
        "Expires: 3600",
        "Content-Length: 0",
        "",
        "",
    ]
    assert bench.answer("REGISTER", 401, CHALLENGE) == ["0 REGISTER 192.0.2.50:5060"]
    second = bench.last["REGISTER"]
    assert (second.cseq.number, second.call_id, second.has("Authorization")) == (2, first.call_id, True)
    assert second.top_via.branch != first.top_via.branch
    bench.answer("REGISTER", 200, ("Contact", "<sip:us@192.0.2.1:5060>;expires=120"))
    assert bench.changes == [("paid", Registered(120))]
    expected = RegistrationState("registered", "it registered us for 120 s", True, WALL + 120)
    assert bench.care.states()[0].registration == expected
    assert bench.until(60.0) == ["60 REGISTER 192.0.2.50:5060"]
    assert (bench.last["REGISTER"].cseq.number, bench.last["REGISTER"].has("Authorization")) == (3, False)


def test_a_registration_that_fails_is_told_and_tried_again() -> None:
    bench = Bench(REGISTERS, asks=False)
    bench.open()
    lines = bench.until(32.0)
    assert len(lines) == 10, "repeats, until Timer F"
    assert bench.changes == [("paid", NotRegistered("nothing came back", 60.0))]
    expected = RegistrationState("waiting", "nothing came back", False, None)
    assert bench.care.states()[0].registration == expected
    assert bench.until(92.0) == ["92 REGISTER 192.0.2.50:5060"]


@pytest.mark.parametrize(
    ("uri", "at_most", "why"), [("sips:c.example", 9, "a sips URI wants TLS"), (PLAIN.uri, 0, "0 transactions")]
)
def test_a_registration_that_cannot_be_sent_is_told(uri: str, at_most: int, why: str) -> None:
    trunk = Trunk("paid", uri, account=ACCOUNT, username="us", register_expires_s=60.0)
    bench = Bench(trunk, asks=False, own_at_most=at_most)
    assert bench.open() == []
    ((_, change),) = bench.changes
    assert isinstance(change, NotRegistered) and change.why.startswith(why)


def test_a_trunk_with_a_password_alone_is_not_registered_with() -> None:
    bench = Bench(Trunk("paid", "sip:carrier.example", account=ACCOUNT, username="us"), asks=False)
    assert bench.open() == []
    assert bench.care.states()[0].registration is None


def test_leaving_takes_registrations_back_and_asks_nobody() -> None:
    bench = Bench(REGISTERS, PLAIN)
    bench.open()
    bench.answer("REGISTER", 200)
    left: list[str] = []
    bench.care.leave(lambda: left.append("left"))
    assert bench.out() == ["0 REGISTER 192.0.2.50:5060"]
    assert (bench.last["REGISTER"].first("Expires"), left) == ("0", [])
    bench.answer("REGISTER", 200)
    assert left == ["left"]
    assert bench.care.next_deadline() is None


def test_leaving_does_not_wait_where_nothing_is_registered() -> None:
    for bench in (Bench(PLAIN), Bench(REGISTERS)):
        left: list[str] = []
        bench.care.leave(lambda: left.append("left"))  # noqa: B023
        assert left == ["left"]


def test_leaving_forgets_a_register_under_way() -> None:
    bench = Bench(REGISTERS, asks=False)
    bench.open()
    left: list[str] = []
    bench.care.leave(lambda: left.append("left"))
    assert (bench.out(), len(bench.own)) == (["0 REGISTER 192.0.2.50:5060"], 1)
    bench.until(32.0)
    assert left == ["left"], "silence is an answer too"


def test_leaving_leaves_those_alone_who_want_to_be() -> None:
    bench = Bench(REGISTERS)
    bench.open()
    bench.answer("REGISTER", 200)
    bench.care.heard("paid", 503, 60.0)
    left: list[str] = []
    bench.care.leave(lambda: left.append("left"))
    assert (bench.out(), left) == ([], ["left"])
