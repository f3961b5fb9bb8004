"""Every row of the non-INVITE client machine, and Timers E, F and K at their edges."""

from __future__ import annotations

from itertools import product

import pytest

from strowger.sip.message.message import Response
from strowger.sip.transaction.errors import UnexpectedInput
from strowger.sip.transaction.non_invite_client import IMPOSSIBLE, TABLE, Input, NonInviteClient, State
from strowger.sip.transaction.outputs import (
    Ignored,
    Output,
    ResponseArrived,
    Send,
    Terminated,
    TimedOut,
    TransportFailed,
)
from strowger.sip.transaction.timers import Timings
from tests.unit.sip.transaction.messages import FLOW, OTHER_FLOW, request, response

KEY = "client BYE z9hG4bK776asdhds"
BYE = request("BYE", to_tag="a6c85cf")
TRYING = response(100, BYE)
OK = response(200, BYE)

MESSAGES = {Input.PROVISIONAL: TRYING, Input.FINAL: OK}
PATHS: dict[State, list[Response]] = {State.TRYING: [], State.PROCEEDING: [TRYING], State.COMPLETED: [TRYING, OK]}


def machine_in(state: State, *, reliable: bool = False) -> NonInviteClient:
    machine = NonInviteClient(KEY, FLOW, reliable, Timings())
    assert machine.start(BYE.to_bytes(), 0.0) == SENT
    for message in PATHS[state]:
        machine.receive(message, 0.0)
    assert machine.state is state
    return machine


def arrived(message: Response) -> list[Output]:
    return [ResponseArrived(KEY, message)]


def absorbed(state: State, message: Response) -> list[Output]:
    return [Ignored(f"absorbed in state {state}", message)]


def outlived(state: State) -> list[Output]:
    return [Ignored(f"transport failure without consequence in state {state}", None)]


SENT: list[Output] = [Send(FLOW, BYE.to_bytes(), KEY)]
TIMED_OUT: list[Output] = [TimedOut(KEY), Terminated(KEY)]
FAILED: list[Output] = [TransportFailed(KEY), Terminated(KEY)]
T, P, C, E = State  # Trying, Proceeding, Completed, tErminated

ROWS: list[tuple[State, Input, State, list[Output]]] = [
    (T, Input.PROVISIONAL, P, arrived(TRYING)),
    (T, Input.FINAL, C, arrived(OK)),
    (T, Input.TIMER_E, T, SENT),
    (T, Input.TIMER_F, E, TIMED_OUT),
    (T, Input.TRANSPORT_ERROR, E, FAILED),
    (P, Input.PROVISIONAL, P, arrived(TRYING)),
    (P, Input.FINAL, C, arrived(OK)),
    (P, Input.TIMER_E, P, SENT),
    (P, Input.TIMER_F, E, TIMED_OUT),
    (P, Input.TRANSPORT_ERROR, E, FAILED),
    (C, Input.PROVISIONAL, C, absorbed(C, TRYING)),
    (C, Input.FINAL, C, absorbed(C, OK)),
    (C, Input.TIMER_K, E, [Terminated(KEY)]),
    (C, Input.TRANSPORT_ERROR, C, outlived(C)),
]


@pytest.mark.parametrize(("state", "what", "after", "outputs"), ROWS)
def test_row(state: State, what: Input, after: State, outputs: list[Output]) -> None:
    machine = machine_in(state)
    assert machine.handle(what, 1.0, MESSAGES.get(what), OTHER_FLOW) == outputs
    assert machine.state is after


def test_rows_are_the_table() -> None:
    assert {(state, what): after for state, what, after, _ in ROWS} == {pair: row[0] for pair, row in TABLE.items()}


def test_every_pair_is_a_row_or_impossible() -> None:
    assert set(TABLE) | IMPOSSIBLE == set(product(State, Input))
    assert not set(TABLE) & IMPOSSIBLE


@pytest.mark.parametrize(("state", "what"), sorted(IMPOSSIBLE))
def test_impossible_pair_is_refused(state: State, what: Input) -> None:
    machine = NonInviteClient(KEY, FLOW, False, Timings(), state)
    with pytest.raises(UnexpectedInput):
        machine.handle(what, 1.0, MESSAGES.get(what))
    assert machine.state is state


def fire_all(machine: NonInviteClient) -> list[float]:
    """Let every timer fire at its time; when the request was sent again."""
    sent_at = []
    while not machine.terminated:
        now = machine.next_deadline()
        assert now is not None
        assert machine.advance(now - 0.001) == []
        outputs = machine.advance(now)
        if outputs == SENT:
            sent_at.append(now)
    assert outputs == TIMED_OUT
    assert now == 32.0
    return sent_at


def test_timer_e_doubles_up_to_t2_and_timer_f_ends() -> None:
    assert fire_all(machine_in(State.TRYING)) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_timer_e_is_t2_after_a_provisional_response() -> None:
    assert fire_all(machine_in(State.PROCEEDING)) == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]


def test_timer_e_is_not_armed_over_a_reliable_transport() -> None:
    assert fire_all(machine_in(State.TRYING, reliable=True)) == []


def test_timer_k_absorbs_repeats_for_t4() -> None:
    machine = machine_in(State.COMPLETED)
    assert machine.payload == b""
    assert machine.advance(4.999) == []
    assert machine.advance(5.0) == [Terminated(KEY)]


def test_timer_k_is_zero_over_a_reliable_transport() -> None:
    assert machine_in(State.COMPLETED, reliable=True).advance(0.0) == [Terminated(KEY)]


def test_plain_form_in_the_middle_of_the_timers() -> None:
    machine = machine_in(State.TRYING)
    machine.advance(0.5)
    machine.advance(1.5)
    plain = machine.to_plain(2.0)
    assert plain == {
        "kind": "non-INVITE client",
        "key": KEY,
        "state": "Trying",
        "reliable": False,
        "payload": BYE.to_bytes().decode("latin-1"),
        "interval": 2.0,
        "deadlines": {"Timer F": 30.0, "Timer E": 1.5},
    }
    copy = NonInviteClient.from_plain(plain, 7.0, flow=FLOW, timings=Timings())
    assert copy.to_plain(7.0) == plain
    assert copy.advance(8.499) == []
    assert copy.advance(8.5) == SENT
    assert copy.next_deadline() == 12.5
