"""A call that nobody makes against the same call made on the bench, whose store, clock and ports are others: the same
hops at the same times, the same refusals, the same end. And whatever is asked, the counts of real calls stay.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from strowger.calls.call import Call, State
from strowger.calls.context import ContextSigner
from strowger.calls.exchange import Exchange
from strowger.calls.fallbacks import Default, Fallbacks
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import Identifier, from_raw_id, phone_number
from strowger.calls.limits import Limits
from strowger.calls.outside_policy import Attempt, OutsidePolicy
from strowger.calls.outside_rules import OutsideRules
from strowger.calls.rehearsal import LeapingClock, Notes, play
from strowger.calls.reports import Report
from strowger.sip.transaction.timers import TimerHeap
from tests.support.exchange import (
    ALICE,
    BOB,
    BY_TWO_TRUNKS,
    NOBODY,
    NUMBER,
    OTHER_NUMBER,
    OUTSIDE,
    Bench,
    arrival,
    directory,
)

TARGETS = [ALICE, BOB, NOBODY, NUMBER, OTHER_NUMBER, OUTSIDE, BY_TWO_TRUNKS, "+49301234", "+1900555", "8:acs:no_one"]


class Play(NamedTuple):
    """What a call meets."""

    dialled: str
    targets: list[str]
    untold: set[str]
    limits: Limits
    rules: OutsideRules
    groups: list[Group]
    fallbacks: Fallbacks


def who(text: str) -> Identifier:
    return phone_number(text) if text.startswith("+") else from_raw_id(text)


groups = st.builds(
    Group,
    st.just(phone_number(OTHER_NUMBER)),
    st.sampled_from(Mode),
    st.lists(
        st.builds(Member, st.sampled_from([ALICE, BOB, NOBODY, OUTSIDE]).map(who), st.sampled_from([5.0, 40.0])),
        min_size=1,
        max_size=4,
    ).map(tuple),
)
plays = st.builds(
    Play,
    dialled=st.sampled_from([NUMBER, OTHER_NUMBER, "alice", "nobody"]),
    targets=st.lists(st.sampled_from(TARGETS), max_size=6),
    untold=st.sets(st.sampled_from([f"4:{NUMBER}", f"4:{OTHER_NUMBER}", ALICE, NOBODY]), max_size=2),
    limits=st.builds(
        Limits, ring_budget_s=st.sampled_from([50.0, 180.0, 600.0]), redirects_per_call=st.integers(0, 4)
    ),
    rules=st.builds(OutsideRules, calls_per_day=st.sampled_from([0, 1, 3]), may_hairpin=st.booleans()),
    groups=st.lists(groups, max_size=1),
    fallbacks=st.builds(
        lambda returns, default: Fallbacks(
            resources=("dev",) if returns else (),
            defaults={NUMBER: Default(7.0, who(default))} if default else {},
        ),
        st.booleans(),
        st.sampled_from(["", OTHER_NUMBER, OUTSIDE, BOB]),
    ),
)


class Silence:
    """Foretells nothing but who is told."""

    def __init__(self, untold: set[str]) -> None:
        self.untold = untold

    def is_told(self, call: Call) -> bool:
        return call.hop.to.raw_id not in self.untold

    def told(self, call: Call, wall: float) -> Sequence[str]:
        return ()

    def reported(self, reports: Sequence[Report], wall: float) -> Sequence[str]:
        return ()


def course(call: Call) -> list[tuple[Any, ...]]:
    at = call.created_at
    hops = [
        (hop.to, hop.opening, hop.opened_at - at, hop.expires_at - at, hop.branches, hop.reserve, hop.failure)
        for hop in call.hops
    ]
    return [*hops, (call.state, call.final_status, call.why, call.ended_at - at)]


def foretold(played: Play, policy: OutsidePolicy) -> tuple[list[tuple[Any, ...]], list[str]]:
    clock = LeapingClock(1_000.0, 1_700_001_000.0)
    notes = Notes[str, str](clock, Silence(played.untold), lambda call, hop_index: ())
    numbers = itertools.count()
    exchange = Exchange(
        directory=directory(),
        groups=played.groups,
        contexts=ContextSigner(b"s" * 32),
        store=notes,
        announcer=notes,
        clock=clock,
        deadlines=TimerHeap(),
        new_id=lambda: f"id-{next(numbers)}",
        limits=played.limits,
        outside=policy.apart("dev", "4:+31612345678"),
        fallbacks=played.fallbacks,
        observe=notes.observe,
    )
    exchange.telephony = notes
    found = play(exchange, clock, notes, arrival(played.dialled), map(who, played.targets))
    return course(found.end), [getattr(each.refusal, "code", "") for each in found.decisions if each.is_asked]


def real(played: Play) -> tuple[list[tuple[Any, ...]], list[str]]:
    bench = Bench(played.limits, outside=played.rules, groups=played.groups, fallbacks=played.fallbacks)
    bench.recorder.untold = played.untold
    call_id = bench.arrive(played.dialled)
    left, codes = list(played.targets), []
    while (call := bench.exchange.live_call(call_id)) is not None:
        if left and call.hop.event_id and (call.state is State.HELD or not call.hop_index):
            answer = bench.redirect(bench.context(call_id, call.hop_index), who(left.pop(0)))
            codes.append(getattr(answer, "code", ""))
        else:
            deadline = bench.exchange.next_deadline()
            assert deadline is not None
            bench.later(deadline - bench.clock.now)
    return course(bench.store.stored(call_id)), codes


@settings(max_examples=300)
@given(plays)
def test_a_dry_run_is_the_call_that_would_be(played: Play) -> None:
    policy = OutsidePolicy(usual=played.rules)
    assert foretold(played, policy) == real(played)
    assert (list(policy.running()), policy.refusals.total(), policy.callers_remembered()) == ([], 0, 0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 200)), max_size=12), st.integers(1, 3))
def test_one_apart_judges_like_the_one_it_was_taken_from(calls: list[tuple[str, float]], most: int) -> None:
    policy = OutsidePolicy(usual=OutsideRules(calls_per_minute=most, caller_calls_per_day=most + 1))
    for number, (caller, at) in enumerate(sorted(calls, key=lambda each: each[1])):
        attempt = Attempt("dev", caller, OUTSIDE)
        apart = policy.apart("dev", caller)
        ours, theirs = policy.verdict(attempt, at), apart.verdict(attempt, at)
        assert str(ours) == str(theirs)
        if ours is None:
            policy.begin(f"call-{number}", attempt, at, lambda outcome: None)
