"""A call that nobody makes: what would become of it, played out to its end at once.

It is put to an exchange of the same kind and by the same rules as a real one, on a clock that leaps from one deadline
to the next. Its ports write, send and count nothing; they note what they are asked. Assumed is that whatever is rung
rings, and that nobody answers it.

Pure. It leaves to others: what an event and an INVITE would look like (`Foreteller`, `Foreseen`), and the words for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from strowger.calls.call import Call, Opening, State
from strowger.calls.decision import Accepted, RedirectCall
from strowger.calls.errors import CallError
from strowger.calls.exchange import Exchange
from strowger.calls.identifier import Identifier
from strowger.calls.ports import Arrival, Commit, Done, OutboxEntry, StoredCall
from strowger.calls.reports import Report

MOST_MOMENTS: Final = 500
"""Changes of one call that are played; more of them would take only settings that have a call go in circles."""

E_co = TypeVar("E_co", covariant=True)
E = TypeVar("E")
B = TypeVar("B")


class LeapingClock:
    """Both clocks, standing still until they are told to leap."""

    def __init__(self, monotonic: float, wall: float) -> None:
        self._now = monotonic
        self._offset = wall - monotonic

    def monotonic(self) -> float:
        """Seconds."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970."""
        return self._now + self._offset

    def leap(self, to: float) -> None:
        """Go forward to this time on the monotonic clock."""
        self._now = max(self._now, to)


class Foreteller(Protocol[E_co]):
    """Knows what subscriptions would be told. Times: wall clock, seconds."""

    def is_told(self, call: Call) -> bool:
        """Whether anybody would be told of the IncomingCall of the call's current hop."""

    def told(self, call: Call, wall: float) -> Sequence[E_co]:
        """Who would be told of it and what, and who would not."""

    def reported(self, reports: Sequence[Report], wall: float) -> Sequence[E_co]:
        """The same of further facts, without those that are not told."""


Foreseen = Callable[[Call, int], Sequence[B]]
"""What would be sent to ring a hop of a call."""


@dataclass(slots=True)
class Moment(Generic[E, B]):
    """One change of the call."""

    at_s: float
    """Seconds after the arrival."""
    what: str
    """`calls.machine.Input`"""
    call: Call
    """As it is then."""
    events: list[E] = field(default_factory=list)
    rings: list[B] = field(default_factory=list)
    is_heard: bool = False
    """Whether the caller is told that it rings, by us."""
    reason: str = ""
    """The reason phrase of the final response that the caller gets by it."""
    contacts: tuple[str, ...] = ()
    """With a 302: whom to call instead."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one redirect."""

    target: Identifier
    at_s: float = 0.0
    is_asked: bool = True
    """False when the call was over before the application could."""
    refusal: CallError | None = None


@dataclass(slots=True)
class Course(Generic[E, B]):
    """What became of a call."""

    moments: list[Moment[E, B]]
    decisions: list[Decision]
    end: Call
    is_whole: bool
    """False when it was given up before its end."""


class Notes(Generic[E, B]):
    """Store, announcer and telephony of a call that nobody makes."""

    def __init__(self, clock: LeapingClock, foreteller: Foreteller[E], foreseen: Foreseen[B]) -> None:
        self.moments: list[Moment[E, B]] = []
        self.context = ""
        """The incomingCallContext of the latest event."""
        self._clock = clock
        self._began_at = clock.monotonic()
        self._foreteller = foreteller
        self._foreseen = foreseen
        self._waiting: deque[Done] = deque()
        self._events: list[E] = []
        """Those that belong to the next change."""
        self._latest = -1
        """The hop that was current at the latest change."""

    @property
    def at_s(self) -> float:
        """Seconds after the arrival."""
        return self._clock.monotonic() - self._began_at

    def flush(self) -> None:
        """Let everything be written that waits, and what comes of it."""
        while self._waiting:
            self._waiting.popleft()(None)

    def observe(self, call: Call, what: str) -> None:
        """A change took effect; what is asked of the telephony next is of it."""
        moment = Moment[E, B](self.at_s, what, call, self._events)
        is_new, self._latest = call.hop_index != self._latest, call.hop_index
        if is_new and not (call.hop.event_id or call.hop.via or call.hop.opening is Opening.HUNT):
            moment.events += self._foreteller.told(call, self._clock.wall())
        self.moments.append(moment)
        self._events = []

    def note_reports(self) -> None:
        """What was reported beside the changes belongs to the latest of them."""
        self.moments[-1].events += self._events
        self._events = []

    # calls.ports.Journal

    def commit(self, unit: Commit, done: Done) -> None:
        """Written nowhere."""
        self._waiting.append(done)

    def add_events(self, entries: Sequence[OutboxEntry], done: Done) -> None:
        """There are none."""
        self._waiting.append(done)

    # calls.ports.Announcer

    def is_told(self, call: Call) -> bool:
        """Whether anybody would be told of the IncomingCall of the call's current hop."""
        return self._foreteller.is_told(call)

    def compose(self, call: Call, context: str) -> tuple[OutboxEntry, ...]:
        """Note the event; there is nothing to deliver."""
        self.context = context
        self._events += self._foreteller.told(call, self._clock.wall())
        return ()

    def tells_outcomes(self, resource: str) -> bool:
        """All of them are noted."""
        return True

    def report(self, reports: Sequence[Report]) -> tuple[OutboxEntry, ...]:
        """Note what would be told of these facts."""
        self._events += self._foreteller.reported(reports, self._clock.wall())
        return ()

    def publish(self, entries: Iterable[OutboxEntry]) -> None:
        """Nothing leaves."""

    def withdraw(self, event_id: str) -> None:
        """Nothing left."""

    # calls.ports.Telephony

    def proceed(self, call_id: str, *, ringing: bool) -> None:
        """Note what the caller hears."""
        self.moments[-1].is_heard = self.moments[-1].is_heard or ringing

    def ring(self, call: Call, hop_index: int) -> None:
        """Note what would be sent."""
        self.moments[-1].rings += self._foreseen(call, hop_index)

    def ring_branch(self, call: Call, hop_index: int, branch: int) -> None:
        """No phone registers meanwhile, and no trunk fails."""

    def stop_ringing(self, call_id: str, hop_index: int, why: str) -> None:
        """Nobody rings."""

    def finish(
        self, call_id: str, status: int, reason: str, relayed: object | None, contacts: tuple[str, ...] = ()
    ) -> None:
        """The end is in the call; not so its reason phrase, and whom to call instead."""
        self.moments[-1].reason, self.moments[-1].contacts = reason, contacts

    def disown(self, call_id: str, hop_index: int, relayed: object) -> None:
        """Nobody answers."""

    def restore(self, stored: StoredCall) -> bool:
        """There is nothing of before."""
        return False

    def resume(self, call_id: str) -> None:
        """Nor is there anything to go on with."""


def play(
    exchange: Exchange,
    clock: LeapingClock,
    notes: Notes[E, B],
    arrival: Arrival,
    targets: Iterable[Identifier],
) -> Course[E, B]:
    """Play a call whose application redirects to one target after the other, each time it is its turn. Raises
    CallRefused.
    """
    return _Play(exchange, clock, notes, targets).of(arrival)


class _Play(Generic[E, B]):
    def __init__(
        self, exchange: Exchange, clock: LeapingClock, notes: Notes[E, B], targets: Iterable[Identifier]
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._notes = notes
        self._targets = deque(targets)
        self._decisions: list[Decision] = []
        self._rung = -1

    def of(self, arrival: Arrival) -> Course[E, B]:
        call_id = self._exchange.arrive(arrival)
        self._settle(call_id)
        while (call := self._exchange.live_call(call_id)) is not None and len(self._notes.moments) < MOST_MOMENTS:
            if self._targets and _may_decide(call):
                self._decide(call, self._targets.popleft())
            else:
                self._wait()
            self._settle(call_id)
        self._decisions += [Decision(target, is_asked=False) for target in self._targets]
        moments = self._notes.moments
        return Course(moments, self._decisions, moments[-1].call, is_whole=call is None)

    def _decide(self, call: Call, target: Identifier) -> None:
        command = RedirectCall(call.resource, self._notes.context, target)
        self._exchange.redirect(command, partial(self._answered, target, self._notes.at_s))
        self._notes.flush()

    def _answered(self, target: Identifier, at_s: float, outcome: Accepted | CallError) -> None:
        refusal = outcome if isinstance(outcome, CallError) else None
        self._decisions.append(Decision(target, at_s, refusal=refusal))

    def _wait(self) -> None:
        at = self._exchange.next_deadline()
        assert at is not None, "a call that lives has a deadline"
        self._clock.leap(at)
        self._exchange.advance(at)

    def _settle(self, call_id: str) -> None:
        """Let be written what waits, and have everything ring that is rung."""
        self._notes.flush()
        call = self._exchange.live_call(call_id)
        if call is not None and call.state is State.RINGING and call.hop_index != self._rung:
            self._rung = call.hop_index
            for number in range(len(call.hop.branches)):
                self._exchange.rang(call_id, call.hop_index, number)
            self._notes.flush()
            self._notes.note_reports()


def _may_decide(call: Call) -> bool:
    """Whether it is the application's turn: the call is held for it, or has just come for a user whose phones ring."""
    return bool(call.hop.event_id) and (call.state is State.HELD or not call.hop_index)
