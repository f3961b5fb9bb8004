"""The ledger: one queue per call, and nothing done before it is written.

An input is put to the call machine; the changed call is committed; only then are the effects performed (persist
first). While a commit is under way further inputs of that call wait in its queue, so races become an order. Nothing
here does I/O: the store, the SIP edge and the announcer are ports.

One exception: the answer of a target that no application was told of is passed on at once and written a moment later.
Nobody can decide about that hop any more, so nothing can contradict it (docs/decisions/0001-persist-first.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Protocol

import msgspec

from strowger.calls import machine
from strowger.calls.branch_reports import BranchReports
from strowger.calls.call import Call, Opening
from strowger.calls.context import ContextSigner
from strowger.calls.decision import Accepted, Answer
from strowger.calls.errors import CallError, HopClosed, StoreUnavailable
from strowger.calls.machine import KEEPS_THE_HOP, Input, Occurrence
from strowger.calls.outcomes import reports_of
from strowger.calls.ports import Announcer, Commit, Journal, OutboxEntry, Receipt, Telephony
from strowger.calls.reports import Report

INPUTS_WAITING_PER_CALL: Final = 64
"""Decisions queued behind one commit; a call that gets more is being attacked, and further ones are refused."""
SAVE_AGAIN_S: Final = 1.0
"""An end that the store refused is offered again this often, so that a call that is over does not come back after a
restart.
"""

UNSAVED: Final = "unsaved"
"""Name of the deadline for offering refused ends again."""


class Clock(Protocol):
    """The time, from outside."""

    def monotonic(self) -> float: ...
    def wall(self) -> float: ...


class Deadlines(Protocol):
    """A set of named deadlines on the monotonic clock."""

    def arm(self, key: str, deadline: float) -> None: ...
    def disarm(self, key: str) -> None: ...
    def next_deadline(self) -> float | None: ...
    def due(self, now: float) -> list[str]: ...


Observer = Callable[[Call, str], None]
"""Told of every change that took effect: the call, and the input's name."""


class LiveCall:
    """A call in memory. `waiting` exists only while a commit is under way."""

    __slots__ = ("began_at", "call", "committing", "rang_before", "reports", "revision", "waiting")

    def __init__(self, call: Call, revision: int, began_at: float) -> None:
        self.began_at = began_at
        """Monotonic: the ring budget must not follow a wall clock that is set."""
        self.call = call
        self.revision = revision
        self.committing = False
        self.waiting: deque[Callable[[], None]] | None = None
        self.reports: BranchReports | None = None
        """What its branches said; None until one says something."""
        self.rang_before = -1
        """The hop that rang before a restart: whether that was told is not known, and it is not told again."""

    def reported(self) -> Call:
        """The call with everything that its branches reported."""
        return self.reports.merged(self.call) if self.reports is not None else self.call


class Change(msgspec.Struct, frozen=True, gc=False):
    """What the machine made of an input, on its way to the store."""

    what: Input
    occurrence: Occurrence
    after: Call
    effects: list[machine.Effect]
    unit: Commit
    answer: Answer | None
    decided_at: float
    """Monotonic."""


class Ledger:
    """The live calls of one node. `telephony` is joined before the first call."""

    def __init__(
        self,
        *,
        store: Journal,
        announcer: Announcer,
        contexts: ContextSigner,
        clock: Clock,
        deadlines: Deadlines,
        observe: Observer,
        unsaved_limit: int,
    ) -> None:
        """`unsaved_limit` bounds the ends kept while the store is down; others expire by their stored deadlines."""
        self.telephony: Telephony
        self._store = store
        self._announcer = announcer
        self._contexts = contexts
        self._clock = clock
        self._deadlines = deadlines
        self._observe = observe
        self._unsaved_limit = unsaved_limit
        self._live: dict[str, LiveCall] = {}
        self._for_user: dict[str, set[str]] = {}
        """The live calls whose current hop rings for a user, by raw id in lower case."""
        self._unsaved: dict[str, Commit] = {}
        self._encode = msgspec.json.Encoder().encode

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._live

    def call(self, call_id: str) -> Call | None:
        """A live call as it is now."""
        live = self._live.get(call_id)
        return live.call if live is not None else None

    def calls(self) -> Iterator[Call]:
        """Every live call as it is now, in no particular order."""
        return (live.call for live in self._live.values())

    def hop_index(self, call_id: str) -> int:
        """The current hop of a live call; -1 for any other."""
        call = self.call(call_id)
        return call.hop_index if call is not None else -1

    def calls_for(self, user: str) -> list[str]:
        """The live calls that are for a user just now, by its raw id."""
        return sorted(self._for_user.get(user.lower(), ()))

    def add(self, call: Call, revision: int = 0) -> LiveCall:
        """Take a call in: a new one, or with its stored revision one of before a restart."""
        live = self._live[call.call_id] = LiveCall(call, revision, self._clock.monotonic())
        self._note_addressee(call)
        return live

    def tell(self, call_id: str, settle: Callable[[LiveCall], None], answer: Answer | None = None) -> bool:
        """Run `settle` now, or after the commit under way. False when the call is not live."""
        live = self._live.get(call_id)
        if live is None:
            return False
        if not live.committing:
            settle(live)
        else:
            self._wait(live, settle, answer)
        return True

    def apply(
        self,
        live: LiveCall,
        what: Input,
        occurrence: Occurrence,
        *,
        leg: bytes = b"",
        answer: Answer | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Put an input to the machine, write what it made of it, then do it. `answer` is told how that went."""
        before = live.reported()
        after, effects = machine.handle(before, what, occurrence)
        if after is before:
            return
        entries = self._announcer.compose(after, self._context(after)) if occurrence.announces else ()
        reported = self._reported_of(before, after, what, occurrence)
        closed_event = _closed_event(before, what, occurrence)
        unit = Commit(
            call=self._encode(after),
            call_id=after.call_id,
            resource=after.resource,
            state=after.state.value,
            created_at=after.created_at,
            ended_at=after.ended_at,
            revision=live.revision + 1,
            leg=leg,
            events=(*entries, *reported),
            withdrawn=closed_event,
            is_patient=what is Input.ANSWERED and not closed_event and not reported,
            receipt=receipt and msgspec.structs.replace(receipt, correlation_id=after.call_id),
        )
        change = Change(what, occurrence, after, effects, unit, answer, self._clock.monotonic())
        if change.unit.is_patient:
            self._save(unit)
            self._take_effect(live, change)
        else:
            live.committing = True
            self._note_addressee(after)  # whose phone may register before it is written
            self._store.commit(unit, partial(self._committed, live, change))

    def _reported_of(
        self, before: Call, after: Call, what: Input, occurrence: Occurrence
    ) -> tuple[OutboxEntry, ...]:
        """What is to be told of a change beside its IncomingCall; nearly always nothing, and then nothing is made."""
        if what is not Input.ANSWERED and not self._announcer.tells_outcomes(after.resource):
            return ()
        reports = reports_of(before, after, what, occurrence)
        return self._announcer.report(reports) if reports else ()

    def report(self, report: Report) -> None:
        """Tell of something that changes no call. A report that cannot be written is lost, and nothing waits for it."""
        entries = self._announcer.report((report,))
        if entries:
            self._store.add_events(entries, partial(self._reported, entries))

    def _reported(self, entries: Sequence[OutboxEntry], error: CallError | None) -> None:
        if error is None:
            self._announcer.publish(entries)

    def rang(self, call_id: str, hop_index: int, branch: int) -> bool:
        """A branch rings; whether it is the first of its hop. What branches report is written with the next change."""
        live = self._live.get(call_id)
        if live is None or hop_index > live.call.hop_index:
            return False
        return _reports(live).rang(live.call, hop_index, branch, self._clock.wall())

    def branch_ended(self, call_id: str, hop_index: int, branch: int, status: int, reason: str, cause: int) -> bool:
        """A branch has its final response, or what stands for it; whether that is new. Of a call that is over nothing
        more is kept.
        """
        live = self._live.get(call_id)
        if live is None or hop_index > live.call.hop_index:
            return False
        return _reports(live).ended(live.call, hop_index, branch, self._clock.wall(), status, reason, cause)

    def reported(self, call_id: str) -> Call | None:
        """A live call with everything that its branches reported."""
        live = self._live.get(call_id)
        return live.reported() if live is not None else None

    def save_again(self) -> None:
        """Offer the ends that the store refused once more."""
        units, self._unsaved = self._unsaved, {}
        for unit in units.values():
            self._save(unit)

    def _wait(self, live: LiveCall, settle: Callable[[LiveCall], None], answer: Answer | None) -> None:
        if live.waiting is None:
            live.waiting = deque()
        if answer is not None and len(live.waiting) >= INPUTS_WAITING_PER_CALL:
            answer(HopClosed("too many decisions about this call at once"))
            return
        live.waiting.append(lambda: settle(live))

    def _committed(self, live: LiveCall, change: Change, error: CallError | None) -> None:
        live.committing = False
        refusal = None if _cannot_be_refused(change.what) else error
        if change.answer is not None:
            change.answer(refusal or Accepted(change.after.call_id))
        if error is None:
            self._announcer.publish(change.unit.events)
            self._take_effect(live, change)
        elif refusal is None:
            self._keep_unsaved(change.unit)
            self._take_effect(live, change)
        else:
            self._forget_addressee(change.after)
            self._note_addressee(live.call)
            if not live.call.hops:
                self._never_came_to_be(live)
        self._drain(live)

    def _never_came_to_be(self, live: LiveCall) -> None:
        """The store did not take the new call; a CANCEL that waited is answered with the final response."""
        self._drop(live)
        live.waiting = None
        self.telephony.finish(live.call.call_id, 503, "Service Unavailable", None)

    def _take_effect(self, live: LiveCall, change: Change) -> None:
        self._forget_addressee(live.call)
        call = live.call = change.after
        live.revision += 1
        self._note_addressee(call)
        if change.unit.withdrawn:
            self._announcer.withdraw(change.unit.withdrawn)
        if call.is_over:
            self._drop(live)
        elif change.what not in KEEPS_THE_HOP:  # every other input opened a hop
            time_s = change.occurrence.expires_at - change.occurrence.at
            self._deadlines.arm(call.call_id, change.decided_at + time_s)
        self._observe(call, change.what.value)  # before a target that cannot be rung brings about the next change
        for effect in change.effects:
            self._carry_out(call, effect)

    def _carry_out(self, call: Call, effect: machine.Effect) -> None:
        match effect:
            case machine.Proceed(ringing):
                self.telephony.proceed(call.call_id, ringing=ringing)
            case machine.Ring(hop_index):
                self.telephony.ring(call, hop_index)
            case machine.RingBranch(hop_index, branch):
                self.telephony.ring_branch(call, hop_index, branch)
            case machine.StopRinging(hop_index, why):
                self.telephony.stop_ringing(call.call_id, hop_index, why)
            case machine.Finish(status, reason, relayed, contacts):
                self.telephony.finish(call.call_id, status, reason, relayed, contacts)
            case machine.Announce():
                pass  # composed into the commit and published with it

    def _context(self, call: Call) -> str:
        return self._contexts.issue(call.call_id, call.hop_index, call.resource, call.hop.open_until)

    def _drain(self, live: LiveCall) -> None:
        while live.waiting and not live.committing:
            live.waiting.popleft()()
        if not live.waiting:
            live.waiting = None

    def _save(self, unit: Commit) -> None:
        def saved(error: CallError | None) -> None:
            if isinstance(error, StoreUnavailable):
                self._keep_unsaved(unit)
            else:  # a lost compare-and-set means that it is written already
                self._announcer.publish(unit.events)

        self._store.commit(unit, saved)

    def _keep_unsaved(self, unit: Commit) -> None:
        if len(self._unsaved) < self._unsaved_limit:
            self._unsaved[unit.call_id] = unit
            self._deadlines.arm(UNSAVED, self._clock.monotonic() + SAVE_AGAIN_S)

    def _note_addressee(self, call: Call) -> None:
        if call.hops and not call.is_over:
            for user in call.hop.users:
                self._for_user.setdefault(user, set()).add(call.call_id)

    def _forget_addressee(self, call: Call) -> None:
        for user in call.hop.users if call.hops else ():
            calls = self._for_user.get(user)
            if calls is not None:
                calls.discard(call.call_id)
                if not calls:
                    del self._for_user[user]

    def _drop(self, live: LiveCall) -> None:
        self._live.pop(live.call.call_id, None)
        self._deadlines.disarm(live.call.call_id)


def _closed_event(before: Call, what: Input, occurrence: Occurrence) -> str:
    """The event that nobody need be told of any more."""
    goes_on = what in KEEPS_THE_HOP or occurrence.opening is Opening.HUNT
    return before.hop.event_id if before.hops and not goes_on else ""


def _reports(live: LiveCall) -> BranchReports:
    if live.reports is None:
        live.reports = BranchReports()
    return live.reports


def _cannot_be_refused(what: Input) -> bool:
    """What happened on the wire holds even when the store is down; it is saved as soon as the store is back."""
    return what in (Input.CANCEL, Input.DEADLINE, Input.ANSWERED, Input.HOP_FAILED)
