"""What all machines share."""

from __future__ import annotations

import sys

import pytest

from strowger.sip.transaction.invite_client import InviteClient
from strowger.sip.transaction.invite_server import Input, InviteServer, State
from strowger.sip.transaction.machine import request_of, response_of
from strowger.sip.transaction.non_invite_client import NonInviteClient
from strowger.sip.transaction.non_invite_server import NonInviteServer
from strowger.sip.transaction.outputs import Send, Terminated, TimedOut
from strowger.sip.transaction.timers import Timings
from tests.unit.sip.transaction.messages import FLOW, request, response

KINDS = [InviteServer, NonInviteServer, InviteClient, NonInviteClient]
INVITE = request("INVITE")
BUSY = response(486, INVITE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_transaction_is_small(kind: type[InviteServer]) -> None:
    machine = kind("key", FLOW, False, Timings())
    assert not hasattr(machine, "__dict__")
    assert sys.getsizeof(machine) <= 136


def test_a_due_timer_that_an_earlier_one_disarmed_does_not_fire() -> None:
    machine = InviteServer("key", FLOW, False, Timings())
    machine.respond(BUSY, 0.0)
    machine.deadlines[Input.TIMER_G] = 33.0  # due as well, but after Timer H
    assert machine.advance(40.0) == [TimedOut("key"), Terminated("key")]


def test_due_timers_fire_in_the_order_of_their_deadlines() -> None:
    machine = InviteServer("key", FLOW, False, Timings())
    machine.respond(BUSY, 0.0)
    assert machine.advance(40.0) == [Send(FLOW, BUSY.to_bytes(), "key"), TimedOut("key"), Terminated("key")]


def test_an_action_that_raises_leaves_the_transaction_as_it_was() -> None:
    machine = InviteServer("key", FLOW, False, Timings())
    with pytest.raises(TypeError):
        machine.handle(Input.REJECTION, 0.0, INVITE)
    assert (machine.state, machine.deadlines, machine.payload) == (State.TRYING, {}, b"")


def test_answered_tells_whether_a_final_response_has_passed() -> None:
    machine = InviteServer("key", FLOW, False, Timings())
    assert not machine.answered
    machine.respond(response(180, INVITE), 0.0)
    assert not machine.answered
    machine.respond(BUSY, 0.0)
    assert machine.answered


def test_inputs_carry_the_right_kind_of_message() -> None:
    assert request_of(INVITE) is INVITE
    assert response_of(BUSY) is BUSY
    with pytest.raises(TypeError, match="carries a request"):
        request_of(BUSY)
    with pytest.raises(TypeError, match="carries a response"):
        response_of(None)
