"""Every row of the INVITE server machine, and Timers G, H, I and L at their edges."""

from __future__ import annotations

from itertools import product

import pytest

from strowger.sip.message.message import Request, Response
from strowger.sip.transaction.errors import UnexpectedInput
from strowger.sip.transaction.invite_server import IMPOSSIBLE, TABLE, Input, InviteServer, State
from strowger.sip.transaction.outputs import AckArrived, Ignored, Output, Send, Terminated, TimedOut, TransportFailed
from strowger.sip.transaction.timers import Timings
from tests.unit.sip.transaction.messages import FLOW, OTHER_FLOW, ack, request, response

KEY = "server INVITE pc33.example.com:5066 z9hG4bK776asdhds"
INVITE = request("INVITE")
ACK = ack(INVITE)
RINGING = response(180, INVITE)
PROGRESS = response(183, INVITE)
OK = response(200, INVITE)
BUSY = response(486, INVITE)

MESSAGES: dict[Input, Request | Response] = {
    Input.INVITE_AGAIN: INVITE,
    Input.ACK: ACK,
    Input.PROVISIONAL: PROGRESS,
    Input.SUCCESS: OK,
    Input.REJECTION: BUSY,
}
PATHS: dict[State, list[Request | Response]] = {
    State.TRYING: [],
    State.PROCEEDING: [RINGING],
    State.ACCEPTED: [RINGING, OK],
    State.COMPLETED: [BUSY],
    State.CONFIRMED: [BUSY, ACK],
}


def machine_in(state: State, *, reliable: bool = False) -> InviteServer:
    machine = InviteServer(KEY, FLOW, reliable, Timings())
    for message in PATHS[state]:
        if isinstance(message, Response):
            machine.respond(message, 0.0)
        else:
            machine.receive(message, FLOW, 0.0)
    assert machine.state is state
    return machine


def send(message: Response) -> list[Output]:
    return [Send(FLOW, message.to_bytes(), KEY)]


def absorbed(state: State, message: Request | Response) -> list[Output]:
    return [Ignored(f"absorbed in state {state}", message)]


def outlived(state: State) -> list[Output]:
    return [Ignored(f"transport failure without consequence in state {state}", None)]


FAILED: list[Output] = [TransportFailed(KEY)]
ENDED: list[Output] = [Terminated(KEY)]
T, P, A, C, F, E = State  # Trying, Proceeding, Accepted, Completed, conFirmed, tErminated

ROWS: list[tuple[State, Input, State, list[Output]]] = [
    (T, Input.INVITE_AGAIN, T, absorbed(T, INVITE)),
    (T, Input.ACK, T, absorbed(T, ACK)),
    (T, Input.PROVISIONAL, P, send(PROGRESS)),
    (T, Input.SUCCESS, A, send(OK)),
    (T, Input.REJECTION, C, send(BUSY)),
    (T, Input.TRANSPORT_ERROR, T, outlived(T)),
    (P, Input.INVITE_AGAIN, P, send(RINGING)),
    (P, Input.ACK, P, absorbed(P, ACK)),
    (P, Input.PROVISIONAL, P, send(PROGRESS)),
    (P, Input.SUCCESS, A, send(OK)),
    (P, Input.REJECTION, C, send(BUSY)),
    (P, Input.TRANSPORT_ERROR, P, FAILED),
    (A, Input.INVITE_AGAIN, A, absorbed(A, INVITE)),
    (A, Input.ACK, A, [AckArrived(ACK, OTHER_FLOW, KEY)]),
    (A, Input.PROVISIONAL, A, absorbed(A, PROGRESS)),
    (A, Input.SUCCESS, A, send(OK)),
    (A, Input.REJECTION, A, absorbed(A, BUSY)),
    (A, Input.TIMER_L, E, ENDED),
    (A, Input.TRANSPORT_ERROR, A, FAILED),
    (C, Input.INVITE_AGAIN, C, send(BUSY)),
    (C, Input.ACK, F, []),
    (C, Input.PROVISIONAL, C, absorbed(C, PROGRESS)),
    (C, Input.SUCCESS, C, absorbed(C, OK)),
    (C, Input.REJECTION, C, absorbed(C, BUSY)),
    (C, Input.TIMER_G, C, send(BUSY)),
    (C, Input.TIMER_H, E, [TimedOut(KEY), *ENDED]),
    (C, Input.TRANSPORT_ERROR, C, FAILED),
    (F, Input.INVITE_AGAIN, F, absorbed(F, INVITE)),
    (F, Input.ACK, F, absorbed(F, ACK)),
    (F, Input.PROVISIONAL, F, absorbed(F, PROGRESS)),
    (F, Input.SUCCESS, F, absorbed(F, OK)),
    (F, Input.REJECTION, F, absorbed(F, BUSY)),
    (F, Input.TIMER_I, E, ENDED),
    (F, Input.TRANSPORT_ERROR, F, outlived(F)),
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
def test_impossible_pair_is_refused_and_changes_nothing(state: State, what: Input) -> None:
    machine = InviteServer(KEY, FLOW, False, Timings(), state)
    with pytest.raises(UnexpectedInput) as caught:
        machine.handle(what, 1.0, MESSAGES.get(what))
    assert (caught.value.key, caught.value.state, caught.value.what) == (KEY, state, what)
    assert machine.state is state
    assert machine.next_deadline() is None


def test_nothing_is_sent_before_the_core_answers() -> None:
    machine = machine_in(State.TRYING)
    assert machine.next_deadline() is None
    assert machine.advance(3600.0) == []


def test_repeat_of_the_invite_gets_the_last_provisional() -> None:
    machine = machine_in(State.PROCEEDING)
    machine.respond(PROGRESS, 1.0)
    assert machine.receive(INVITE, OTHER_FLOW, 2.0) == send(PROGRESS)


def test_timer_g_doubles_up_to_t2_and_timer_h_ends() -> None:
    machine = machine_in(State.COMPLETED)
    sent_at = []
    while not machine.terminated:
        now = machine.next_deadline()
        assert now is not None
        assert machine.advance(now - 0.001) == []
        outputs = machine.advance(now)
        if outputs == send(BUSY):
            sent_at.append(now)
    assert sent_at == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert outputs == [TimedOut(KEY), Terminated(KEY)]
    assert now == 32.0


def test_timer_g_is_not_armed_over_a_reliable_transport() -> None:
    machine = machine_in(State.COMPLETED, reliable=True)
    assert machine.advance(31.999) == []
    assert machine.advance(32.0) == [TimedOut(KEY), Terminated(KEY)]


def test_late_timers_fire_once() -> None:
    machine = machine_in(State.COMPLETED)
    assert machine.advance(20.0) == send(BUSY)
    assert machine.next_deadline() == 21.0


def test_timer_i_absorbs_acks_for_t4() -> None:
    machine = machine_in(State.CONFIRMED)
    assert machine.payload == b""
    assert machine.advance(4.999) == []
    assert machine.advance(5.0) == [Terminated(KEY)]


def test_timer_i_is_zero_over_a_reliable_transport() -> None:
    machine = machine_in(State.CONFIRMED, reliable=True)
    assert machine.advance(0.0) == [Terminated(KEY)]


@pytest.mark.parametrize("reliable", [False, True])
def test_timer_l_holds_accepted_on_any_transport(reliable: bool) -> None:
    machine = machine_in(State.ACCEPTED, reliable=reliable)
    assert machine.advance(31.999) == []
    assert machine.advance(32.0) == [Terminated(KEY)]


def test_accepted_sends_every_2xx_and_keeps_none() -> None:
    machine = machine_in(State.ACCEPTED)
    other = response(202, INVITE, tag="another")
    assert machine.respond(other, 1.0) == send(other)
    assert machine.payload == b""
    assert machine.next_deadline() == 32.0  # a further 2xx does not start Timer L anew


def test_plain_form_in_the_middle_of_the_timers() -> None:
    machine = machine_in(State.COMPLETED)
    machine.merged, machine.stem, machine.ack = "m", "s", "a"
    machine.advance(0.5)
    plain = machine.to_plain(1.0)
    assert plain == {
        "kind": "INVITE server",
        "key": KEY,
        "state": "Completed",
        "reliable": False,
        "payload": BUSY.to_bytes().decode("latin-1"),
        "interval": 1.0,
        "deadlines": {"Timer H": 31.0, "Timer G": 0.5},
        "merged": "m",
        "stem": "s",
        "ack": "a",
    }
    copy = InviteServer.from_plain(plain, 1000.0, flow=FLOW, timings=Timings())
    assert copy.to_plain(1000.0) == plain
    assert copy.advance(1000.499) == []
    assert copy.advance(1000.5) == send(BUSY)
    assert copy.next_deadline() == 1002.5
    assert copy.receive(ACK, FLOW, 1001.0) == []


def test_overdue_timer_has_no_time_left() -> None:
    assert machine_in(State.ACCEPTED).to_plain(40.0)["deadlines"] == {"Timer L": 0.0}
