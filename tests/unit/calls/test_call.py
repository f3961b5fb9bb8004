"""A call as plain data: what it derives, and that it survives being stored."""

from __future__ import annotations

import base64

import msgspec
import pytest

from strowger.calls.call import FINAL_STATES, Call, Hop, State
from strowger.calls.identifier import phone_number


def a_call(state: State = State.HELD) -> Call:
    hops = [Hop(phone_number("+1"), 1.0, 2.0, "e0"), Hop(phone_number("+2"), 3.0, 4.0, ring=("sip:a@b",), via="trunk")]
    return Call("id", "dev", phone_number("+3"), "Ann", 0.5, hops, state)


def test_the_current_hop_is_the_last() -> None:
    assert (a_call().hop.to.number, a_call().hop_index) == ("+2", 1)


@pytest.mark.parametrize("state", State)
def test_final_states_are_over(state: State) -> None:
    assert a_call(state).is_over == (state in FINAL_STATES)


def test_the_server_call_id_is_base64_of_a_url() -> None:
    assert base64.b64decode(a_call().server_call_id).decode().endswith("/conv/id")


def test_a_stored_call_reads_back_the_same() -> None:
    assert msgspec.json.decode(msgspec.json.encode(a_call()), type=Call) == a_call()
