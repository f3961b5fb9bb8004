"""What a server tells of itself, read from counters that are kept anyway."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from strowger.calls.call import Branch, Call, Hop, State
from strowger.calls.errors import TargetForbidden
from strowger.calls.identifier import phone_number
from strowger.calls.outside_policy import Attempt
from strowger.calls.outside_refusal import REASONS
from strowger.console.metrics import Sample
from strowger.console.queries import OK, RouteQuestion
from strowger.events.conclusion import Counters as EventCounters
from strowger.events.dead_letters import DeadReason
from strowger.inspection import Inspection, log_end
from strowger.sip.overload import Overload, OverloadLimits
from strowger.sip.rate_limits import RateLimits, Rates
from strowger.sip.throttle import Throttle
from tests.support.exchange import NUMBER, Bench


class Store:
    """A store of which only its health is asked."""

    writable = True
    call: Call | None = None

    def find_call(self, call_id: str) -> Call | None:
        return self.call

    def is_writable(self) -> bool:
        return self.writable


@dataclass
class DeadLetterBox:
    octets: int
    lost: int
    buried: Counter[DeadReason]

    def __len__(self) -> int:
        return 12


def an_inspection(overload: Overload | None = None) -> tuple[Inspection, Bench, Store]:
    bench, store = Bench(), Store()
    sockets = SimpleNamespace(
        datagrams_in=1, datagrams_out=2, messages_in=3, messages_out=4, connections_accepted=5, connections_open=6
    )
    sockets.troubles = {"unframeable": 7}
    letters = DeadLetterBox(octets=13, lost=14, buried=Counter({DeadReason.EXPIRED: 15}))
    counters = EventCounters(attempts=8)
    delivery = SimpleNamespace(
        counters=counters, pending=lambda: 9, validate_manually="code".__eq__, dead_letters=letters
    )
    driver = SimpleNamespace(counters=Counter(garbled=10))
    transports = SimpleNamespace(counters=sockets)
    phones = Sample("strowger_registrations", "gauge", "Phones.", (), 11)
    routes = SimpleNamespace(test_route=lambda question: question.target)
    sip = SimpleNamespace(registrations=str.upper, trunks=lambda: "trunks", routes=routes, samples=lambda: [phones])
    overload = overload or Overload(OverloadLimits(), lambda: 0)
    throttle = Throttle(RateLimits(Rates(), lambda host: False), overload, chance=lambda: 0.0)
    throttle.refused["calls_per_source"] = 12
    simulation = SimpleNamespace(simulate=lambda question: question.to)
    parts: Any = (bench.exchange, store, delivery, driver, transports, throttle, sip, simulation)
    return Inspection(*parts), bench, store


def test_ready_only_when_every_part_is() -> None:
    inspection, bench, store = an_inspection()
    assert inspection.readiness()["listeners"] == "starting or stopping"
    inspection.is_serving = True
    assert set(inspection.readiness().values()) == {OK}
    store.writable = False
    bench.exchange.is_draining = True
    assert inspection.readiness()["store"] == "the last change could not be written"
    assert inspection.readiness()["calls"] == "draining: no new calls are taken"


def test_not_ready_under_overload() -> None:
    overload = Overload(OverloadLimits(), lambda: 1 << 30)
    overload.look(0.0, 0.25)
    inspection, _, _ = an_inspection(overload)
    assert inspection.readiness()["load"] == "1024 MiB of memory are used, the alarm is at 1024 MiB (limits.memory)"
    values = {(sample.name, sample.labels): sample.value for sample in inspection.samples()}
    assert values["strowger_overload", (("reason", "memory"),)] == 1
    assert values["strowger_overload", (("reason", "loop_lag"),)] == 0
    assert values["strowger_memory_bytes", ()] == 1 << 30
    assert values["strowger_loop_lag_seconds", ()] == 0.25
    assert values["strowger_sip_refused", (("reason", "calls_per_source"),)] == 12
    assert values["strowger_sip_refused", (("reason", "memory"),)] == 0


def test_watchers_are_told_until_they_leave() -> None:
    inspection, bench, _ = an_inspection()
    seen: list[str] = []
    leave = inspection.subscribe(lambda call, what: seen.append(what))
    call = bench.store.stored(bench.arrive())
    inspection.observe(call, "hold")
    leave()
    inspection.observe(call, "cancel")
    assert seen == ["hold"]


def test_a_live_call_is_shown_with_what_is_not_written_yet() -> None:
    inspection, bench, store = an_inspection()
    assert inspection.call("id") is None
    call_id = bench.arrive("alice")
    store.call = bench.store.stored(call_id)
    bench.exchange.rang(call_id, 0, 0)
    shown = inspection.call(call_id)
    assert shown is not None and shown.hop.report_of(0).rang_at == bench.clock.wall()
    bench.exchange.cancel(call_id)
    bench.store.flush()
    store.call = bench.store.stored(call_id)
    assert inspection.call(call_id) is store.call


def test_every_measurement_has_its_value() -> None:
    inspection, bench, _ = an_inspection()
    call = bench.store.stored(bench.arrive())
    inspection.observe(call, "hold")
    values = {(sample.name, sample.labels): sample.value for sample in inspection.samples()}
    assert values["strowger_calls_live", ()] == 1
    assert values["strowger_call_inputs", (("input", "hold"),)] == 1
    assert values["strowger_events_pending", ()] == 9
    assert values["strowger_events", (("outcome", "attempts"),)] == 8
    assert values["strowger_dead_letters", ()] == 12
    assert values["strowger_dead_letter_bytes", ()] == 13
    assert values["strowger_dead_letters_lost", ()] == 14
    assert values["strowger_events_given_up", (("reason", "TimeToLiveExceeded"),)] == 15
    assert values["strowger_sip_troubles", (("kind", "unframeable"),)] == 7
    assert values["strowger_sip_messages", (("reason", "garbled"),)] == 10
    assert values["strowger_registrations", ()] == 11


def test_refused_calls_to_the_outside_raise_an_alert() -> None:
    inspection, bench, _ = an_inspection()
    outside = bench.exchange.outside
    outside.begin("c", Attempt("dev", "4:+1", "+31612345678"), 0.0, lambda outcome: None)
    with pytest.raises(TargetForbidden):
        outside.begin("d", Attempt("dev", "4:+1", "112"), 0.0, lambda outcome: None)
    values = {(sample.name, sample.labels): sample.value for sample in inspection.samples()}
    assert values["strowger_outside_calls", (("resource", "dev"),)] == 1
    alerts = {dict(labels)["reason"]: value for (name, labels), value in values.items() if name == "strowger_alerts"}
    assert alerts == {reason: float(reason == "emergency") for reason in REASONS}


def test_calls_are_counted_by_the_trunk_they_came_by_and_the_last_they_went_to() -> None:
    inspection, _, _ = an_inspection()
    first, second = Hop(phone_number("+1"), 0.0, 1.0), Hop(phone_number("+2"), 0.0, 1.0, ring=("sip:a",), via="a")
    call = Call("id", "dev", phone_number("+3"), "", 0.0, [first, second], State.ANSWERED, came_by="b")
    inspection.observe(call, "answered")
    second.joined = (Branch("sip:c", "c", replaces=0),)
    inspection.observe(call, "answered")
    inspection.observe(Call("id", "dev", phone_number("+3"), "", 0.0, [first], State.REJECTED), "reject")
    inspection.observe(Call("id", "dev", phone_number("+3"), "", 0.0, [], State.FAILED, came_by="b"), "nobody")
    inspection.observe(Call("id", "dev", phone_number("+3"), "", 0.0, [second], State.RINGING, came_by="b"), "ring")
    counted = {
        tuple(dict(sample.labels).values()): sample.value
        for sample in inspection.samples()
        if sample.name == "strowger_trunk_calls"
    }
    assert counted == {
        ("a", "out", "answered"): 1,
        ("b", "in", "answered"): 2,
        ("b", "in", "failed"): 1,
        ("c", "out", "answered"): 1,
    }


def test_the_sip_side_is_asked_for_its_own() -> None:
    inspection, _, _ = an_inspection()
    answers: tuple[object, ...] = (
        inspection.registrations("bob"),
        inspection.trunks(),
        inspection.test_route(RouteQuestion("+31")),
    )
    assert answers == ("BOB", "trunks", "+31")


def test_a_validation_code_is_passed_on() -> None:
    inspection, _, _ = an_inspection()
    assert inspection.validate_subscription("code")
    assert not inspection.validate_subscription("other")


def test_one_line_for_each_call_that_ended() -> None:
    bench = Bench()
    call_id = bench.arrive(display_name="x", caller="anonymous")
    with capture_logs() as lines:
        log_end(bench.store.stored(call_id), "hold")
        bench.exchange.cancel(call_id)
        bench.store.flush()
        log_end(bench.store.stored(call_id), "cancel")
    assert lines == [
        {
            "log_level": "info",
            "event": "call ended",
            "call_id": call_id,
            "state": "cancelled",
            "status": 487,
            "caller": "4:anonymous",
            "to": f"4:{NUMBER}",
            "redirects": 0,
            "seconds": 0.0,
            "why": "the caller hung up",
        }
    ]
