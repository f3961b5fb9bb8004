"""A hunt through the members of a group, and a ring of all of them, as the exchange carries them out."""

from __future__ import annotations

import msgspec
import pytest

from strowger.calls.call import Call, Failure, Opening, State
from strowger.calls.decision import Accepted, RedirectCall, RejectCall
from strowger.calls.errors import CallError, CallOver, StoreUnavailable
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.calls.limits import Limits
from strowger.calls.outside_rules import OutsideRules
from tests.support.exchange import ALICE, BOB, BY_TWO_TRUNKS, NOBODY, NUMBER, OTHER_NUMBER, OUTSIDE, Bench

SALES = phone_number(NUMBER)


def member(who: str, time_s: float = 20.0) -> Member:
    return Member(phone_number(who) if who.startswith("+") else from_raw_id(who), time_s)


def hunting(
    *members: Member,
    limits: Limits | None = None,
    rules: OutsideRules | None = None,
    ends_on: tuple[int, ...] = (486, 603),
) -> Bench:
    return Bench(limits, groups=[Group(SALES, Mode.IN_ORDER, members, ends_on)], outside=rules)


def fail(bench: Bench, call_id: str, status: int, reason: str = "No") -> list[tuple[object, ...]]:
    """The current hop fails; what is asked of the ports."""
    live = bench.exchange.live_call(call_id)
    assert live is not None
    bench.exchange.hop_failed(call_id, live.hop_index, status, reason, f"somebody: {status}", f"their {status}")
    bench.store.flush()
    return bench.take()


def later(bench: Bench, seconds: float) -> list[tuple[object, ...]]:
    bench.clock.now += seconds
    bench.exchange.advance(bench.clock.now)
    bench.store.flush()
    return bench.take()


def redirect(bench: Bench, call_id: str, to: str) -> Accepted | CallError:
    answers: list[Accepted | CallError] = []
    context = bench.context(call_id)
    bench.exchange.redirect(RedirectCall("dev", context, from_raw_id(to)), answers.append)
    bench.store.flush()
    (answer,) = answers
    return answer


def stored(bench: Bench, call_id: str) -> Call:
    return bench.store.stored(call_id)


def rings(*uris: str, hop: int = 0) -> tuple[object, ...]:
    return ("ring", hop, uris)


ALICES, BOBS = "sip:alice@127.0.0.1:5071", ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")


# In order ------------------------------------------------------------------------------------------------------------


def test_the_first_member_rings_and_the_application_is_told_once() -> None:
    bench = hunting(member(ALICE, 10.0), member(BOB, 15.0))
    call_id = bench.arrive()
    assert bench.take() == [("publish", "id-0001"), ("proceed", False), rings(ALICES)]
    hop = stored(bench, call_id).hop
    assert hop.expires_at - hop.opened_at == 10.0
    assert hop.open_until - hop.opened_at == 25.0, "the event and its context are good for the whole hunt"


def test_no_answer_in_its_time_and_the_next_one_rings() -> None:
    bench = hunting(member(ALICE, 10.0), member(BOB, 15.0))
    call_id = bench.arrive()
    bench.take()
    assert later(bench, 9.99) == []
    assert later(bench, 0.01) == [("stop_ringing", 0), rings(*BOBS, hop=1)]
    call = stored(bench, call_id)
    assert [hop.opening for hop in call.hops] == [Opening.ARRIVAL, Opening.HUNT]
    assert [hop.event_id for hop in call.hops] == ["id-0001", "id-0001"]
    assert call.hops[0].decision == "nobody answered within 10 s: the next one rings"
    assert call.hop.expires_at - call.hop.opened_at == 15.0
    assert call.redirects == 0
    assert "id-0001" in bench.store.events, "the event is not withdrawn between the steps"


def test_an_answer_of_the_second() -> None:
    bench = hunting(member(ALICE), member(BOB), member(OUTSIDE))
    call_id = bench.arrive()
    assert fail(bench, call_id, 480)[-1] == rings(*BOBS, hop=1)
    bench.exchange.answered(call_id, 1, BOBS[0], "200")
    bench.store.flush()
    assert bench.take() == [("withdraw", "id-0001"), ("finish", 200, "200")]
    assert stored(bench, call_id).state is State.ANSWERED


def test_an_answer_of_a_member_that_rings_no_more_is_disowned() -> None:
    bench = hunting(member(ALICE, 10.0), member(BOB))
    call_id = bench.arrive()
    later(bench, 10.0)
    bench.exchange.answered(call_id, 0, ALICES, "200 too late")
    bench.store.flush()
    assert bench.take() == [("disown", 0, "200 too late")]
    assert stored(bench, call_id).state is State.RINGING


def test_an_answer_while_the_next_step_is_written_is_disowned() -> None:
    bench = hunting(member(ALICE, 10.0), member(BOB))
    call_id = bench.arrive()
    bench.take()
    bench.clock.now += 10.0
    bench.exchange.advance(bench.clock.now)
    bench.exchange.answered(call_id, 0, ALICES, "200")
    bench.store.flush()
    assert bench.take() == [("stop_ringing", 0), rings(*BOBS, hop=1), ("disown", 0, "200")]


@pytest.mark.parametrize("status", [486, 603])
def test_these_end_the_hunt(status: int) -> None:
    bench = hunting(member(ALICE), member(BOB))
    call_id = bench.arrive()
    assert fail(bench, call_id, status)[-1] == ("finish", status, f"their {status}")
    assert stored(bench, call_id).state is State.FAILED


@pytest.mark.parametrize("status", [404, 408, 480, 486, 500, 603])
def test_these_go_on(status: int) -> None:
    bench = hunting(member(ALICE), member(BOB), ends_on=())
    assert fail(bench, bench.arrive(), status)[-1] == rings(*BOBS, hop=1)


def test_the_best_of_all_is_what_the_caller_gets() -> None:
    bench = hunting(member(ALICE), member(BOB), member(OUTSIDE))
    call_id = bench.arrive()
    fail(bench, call_id, 404, "Not Found")
    fail(bench, call_id, 500)
    assert stored(bench, call_id).hop.failure == Failure(SALES.raw_id, 404, "Not Found", "somebody: 404")
    assert fail(bench, call_id, 500)[-1] == ("finish", 404, None)
    assert stored(bench, call_id).why == "somebody: 404"


def test_of_equals_it_is_the_latest_as_it_came() -> None:
    bench = hunting(member(ALICE), member(BOB))
    call_id = bench.arrive()
    fail(bench, call_id, 404)
    assert fail(bench, call_id, 480)[-1] == ("finish", 480, "their 480")


def test_nobody_answers_at_all() -> None:
    bench = hunting(member(ALICE, 10.0), member(BOB, 10.0))
    call_id = bench.arrive()
    later(bench, 10.0)
    assert later(bench, 10.0)[-1] == ("finish", 480, None)
    assert stored(bench, call_id).state is State.EXPIRED


def test_members_without_phones_are_passed_over() -> None:
    bench = hunting(member(ALICE), member(NOBODY), member(BOB))
    call_id = bench.arrive()
    fail(bench, call_id, 480)
    group = stored(bench, call_id).hop.group
    assert group is not None
    assert (group.position, group.left_out) == (3, (f"{NOBODY}: no phone of this user is registered",))


# The application -----------------------------------------------------------------------------------------------------


def test_the_application_redirects_while_the_group_hunts() -> None:
    bench = hunting(member(ALICE), member(NOBODY), member(BOB))
    call_id = bench.arrive()
    fail(bench, call_id, 480)
    assert redirect(bench, call_id, f"4:{OUTSIDE}") == Accepted(call_id)
    assert bench.take() == [
        ("withdraw", "id-0001"),
        ("stop_ringing", 1),
        ("ring", 2, (f"sip:{OUTSIDE}@127.0.0.1:5090",)),
    ]
    assert stored(bench, call_id).redirects == 1


def test_the_application_rejects_while_the_group_hunts() -> None:
    bench = hunting(member(ALICE), member(BOB))
    call_id = bench.arrive()
    fail(bench, call_id, 480)
    answers: list[object] = []
    bench.exchange.reject(RejectCall("dev", bench.context(call_id)), answers.append)
    bench.store.flush()
    assert answers == [Accepted(call_id)]
    assert bench.take()[-1] == ("finish", 603, None)
    assert isinstance(redirect(bench, call_id, BOB), CallOver)


def test_a_group_as_the_target_of_a_redirect() -> None:
    bench = hunting(member(ALICE), member(BOB))
    call_id = bench.arrive(OTHER_NUMBER)
    bench.take()
    assert redirect(bench, call_id, f"4:{NUMBER}") == Accepted(call_id)
    assert bench.take() == [("publish", "id-0002"), ("withdraw", "id-0001"), rings(ALICES, hop=1)]
    assert fail(bench, call_id, 408)[-1] == rings(*BOBS, hop=2)
    assert stored(bench, call_id).redirects == 1


def test_the_caller_gives_up_while_the_group_hunts() -> None:
    bench = hunting(member(ALICE), member(BOB))
    call_id = bench.arrive()
    fail(bench, call_id, 480)
    bench.exchange.cancel(call_id)
    bench.store.flush()
    assert bench.take() == [("withdraw", "id-0001"), ("stop_ringing", 1), ("finish", 487, None)]


# Bounds --------------------------------------------------------------------------------------------------------------


def test_a_hunt_has_one_budget() -> None:
    bench = hunting(member(ALICE, 40.0), member(BOB, 40.0), member(OUTSIDE, 40.0), limits=Limits(ring_budget_s=60.0))
    call_id = bench.arrive()
    hop = stored(bench, call_id).hop
    assert hop.open_until - hop.opened_at == 60.0
    later(bench, 40.0)
    hop = stored(bench, call_id).hop
    assert hop.expires_at - hop.opened_at == 20.0
    assert later(bench, 20.0)[-1] == ("finish", 480, None)


def test_a_step_that_the_store_refuses_ends_the_call_with_the_failure() -> None:
    bench = hunting(member(ALICE), member(BOB))
    call_id = bench.arrive()
    bench.store.failure = StoreUnavailable("down")
    assert fail(bench, call_id, 480)[-1] == ("finish", 480, "their 480")


# To the outside ------------------------------------------------------------------------------------------------------


def test_a_member_outside_is_counted_while_it_rings() -> None:
    bench = hunting(member(BY_TWO_TRUNKS), member(OUTSIDE), member(ALICE), rules=OutsideRules(caller_calls=1))
    call_id = bench.arrive()
    running = bench.exchange.outside.running
    assert running() == [("dev", 1)]
    assert fail(bench, call_id, 480)[-1] == rings(f"sip:{OUTSIDE}@127.0.0.1:5090", hop=1)
    assert running() == [("dev", 1)], "the next one takes the place of the one before"
    fail(bench, call_id, 480)
    assert running() == []


def test_what_never_came_to_be_counts_no_more() -> None:
    bench = hunting(member(OUTSIDE))
    bench.store.failure = StoreUnavailable("down")
    bench.arrive()
    assert bench.exchange.outside.running() == []


def test_a_member_that_may_not_be_called_is_passed_over() -> None:
    bench = hunting(member(OUTSIDE), member(ALICE), rules=OutsideRules(deny=frozenset(("+1800",))))
    bench.arrive()
    assert bench.take()[-1] == rings(ALICES)


def test_all_are_refused() -> None:
    bench = hunting(member(OUTSIDE), rules=OutsideRules(deny=frozenset(("+1800",))))
    bench.recorder.subscribed = False
    call_id = bench.arrive()
    assert bench.take()[-1] == ("finish", 480, None)
    assert f"4:{OUTSIDE}: dev may not redirect to {OUTSIDE}" in stored(bench, call_id).why


def test_all_are_refused_and_the_application_decides() -> None:
    bench = hunting(member(NOBODY))
    call_id = bench.arrive()
    assert bench.take() == [("publish", "id-0001"), ("proceed", True)]
    assert stored(bench, call_id).state is State.HELD


# Phones that register ------------------------------------------------------------------------------------------------


def test_a_phone_that_registers_rings_when_it_is_its_turn() -> None:
    bench = hunting(member(ALICE), member(BOB))
    call_id = bench.arrive()
    bench.exchange.phone_registered(BOB, ["sip:bob@192.0.2.5"])
    bench.store.flush()
    assert bench.take()[-1] == rings(ALICES), "bob's turn has not come"
    bench.exchange.phone_registered(ALICE.upper(), ["sip:alice@192.0.2.5"])
    bench.store.flush()
    assert bench.take() == [("ring_branch", 0, 1, "sip:alice@192.0.2.5")]
    (joined,) = stored(bench, call_id).hop.joined
    assert joined.member == ALICE.upper()


def test_a_phone_that_registers_while_nobody_can_be_rung() -> None:
    bench = hunting(member(NOBODY), member("+4911"))
    call_id = bench.arrive()
    bench.exchange.phone_registered(NOBODY, ["sip:n@192.0.2.5"])
    bench.store.flush()
    assert bench.take()[-1] == ("ring_branch", 0, 0, "sip:n@192.0.2.5")
    assert fail(bench, call_id, 408)[-1] == ("finish", 408, "their 408")


# Restart -------------------------------------------------------------------------------------------------------------


STEPS = (member(ALICE, 10.0), member(BOB, 10.0), member(OUTSIDE, 10.0))


def restarted(bench: Bench) -> Bench:
    again = Bench(store=bench.store, clock=bench.clock, groups=[Group(SALES, Mode.IN_ORDER, STEPS)])
    for each in again.store.live_calls():
        again.exchange.restore(each)
        again.exchange.resume(each.call.call_id)
    return again


def test_a_hunt_goes_on_after_a_restart() -> None:
    bench = hunting(*STEPS)
    call_id = bench.arrive()
    fail(bench, call_id, 480)
    bench.clock.now += 4.0
    again = restarted(bench)
    assert again.take() == [("restore", "ringing"), ("resume",)]
    assert later(again, 5.99) == []
    assert later(again, 0.01) == [("stop_ringing", 1), ("ring", 2, (f"sip:{OUTSIDE}@127.0.0.1:5090",))]
    assert again.exchange.outside.running() == [("dev", 1)]


def test_a_member_whose_time_ran_out_meanwhile_is_not_rung_again() -> None:
    bench = hunting(*STEPS)
    bench.arrive()
    bench.clock.now += 30.0
    again = restarted(bench)
    assert again.take() == [("restore", "ringing")]
    assert later(again, 0.0) == [("stop_ringing", 0), rings(*BOBS, hop=1)]


# All at once ---------------------------------------------------------------------------------------------------------


def all_at_once(*members: Member, rules: OutsideRules | None = None) -> Bench:
    return Bench(groups=[Group(SALES, Mode.ALL, members)], outside=rules)


def test_all_ring_for_as_long_as_anybody_does() -> None:
    bench = all_at_once(member(ALICE), member(BOB))
    call_id = bench.arrive()
    assert bench.take()[-1] == rings(ALICES, *BOBS)
    hop = stored(bench, call_id).hop
    assert hop.expires_at - hop.opened_at == 60.0
    assert later(bench, 60.0)[-1] == ("finish", 480, None)


def test_all_fail_and_nobody_follows() -> None:
    bench = all_at_once(member(ALICE), member(BOB))
    assert fail(bench, bench.arrive(), 486)[-1] == ("finish", 486, "their 486")


def test_each_outside_member_of_a_ring_counts_and_the_answer_of_one_leaves_one() -> None:
    bench = all_at_once(member(BY_TWO_TRUNKS), member(OUTSIDE), rules=OutsideRules(caller_calls=2))
    call_id = bench.arrive()
    running = bench.exchange.outside.running
    assert running() == [("dev", 2)]
    bench.exchange.answered(call_id, 0, "x", "200", is_outside=True, is_followed=True)
    bench.store.flush()
    assert running() == [("dev", 1)]
    bench.exchange.hung_up(call_id, is_by_caller=True)
    assert running() == []


def test_a_ring_of_all_counts_again_after_a_restart() -> None:
    bench = all_at_once(member(BY_TWO_TRUNKS), member(OUTSIDE), member(ALICE))
    bench.arrive()
    again = Bench(store=bench.store, clock=bench.clock)
    for each in again.store.live_calls():
        again.exchange.restore(each)
    assert again.exchange.outside.running() == [("dev", 2)]
    assert again.exchange.ringing_through() == {"first": 1, "near": 1}


def test_a_phone_of_any_member_joins_a_ring_of_all() -> None:
    bench = all_at_once(member(ALICE), member(NOBODY))
    bench.arrive()
    bench.take()
    bench.exchange.phone_registered(NOBODY, ["sip:n@192.0.2.5"])
    bench.store.flush()
    assert bench.take() == [("ring_branch", 0, 1, "sip:n@192.0.2.5")]


def test_a_user_that_is_a_group_rings_its_members_and_not_its_own_phones() -> None:
    bench = Bench(groups=[Group(from_raw_id(ALICE), Mode.ALL, (member(BOB),))])
    bench.arrive("alice")
    bench.take()
    bench.exchange.phone_registered(ALICE, ["sip:alice@192.0.2.5"])
    bench.store.flush()
    assert bench.take() == []


def test_a_call_written_before_there_were_groups_is_read() -> None:
    bench = Bench()
    call_id = bench.arrive("alice")
    row = msgspec.json.decode(bench.store.rows[call_id][0].call)
    assert "group" not in row["hops"][0]


def test_a_redirect_that_the_store_refuses_leaves_counted_who_rings_on_outside() -> None:
    rules = OutsideRules(calls=3, calls_per_minute=3)
    bench = all_at_once(member(BY_TWO_TRUNKS), member(OUTSIDE), rules=rules)
    call_id = bench.arrive()
    bench.store.failure = StoreUnavailable("disk full")
    assert isinstance(redirect(bench, call_id, f"4:{OUTSIDE}"), StoreUnavailable)
    assert bench.exchange.outside.running() == [("dev", 2)]
    bench.store.failure = None
    assert isinstance(redirect(bench, call_id, f"4:{OUTSIDE}"), Accepted)  # the third of the minute
    assert bench.exchange.outside.running() == [("dev", 1)]
    bench.exchange.cancel(call_id)
    bench.store.flush()
    assert bench.exchange.outside.running() == []


def test_a_member_that_cannot_be_rung_at_all_takes_no_count_from_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = hunting(member(ALICE), member(OUTSIDE))

    def unreachable(call: Call, hop_index: int) -> None:
        if not hop_index:  # as the edge tells it: before `ring` returns
            bench.exchange.hop_failed(call.call_id, 0, 503, "Service Unavailable", "no way to it", None)

    monkeypatch.setattr(bench.recorder, "ring", unreachable)
    call_id = bench.arrive()
    assert stored(bench, call_id).hop.opening is Opening.HUNT
    assert bench.exchange.outside.running() == [("dev", 1)]
