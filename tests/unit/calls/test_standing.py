"""Who may decide just now."""

from __future__ import annotations

import pytest

from strowger.calls.call import Call, Hop, Opening, State
from strowger.calls.errors import CallOver, HopClosed
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.calls.standing import not_found, require_open, require_own

BOB = "8:acs:r_bob"


def a_call(state: State, *openings: Opening) -> Call:
    hops = [Hop(from_raw_id(BOB), 1.0, 2.0, opening=opening) for opening in openings]
    return Call("call", "dev", phone_number("+1"), "", 1.0, hops, state)


def test_a_user_decides_about_calls_to_itself() -> None:
    ringing = a_call(State.RINGING, Opening.ARRIVAL)
    require_own(ringing, BOB.upper())
    require_own(None, "")
    for call in (None, a_call(State.ARRIVED), a_call(State.ANSWERED, Opening.ARRIVAL)):
        with pytest.raises(CallOver) as refused:
            require_own(call, BOB)
        assert str(refused.value) == str(not_found())
    with pytest.raises(CallOver):
        require_own(ringing, "8:acs:r_ann")


def test_a_hop_takes_one_decision_while_its_call_lives() -> None:
    call = a_call(State.RINGING, Opening.ARRIVAL, Opening.REDIRECT, Opening.HUNT)
    require_open(call, 1)
    require_open(call, 2)
    with pytest.raises(HopClosed):
        require_open(call, 0)
    with pytest.raises(CallOver):
        require_open(a_call(State.FAILED, Opening.ARRIVAL), 0)
