"""What the four machines of RFC 3261 §17 share: a state, named deadlines, bytes to send again, and their plain form.

A machine keeps no parsed message, only the bytes that it may have to send again. Its table, inputs and actions are in
its own file; choosing the machine for a message is left to the layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final, Generic, NotRequired, TypeAlias, TypedDict, TypeVar

from strowger.sip.message.message import Request, Response
from strowger.sip.transaction.errors import UnexpectedInput
from strowger.sip.transaction.outputs import Ignored, Output, Send, Terminated, TimedOut, TransportFailed
from strowger.sip.transaction.timers import Timings

StateT = TypeVar("StateT", bound=StrEnum)
InputT = TypeVar("InputT", bound=StrEnum)
Carried: TypeAlias = Request | Response | None
"""The message that an input came with."""
Action: TypeAlias = Callable[[Any, float, Carried, object], list[Output]]
"""What a row does: (machine, now, message, flow of the message)."""
Table: TypeAlias = Mapping[tuple[StateT, InputT], tuple[StateT, Action]]
"""(state, input) → (next state, action)"""

TERMINATED: Final = "Terminated"
UNANSWERED: Final = frozenset({"Calling", "Trying", "Proceeding"})
"""The states before a final response, of all machines."""


class PlainTransaction(TypedDict):
    """A transaction as plain data, fit for JSON. Bytes are text of the same octets (latin-1)."""

    kind: str
    key: str
    state: str
    reliable: bool
    payload: str
    interval: float
    deadlines: dict[str, float]
    """Seconds left: a monotonic clock does not survive a restart."""
    merged: NotRequired[str | None]
    stem: NotRequired[str | None]
    ack: NotRequired[str | None]


class Machine(ABC, Generic[StateT, InputT]):
    """One transaction. `handle` takes decoded inputs; the methods of the subclasses decode messages."""

    __slots__ = ("deadlines", "flow", "interval", "key", "payload", "reliable", "state", "timings")

    kind: ClassVar[str]

    def __init__(self, key: str, flow: object, reliable: bool, timings: Timings, state: StateT) -> None:
        self.key = key
        self.flow = flow
        self.reliable = reliable
        self.timings = timings
        self.state = state
        self.payload = b""
        """What a retransmission consists of."""
        self.interval = 0.0
        """Seconds between the last two retransmissions."""
        self.deadlines: dict[InputT, float] = {}

    @abstractmethod
    def handle(self, what: InputT, now: float, message: Carried = None, flow: object = None) -> list[Output]:
        """Take one input and give the outputs in order. Raises UnexpectedInput for a pair that the table excludes."""

    @property
    def terminated(self) -> bool:
        """Whether the transaction is over."""
        return self.state == TERMINATED

    @property
    def answered(self) -> bool:
        """Whether a final response has passed."""
        return self.state not in UNANSWERED

    def next_deadline(self) -> float | None:
        """When `advance` has to be called at the latest, None if no timer runs."""
        return min(self.deadlines.values()) if self.deadlines else None

    def advance(self, now: float) -> list[Output]:
        """Fire the timers that are due, earliest first; a timer that an earlier one disarmed does not fire."""
        outputs: list[Output] = []
        while self.deadlines:
            timer = min(self.deadlines, key=self.deadlines.__getitem__)
            if self.deadlines[timer] > now:
                break
            del self.deadlines[timer]
            outputs.extend(self.handle(timer, now))
        return outputs

    def to_plain(self, now: float) -> PlainTransaction:
        """The transaction without its flow, deadlines as time left at `now`."""
        return PlainTransaction(
            kind=self.kind,
            key=self.key,
            state=self.state.value,
            reliable=self.reliable,
            payload=self.payload.decode("latin-1"),
            interval=self.interval,
            deadlines={timer.value: max(deadline - now, 0.0) for timer, deadline in self.deadlines.items()},
        )

    def _step(
        self,
        table: Table[StateT, InputT],
        what: InputT,
        now: float,
        message: Carried,
        flow: object,
    ) -> list[Output]:
        row = table.get((self.state, what))
        if row is None:
            raise UnexpectedInput(self.key, self.state, what)
        state, action = row
        outputs = action(self, now, message, flow)
        self.state = state  # after the action: one that raises leaves the transaction as it was
        return outputs

    def _revive(self, plain: PlainTransaction, table: Table[StateT, InputT], inputs: type[InputT], now: float) -> None:
        self.payload = plain["payload"].encode("latin-1")
        self.interval = float(plain["interval"])
        self.deadlines = {inputs(timer): now + left for timer, left in plain["deadlines"].items()}
        for timer in self.deadlines:
            if (self.state, timer) not in table:
                raise ValueError(f"{timer.value} does not run in state {self.state.value}")

    def _only(self, timer: InputT, letter: str, now: float) -> None:
        """Let this timer run and no other."""
        self.deadlines.clear()
        self.deadlines[timer] = now + self.timings.duration(letter, reliable=self.reliable)

    def _retransmit_by(self, timer: InputT, now: float) -> None:
        """Start retransmission at T1. Over a reliable transport nothing is sent twice."""
        if not self.reliable:
            self.interval = self.timings.t1
            self.deadlines[timer] = now + self.interval

    def _send(self) -> list[Output]:
        return [Send(self.flow, self.payload, self.key)]

    # Actions that mean the same in every machine.

    def resend(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Answer a repeated message with what was sent before."""
        return self._send()

    def absorb(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Drop a message that is correct but asks for nothing any more."""
        return [Ignored(f"absorbed in state {self.state.value}", message)]

    def outlive(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Nothing that was sent is needed any more, or nothing was: a failed transport changes nothing."""
        return [Ignored(f"transport failure without consequence in state {self.state.value}", message)]

    def inform(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Report the failed transport and carry on."""
        return [TransportFailed(self.key)]

    def fail(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Report the failed transport and end."""
        return [TransportFailed(self.key), *self.terminate(now, message, flow)]

    def time_out(self, now: float, message: Carried, flow: object) -> list[Output]:
        """Report that the peer never answered and end."""
        return [TimedOut(self.key), *self.terminate(now, message, flow)]

    def terminate(self, now: float, message: Carried, flow: object) -> list[Output]:
        """End: no timer, nothing to send."""
        self.deadlines.clear()
        self.payload = b""
        return [Terminated(self.key)]


def request_of(message: Carried) -> Request:
    """The request that an input of a machine must carry."""
    if not isinstance(message, Request):
        raise TypeError(f"this input carries a request, not {message!r}")
    return message


def response_of(message: Carried) -> Response:
    """The response that an input of a machine must carry."""
    if not isinstance(message, Response):
        raise TypeError(f"this input carries a response, not {message!r}")
    return message
