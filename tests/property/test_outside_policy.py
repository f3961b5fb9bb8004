"""Toll fraud control against a simple reference: whatever happens in whatever order, both say the same."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from strowger.calls.call import Call, Hop, State
from strowger.calls.decision import Accepted
from strowger.calls.errors import DecisionRefused, StoreUnavailable
from strowger.calls.identifier import phone_number
from strowger.calls.outside_minutes import DAY_S
from strowger.calls.outside_policy import MINUTE_S, Attempt, OutsidePolicy
from strowger.calls.outside_rules import OutsideRules

RULES = {
    "a": OutsideRules(
        calls=3,
        calls_per_minute=4,
        calls_per_day=6,
        caller_calls=2,
        caller_calls_per_minute=2,
        caller_calls_per_day=3,
    ),
    "b": OutsideRules(
        calls=2, calls_per_minute=0, calls_per_day=3, caller_calls=0, caller_calls_per_minute=1, caller_calls_per_day=0
    ),
}
CALLERS = ("+1", "+2", "+3")


class Placed(NamedTuple):
    """One call that left, as the reference remembers it: all of them, for ever."""

    resource: str
    caller: str
    at: float


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 20.0, 59.5, 60.0, 3_600.0, 43_200.0]),
        st.sampled_from(["begin", "begin", "begin", "fail", "end", "restart"]),
        st.sampled_from(sorted(RULES)),
        st.sampled_from(CALLERS),
    ),
    max_size=60,
)


def refused(rules: OutsideRules, placed: list[Placed], live: list[Placed], call: Placed) -> bool:
    """What each limit says, counted from the beginning of time."""

    def is_over(of: str, mine: list[Placed], running: int) -> bool:
        at_once, minute, day = (getattr(rules, f"{of}calls{span}") for span in ("", "_per_minute", "_per_day"))
        in_minute = sum(each.at > call.at - MINUTE_S for each in mine)
        in_day = sum(each.at > call.at - DAY_S for each in mine)
        return any(most and number >= most for most, number in ((at_once, running), (minute, in_minute), (day, in_day)))

    ours = [each for each in placed if each.resource == call.resource]
    his = [each for each in ours if each.caller == call.caller]
    ringing = [each for each in live if each.resource == call.resource]
    by_him = [each for each in ringing if each.caller == call.caller]
    return is_over("", ours, len(ringing)) or is_over("caller_", his, len(by_him))


def as_call(call_id: str, call: Placed, state: State) -> Call:
    hop = Hop(phone_number("+31612345678"), 0.0, 60.0, via="carrier")
    return Call(call_id, call.resource, phone_number(call.caller), "", 0.0, [hop], state)


@given(STEPS)
@settings(max_examples=300)
def test_it_agrees_with_a_reference_that_remembers_everything(steps: list[tuple[float, str, str, str]]) -> None:
    policy, placed, live = OutsidePolicy(RULES), list[Placed](), dict[str, Placed]()
    now = 1_000.0
    for number, (pause, what, resource, caller) in enumerate(steps):
        now += pause
        call_id, call = f"call-{number}", Placed(resource, caller, now)
        if what == "end" and live:
            ended, gone = live.popitem()
            policy.took_effect(as_call(ended, gone, State.ANSWERED))
        elif what == "restart":
            policy, placed = OutsidePolicy(RULES), []
            for old, known in live.items():
                policy.resume(as_call(old, known, State.RINGING), now)
        elif what in ("begin", "fail"):
            expected = refused(RULES[resource], placed, list(live.values()), call)
            attempt = Attempt(resource, f"4:{caller}", "+31612345678")
            assert (policy.verdict(attempt, now) is not None) is expected
            try:
                answer = policy.begin(call_id, attempt, now, lambda outcome: None)
            except DecisionRefused:
                assert expected
                continue
            assert not expected
            answer(Accepted(call_id) if what == "begin" else StoreUnavailable("full"))
            if what == "begin":
                placed.append(call)
                live[call_id] = call
        assert dict(policy.running()) == {
            name: sum(each.resource == name for each in live.values())
            for name in RULES
            if any(each.resource == name for each in live.values())
        }
    for call_id, call in live.items():
        policy.took_effect(as_call(call_id, call, State.FAILED))
    assert list(policy.running()) == []


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 100.0]), st.integers(1, 50)), max_size=100))
@settings(max_examples=100)
def test_callers_are_never_more_than_the_limit(calls: list[tuple[float, int]]) -> None:
    policy, now = OutsidePolicy(callers=5), 0.0
    for number, (pause, caller) in enumerate(calls):
        now += pause
        with contextlib.suppress(DecisionRefused):
            policy.begin(str(number), Attempt("a", f"4:+{caller}", "+31612345678"), now, lambda outcome: None)
        assert policy.callers_remembered() <= 5
