"""A call as plain data: what it derives, and that it survives being stored."""

from __future__ import annotations

import base64

import msgspec
import pytest

from strowger.calls.call import FINAL_STATES, Call, Failure, Hop, Opening, State
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


def a_chain(*openings: Opening) -> Call:
    hops = [Hop(phone_number("+1"), 1.0, 2.0, opening=opening) for opening in openings]
    return Call("id", "dev", phone_number("+3"), "Ann", 0.5, hops, State.RINGING)


@pytest.mark.parametrize(
    ("later", "redirects"),
    [
        ((), 0),
        ((Opening.REDIRECT,), 1),
        ((Opening.DEFAULT,), 1),
        ((Opening.HUNT, Opening.HUNT), 0),
        ((Opening.REDIRECT, Opening.RETURNED, Opening.REDIRECT, Opening.HUNT), 2),
        ((Opening.ARRIVAL,), 1),  # as a call was stored before hops said how they were opened
    ],
)
def test_only_redirects_are_counted(later: tuple[Opening, ...], redirects: int) -> None:
    assert a_chain(Opening.ARRIVAL, *later).redirects == redirects


@pytest.mark.parametrize(
    ("later", "are_open"),
    [
        ((), [True]),
        ((Opening.REDIRECT,), [False, True]),
        ((Opening.HUNT, Opening.HUNT), [True, True, True]),
        ((Opening.REDIRECT, Opening.HUNT), [False, True, True]),
        ((Opening.HUNT, Opening.RETURNED), [False, False, True]),
    ],
)
def test_a_hop_stays_open_while_its_addressee_is_hunted(later: tuple[Opening, ...], are_open: list[bool]) -> None:
    call = a_chain(Opening.ARRIVAL, *later)
    assert [call.is_open(hop) for hop in range(len(call.hops))] == are_open
    assert not call.is_open(len(call.hops))
    assert not call.is_open(-1)


def test_how_a_hop_was_opened_is_stored_with_it() -> None:
    call = a_call()
    call.hops[1].opening, call.hops[1].failure = Opening.RETURNED, Failure("4:+1", 486, "Busy Here", "busy", 17)
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call
    assert b"opening" not in msgspec.json.encode(a_call())
