"""INVITE client transaction: RFC 3261 §17.1.1 as changed by RFC 6026 §7.2.

            INVITE from the core
                     |                     INVITE sent, and again by Timer A
               +-----v-----+
               |  Calling  |--- Timer B, transport error -----------+
               +--+--+--+--+                                        |
          1xx     |  |  |     2xx                                   |
        +---------+  |  +--------------------+                      |
        |         3xx-6xx                    |                      |
    +---v--------+   |                       |                      |
    | Proceeding |--- 2xx -------------+     |                      |
    +---+--------+   |                 |     |                      |
        | 3xx-6xx    |                 |     |                      |
        +-------+    |              +--v-----v-+                    |
            +---v----v--+           | Accepted |  every 2xx         |
            | Completed |           +-----+----+  to the core       |
            +-----+-----+                 |                         |
     ACK sent by  | Timer D,              | Timer M                 |
     this machine | transport error       |                         |
            +-----v-----------------------v-------------------------v--+
            |                       Terminated                         |
            +----------------------------------------------------------+

Timer B stops at the first 1xx: a callee may ring for minutes, and how long is the proxy's decision (Timer C). The ACK
of a 2xx is the core's; so is CANCEL, which is a client transaction of its own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from strowger.sip.message.build import ack_for
from strowger.sip.message.message import Request, Response, parse_message
from strowger.sip.transaction.key import client_key
from strowger.sip.transaction.machine import Action, Carried, Machine, PlainTransaction, request_of, response_of
from strowger.sip.transaction.outputs import Output, ResponseArrived
from strowger.sip.transaction.timers import TIMER_D_MINIMUM, Timings


class State(StrEnum):
    """RFC 6026 §7.2"""

    CALLING = "Calling"
    PROCEEDING = "Proceeding"
    ACCEPTED = "Accepted"
    COMPLETED = "Completed"
    TERMINATED = "Terminated"


class Input(StrEnum):
    """What can happen to the transaction, decoded."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    REJECTION = "3xx-6xx"
    TIMER_A = "Timer A"
    TIMER_B = "Timer B"
    TIMER_D = "Timer D"
    TIMER_M = "Timer M"
    TRANSPORT_ERROR = "transport error"


class InviteClient(Machine[State, Input]):
    """One INVITE sent. Its payload is the INVITE, which its ACK is made from, and later that ACK."""

    __slots__ = ()

    kind = "INVITE client"

    def __init__(self, key: str, flow: object, reliable: bool, timings: Timings, state: State = State.CALLING) -> None:
        super().__init__(key, flow, reliable, timings, state)

    def start(self, payload: bytes, now: float) -> list[Output]:
        """Send the INVITE."""
        self.payload = payload
        self._only(Input.TIMER_B, "B", now)
        self._retransmit_by(Input.TIMER_A, now)
        return self._send()

    def receive(self, response: Response, now: float) -> list[Output]:
        """A response with this transaction's key."""
        if response.status < 200:
            return self.handle(Input.PROVISIONAL, now, response)
        return self.handle(Input.SUCCESS if response.status < 300 else Input.REJECTION, now, response)

    def transport_failed(self, now: float) -> list[Output]:
        """What was sent last did not leave."""
        return self.handle(Input.TRANSPORT_ERROR, now)

    def handle(self, what: Input, now: float, message: Carried = None, flow: object = None) -> list[Output]:
        return self._step(TABLE, what, now, message, flow)

    @classmethod
    def from_plain(cls, plain: PlainTransaction, now: float, *, flow: object, timings: Timings) -> InviteClient:
        """The transaction that `to_plain` described, its timers running on from `now`."""
        machine = cls(plain["key"], flow, plain["reliable"], timings, State(plain["state"]))
        machine._revive(plain, TABLE, Input, now)
        return machine

    def repeat(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send the INVITE again and wait twice as long; Timer B is the only bound. RFC 3261 §17.1.1.2"""
        self.interval *= 2
        self.deadlines[Input.TIMER_A] = now + self.interval
        return self._send()

    def ring(self, now: float, message: Carried, flow: object) -> list[Output]:
        """A provisional response: the callee has the INVITE, no timer runs any more."""
        self.deadlines.clear()
        return [ResponseArrived(self.key, response_of(message))]

    def accept(self, now: float, message: Carried, flow: object) -> list[Output]:
        """The first 2xx: stay to let its repeats and those of other branches pass."""
        self.payload = b""
        self._only(Input.TIMER_M, "M", now)
        return [ResponseArrived(self.key, response_of(message))]

    def pass_up(self, now: float, message: Carried, flow: object) -> list[Output]:
        """A further 2xx, which only the core can acknowledge."""
        return [ResponseArrived(self.key, response_of(message))]

    def reject(self, now: float, message: Carried, flow: object) -> list[Output]:
        """A 3xx-6xx: acknowledge it here and keep the ACK for its repeats. RFC 3261 §17.1.1.3"""
        response = response_of(message)
        self.payload = ack_for(request_of(parse_message(self.payload)), response).to_bytes()
        self._only(Input.TIMER_D, "D", now)
        return [*self._send(), ResponseArrived(self.key, response)]


TABLE: Final[dict[tuple[State, Input], tuple[State, Action]]] = {
    (State.CALLING, Input.PROVISIONAL): (State.PROCEEDING, InviteClient.ring),
    (State.CALLING, Input.SUCCESS): (State.ACCEPTED, InviteClient.accept),
    (State.CALLING, Input.REJECTION): (State.COMPLETED, InviteClient.reject),
    (State.CALLING, Input.TIMER_A): (State.CALLING, InviteClient.repeat),
    (State.CALLING, Input.TIMER_B): (State.TERMINATED, InviteClient.time_out),
    (State.CALLING, Input.TRANSPORT_ERROR): (State.TERMINATED, InviteClient.fail),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, InviteClient.pass_up),
    (State.PROCEEDING, Input.SUCCESS): (State.ACCEPTED, InviteClient.accept),
    (State.PROCEEDING, Input.REJECTION): (State.COMPLETED, InviteClient.reject),
    # The callee has the INVITE and may answer over a connection of its own. RFC 3261 §18.2.2
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.PROCEEDING, InviteClient.outlive),
    (State.ACCEPTED, Input.PROVISIONAL): (State.ACCEPTED, InviteClient.absorb),
    (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, InviteClient.pass_up),  # RFC 6026 §7.2
    (State.ACCEPTED, Input.REJECTION): (State.ACCEPTED, InviteClient.absorb),
    (State.ACCEPTED, Input.TIMER_M): (State.TERMINATED, InviteClient.terminate),
    (State.ACCEPTED, Input.TRANSPORT_ERROR): (State.ACCEPTED, InviteClient.outlive),
    (State.COMPLETED, Input.PROVISIONAL): (State.COMPLETED, InviteClient.absorb),
    (State.COMPLETED, Input.SUCCESS): (State.COMPLETED, InviteClient.absorb),
    (State.COMPLETED, Input.REJECTION): (State.COMPLETED, InviteClient.resend),  # the ACK
    (State.COMPLETED, Input.TIMER_D): (State.TERMINATED, InviteClient.terminate),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (State.TERMINATED, InviteClient.fail),
}

IMPOSSIBLE: Final[frozenset[tuple[State, Input]]] = frozenset(
    {(State.TERMINATED, what) for what in Input}  # the layer has forgotten it
    | {(State.CALLING, what) for what in (Input.TIMER_D, Input.TIMER_M)}
    | {(State.PROCEEDING, what) for what in (Input.TIMER_A, Input.TIMER_B, Input.TIMER_D, Input.TIMER_M)}
    | {(State.ACCEPTED, what) for what in (Input.TIMER_A, Input.TIMER_B, Input.TIMER_D)}
    | {(State.COMPLETED, what) for what in (Input.TIMER_A, Input.TIMER_B, Input.TIMER_M)}
)
"""Timers that do not run in a state, and anything after the end."""


def restored_invite_client(invite: Request, state: State, *, reliable: bool) -> PlainTransaction:
    """The transaction of an INVITE that was sent before a restart, in Proceeding or Accepted, as plain data.

    In Proceeding no timer runs; in Accepted the time for repeats of the 2xx starts anew. RFC 6026 §7.2
    """
    return PlainTransaction(
        kind=InviteClient.kind,
        key=client_key(invite) or "",
        state=state.value,
        reliable=reliable,
        payload=invite.to_bytes().decode("latin-1") if state is State.PROCEEDING else "",
        interval=0.0,
        deadlines={Input.TIMER_M.value: TIMER_D_MINIMUM} if state is State.ACCEPTED else {},
    )
