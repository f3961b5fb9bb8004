"""Every row of the non-INVITE server machine, and Timer J at its edge."""

from __future__ import annotations

from itertools import product

import pytest

from strowger.sip.message.message import Request, Response
from strowger.sip.transaction.errors import UnexpectedInput
from strowger.sip.transaction.non_invite_server import IMPOSSIBLE, TABLE, Input, NonInviteServer, State
from strowger.sip.transaction.outputs import Ignored, Output, Send, Terminated, TransportFailed
from strowger.sip.transaction.timers import Timings
from tests.unit.sip.transaction.messages import FLOW, OTHER_FLOW, request, response

KEY = "server OPTIONS pc33.example.com:5066 z9hG4bK776asdhds"
OPTIONS = request("OPTIONS")
TRYING = response(100, OPTIONS)
PROGRESS = response(183, OPTIONS)
OK = response(200, OPTIONS)

MESSAGES: dict[Input, Request | Response] = {
    Input.REQUEST_AGAIN: OPTIONS,
    Input.PROVISIONAL: PROGRESS,
    Input.FINAL: OK,
}
PATHS = {State.TRYING: [], State.PROCEEDING: [TRYING], State.COMPLETED: [OK]}


def machine_in(state: State, *, reliable: bool = False) -> NonInviteServer:
    machine = NonInviteServer(KEY, FLOW, reliable, Timings())
    for message in PATHS[state]:
        machine.respond(message, 0.0)
    assert machine.state is state
    return machine


def send(message: Response) -> list[Output]:
    return [Send(FLOW, message.to_bytes(), KEY)]


def absorbed(state: State, message: Request | Response) -> list[Output]:
    return [Ignored(f"absorbed in state {state}", message)]


def outlived(state: State) -> list[Output]:
    return [Ignored(f"transport failure without consequence in state {state}", None)]


FAILED: list[Output] = [TransportFailed(KEY), Terminated(KEY)]
T, P, C, E = State  # Trying, Proceeding, Completed, tErminated

ROWS: list[tuple[State, Input, State, list[Output]]] = [
    (T, Input.REQUEST_AGAIN, T, absorbed(T, OPTIONS)),
    (T, Input.PROVISIONAL, P, send(PROGRESS)),
    (T, Input.FINAL, C, send(OK)),
    (T, Input.TRANSPORT_ERROR, T, outlived(T)),
    (P, Input.REQUEST_AGAIN, P, send(TRYING)),
    (P, Input.PROVISIONAL, P, send(PROGRESS)),
    (P, Input.FINAL, C, send(OK)),
    (P, Input.TRANSPORT_ERROR, E, FAILED),
    (C, Input.REQUEST_AGAIN, C, send(OK)),
    (C, Input.PROVISIONAL, C, absorbed(C, PROGRESS)),
    (C, Input.FINAL, C, absorbed(C, OK)),
    (C, Input.TIMER_J, E, [Terminated(KEY)]),
    (C, Input.TRANSPORT_ERROR, E, FAILED),
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
    machine = NonInviteServer(KEY, FLOW, False, Timings(), state)
    with pytest.raises(UnexpectedInput):
        machine.handle(what, 1.0, MESSAGES.get(what))
    assert machine.state is state


def test_timer_j_answers_repeats_for_64_t1() -> None:
    machine = machine_in(State.COMPLETED)
    assert machine.receive(OPTIONS, FLOW, 31.0) == send(OK)
    assert machine.advance(31.999) == []
    assert machine.advance(32.0) == [Terminated(KEY)]


def test_timer_j_is_zero_over_a_reliable_transport() -> None:
    assert machine_in(State.COMPLETED, reliable=True).advance(0.0) == [Terminated(KEY)]


def test_no_timer_runs_before_the_final_response() -> None:
    assert machine_in(State.TRYING).next_deadline() is None
    assert machine_in(State.PROCEEDING).next_deadline() is None


def test_plain_form_in_the_middle_of_the_timer() -> None:
    machine = machine_in(State.COMPLETED)
    machine.merged = "m"
    plain = machine.to_plain(12.0)
    assert plain == {
        "kind": "non-INVITE server",
        "key": KEY,
        "state": "Completed",
        "reliable": False,
        "payload": OK.to_bytes().decode("latin-1"),
        "interval": 0.0,
        "deadlines": {"Timer J": 20.0},
        "merged": "m",
    }
    copy = NonInviteServer.from_plain(plain, 500.0, flow=FLOW, timings=Timings())
    assert copy.to_plain(500.0) == plain
    assert copy.receive(OPTIONS, FLOW, 501.0) == send(OK)
    assert copy.advance(519.999) == []
    assert copy.advance(520.0) == [Terminated(KEY)]
