"""The default of a number: after its time, or at once when nobody is told of the call."""

from __future__ import annotations

import pytest

from strowger.calls.call import State
from strowger.calls.decision import Accepted
from strowger.calls.errors import HopClosed, StoreUnavailable
from strowger.calls.fallbacks import Default, Fallbacks
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.limits import Limits
from strowger.calls.outside_rules import OutsideRules
from tests.support.exchange import ALICE, BOB, NUMBER, OTHER_NUMBER, OUTSIDE, Bench, HandStore, user

BOBS = ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")
OUT = ("sip:+18005550199@127.0.0.1:5090",)
SILENT = "the application neither redirected nor rejected the call within 10 s; by default: "
UNTOLD = f"nobody can be reached as 4:{NUMBER}: no phone, and no subscription is told of it; by default: "


def a_bench(
    target: Identifier | None = None,
    *,
    status: int = 480,
    after_s: float = 10.0,
    limits: Limits | None = None,
    outside: OutsideRules | None = None,
    more: dict[str, Default] | None = None,
    store: HandStore | None = None,
) -> Bench:
    defaults = {NUMBER: Default(after_s, target, status)} | (more or {})
    return Bench(limits, store, outside=outside, fallbacks=Fallbacks(defaults=defaults))


def test_a_silent_application_has_its_call_redirected_in_time() -> None:
    bench = a_bench(user(BOB))
    call_id = bench.arrive()
    bench.later(9.999)
    assert bench.take() == [("publish", "id-0001"), ("proceed", True)]
    bench.later(0.001)
    assert bench.take() == [("publish", "id-0002"), ("withdraw", "id-0001"), ("ring", 1, BOBS)]
    call = bench.store.stored(call_id)
    assert (call.hop.opening, call.redirects, call.hops[0].decision) == (
        "default",
        1,
        f"{SILENT}redirect to {BOB}",
    )
    bench.exchange.answered(call_id, 1, BOBS[0], "200")
    bench.store.flush()
    assert bench.take()[-1] == ("finish", 200, "200")


@pytest.mark.parametrize(("status", "reason"), [(480, "Temporarily Unavailable"), (486, "Busy Here"), (603, "Decline")])
def test_or_rejected(status: int, reason: str) -> None:
    bench = a_bench(status=status)
    call_id = bench.arrive()
    bench.take()
    bench.later(10)
    assert bench.take() == [("withdraw", "id-0001"), ("finish", status, None)]
    call = bench.store.stored(call_id)
    assert (call.state, call.why) == (State.REJECTED, f"{SILENT}reject with {status}")


def test_an_application_that_decides_has_no_default() -> None:
    bench = a_bench(user(BOB))
    call_id = bench.arrive()
    assert bench.redirect(bench.context(call_id), phone_number(OUTSIDE)) == Accepted(call_id)
    bench.later(59)
    assert bench.store.stored(call_id).state is State.RINGING


def test_nobody_waits_for_an_application_that_is_not_told() -> None:
    bench = a_bench(user(BOB))
    bench.recorder.untold.add(f"4:{NUMBER}")
    call_id = bench.arrive()
    bench.later(0)
    assert bench.take() == [("proceed", False), ("publish", "id-0002"), ("ring", 1, BOBS)]
    call = bench.store.stored(call_id)
    assert call.hops[0].decision == f"{UNTOLD}redirect to {BOB}"


def test_nor_is_its_caller_left_ringing() -> None:
    bench = a_bench(status=486)
    bench.recorder.subscribed = False
    call_id = bench.arrive()
    bench.later(0)
    assert bench.take() == [("proceed", False), ("finish", 486, None)]
    assert bench.store.stored(call_id).why == f"{UNTOLD}reject with 486"


def test_a_redirect_to_a_number_that_nobody_is_told_of_takes_its_default() -> None:
    bench = a_bench(more={OTHER_NUMBER: Default(10.0, user(ALICE))})
    bench.recorder.untold.add(f"4:{OTHER_NUMBER}")
    call_id = bench.arrive()
    assert bench.redirect(bench.context(call_id), phone_number(OTHER_NUMBER)) == Accepted(call_id)
    bench.later(0)
    assert bench.store.stored(call_id).hop.to == user(ALICE)


def test_the_time_to_hold_bounds_that_of_a_default() -> None:
    bench = a_bench(user(BOB), after_s=90.0, limits=Limits(hold_s=30))
    call_id = bench.arrive()
    bench.later(30)
    assert bench.store.stored(call_id).hop.to == user(BOB)


def test_a_default_may_lead_to_an_application_that_the_caller_waits_for() -> None:
    bench = a_bench(phone_number(OTHER_NUMBER))
    bench.recorder.untold.add(f"4:{NUMBER}")
    bench.arrive()
    bench.later(0)
    assert bench.take() == [("proceed", False), ("publish", "id-0002"), ("proceed", True)]


def test_defaults_that_lead_in_a_circle_are_bounded() -> None:
    bench = a_bench(phone_number(OTHER_NUMBER), more={OTHER_NUMBER: Default(1.0, phone_number(NUMBER))})
    call_id = bench.arrive()
    bench.later(180)
    call = bench.store.stored(call_id)
    assert (call.final_status, call.redirects) == (482, 5)
    bench = a_bench(phone_number(OTHER_NUMBER), more={OTHER_NUMBER: Default(1.0, phone_number(NUMBER))})
    bench.recorder.subscribed = False
    call_id = bench.arrive()
    bench.later(0)
    assert bench.store.stored(call_id).final_status == 482


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (phone_number("+4900"), "redirect to 4:+4900, refused: no route leads"),
        (user("8:acs:dev_gone"), "redirect to 8:acs:dev_gone, refused: there is no user with the id"),
    ],
)
def test_a_target_that_cannot_be_reached_is_told_to_whoever_asks(target: Identifier, said: str) -> None:
    bench = a_bench(target)
    call_id = bench.arrive()
    bench.later(10)
    call = bench.store.stored(call_id)
    assert (call.state, call.final_status) == (State.EXPIRED, 480)
    assert call.why.startswith(SILENT + said), call.why


def test_what_leads_outside_is_counted() -> None:
    bench = a_bench(phone_number(OUTSIDE))
    call_id = bench.arrive()
    bench.later(10)
    assert bench.take()[-1] == ("ring", 1, OUT)
    assert list(bench.exchange.outside.running()) == [("dev", 1)]
    bench.exchange.hop_failed(call_id, 1, 486, "Busy Here", "busy", None)
    bench.store.flush()
    assert list(bench.exchange.outside.running()) == []


def test_and_it_may_be_forbidden() -> None:
    bench = a_bench(phone_number(OUTSIDE), outside=OutsideRules(deny=frozenset(("+1800",))))
    call_id = bench.arrive()
    bench.later(10)
    call = bench.store.stored(call_id)
    assert (call.final_status, bench.exchange.outside.refusals.total()) == (480, 1)
    assert call.why.startswith(f"{SILENT}redirect to 4:{OUTSIDE}, refused: dev may not redirect to {OUTSIDE}")
    assert list(bench.exchange.outside.running()) == []


def test_a_carrier_that_rings_itself_is_told_whom() -> None:
    bench = a_bench(phone_number(OUTSIDE))
    call_id = bench.arrive(came_by="back")
    bench.later(10)
    assert bench.store.stored(call_id).state is State.SENT_BACK
    assert bench.take()[-1] == ("finish", 302, OUT)


def test_a_store_that_refuses_the_default_ends_the_call() -> None:
    bench = a_bench(phone_number(OUTSIDE))
    call_id = bench.arrive()
    bench.take()
    bench.store.failure = StoreUnavailable("disk full")
    bench.later(10)
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 480, None)]
    assert (len(bench.exchange), list(bench.exchange.outside.running())) == (0, [])
    bench.store.failure = None
    bench.later(1)
    assert bench.store.stored(call_id).state is State.EXPIRED


def test_nothing_is_opened_when_the_budget_is_over() -> None:
    bench = a_bench(user(BOB), limits=Limits(ring_budget_s=10))
    call_id = bench.arrive()
    bench.later(10)
    assert bench.store.stored(call_id).final_status == 480


def test_the_old_context_is_closed() -> None:
    bench = a_bench(user(BOB))
    call_id = bench.arrive()
    bench.later(10)
    assert isinstance(bench.redirect(bench.context(call_id), phone_number(OUTSIDE)), HopClosed)
    assert bench.redirect(bench.context(call_id, 1), phone_number(OUTSIDE)) == Accepted(call_id)


def test_a_default_that_was_due_during_a_restart_holds_after_it() -> None:
    first = a_bench(user(BOB))
    call_id = first.arrive()
    second = a_bench(user(BOB), store=first.store)
    second.clock.offset += 20
    for stored in first.store.live_calls():
        second.exchange.restore(stored)
    second.later(0)
    assert second.take()[-1] == ("ring", 1, BOBS)
    assert second.store.stored(call_id).state is State.RINGING


def test_a_store_that_refuses_a_default_which_was_refused_itself_ends_the_call_once() -> None:
    bench = a_bench(phone_number("+999"))  # no route leads there
    bench.recorder.wants_reports = True
    call_id = bench.arrive()
    bench.take()
    bench.store.failure = StoreUnavailable("disk full")
    bench.later(10)
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 480, None)]
    bench.store.failure = None
    bench.later(1)
    call = bench.store.stored(call_id)
    assert (call.state, len(bench.exchange)) == (State.EXPIRED, 0)
    assert call.why.startswith(f"{SILENT}redirect to 4:+999, refused: ")
