"""Every row of the INVITE client machine, and Timers A, B, D and M at their edges."""

from __future__ import annotations

from itertools import product

import pytest

from strowger.sip.message.build import ack_for
from strowger.sip.message.message import Response
from strowger.sip.transaction.errors import UnexpectedInput
from strowger.sip.transaction.invite_client import IMPOSSIBLE, TABLE, Input, InviteClient, State
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

KEY = "client INVITE z9hG4bK776asdhds"
INVITE = request("INVITE")
RINGING = response(180, INVITE)
OK = response(200, INVITE)
BUSY = response(486, INVITE)
ACK = ack_for(INVITE, BUSY).to_bytes()

MESSAGES = {Input.PROVISIONAL: RINGING, Input.SUCCESS: OK, Input.REJECTION: BUSY}
PATHS: dict[State, list[Response]] = {
    State.CALLING: [],
    State.PROCEEDING: [RINGING],
    State.ACCEPTED: [OK],
    State.COMPLETED: [RINGING, BUSY],
}


def machine_in(state: State, *, reliable: bool = False) -> InviteClient:
    machine = InviteClient(KEY, FLOW, reliable, Timings())
    assert machine.start(INVITE.to_bytes(), 0.0) == send(INVITE.to_bytes())
    for message in PATHS[state]:
        machine.receive(message, 0.0)
    assert machine.state is state
    return machine


def send(payload: bytes) -> list[Output]:
    return [Send(FLOW, payload, KEY)]


def arrived(message: Response) -> list[Output]:
    return [ResponseArrived(KEY, message)]


def absorbed(state: State, message: Response) -> list[Output]:
    return [Ignored(f"absorbed in state {state}", message)]


def outlived(state: State) -> list[Output]:
    return [Ignored(f"transport failure without consequence in state {state}", None)]


ENDED: list[Output] = [Terminated(KEY)]
FAILED: list[Output] = [TransportFailed(KEY), *ENDED]
L, P, A, C, E = State  # caLling, Proceeding, Accepted, Completed, tErminated

ROWS: list[tuple[State, Input, State, list[Output]]] = [
    (L, Input.PROVISIONAL, P, arrived(RINGING)),
    (L, Input.SUCCESS, A, arrived(OK)),
    (L, Input.REJECTION, C, [*send(ACK), *arrived(BUSY)]),
    (L, Input.TIMER_A, L, send(INVITE.to_bytes())),
    (L, Input.TIMER_B, E, [TimedOut(KEY), *ENDED]),
    (L, Input.TRANSPORT_ERROR, E, FAILED),
    (P, Input.PROVISIONAL, P, arrived(RINGING)),
    (P, Input.SUCCESS, A, arrived(OK)),
    (P, Input.REJECTION, C, [*send(ACK), *arrived(BUSY)]),
    (P, Input.TRANSPORT_ERROR, P, outlived(P)),
    (A, Input.PROVISIONAL, A, absorbed(A, RINGING)),
    (A, Input.SUCCESS, A, arrived(OK)),
    (A, Input.REJECTION, A, absorbed(A, BUSY)),
    (A, Input.TIMER_M, E, ENDED),
    (A, Input.TRANSPORT_ERROR, A, outlived(A)),
    (C, Input.PROVISIONAL, C, absorbed(C, RINGING)),
    (C, Input.SUCCESS, C, absorbed(C, OK)),
    (C, Input.REJECTION, C, send(ACK)),
    (C, Input.TIMER_D, E, ENDED),
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
    machine = InviteClient(KEY, FLOW, False, Timings(), state)
    with pytest.raises(UnexpectedInput):
        machine.handle(what, 1.0, MESSAGES.get(what))
    assert machine.state is state


def test_timer_a_doubles_without_cap_and_timer_b_ends() -> None:
    machine = machine_in(State.CALLING)
    sent_at = []
    while not machine.terminated:
        now = machine.next_deadline()
        assert now is not None
        assert machine.advance(now - 0.001) == []
        outputs = machine.advance(now)
        if outputs == send(INVITE.to_bytes()):
            sent_at.append(now)
    assert sent_at == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert outputs == [TimedOut(KEY), Terminated(KEY)]
    assert now == 32.0


def test_timer_a_is_not_armed_over_a_reliable_transport() -> None:
    machine = machine_in(State.CALLING, reliable=True)
    assert machine.advance(31.999) == []
    assert machine.advance(32.0) == [TimedOut(KEY), Terminated(KEY)]


def test_a_callee_may_ring_for_ever() -> None:
    machine = machine_in(State.PROCEEDING)
    assert machine.next_deadline() is None
    assert machine.advance(3600.0) == []
    assert machine.receive(OK, 3600.0) == arrived(OK)


def test_timer_d_repeats_the_ack_for_32_seconds() -> None:
    machine = machine_in(State.COMPLETED)
    assert machine.receive(BUSY, 31.0) == send(ACK)
    assert machine.advance(31.999) == []
    assert machine.advance(32.0) == [Terminated(KEY)]


def test_timer_d_is_zero_over_a_reliable_transport() -> None:
    assert machine_in(State.COMPLETED, reliable=True).advance(0.0) == [Terminated(KEY)]


@pytest.mark.parametrize("reliable", [False, True])
def test_timer_m_passes_every_2xx_on_any_transport(reliable: bool) -> None:
    machine = machine_in(State.ACCEPTED, reliable=reliable)
    other = response(200, INVITE, tag="another-callee")
    assert machine.receive(other, 31.0) == arrived(other)
    assert machine.advance(31.999) == []
    assert machine.advance(32.0) == [Terminated(KEY)]


def test_the_invite_is_kept_no_longer_than_it_is_needed() -> None:
    assert machine_in(State.PROCEEDING).payload == INVITE.to_bytes()
    assert machine_in(State.ACCEPTED).payload == b""
    assert machine_in(State.COMPLETED).payload == ACK


def test_plain_form_in_the_middle_of_the_timers() -> None:
    machine = machine_in(State.CALLING)
    machine.advance(0.5)
    plain = machine.to_plain(1.0)
    assert plain == {
        "kind": "INVITE client",
        "key": KEY,
        "state": "Calling",
        "reliable": False,
        "payload": INVITE.to_bytes().decode("latin-1"),
        "interval": 1.0,
        "deadlines": {"Timer B": 31.0, "Timer A": 0.5},
    }
    copy = InviteClient.from_plain(plain, 7.0, flow=FLOW, timings=Timings())
    assert copy.to_plain(7.0) == plain
    assert copy.advance(7.499) == []
    assert copy.advance(7.5) == send(INVITE.to_bytes())
    assert copy.next_deadline() == 9.5
    assert copy.receive(BUSY, 8.0) == [*send(ACK), *arrived(BUSY)]  # the ACK is made from the restored INVITE
