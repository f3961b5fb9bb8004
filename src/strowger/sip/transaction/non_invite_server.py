"""Non-INVITE server transaction: RFC 3261 §17.2.2.

           request from the network
                      |                    request to the core
                +-----v------+
                |   Trying   |             nothing answered yet: repeats are absorbed
                +-----+------+
             1xx |    | 200-699
         +-------+    +-----------+
    +----v-------+                |
    | Proceeding |--- 200-699 ----+        a repeat gets the last 1xx
    +----+-------+                |
         |                  +-----v-----+
         |                  | Completed |  a repeat gets the final response
         |                  +-----+-----+
         | transport error        | Timer J, transport error
    +----v------------------------v---+
    |           Terminated            |
    +---------------------------------+

CANCEL is such a transaction too; what it cancels is the layer's `find_invite`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from strowger.sip.message.message import Request, Response
from strowger.sip.transaction.machine import Action, Carried, Machine, PlainTransaction, response_of
from strowger.sip.transaction.outputs import Output
from strowger.sip.transaction.timers import Timings


class State(StrEnum):
    """RFC 3261 §17.2.2"""

    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    TERMINATED = "Terminated"


class Input(StrEnum):
    """What can happen to the transaction, decoded."""

    REQUEST_AGAIN = "request again"
    PROVISIONAL = "1xx from the core"
    FINAL = "200-699 from the core"
    TIMER_J = "Timer J"
    TRANSPORT_ERROR = "transport error"


class NonInviteServer(Machine[State, Input]):
    """One request other than INVITE and ACK received."""

    __slots__ = ("merged",)

    kind = "non-INVITE server"

    def __init__(self, key: str, flow: object, reliable: bool, timings: Timings, state: State = State.TRYING) -> None:
        super().__init__(key, flow, reliable, timings, state)
        self.merged: str | None = None
        """Digest by which a copy that came another way is known, while it counts (see `layer`)."""

    def receive(self, request: Request, flow: object, now: float) -> list[Output]:
        """A request with this transaction's key: the same again."""
        return self.handle(Input.REQUEST_AGAIN, now, request, flow)

    def respond(self, response: Response, now: float) -> list[Output]:
        """The core's response."""
        return self.handle(Input.PROVISIONAL if response.status < 200 else Input.FINAL, now, response)

    def transport_failed(self, now: float) -> list[Output]:
        """What was sent last did not leave."""
        return self.handle(Input.TRANSPORT_ERROR, now)

    def handle(self, what: Input, now: float, message: Carried = None, flow: object = None) -> list[Output]:
        return self._step(TABLE, what, now, message, flow)

    def to_plain(self, now: float) -> PlainTransaction:
        plain = super().to_plain(now)
        plain["merged"] = self.merged
        return plain

    @classmethod
    def from_plain(cls, plain: PlainTransaction, now: float, *, flow: object, timings: Timings) -> NonInviteServer:
        """The transaction that `to_plain` described, its timers running on from `now`."""
        machine = cls(plain["key"], flow, plain["reliable"], timings, State(plain["state"]))
        machine._revive(plain, TABLE, Input, now)
        machine.merged = plain.get("merged")
        return machine

    def answer(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send a response and keep it for repeats of the request."""
        self.payload = response_of(message).to_bytes()
        return self._send()

    def complete(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send the final response and stay for repeats."""
        outputs = self.answer(now, message, flow)
        self._only(Input.TIMER_J, "J", now)
        return outputs


TABLE: Final[dict[tuple[State, Input], tuple[State, Action]]] = {
    (State.TRYING, Input.REQUEST_AGAIN): (State.TRYING, NonInviteServer.absorb),
    (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, NonInviteServer.answer),
    (State.TRYING, Input.FINAL): (State.COMPLETED, NonInviteServer.complete),
    (State.TRYING, Input.TRANSPORT_ERROR): (State.TRYING, NonInviteServer.outlive),  # nothing of ours was on its way
    (State.PROCEEDING, Input.REQUEST_AGAIN): (State.PROCEEDING, NonInviteServer.resend),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, NonInviteServer.answer),
    (State.PROCEEDING, Input.FINAL): (State.COMPLETED, NonInviteServer.complete),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, NonInviteServer.fail),
    (State.COMPLETED, Input.REQUEST_AGAIN): (State.COMPLETED, NonInviteServer.resend),
    (State.COMPLETED, Input.PROVISIONAL): (State.COMPLETED, NonInviteServer.absorb),
    (State.COMPLETED, Input.FINAL): (State.COMPLETED, NonInviteServer.absorb),  # the first one counts
    (State.COMPLETED, Input.TIMER_J): (State.TERMINATED, NonInviteServer.terminate),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (State.TERMINATED, NonInviteServer.fail),
}

IMPOSSIBLE: Final[frozenset[tuple[State, Input]]] = frozenset(
    {(State.TERMINATED, what) for what in Input}  # the layer has forgotten it
    | {(State.TRYING, Input.TIMER_J), (State.PROCEEDING, Input.TIMER_J)}
)
"""Timer J before the final response, and anything after the end."""
