"""Until when forks are waited for: Timer C, and patience with a silent place. How a wait ends is in test_forks."""

from __future__ import annotations

from strowger.calls.call import Branch
from strowger.sip.leg import Fork, Leg
from strowger.sip.message import Response
from strowger.sip.ringing import Ringing
from tests.support.sip_edge import CALLER

TIMER_C_S = 185.0


def fork(call_id: str = "call", at: float = 0.0, branches: int = 1) -> tuple[Leg, Fork]:
    phones = [Branch(f"sip:{n}@192.0.2.10") for n in range(branches)]
    return Leg(call_id, f"key of {call_id}", CALLER, b""), Fork(call_id, 0, phones, at, TIMER_C_S)


def test_a_fork_is_waited_for_until_the_earliest_that_any_of_its_phones_is() -> None:
    ringing, (leg, rung) = Ringing(), fork(branches=2)
    ringing.arm(leg, rung)
    assert (ringing.next_deadline(), len(ringing)) == (TIMER_C_S, 1)
    rung.attempts[1].patient_until = 4.0
    ringing.arm(leg, rung)
    assert ringing.next_deadline() == 4.0
    assert ringing.due(3.9) == []
    assert ringing.due(4.0) == [(leg, rung)]
    rung.attempts[1].patient_until = None
    ringing.arm(leg, rung)
    assert (ringing.next_deadline(), len(ringing)) == (TIMER_C_S, 1)


def test_the_earliest_of_all_forks_comes_first() -> None:
    ringing, (leg, rung), (other_leg, other) = Ringing(), fork(at=5.0), fork("other")
    ringing.arm(leg, rung)
    ringing.arm(other_leg, other)
    assert ringing.next_deadline() == TIMER_C_S
    assert ringing.due(TIMER_C_S + 5.0) == [(other_leg, other), (leg, rung)]


def test_a_fork_that_has_ended_is_waited_for_no_longer() -> None:
    ringing, (leg, rung) = Ringing(), fork()
    ringing.arm(leg, rung)
    rung.context.receive(0, Response.make(486, "Busy Here", []), 1.0)
    ringing.arm(leg, rung)
    assert (ringing.next_deadline(), len(ringing), ringing.leg_of(rung)) == (None, 0, None)


def test_what_is_forgotten_is_not_due() -> None:
    ringing, (leg, rung) = Ringing(), fork()
    ringing.disarm(rung)
    ringing.arm(leg, rung)
    assert ringing.leg_of(rung) is leg
    ringing.disarm(rung)
    assert (ringing.due(1e9), ringing.leg_of(rung), len(ringing)) == ([], None, 0)
