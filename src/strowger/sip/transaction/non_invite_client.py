"""Non-INVITE client transaction: RFC 3261 §17.1.2.

           request from the core
                     |                     request sent, and again by Timer E
               +-----v-----+
               |  Trying   |--- Timer F, transport error ---+
               +--+-----+--+                                |
             1xx  |     | 200-699                           |
        +---------+     |                                   |
    +---v--------+      |                                   |
    | Proceeding |--- Timer F, transport error -------------+
    +---+--------+      |                                   |
        | 200-699       |                                   |
        |         +-----v-----+                             |
        +-------->| Completed |    repeats are absorbed     |
                  +-----+-----+                             |
                        | Timer K                           |
                  +-----v-----------------------------------v--+
                  |                Terminated                  |
                  +--------------------------------------------+

A 1xx does not stop the repeats of the request, it only spaces them by T2. What an answer means is left to the core.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from strowger.sip.message.message import Response
from strowger.sip.transaction.machine import Action, Carried, Machine, PlainTransaction, response_of
from strowger.sip.transaction.outputs import Output, ResponseArrived
from strowger.sip.transaction.timers import Timings


class State(StrEnum):
    """RFC 3261 §17.1.2.2"""

    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    TERMINATED = "Terminated"


class Input(StrEnum):
    """What can happen to the transaction, decoded."""

    PROVISIONAL = "1xx"
    FINAL = "200-699"
    TIMER_E = "Timer E"
    TIMER_F = "Timer F"
    TIMER_K = "Timer K"
    TRANSPORT_ERROR = "transport error"


class NonInviteClient(Machine[State, Input]):
    """One request other than INVITE and ACK sent."""

    __slots__ = ()

    kind = "non-INVITE client"

    def __init__(self, key: str, flow: object, reliable: bool, timings: Timings, state: State = State.TRYING) -> None:
        super().__init__(key, flow, reliable, timings, state)

    def start(self, payload: bytes, now: float) -> list[Output]:
        """Send the request."""
        self.payload = payload
        self._only(Input.TIMER_F, "F", now)
        self._retransmit_by(Input.TIMER_E, now)
        return self._send()

    def receive(self, response: Response, now: float) -> list[Output]:
        """A response with this transaction's key."""
        return self.handle(Input.PROVISIONAL if response.status < 200 else Input.FINAL, now, response)

    def transport_failed(self, now: float) -> list[Output]:
        """What was sent last did not leave."""
        return self.handle(Input.TRANSPORT_ERROR, now)

    def handle(self, what: Input, now: float, message: Carried = None, flow: object = None) -> list[Output]:
        return self._step(TABLE, what, now, message, flow)

    @classmethod
    def from_plain(cls, plain: PlainTransaction, now: float, *, flow: object, timings: Timings) -> NonInviteClient:
        """The transaction that `to_plain` described, its timers running on from `now`."""
        machine = cls(plain["key"], flow, plain["reliable"], timings, State(plain["state"]))
        machine._revive(plain, TABLE, Input, now)
        return machine

    def repeat(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send the request again and wait twice as long, up to T2."""
        self.interval = min(2 * self.interval, self.timings.t2)
        self.deadlines[Input.TIMER_E] = now + self.interval
        return self._send()

    def repeat_slowly(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send the request again and wait T2: the server is known to be there."""
        self.interval = self.timings.t2
        self.deadlines[Input.TIMER_E] = now + self.interval
        return self._send()

    def pass_up(self, now: float, message: Carried, flow: object) -> list[Output]:
        """A provisional response."""
        return [ResponseArrived(self.key, response_of(message))]

    def complete(self, now: float, message: Carried, flow: object) -> list[Output]:
        """The final response: stay to absorb its repeats."""
        self.payload = b""
        self._only(Input.TIMER_K, "K", now)
        return [ResponseArrived(self.key, response_of(message))]


TABLE: Final[dict[tuple[State, Input], tuple[State, Action]]] = {
    (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, NonInviteClient.pass_up),
    (State.TRYING, Input.FINAL): (State.COMPLETED, NonInviteClient.complete),
    (State.TRYING, Input.TIMER_E): (State.TRYING, NonInviteClient.repeat),
    (State.TRYING, Input.TIMER_F): (State.TERMINATED, NonInviteClient.time_out),
    (State.TRYING, Input.TRANSPORT_ERROR): (State.TERMINATED, NonInviteClient.fail),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, NonInviteClient.pass_up),
    (State.PROCEEDING, Input.FINAL): (State.COMPLETED, NonInviteClient.complete),
    (State.PROCEEDING, Input.TIMER_E): (State.PROCEEDING, NonInviteClient.repeat_slowly),
    (State.PROCEEDING, Input.TIMER_F): (State.TERMINATED, NonInviteClient.time_out),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, NonInviteClient.fail),
    (State.COMPLETED, Input.PROVISIONAL): (State.COMPLETED, NonInviteClient.absorb),
    (State.COMPLETED, Input.FINAL): (State.COMPLETED, NonInviteClient.absorb),
    (State.COMPLETED, Input.TIMER_K): (State.TERMINATED, NonInviteClient.terminate),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (State.COMPLETED, NonInviteClient.outlive),  # late news of a repeat
}

IMPOSSIBLE: Final[frozenset[tuple[State, Input]]] = frozenset(
    {(State.TERMINATED, what) for what in Input}  # the layer has forgotten it
    | {(State.TRYING, Input.TIMER_K), (State.PROCEEDING, Input.TIMER_K)}
    | {(State.COMPLETED, Input.TIMER_E), (State.COMPLETED, Input.TIMER_F)}
)
"""Timers that do not run in a state, and anything after the end."""
