"""Opening a hop: what is asked of the machine, and for how long."""

from __future__ import annotations

import pytest

from strowger.calls.call import Failure, Opening
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.ledger import LiveCall
from strowger.calls.limits import Limits
from strowger.calls.machine import Input
from strowger.calls.ports import RingPlan
from tests.support.exchange import ALICE, BOB, NOBODY, NUMBER, OTHER_NUMBER, OUTSIDE, Bench, user

PLAN = RingPlan(phone_number(OTHER_NUMBER), announced=True)


def a_live_call(bench: Bench) -> LiveCall:
    return bench.exchange._ledger._live[bench.arrive()]


def test_a_hop_is_held_for_its_application_and_says_how_it_was_opened() -> None:
    bench = Bench(Limits(hold_s=30))
    failure = Failure("4:+1", 486, "Busy Here", "busy")
    what, occurrence = bench.exchange._openings.open(a_live_call(bench), PLAN, "because", Opening.RETURNED, failure)
    assert (what, occurrence.opening, occurrence.failure) == (Input.HOLD, Opening.RETURNED, failure)
    assert (occurrence.event_id, occurrence.expires_at - occurrence.at) == ("id-0002", 30)
    asked = bench.recorder.asked[-1].hop
    assert (asked.to, asked.event_id, asked.opening, asked.failure) == (PLAN.to, "id-0002", Opening.RETURNED, failure)


def test_a_hop_that_nobody_hears_of_is_for_nobody() -> None:
    bench = Bench()
    live = a_live_call(bench)
    bench.recorder.subscribed = False
    what, occurrence = bench.exchange._openings.open(live, PLAN, "because")
    assert (what, occurrence.status, occurrence.event_id) == (Input.NOBODY, 480, "")


def test_time_comes_out_of_the_budget_of_the_call() -> None:
    bench = Bench(Limits(hold_s=30, ring_s=60, ring_budget_s=70))
    live = a_live_call(bench)
    bench.clock.now += 65
    assert bench.exchange._openings.budget_s(live) == 5
    _, occurrence = bench.exchange._openings.redirect(live, phone_number(OUTSIDE), Opening.REDIRECT)
    assert occurrence.expires_at - occurrence.at == 5
    bench.clock.now += 10
    _, occurrence = bench.exchange._openings.redirect(live, phone_number(OUTSIDE), Opening.DEFAULT)
    assert (occurrence.expires_at, occurrence.opening) == (occurrence.at, Opening.DEFAULT)


def test_a_chain_is_as_long_as_it_may_get() -> None:
    bench = Bench(Limits(redirects_per_call=0))
    what, occurrence = bench.exchange._openings.redirect(a_live_call(bench), phone_number(NUMBER), Opening.REDIRECT)
    assert (what, occurrence.status, occurrence.plan) == (Input.TOO_MANY, 482, None)


@pytest.mark.parametrize("to", [phone_number(OTHER_NUMBER), user(NOBODY)])
@pytest.mark.parametrize("mode", Mode)
def test_a_group_is_rung_by_us_whatever_the_trunk(to: Identifier, mode: Mode) -> None:
    bench = Bench(groups=[Group(to, mode, (Member(user(ALICE)), Member(user(BOB))))])
    live = bench.exchange._ledger._live[bench.arrive(came_by="back")]
    what, occurrence = bench.exchange._openings.redirect(live, to, Opening.REDIRECT)
    assert (what, occurrence.plan is not None and occurrence.plan.rings) == (Input.RING, True)
    what, _ = bench.exchange._openings.redirect(live, user(BOB), Opening.REDIRECT)
    assert what is Input.SEND_BACK
