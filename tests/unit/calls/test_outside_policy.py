"""How many calls may leave for the outside: each limit at its edge, and counts that come down again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from strowger.calls.call import Branch, Call, GroupStep, Hop, State
from strowger.calls.decision import Accepted
from strowger.calls.errors import CallThrottled, DecisionRefused, StoreUnavailable, TargetForbidden
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.calls.outside_minutes import DAY_S
from strowger.calls.outside_policy import (
    MINUTE_S,
    Attempt,
    OutsidePolicy,
    attempt_of,
    outside_targets,
)
from strowger.calls.outside_refusal import REASONS
from strowger.calls.outside_rules import OutsideRules

FREE = OutsideRules(
    calls=0,
    calls_per_minute=0,
    calls_per_day=0,
    caller_calls=0,
    caller_calls_per_minute=0,
    caller_calls_per_day=0,
    minutes_per_day=0,
)
OUT = "+31612345678"
LIMITS = [f"{of}{limit}" for of in ("", "caller_") for limit in ("calls", "calls_per_minute", "calls_per_day")]
CODES = {"calls": "8530", "calls_per_minute": "8516", "calls_per_day": "8529"}


def only(limit: str, most: int) -> OutsideRules:
    """Rules with one limit."""
    limits: Any = {limit: most}
    return replace(FREE, **limits)


class Bench:
    """A policy, and calls with numbers for names."""

    def __init__(self, usual: OutsideRules = FREE, rules: dict[str, OutsideRules] | None = None, **more: Any) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.policy = OutsidePolicy(
            rules, usual, refused=lambda attempt, reason, why: self.told.append((attempt.dialled, reason, why)), **more
        )
        self.outcomes: list[object] = []
        self.number = 0

    def begin(self, now: float, caller: str = "4:+1", resource: str = "dev", dialled: str = OUT) -> str:
        """Begin a call and have it written; its reason when it is refused, else its id."""
        self.number += 1
        call_id = f"call-{self.number}"
        try:
            answer = self.policy.begin(call_id, Attempt(resource, caller, dialled), now, self.outcomes.append)
        except DecisionRefused:
            return self.told[-1][1]
        answer(Accepted(call_id))
        return call_id


def a_call(call_id: str, state: State = State.RINGING, *, via: str = "carrier", resource: str = "dev") -> Call:
    hop = Hop(phone_number(OUT), 0.0, 60.0, via=via)
    return Call(call_id, resource, phone_number("+1"), "", 0.0, [hop], state)


def test_what_a_call_attempts() -> None:
    hops = [Hop(phone_number("+112"), 0.0, 1.0), Hop(phone_number("+31201110001"), 0.0, 1.0)]
    call = msgspec.structs.replace(a_call("c"), hops=hops)
    assert attempt_of(call, OUT) == Attempt("dev", "4:+1", OUT, ("+112", "+31201110001"), is_from_outside=True)


# Limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_reached_by_one_call_more(limit: str) -> None:
    bench = Bench(only(limit, 3))
    assert [bench.begin(now) for now in (0.0, 1.0, 2.0, 3.0)] == ["call-1", "call-2", "call-3", limit]
    assert bench.policy.refusals == {limit: 1}
    with pytest.raises(CallThrottled, match=rf"may have no further call .* \(\[\[outside\]\] {limit} = 3\)") as refused:
        bench.policy.begin("x", Attempt("dev", "4:+1", OUT), 3.0, bench.outcomes.append)
    code = CODES[limit.removeprefix("caller_")]
    assert (refused.value.status, refused.value.code, refused.value.target) == (429, code, "target")


@pytest.mark.parametrize("limit", LIMITS)
def test_zero_is_no_limit(limit: str) -> None:
    bench = Bench(FREE)
    assert bench.begin(0.0) == "call-1"
    assert all(bench.begin(0.0).startswith("call-") for _ in range(200)), limit


@pytest.mark.parametrize(
    ("limit", "span_s"),
    [
        ("calls_per_minute", MINUTE_S),
        ("caller_calls_per_minute", MINUTE_S),
        ("calls_per_day", DAY_S),
        ("caller_calls_per_day", DAY_S),
    ],
)
def test_a_call_counts_for_exactly_its_span(limit: str, span_s: float) -> None:
    bench = Bench(only(limit, 2))
    assert [bench.begin(10.0), bench.begin(20.0)] == ["call-1", "call-2"]
    assert bench.begin(10.0 + span_s - 0.5) == limit
    assert bench.begin(10.0 + span_s) == "call-4"
    assert bench.begin(20.0 + span_s - 0.5) == limit


def test_a_refused_call_counts_for_nothing() -> None:
    bench = Bench(replace(FREE, calls_per_minute=1))
    assert bench.begin(0.0) == "call-1"
    assert [bench.begin(float(now)) for now in range(1, 60)] == ["calls_per_minute"] * 59
    assert bench.begin(60.0) == "call-61"


@pytest.mark.parametrize("limit", LIMITS)
def test_whose_calls_a_limit_counts(limit: str) -> None:
    bench = Bench(only(limit, 1))
    assert bench.begin(0.0) == "call-1"
    other_caller = bench.begin(0.0, caller="4:+2")
    assert other_caller == ("call-2" if limit.startswith("caller") else limit)
    assert bench.begin(0.0, resource="other") == "call-3"


def test_callers_are_known_by_their_raw_id_whatever_its_capitals() -> None:
    bench = Bench(replace(FREE, caller_calls=1))
    assert bench.begin(0.0, caller="8:acs:A_1") == "call-1"
    assert bench.begin(0.0, caller="8:ACS:a_1") == "caller_calls"
    assert bench.begin(0.0, caller="4:anonymous") == "call-3"
    assert bench.begin(0.0, caller="4:anonymous") == "caller_calls"
    assert bench.begin(0.0, caller="") == "call-5"
    assert bench.begin(0.0, caller="") == "caller_calls"


def test_a_resource_has_rules_of_its_own_or_the_usual_ones() -> None:
    bench = Bench(replace(FREE, calls=1), {"big": replace(FREE, calls=2)})
    assert [bench.begin(0.0, resource="big") for _ in range(3)] == ["call-1", "call-2", "calls"]
    assert [bench.begin(0.0, resource="small") for _ in range(2)] == ["call-4", "calls"]
    assert list(bench.policy.running()) == [("big", 2), ("small", 1)]


def test_the_defaults_leave_an_attacker_ten_calls_a_minute() -> None:
    bench = Bench(OutsideRules())
    outcomes = [bench.begin(now / 20, caller=f"4:+{now}") for now in range(1_000)]
    assert sum(each.startswith("call-") for each in outcomes) == 10
    assert bench.policy.refusals["calls_per_minute"] == 990


# Numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialled", "reason", "why"),
    [
        ("+31900123456", "premium", r"\+31900123456 is a premium rate number, .* \[\[outside\]\] costly"),
        ("+88216123456", "satellite", "is a satellite number"),
        ("+87812345678", "networks", "is a number of no country"),
        ("112", "emergency", r"emergency number, nor away from one: 112"),
        ("0201110001", "not_allowed", r"dev may not redirect to numbers that begin like 0201110001: see .* allow"),
        ("+4930123456", "denied", r"dev may not redirect to \+4930123456: see \[\[outside\]\] deny"),
    ],
)
def test_a_number_is_refused_with_its_reason(dialled: str, reason: str, why: str) -> None:
    bench = Bench(OutsideRules(deny=frozenset(("+49",))))
    with pytest.raises(TargetForbidden, match=why) as refused:
        bench.policy.begin("c", Attempt("dev", "4:+1", dialled), 0.0, bench.outcomes.append)
    assert (refused.value.status, refused.value.code, refused.value.target) == (405, "8520", "target")
    assert bench.told == [(dialled, reason, str(refused.value))]
    assert bench.policy.refusals == {reason: 1}
    assert list(bench.policy.running()) == []
    assert reason in REASONS


def test_a_call_for_an_emergency_number_of_ours_does_not_leave() -> None:
    bench = Bench()
    with pytest.raises(TargetForbidden, match="nor away from one"):
        bench.policy.begin("c", Attempt("dev", "4:+1", OUT, ("+112",)), 0.0, bench.outcomes.append)


def test_foreign_text_in_a_reason_is_printable_and_bounded() -> None:
    bench = Bench()
    attempt = Attempt("dev", "4:+1", "+31900" + "1" * 3_000)
    refusal = OutsidePolicy().verdict(attempt, 0.0)
    assert len(str(refusal)) < 200
    assert bench.begin(0.0, dialled="0\x1b[2J") == "call-1"  # no number, so that nothing is said of it


# Counts that come down -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", [State.ANSWERED, State.SENT_BACK, State.REJECTED, State.CANCELLED, State.EXPIRED, State.FAILED]
)
def test_a_call_is_released_however_it_ends(state: State) -> None:
    bench = Bench(replace(FREE, calls=1, caller_calls=1))
    call_id = bench.begin(0.0)
    bench.policy.took_effect(a_call(call_id))
    assert bench.begin(0.0) == "caller_calls"
    bench.policy.took_effect(a_call(call_id, state))
    bench.policy.took_effect(a_call(call_id, state))
    assert bench.begin(0.0) == "call-3"
    assert list(bench.policy.running()) == [("dev", 1)]


def answered(bench: Bench, at: float, *, is_followed: bool = True, caller: str = "4:+1") -> str:
    """A call that left and was answered."""
    call_id = bench.begin(at, caller)
    bench.policy.answered(call_id, at, is_followed=is_followed)
    bench.policy.took_effect(a_call(call_id, State.ANSWERED))
    return call_id


def test_an_answered_call_counts_until_it_ends_where_we_see_that() -> None:
    bench = Bench(replace(FREE, calls=1))
    call_id = answered(bench, 20.0)
    assert bench.begin(30.0) == "calls"
    bench.policy.hung_up(call_id, 31.0)
    bench.policy.hung_up(call_id, 32.0)
    assert list(bench.policy.running()) == []
    assert bench.begin(33.0) == "call-3"


@pytest.mark.parametrize(("is_followed", "counts_s"), [(True, 14_400.0), (False, 300.0)])
def test_an_answered_call_whose_end_does_not_come_counts_for_its_time(is_followed: bool, counts_s: float) -> None:
    bench = Bench(replace(FREE, calls=2))
    for at in (0.0, 10.0):
        answered(bench, at, is_followed=is_followed)
    assert bench.begin(counts_s - 0.1) == "calls"
    assert bench.begin(counts_s) == "call-4"
    assert bench.begin(counts_s) == "calls"


def test_each_resource_says_how_long_that_is() -> None:
    bench = Bench(FREE, {"dev": replace(FREE, longest_call_s=60.0, assumed_call_s=20.0, calls=2)})
    answered(bench, 0.0)
    answered(bench, 0.0, is_followed=False)
    assert [bench.begin(19.9), bench.begin(20.0), bench.begin(59.9), bench.begin(60.0)] == [
        "calls", "call-4", "calls", "call-6",
    ]  # fmt: skip


def test_only_a_call_outside_counts_when_it_is_answered_and_one_that_fails_after_all_is_released() -> None:
    bench = Bench(replace(FREE, calls=1))
    bench.policy.answered("unknown", 0.0, is_followed=True)
    bench.policy.took_effect(a_call("unknown", State.ANSWERED))
    assert list(bench.policy.running()) == []
    call_id = bench.begin(0.0)
    bench.policy.answered(call_id, 0.0, is_followed=True)
    bench.policy.took_effect(a_call(call_id, State.CANCELLED))
    assert bench.begin(0.0) == "call-2"


def test_no_more_answered_calls_than_can_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strowger.calls.outside_policy.ANSWERED_COUNTED", 2)
    bench = Bench(FREE)
    for at in (1.0, 2.0, 3.0):
        answered(bench, at)
    assert list(bench.policy.running()) == [("dev", 2)]


# Minutes -------------------------------------------------------------------------------------------------------------


def test_talk_counts_while_it_lasts_and_for_a_day_after() -> None:
    bench = Bench(replace(FREE, minutes_per_day=10))
    call_id = answered(bench, 0.0)
    assert bench.begin(599.0) == "call-2"
    assert bench.begin(600.0) == "minutes_per_day"
    bench.policy.hung_up(call_id, 600.0)
    assert bench.begin(DAY_S) == "minutes_per_day"
    assert bench.begin(600.0 + DAY_S + 360.0) == "call-5"
    with pytest.raises(CallThrottled, match=r"talked for as long as they may .* minutes_per_day = 10") as refused:
        answered(bench, 200_000.0)
        bench.policy.begin("x", Attempt("dev", "4:+1", OUT), 200_600.0, bench.outcomes.append)
    assert refused.value.code == "8529"


def test_of_a_call_whose_end_is_not_told_the_assumed_minutes_count() -> None:
    bench = Bench(replace(FREE, minutes_per_day=6))
    answered(bench, 0.0, is_followed=False)
    assert bench.begin(5_000.0) == "call-2", "five minutes"
    answered(bench, 5_000.0, is_followed=False)
    assert bench.begin(5_060.0) == "minutes_per_day"


def test_ringing_is_no_talk_and_minutes_are_of_the_resource_that_talked() -> None:
    bench = Bench(replace(FREE, minutes_per_day=1))
    bench.begin(0.0)
    assert bench.begin(3_000.0) == "call-2"
    answered(bench, 3_000.0)
    assert bench.begin(3_060.0, resource="other") == "call-4"
    assert bench.begin(3_060.0) == "minutes_per_day"


# From outside to the outside -----------------------------------------------------------------------------------------


def test_callers_from_outside_may_be_kept_from_going_out_again() -> None:
    policy = OutsidePolicy({"shut": replace(FREE, may_hairpin=False)}, FREE)
    attempt = attempt_of(a_call("c", resource="shut"), OUT)
    assert attempt.is_from_outside
    refusal = policy.verdict(attempt, 0.0)
    assert isinstance(refusal, TargetForbidden)
    assert "hairpin" in str(refusal)
    assert policy.verdict(attempt._replace(resource="open"), 0.0) is None
    ours = msgspec.structs.replace(a_call("c", resource="shut"), caller=from_raw_id("8:acs:r_1"))
    assert policy.verdict(attempt_of(ours, OUT), 0.0) is None
    assert "hairpin" in REASONS


# After a restart -----------------------------------------------------------------------------------------------------


def stored(state: State, opened_at: float, ended_at: float = 0.0, *, via: str = "carrier") -> Call:
    call = a_call(f"old-{opened_at:g}", state)
    hop = Hop(phone_number(OUT), opened_at, opened_at + 60, via=via)
    return msgspec.structs.replace(call, hops=[hop], ended_at=ended_at)


WALL = 1_000_000.0
NOW = 50.0


def test_what_left_within_a_minute_and_a_day_before_a_restart_still_counts() -> None:
    for limit, age_s in (("calls_per_minute", MINUTE_S), ("caller_calls_per_day", DAY_S)):
        bench = Bench(only(limit, 2))
        calls = [
            stored(State.FAILED, WALL - age_s + 5.0, WALL - 1.0),
            stored(State.RINGING, WALL - age_s + 20.0),
            stored(State.FAILED, WALL - age_s, WALL - age_s),
            stored(State.FAILED, WALL - 10.0, WALL - 1.0, via=""),
        ]
        bench.policy.recall(reversed(calls), NOW, WALL)
        assert bench.begin(NOW + 4.9) == limit
        assert bench.begin(NOW + 5.0) == "call-2"


def test_calls_answered_just_before_a_restart_count_as_long_as_is_assumed() -> None:
    bench = Bench(replace(FREE, calls=1, minutes_per_day=7))
    calls = [stored(State.ANSWERED, WALL - 300.0, WALL - 290.0), stored(State.ANSWERED, WALL - 900.0, WALL - 800.0)]
    bench.policy.recall(calls, NOW, WALL)
    assert list(bench.policy.running()) == [("dev", 1)]
    assert bench.begin(NOW + 9.9) == "calls"
    assert bench.begin(NOW + 10.0) == "minutes_per_day"


def test_a_clock_that_was_set_back_makes_no_call_of_the_future() -> None:
    bench = Bench(only("calls_per_minute", 1))
    bench.policy.recall([stored(State.ANSWERED, WALL + 3_600.0, WALL + 3_605.0)], NOW, WALL)
    assert bench.begin(NOW + 59.9) == "calls_per_minute"
    assert bench.begin(NOW + 60.0) == "call-2"


def test_a_call_that_is_with_us_again_is_released() -> None:
    bench = Bench(replace(FREE, calls=1))
    bench.policy.took_effect(a_call(bench.begin(0.0), State.HELD, via=""))
    assert bench.begin(0.0) == "call-2"


def test_a_decision_that_was_not_written_never_left() -> None:
    bench = Bench(OutsideRules(calls=1, calls_per_minute=1, caller_calls_per_day=1))
    answer = bench.policy.begin("c", Attempt("dev", "4:+1", OUT), 5.0, bench.outcomes.append)
    assert bench.begin(5.0) == "caller_calls_per_day"
    error = StoreUnavailable("full")
    answer(error)
    assert bench.outcomes == [error]
    assert bench.begin(5.0) == "call-2"
    answer(error)  # told twice, it takes nothing from others
    assert bench.begin(5.0) == "caller_calls_per_day"


def test_undoing_takes_back_its_own_call_only() -> None:
    bench = Bench(replace(FREE, calls_per_minute=2))
    answer = bench.policy.begin("c", Attempt("dev", "4:+1", OUT), 0.0, bench.outcomes.append)
    assert bench.begin(30.0) == "call-1"
    answer(StoreUnavailable("full"))
    assert [bench.begin(30.0), bench.begin(89.0), bench.begin(90.0)] == ["call-2", "calls_per_minute", "call-4"]


def test_a_written_decision_is_passed_on_and_stays_counted() -> None:
    bench = Bench(replace(FREE, calls=1))
    call_id = bench.begin(0.0)
    assert bench.outcomes == [Accepted(call_id)]
    assert list(bench.policy.running()) == [("dev", 1)]


def test_a_call_that_outlived_a_restart_counts_again() -> None:
    bench = Bench(replace(FREE, calls=1, calls_per_minute=1))
    bench.policy.resume(a_call("old"), 0.0)
    bench.policy.resume(a_call("held", State.HELD, via=""), 0.0)
    assert list(bench.policy.running()) == [("dev", 1)]
    assert bench.begin(0.0) == "calls"
    bench.policy.took_effect(a_call("old", State.ANSWERED))
    assert bench.begin(0.0) == "call-2", "how many calls there were before is not remembered"


# Bounds --------------------------------------------------------------------------------------------------------------


def test_looking_changes_nothing() -> None:
    bench = Bench(replace(FREE, calls=1))
    attempt = Attempt("dev", "4:+1", OUT)
    assert [bench.policy.verdict(attempt, 0.0) for _ in range(3)] == [None] * 3
    bench.begin(0.0)
    assert isinstance(bench.policy.verdict(attempt, 0.0), CallThrottled)
    assert (bench.told, bench.policy.refusals) == ([], {})


def test_of_too_many_callers_the_one_idle_for_longest_is_forgotten() -> None:
    bench = Bench(replace(FREE, caller_calls_per_day=1), callers=2)
    assert [bench.begin(now, caller=f"4:+{now}") for now in (1.0, 2.0)] == ["call-1", "call-2"]
    assert bench.begin(3.0, caller="4:+1.0") == "caller_calls_per_day"
    assert bench.begin(4.0, caller="4:+4.0") == "call-4"
    assert bench.policy.callers_remembered() == 2
    assert bench.begin(5.0, caller="4:+2.0") == "caller_calls_per_day"
    assert bench.begin(5.0, caller="4:+1.0") == "call-6", "its count began anew"


def test_a_long_caller_id_is_cut() -> None:
    bench = Bench(replace(FREE, caller_calls=1))
    assert bench.begin(0.0, caller="x" * 5_000) == "call-1"
    assert bench.begin(0.0, caller="x" * 100 + "y") == "caller_calls"


# Several at one time -------------------------------------------------------------------------------------------------


def several(number: int) -> list[Attempt]:
    return [Attempt("dev", "4:+1", f"+3161234567{n}") for n in range(number)]


@pytest.mark.parametrize("limit", LIMITS)
def test_targets_that_ring_together_count_one_by_one(limit: str) -> None:
    policy = OutsidePolicy(usual=only(limit, 3))
    assert [refusal is None for refusal in policy.sift("call", several(4), 0.0)] == [True, True, True, False]
    policy.begin_each("call", several(2), 0.0, lambda outcome: None)
    assert list(policy.running()) == [("dev", 2)]
    assert [refusal is None for refusal in policy.sift("other", several(2), 0.0)] == [True, False]
    assert policy.refusals == {limit: 2}
    with pytest.raises(DecisionRefused):
        policy.begin_each("other", several(2), 0.0, lambda outcome: None)
    assert list(policy.running()) == [("dev", 2)]


def test_what_a_call_rings_next_takes_the_place_of_what_it_rang() -> None:
    policy = OutsidePolicy(usual=only("caller_calls", 2))
    policy.begin_each("call", several(2), 0.0, lambda outcome: None)
    policy.begin_each("call", several(2), 0.0, lambda outcome: None)
    assert list(policy.running()) == [("dev", 2)]


def test_targets_that_were_not_written_never_left() -> None:
    policy = OutsidePolicy(usual=only("calls_per_day", 2))
    told: list[object] = []
    policy.begin_each("call", several(2), 0.0, told.append)(StoreUnavailable("down"))
    assert list(policy.running()) == []
    assert policy.sift("call", several(2), 0.0) == [None, None]
    assert len(told) == 1


def test_how_many_targets_outside_a_hop_has() -> None:
    members = (Branch("sip:1@a", "a"), Branch("sip:bob@b"), Branch("sip:2@a", "a"))
    hop = Hop(phone_number(OUT), 0.0, 60.0)
    assert outside_targets(hop) == 0
    assert outside_targets(msgspec.structs.replace(hop, via="a")) == 1
    assert outside_targets(msgspec.structs.replace(hop, group=GroupStep(members))) == 2


# Apart --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", LIMITS)
def test_one_apart_judges_as_this_one_and_counts_for_itself(limit: str) -> None:
    bench = Bench(only(limit, 2))
    bench.begin(10.0)
    bench.begin(10.0, resource="other")
    attempt = Attempt("dev", "4:+1", OUT)
    apart = bench.policy.apart("dev", "4:+1")
    apart.begin("apart", attempt, 11.0, lambda outcome: None)
    with pytest.raises(CallThrottled):
        apart.begin("apart too", attempt, 11.0, lambda outcome: None)
    assert bench.policy.verdict(attempt, 11.0) is None
    assert (bench.policy.refusals.total(), bench.told) == (0, [])
    assert list(bench.policy.running()) == [("dev", 1), ("other", 1)]
    assert bench.begin(11.0) == "call-3"
    assert bench.begin(11.0) == limit


def test_one_apart_knows_the_talk_of_the_day_and_when_it_ends() -> None:
    bench = Bench(replace(FREE, minutes_per_day=1, calls=1, longest_call_s=90.0))
    call_id = bench.begin(0.0)
    bench.policy.answered(call_id, 0.0, is_followed=True)
    apart = bench.policy.apart("dev", "4:+2")
    attempt = Attempt("dev", "4:+2", OUT)
    assert getattr(apart.verdict(attempt, 30.0), "code", "") == "8530"
    assert getattr(apart.verdict(attempt, 90.0), "code", "") == "8529"  # its call is over there, and was too long
    assert list(apart.running()) == []
    assert list(bench.policy.running()) == [("dev", 1)]
    assert bench.policy.apart("nobody", "4:+2").verdict(Attempt("nobody", "4:+2", OUT), 0.0) is None
