"""INVITE server transaction: RFC 3261 §17.2.1 as changed by RFC 6026 §7.1.

                INVITE from the network
                          |                    request to the core
                   +------v------+
                   |   Trying    |             our own state: nothing answered yet, repeats are absorbed
                   +--+---+---+--+
             1xx      |   |   |   2xx
          +-----------+   |   +------------------+
          |            3xx-6xx                   |
    +-----v------+        |                      |
    | Proceeding |--- 2xx ---------------+       |
    +-----+------+        |              |       |
          | 3xx-6xx       |              |       |
          +-------+   +---+              |       |
               +--v---v----+          +--v-------v--+
               | Completed |          |  Accepted   |   2xx from the core: sent; ACK: to the core
               +--+-----+--+          +------+------+
             ACK  |     | Timer H            | Timer L
        +---------v-+   |                    |
        | Confirmed |   |                    |
        +---------+-+   |                    |
          Timer I |     |                    |
               +--v-----v--------------------v--+
               |           Terminated           |
               +--------------------------------+

The standard's machine answers 100 by itself when the core is slow. This one does not: a 100 tells the caller to stop
repeating the INVITE, which is a promise only the core can give, after it has stored the call. A failed transport leaves
the transaction alive, since the caller may still be reached another way.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from strowger.sip.message.message import Request, Response
from strowger.sip.transaction.machine import Action, Carried, Machine, PlainTransaction, request_of, response_of
from strowger.sip.transaction.outputs import AckArrived, Output
from strowger.sip.transaction.timers import Timings


class State(StrEnum):
    """RFC 6026 §7.1, with the part of Proceeding before the first response as a state of its own."""

    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    ACCEPTED = "Accepted"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    TERMINATED = "Terminated"


class Input(StrEnum):
    """What can happen to the transaction, decoded."""

    INVITE_AGAIN = "INVITE again"
    ACK = "ACK"
    PROVISIONAL = "1xx from the core"
    SUCCESS = "2xx from the core"
    REJECTION = "3xx-6xx from the core"
    TIMER_G = "Timer G"
    TIMER_H = "Timer H"
    TIMER_I = "Timer I"
    TIMER_L = "Timer L"
    TRANSPORT_ERROR = "transport error"


class InviteServer(Machine[State, Input]):
    """One INVITE received."""

    __slots__ = ("ack", "merged", "stem")

    kind = "INVITE server"

    def __init__(self, key: str, flow: object, reliable: bool, timings: Timings, state: State = State.TRYING) -> None:
        super().__init__(key, flow, reliable, timings, state)
        self.merged: str | None = None
        """Digest by which a copy that came another way is known, while it counts (see `layer`)."""
        self.stem: str | None = None
        """Of an RFC 2543 INVITE: what its ACK has in common with it (see `key`)."""
        self.ack: str | None = None
        """Of an answered RFC 2543 INVITE: the key its ACK will have."""

    def receive(self, request: Request, flow: object, now: float) -> list[Output]:
        """A request with this transaction's key: the INVITE again, or its ACK."""
        return self.handle(Input.ACK if request.method == "ACK" else Input.INVITE_AGAIN, now, request, flow)

    def respond(self, response: Response, now: float) -> list[Output]:
        """The core's response."""
        if response.status < 200:
            return self.handle(Input.PROVISIONAL, now, response)
        return self.handle(Input.SUCCESS if response.status < 300 else Input.REJECTION, now, response)

    def transport_failed(self, now: float) -> list[Output]:
        """What was sent last did not leave."""
        return self.handle(Input.TRANSPORT_ERROR, now)

    def handle(self, what: Input, now: float, message: Carried = None, flow: object = None) -> list[Output]:
        return self._step(TABLE, what, now, message, flow)

    def to_plain(self, now: float) -> PlainTransaction:
        plain = super().to_plain(now)
        plain["merged"], plain["stem"], plain["ack"] = self.merged, self.stem, self.ack
        return plain

    @classmethod
    def from_plain(cls, plain: PlainTransaction, now: float, *, flow: object, timings: Timings) -> InviteServer:
        """The transaction that `to_plain` described, its timers running on from `now`."""
        machine = cls(plain["key"], flow, plain["reliable"], timings, State(plain["state"]))
        machine._revive(plain, TABLE, Input, now)
        machine.merged, machine.stem, machine.ack = plain.get("merged"), plain.get("stem"), plain.get("ack")
        return machine

    def answer(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send a provisional response and keep it for repeats of the INVITE."""
        self.payload = response_of(message).to_bytes()
        return self._send()

    def accept(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send the 2xx. Repeating it is the callee's business, so it is not kept."""
        outputs = self.accept_again(now, message, flow)
        self._only(Input.TIMER_L, "L", now)
        return outputs

    def accept_again(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send one more 2xx: the callee's repeat, or one from another branch."""
        outputs = self.answer(now, message, flow)
        self.payload = b""
        return outputs

    def reject(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send the 3xx-6xx and repeat it until the ACK comes."""
        outputs = self.answer(now, message, flow)
        self._only(Input.TIMER_H, "H", now)
        self._retransmit_by(Input.TIMER_G, now)
        return outputs

    def repeat(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Send the 3xx-6xx again and wait twice as long, up to T2."""
        self.interval = min(2 * self.interval, self.timings.t2)
        self.deadlines[Input.TIMER_G] = now + self.interval
        return self._send()

    def confirm(self, now: float, message: Carried, flow: object) -> list[Output]:
        """The ACK of the 3xx-6xx: stop repeating, absorb further ACKs for a while."""
        self.payload = b""
        self._only(Input.TIMER_I, "I", now)
        return []

    def pass_ack(self, now: float, message: Carried, flow: object) -> list[Output]:
        """The ACK of the 2xx is the core's."""
        return [AckArrived(request_of(message), flow, self.key)]


TABLE: Final[dict[tuple[State, Input], tuple[State, Action]]] = {
    (State.TRYING, Input.INVITE_AGAIN): (State.TRYING, InviteServer.absorb),
    (State.TRYING, Input.ACK): (State.TRYING, InviteServer.absorb),
    (State.TRYING, Input.PROVISIONAL): (State.PROCEEDING, InviteServer.answer),
    (State.TRYING, Input.SUCCESS): (State.ACCEPTED, InviteServer.accept),
    (State.TRYING, Input.REJECTION): (State.COMPLETED, InviteServer.reject),
    (State.TRYING, Input.TRANSPORT_ERROR): (State.TRYING, InviteServer.outlive),  # nothing of ours was on its way
    (State.PROCEEDING, Input.INVITE_AGAIN): (State.PROCEEDING, InviteServer.resend),
    (State.PROCEEDING, Input.ACK): (State.PROCEEDING, InviteServer.absorb),
    (State.PROCEEDING, Input.PROVISIONAL): (State.PROCEEDING, InviteServer.answer),
    (State.PROCEEDING, Input.SUCCESS): (State.ACCEPTED, InviteServer.accept),
    (State.PROCEEDING, Input.REJECTION): (State.COMPLETED, InviteServer.reject),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.PROCEEDING, InviteServer.inform),  # RFC 6026 §7.1
    (State.ACCEPTED, Input.INVITE_AGAIN): (State.ACCEPTED, InviteServer.absorb),  # RFC 6026 §7.1
    (State.ACCEPTED, Input.ACK): (State.ACCEPTED, InviteServer.pass_ack),
    (State.ACCEPTED, Input.PROVISIONAL): (State.ACCEPTED, InviteServer.absorb),
    (State.ACCEPTED, Input.SUCCESS): (State.ACCEPTED, InviteServer.accept_again),
    (State.ACCEPTED, Input.REJECTION): (State.ACCEPTED, InviteServer.absorb),
    (State.ACCEPTED, Input.TIMER_L): (State.TERMINATED, InviteServer.terminate),
    (State.ACCEPTED, Input.TRANSPORT_ERROR): (State.ACCEPTED, InviteServer.inform),
    (State.COMPLETED, Input.INVITE_AGAIN): (State.COMPLETED, InviteServer.resend),
    (State.COMPLETED, Input.ACK): (State.CONFIRMED, InviteServer.confirm),
    (State.COMPLETED, Input.PROVISIONAL): (State.COMPLETED, InviteServer.absorb),
    (State.COMPLETED, Input.SUCCESS): (State.COMPLETED, InviteServer.absorb),  # the caller has its final response
    (State.COMPLETED, Input.REJECTION): (State.COMPLETED, InviteServer.absorb),
    (State.COMPLETED, Input.TIMER_G): (State.COMPLETED, InviteServer.repeat),
    (State.COMPLETED, Input.TIMER_H): (State.TERMINATED, InviteServer.time_out),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (State.COMPLETED, InviteServer.inform),
    (State.CONFIRMED, Input.INVITE_AGAIN): (State.CONFIRMED, InviteServer.absorb),
    (State.CONFIRMED, Input.ACK): (State.CONFIRMED, InviteServer.absorb),
    (State.CONFIRMED, Input.PROVISIONAL): (State.CONFIRMED, InviteServer.absorb),
    (State.CONFIRMED, Input.SUCCESS): (State.CONFIRMED, InviteServer.absorb),
    (State.CONFIRMED, Input.REJECTION): (State.CONFIRMED, InviteServer.absorb),
    (State.CONFIRMED, Input.TIMER_I): (State.TERMINATED, InviteServer.terminate),
    (State.CONFIRMED, Input.TRANSPORT_ERROR): (State.CONFIRMED, InviteServer.outlive),  # late news of a repeat
}

IMPOSSIBLE: Final[frozenset[tuple[State, Input]]] = frozenset(
    {(State.TERMINATED, what) for what in Input}  # the layer has forgotten it
    | {(State.TRYING, what) for what in (Input.TIMER_G, Input.TIMER_H, Input.TIMER_I, Input.TIMER_L)}
    | {(State.PROCEEDING, what) for what in (Input.TIMER_G, Input.TIMER_H, Input.TIMER_I, Input.TIMER_L)}
    | {(State.ACCEPTED, what) for what in (Input.TIMER_G, Input.TIMER_H, Input.TIMER_I)}
    | {(State.COMPLETED, what) for what in (Input.TIMER_I, Input.TIMER_L)}
    | {(State.CONFIRMED, what) for what in (Input.TIMER_G, Input.TIMER_H, Input.TIMER_L)}
)
"""Timers that do not run in a state, and anything after the end."""
