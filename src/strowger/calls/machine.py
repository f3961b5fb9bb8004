"""The call machine: which decision may be taken when, and what follows from it.

    ARRIVED ──HOLD──▶ HELD ◀──HOLD──┐          every arrow into HELD or RINGING opens a hop,
       │               │ └──RING──▶ RINGING    every arrow out of them closes the current one
       └──RING─────────┼──────────────▲ │        BRANCH adds to the ringing of a hop, and rings at one that is held
                       ▼                ▼
         REJECTED  CANCELLED  EXPIRED  FAILED  ANSWERED  SENT_BACK        final; nothing leaves them

The machine is pure: it takes a call, an input and the time, and returns the changed call with the effects to perform
once the change is committed. It leaves to others: when an input is due, who may give it, and how an effect is carried
out (`exchange`, `ports`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from strowger.calls.call import FINAL_STATES, Branch, Call, Failure, Hop, Opening, State
from strowger.calls.ports import RingPlan


class Input(StrEnum):
    """Everything that can happen to a call."""

    HOLD = "hold"
    """Open a hop that nobody is rung for; its application decides."""
    RING = "ring"
    """Open a hop and ring its branches."""
    NOBODY = "nobody"
    """Open a hop that has neither phones nor an application."""
    BRANCH = "branch"
    """Ring one more branch of the current hop, beside the others or in the place of one that led nowhere."""
    BRANCH_ENDED = "branch_ended"
    """A branch of the current hop was refused while others ring on."""
    SEND_BACK = "send_back"
    """A redirect of which the caller is told, to call the target itself."""
    TOO_MANY = "too_many"
    """A redirect beyond the longest permitted chain."""
    REJECT = "reject"
    CANCEL = "cancel"
    """The caller gave up (RFC 3261 §9)."""
    DEADLINE = "deadline"
    """The current hop's time is over."""
    ANSWERED = "answered"
    """A branch of the current hop sent a 2xx."""
    HOP_FAILED = "hop_failed"
    """Every branch of the current hop ended without a 2xx; the best final response is chosen."""


KEEPS_THE_HOP: Final = frozenset((Input.BRANCH, Input.BRANCH_ENDED))
"""Inputs that change only what is known of the current hop's branches; every other one closes it."""


class Occurrence(msgspec.Struct, frozen=True, gc=False):
    """What the input brings with it; each input uses the fields it needs."""

    at: float
    """Wall clock, seconds."""
    plan: RingPlan | None = None
    expires_at: float = 0.0
    event_id: str = ""
    status: int = 0
    """The SIP status for the caller."""
    reason: str = ""
    """Its reason phrase."""
    why: str = ""
    """A sentence for a person; also what closed the hop."""
    relayed: object | None = None
    """The target's own response, handed through untouched."""
    branch: Branch | None = None
    reserve: tuple[Branch, ...] = ()
    """What is left of the hop's reserve after `branch`."""
    opening: Opening = Opening.ARRIVAL
    """How a hop is opened."""
    failure: Failure | None = None
    """How the hop before ended, when that is why one is opened."""

    @property
    def announces(self) -> bool:
        """Whether an event of its own is raised: a hunt goes on under the one of the hop before."""
        return bool(self.event_id) and self.opening is not Opening.HUNT


class Proceed(msgspec.Struct, frozen=True, gc=False):
    """Send 100, and 180 when `ringing`."""

    ringing: bool


class Announce(msgspec.Struct, frozen=True, gc=False):
    """Deliver the IncomingCall event of the current hop."""


class Ring(msgspec.Struct, frozen=True, gc=False):
    """Ring the current hop's branches."""

    hop_index: int


class RingBranch(msgspec.Struct, frozen=True, gc=False):
    """Ring a branch that joined the current hop."""

    hop_index: int
    branch: int


class StopRinging(msgspec.Struct, frozen=True, gc=False):
    """Cancel the branches of a hop that was decided."""

    hop_index: int
    why: str


class Finish(msgspec.Struct, frozen=True, gc=False):
    """Give the caller the final response."""

    status: int
    reason: str
    relayed: object | None = None
    contacts: tuple[str, ...] = ()


Effect = Proceed | Announce | Ring | RingBranch | StopRinging | Finish


class UnexpectedInput(Exception):
    """A pair of state and input that the table does not have: a mistake of ours."""


def handle(call: Call, what: Input, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    """The call after the input, and the effects in order of execution. Inputs to an ended call change nothing. Raises
    UnexpectedInput.
    """
    row = TABLE.get((call.state, what))
    if row is None:
        raise UnexpectedInput(f"{what} in state {call.state}")
    state, action = row
    return action(call, state, occurrence)


def _open(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    hop, effects = _new_hop(occurrence), _opening(state, 0, occurrence)
    proceed = Proceed(ringing=_waits_for_application(state, occurrence))
    return msgspec.structs.replace(call, state=state, hops=[hop]), [proceed, *effects]


def _redirect(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    hops = [*_closed(call, occurrence), _new_hop(occurrence)]
    effects = [*_silencing(call, "redirected"), *_opening(state, len(hops) - 1, occurrence)]
    if occurrence.opening in _UNASKED and _waits_for_application(state, occurrence):
        effects.append(Proceed(ringing=True))
    return msgspec.structs.replace(call, state=state, hops=hops), effects


def _refuse(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    return _ended(call, state, occurrence, [_new_hop(occurrence)])


def _redirect_nowhere(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    return _ended(call, state, occurrence, [*_closed(call, occurrence), _new_hop(occurrence)])


def _ring_branch(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    assert occurrence.branch is not None
    joined = (*call.hop.joined, msgspec.structs.replace(occurrence.branch, rung_at=occurrence.at))
    hop = msgspec.structs.replace(call.hop, joined=joined, reserve=occurrence.reserve)
    number = len(hop.branches) - 1
    after = msgspec.structs.replace(call, state=state, hops=[*call.hops[:-1], hop])
    return after, [RingBranch(call.hop_index, number)]


def _keep(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    """As it is, with what its branches reported: after a restart nobody is rung who has refused."""
    return msgspec.structs.replace(call, state=state), []


def _send_back(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    target = _new_hop(occurrence)
    after, effects = _ended(call, state, occurrence, [*_closed(call, occurrence), target])
    contacts = (*target.ring, *(branch.uri for branch in target.reserve))
    return after, [*effects[:-1], Finish(occurrence.status, occurrence.reason, None, contacts)]


def _end(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    return _ended(call, state, occurrence, _closed(call, occurrence))


def _ignore(call: Call, state: State, occurrence: Occurrence) -> tuple[Call, list[Effect]]:
    return call, []


def _ended(call: Call, state: State, occurrence: Occurrence, hops: list[Hop]) -> tuple[Call, list[Effect]]:
    ended = msgspec.structs.replace(
        call, state=state, hops=hops, ended_at=occurrence.at, final_status=occurrence.status, why=occurrence.why
    )
    # An answered branch has ended by itself; the proxy cancels its siblings (RFC 3261 §16.7 step 10).
    silencing = [] if state is State.ANSWERED else _silencing(call, occurrence.why)
    return ended, [*silencing, Finish(occurrence.status, occurrence.reason, occurrence.relayed)]


def _new_hop(occurrence: Occurrence) -> Hop:
    plan = occurrence.plan
    assert plan is not None
    at, until, event_id = occurrence.at, occurrence.expires_at, occurrence.event_id
    return Hop(
        plan.to,
        at,
        until,
        event_id,
        plan.ring,
        plan.via,
        reserve=plan.reserve,
        opening=occurrence.opening,
        failure=occurrence.failure,
        group=plan.group,
    )


def _closed(call: Call, occurrence: Occurrence) -> list[Hop]:
    closed = msgspec.structs.replace(call.hop, closed_at=occurrence.at, decision=occurrence.why)
    return [*call.hops[:-1], closed]


def _silencing(call: Call, why: str) -> list[Effect]:
    return [StopRinging(call.hop_index, why)] if call.state is State.RINGING else []


def _opening(state: State, hop_index: int, occurrence: Occurrence) -> list[Effect]:
    effects: list[Effect] = [Ring(hop_index)] if state is State.RINGING else []
    return [*effects, Announce()] if occurrence.announces else effects


_UNASKED: Final = frozenset((Opening.RETURNED, Opening.DEFAULT))
"""Openings that may come before the caller has heard any ringing."""


def _waits_for_application(state: State, occurrence: Occurrence) -> bool:
    """The caller hears ringing; not for a hop that is over as soon as it is written."""
    return state is State.HELD and occurrence.expires_at > occurrence.at


Action = Callable[[Call, State, Occurrence], tuple[Call, list[Effect]]]

TABLE: Final[dict[tuple[State, Input], tuple[State, Action]]] = {
    (State.ARRIVED, Input.HOLD): (State.HELD, _open),
    (State.ARRIVED, Input.RING): (State.RINGING, _open),
    (State.ARRIVED, Input.NOBODY): (State.FAILED, _refuse),
    (State.HELD, Input.HOLD): (State.HELD, _redirect),
    (State.HELD, Input.RING): (State.RINGING, _redirect),
    (State.HELD, Input.NOBODY): (State.FAILED, _redirect_nowhere),
    (State.HELD, Input.BRANCH): (State.RINGING, _ring_branch),
    (State.HELD, Input.SEND_BACK): (State.SENT_BACK, _send_back),
    (State.HELD, Input.TOO_MANY): (State.FAILED, _end),
    (State.HELD, Input.REJECT): (State.REJECTED, _end),
    (State.HELD, Input.CANCEL): (State.CANCELLED, _end),
    (State.HELD, Input.DEADLINE): (State.EXPIRED, _end),
    (State.RINGING, Input.HOLD): (State.HELD, _redirect),
    (State.RINGING, Input.RING): (State.RINGING, _redirect),
    (State.RINGING, Input.NOBODY): (State.FAILED, _redirect_nowhere),
    (State.RINGING, Input.BRANCH): (State.RINGING, _ring_branch),
    (State.RINGING, Input.BRANCH_ENDED): (State.RINGING, _keep),
    (State.RINGING, Input.SEND_BACK): (State.SENT_BACK, _send_back),
    (State.RINGING, Input.TOO_MANY): (State.FAILED, _end),
    (State.RINGING, Input.REJECT): (State.REJECTED, _end),
    (State.RINGING, Input.CANCEL): (State.CANCELLED, _end),
    (State.RINGING, Input.DEADLINE): (State.EXPIRED, _end),
    (State.RINGING, Input.ANSWERED): (State.ANSWERED, _end),
    (State.RINGING, Input.HOP_FAILED): (State.FAILED, _end),
    # A final state stays. Decisions never get here (the exchange answers CallOver); these may cross it on the wire.
    **{
        (state, late): (state, _ignore)
        for state in FINAL_STATES
        for late in (Input.CANCEL, Input.DEADLINE, Input.HOP_FAILED)
    },
}

IMPOSSIBLE: Final[frozenset[tuple[State, Input]]] = frozenset(
    {(State.ARRIVED, what) for what in Input if what not in (Input.HOLD, Input.RING, Input.NOBODY)}
    | {(State.HELD, what) for what in (Input.ANSWERED, Input.HOP_FAILED, Input.BRANCH_ENDED)}
    | {
        (state, what)
        for state in FINAL_STATES
        for what in Input
        if what not in (Input.CANCEL, Input.DEADLINE, Input.HOP_FAILED)
    }
)
"""Pairs the exchange never lets through: nothing acts on a call that is not committed, nobody answers where nobody is
rung, nobody decides after the end.
"""
