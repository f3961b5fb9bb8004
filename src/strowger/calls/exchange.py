"""The exchange: one owner for every call, and one queue through which everything that happens to it passes.

An input is put to the call machine; the changed call is committed; only then are the effects performed (persist
first). While a commit is under way further inputs of that call wait in its queue, so races become an order. Nothing
here does I/O: the store, the SIP edge and the announcer are ports, and the shell asks `next_deadline` and calls
`advance`.

One exception: the answer of a target that no application was told of is passed on at once and written a moment later.
Nobody can decide about that hop any more, so nothing can contradict it (docs/decisions/0001-persist-first.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import msgspec

from strowger.calls import machine
from strowger.calls.call import Call, State
from strowger.calls.context import Claims, ContextSigner
from strowger.calls.decision import Accepted, Answer, RedirectCall, RejectCall, RejectReason
from strowger.calls.directory import Directory
from strowger.calls.errors import (
    CallError,
    CallOver,
    CallRefused,
    ContextForeign,
    DecisionRefused,
    HopClosed,
    StoreUnavailable,
    TooManyRedirects,
)
from strowger.calls.machine import Input, Occurrence
from strowger.calls.ports import Announcer, Arrival, Commit, Receipt, RingPlan, Store, StoredCall, Telephony

INPUTS_WAITING_PER_CALL: Final = 64
"""Inputs queued behind one commit; a call that gets more is being attacked, and further decisions are refused."""

SAVE_AGAIN_S: Final = 1.0
"""An end that the store refused is offered again this often, so that a call that is over does not come back after a
restart.
"""

_UNSAVED: Final = "unsaved"
_REJECT_PHRASES: Final = {
    RejectReason.NONE: "Decline",
    RejectReason.BUSY: "Busy Here",
    RejectReason.FORBIDDEN: "Forbidden",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call and of all calls. Times in seconds."""

    hold_s: float = 30.0
    ring_s: float = 60.0
    ring_budget_s: float = 180.0
    """From arrival to the end of all ringing and holding, however often the call is redirected."""
    redirects_per_call: int = 5
    held_calls: int = 10_000
    """Calls that live at once, held or ringing."""
    reject_none_status: int = 603


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
"""Told of every durable change: the call and, in a few words, what happened."""


class _LiveCall:
    """A call in memory. `waiting` exists only while a commit is under way."""

    __slots__ = ("call", "committing", "revision", "waiting")

    def __init__(self, call: Call, revision: int) -> None:
        self.call = call
        self.revision = revision
        self.committing = False
        self.waiting: deque[Callable[[], None]] | None = None


class _Change(msgspec.Struct, frozen=True, gc=False):
    """What the machine made of an input, on its way to the store."""

    what: Input
    occurrence: Occurrence
    after: Call
    effects: list[machine.Effect]
    unit: Commit
    answer: Answer | None
    decided_at: float
    """Monotonic."""


class Exchange:
    """All calls of one node, and the decisions about them. Implements `decision.CallControl`."""

    def __init__(  # noqa: PLR0913 - everything around it comes in from outside
        self,
        *,
        directory: Directory,
        contexts: ContextSigner,
        store: Store,
        announcer: Announcer,
        clock: Clock,
        deadlines: Deadlines,
        new_id: Callable[[], str],
        limits: Limits | None = None,
        observe: Observer | None = None,
    ) -> None:
        self._directory = directory
        self._contexts = contexts
        self._store = store
        self._announcer = announcer
        self._clock = clock
        self._deadlines = deadlines
        self._new_id = new_id
        self._limits = limits or Limits()
        self._observe = observe or (lambda call, what: None)
        self._live: dict[str, _LiveCall] = {}
        self._unsaved: dict[str, Commit] = {}
        self._encode = msgspec.json.Encoder().encode
        self.telephony: Telephony
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._live)

    # What the SIP edge tells -----------------------------------------------------------------------------------------

    def arrive(self, arrival: Arrival) -> str:
        """Take a new INVITE; returns the call id. Nothing may be answered before the effects come. Raises CallRefused.
        """
        if self.is_draining or len(self._live) >= self._limits.held_calls:
            raise CallRefused(503, "no more calls are taken just now", retry_after_s=5)
        resource, plan = self._directory.addressee(arrival.dialled)
        call = Call(
            self._new_id(),
            resource,
            self._directory.caller(arrival),
            arrival.display_name,
            self._clock.wall(),
            [],
            custom_headers=arrival.custom_headers,
        )
        live = self._live[call.call_id] = _LiveCall(call, 0)
        what, occurrence = self._opening(
            live, plan, f"nobody can be reached as {arrival.dialled}: no phone and no subscription"
        )
        self._apply(live, what, occurrence, leg=arrival.leg)
        return call.call_id

    def cancel(self, call_id: str) -> None:
        """The caller hung up before an answer."""
        self._tell(
            call_id, lambda live: self._settle(live, Input.CANCEL, 487, "Request Terminated", "the caller hung up")
        )

    def answered(self, call_id: str, hop_index: int, who: str, relayed: object) -> None:
        """A branch of the hop sent a 2xx. If the hop is already decided the answer is disowned."""

        def settle(live: _LiveCall) -> None:
            if live.call.state is State.RINGING and live.call.hop_index == hop_index:
                self._settle(live, Input.ANSWERED, 200, "OK", f"answered by {who}", relayed)
            else:
                self.telephony.disown(call_id, hop_index, relayed)

        if not self._tell(call_id, settle):
            self.telephony.disown(call_id, hop_index, relayed)

    def hop_failed(
        self, call_id: str, hop_index: int, status: int, reason: str, why: str, relayed: object | None
    ) -> None:
        """Every branch of the hop ended; `status` is the best final response (RFC 3261 §16.7)."""

        def settle(live: _LiveCall) -> None:
            if live.call.hop_index == hop_index:
                self._settle(live, Input.HOP_FAILED, status, reason, why, relayed)

        self._tell(call_id, settle)

    # What applications decide ----------------------------------------------------------------------------------------

    def redirect(self, command: RedirectCall, answer: Answer) -> None:
        """Close the current hop and open one for the target (ACS: Redirect Call, 2026-03-12)."""
        self._decide(command, lambda live, claims: self._redirect(live, command, answer), answer)

    def reject(self, command: RejectCall, answer: Answer) -> None:
        """Close the current hop and end the call (ACS: Reject Call, 2026-03-12)."""
        self._decide(command, lambda live, claims: self._reject(live, command, answer), answer)

    def _decide(
        self, command: RedirectCall | RejectCall, decide: Callable[[_LiveCall, Claims], None], answer: Answer
    ) -> None:
        try:
            claims = self._contexts.read(command.incoming_call_context)
            if claims.resource != command.resource:
                raise ContextForeign(
                    "incomingCallContext belongs to another resource: sign with a key of that resource"
                )
        except DecisionRefused as refusal:
            answer(refusal)
            return

        def settle(live: _LiveCall) -> None:
            try:
                _require_open(live.call, claims.hop_index)
                decide(live, claims)
            except DecisionRefused as refusal:
                answer(refusal)

        if not self._tell(claims.call_id, settle, answer):
            answer(CallOver("Call not found: it has ended, or it was never here."))

    def _redirect(self, live: _LiveCall, command: RedirectCall, answer: Answer) -> None:
        plan = self._directory.target(live.call.resource, command.target, live.call.caller)
        if live.call.hop_index >= self._limits.redirects_per_call:
            self._end_chain(live, answer)
            return
        what, occurrence = self._opening(live, plan, f"redirect to {plan.to.raw_id}")
        self._apply(live, what, occurrence, answer=answer, receipt=command.receipt)

    def _end_chain(self, live: _LiveCall, answer: Answer) -> None:
        limit = self._limits.redirects_per_call
        refusal = TooManyRedirects(
            f"the call was redirected {limit} times already, which is as often as it may be; it has been ended"
        )
        occurrence = Occurrence(
            self._clock.wall(),
            status=482,
            reason="Loop Detected",
            why=f"redirected more than {limit} times (limits.redirects_per_call)",
        )
        self._apply(
            live,
            Input.TOO_MANY,
            occurrence,
            answer=lambda outcome: answer(outcome if isinstance(outcome, CallError) else refusal),
        )

    def _reject(self, live: _LiveCall, command: RejectCall, answer: Answer) -> None:
        statuses = {
            RejectReason.NONE: self._limits.reject_none_status,
            RejectReason.BUSY: 486,
            RejectReason.FORBIDDEN: 403,
        }
        occurrence = Occurrence(
            self._clock.wall(),
            status=statuses[command.reason],
            reason=_REJECT_PHRASES[command.reason],
            why=f"rejected by the application ({command.reason.value})",
        )
        self._apply(live, Input.REJECT, occurrence, answer=answer, receipt=command.receipt)

    # Time ------------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Monotonic time at which `advance` has something to do."""
        return self._deadlines.next_deadline()

    def advance(self, now: float) -> None:
        """Expire every hop whose time is over."""
        for name in self._deadlines.due(now):
            if name == _UNSAVED:
                self._save_again()
            else:
                self._tell(name, self._expire)

    def _save_again(self) -> None:
        units, self._unsaved = self._unsaved, {}
        for unit in units.values():
            self._save(unit)

    def _save(self, unit: Commit) -> None:
        def saved(error: CallError | None) -> None:
            if error is not None:
                self._keep_unsaved(unit)

        self._store.commit(unit, saved)

    def _keep_unsaved(self, unit: Commit) -> None:
        """Bounded by the calls that may live at once; beyond that the stored rows expire by their deadlines."""
        if len(self._unsaved) < self._limits.held_calls:
            self._unsaved[unit.call_id] = unit
            self._deadlines.arm(_UNSAVED, self._clock.monotonic() + SAVE_AGAIN_S)

    def _expire(self, live: _LiveCall) -> None:
        hop = live.call.hop
        waited = f"{hop.expires_at - hop.opened_at:.0f} s"
        if live.call.state is State.HELD:
            why = f"the application neither redirected nor rejected the call within {waited}"
        else:
            why = f"nobody answered within {waited}"
        self._settle(live, Input.DEADLINE, 480, "Temporarily Unavailable", why)

    # Restart ---------------------------------------------------------------------------------------------------------

    def restore(self, stored: StoredCall) -> None:
        """Take a stored live call up again; its hop keeps the time it had left. Sends nothing."""
        call = stored.call
        self._live[call.call_id] = _LiveCall(call, stored.revision)
        left = min(max(call.hop.expires_at - self._clock.wall(), 0.0), call.hop.expires_at - call.hop.opened_at)
        self._deadlines.arm(call.call_id, self._clock.monotonic() + left)
        self.telephony.restore(stored)

    def resume(self, call_id: str) -> None:
        """Make a restored call go on: ringing is said again and rung branches are asked again."""
        if call_id in self._live:
            self.telephony.resume(call_id)

    # The queue and the commit ----------------------------------------------------------------------------------------

    def _tell(self, call_id: str, settle: Callable[[_LiveCall], None], answer: Answer | None = None) -> bool:
        """Run `settle` now, or after the commit under way. False when the call is not live."""
        live = self._live.get(call_id)
        if live is None:
            return False
        if not live.committing:
            settle(live)
        else:
            self._wait(live, settle, answer)
        return True

    def _wait(self, live: _LiveCall, settle: Callable[[_LiveCall], None], answer: Answer | None) -> None:
        if live.waiting is None:
            live.waiting = deque()
        if answer is not None and len(live.waiting) >= INPUTS_WAITING_PER_CALL:
            answer(HopClosed("too many decisions about this call at once"))
            return
        live.waiting.append(lambda: settle(live))

    def _settle(
        self, live: _LiveCall, what: Input, status: int, reason: str, why: str, relayed: object | None = None
    ) -> None:
        self._apply(live, what, Occurrence(self._clock.wall(), status=status, reason=reason, why=why, relayed=relayed))

    def _opening(self, live: _LiveCall, plan: RingPlan, why: str) -> tuple[Input, Occurrence]:
        at = self._clock.wall()
        announced = plan.announced and self._announcer.subscribers(live.call.resource)
        if plan.ring:
            what, time_s = Input.RING, self._limits.ring_s
        elif announced:
            what, time_s = Input.HOLD, self._limits.hold_s
        else:
            what, time_s = Input.NOBODY, 0.0
        expires_at = min(at + time_s, live.call.created_at + self._limits.ring_budget_s)
        occurrence = Occurrence(
            at,
            plan=plan,
            expires_at=expires_at,
            event_id=self._new_id() if announced else "",
            status=480 if what is Input.NOBODY else 0,
            reason="Temporarily Unavailable",
            why=why,
        )
        return what, occurrence

    def _apply(
        self,
        live: _LiveCall,
        what: Input,
        occurrence: Occurrence,
        *,
        leg: bytes = b"",
        answer: Answer | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        before = live.call
        after, effects = machine.handle(before, what, occurrence)
        if after is before:
            return
        entries = self._announcer.compose(after, self._context(after)) if occurrence.event_id else ()
        closed_event = before.hop.event_id if before.hops else ""
        unit = Commit(
            call=self._encode(after),
            call_id=after.call_id,
            resource=after.resource,
            state=after.state.value,
            created_at=after.created_at,
            ended_at=after.ended_at,
            revision=live.revision + 1,
            leg=leg,
            events=entries,
            withdrawn=closed_event,
            is_patient=what is Input.ANSWERED and not closed_event,
            receipt=receipt and msgspec.structs.replace(receipt, correlation_id=after.call_id),
        )
        change = _Change(what, occurrence, after, effects, unit, answer, self._clock.monotonic())
        if unit.is_patient:
            self._take_effect(live, change)
            self._save(unit)
        else:
            live.committing = True
            self._store.commit(unit, partial(self._committed, live, change))

    def _committed(self, live: _LiveCall, change: _Change, error: CallError | None) -> None:
        live.committing = False
        if change.answer is not None:
            change.answer(Accepted(change.after.call_id) if error is None else error)
        if error is None:
            self._announcer.publish(change.unit.events)
            self._take_effect(live, change)
        elif _cannot_be_refused(change.what):
            self._keep_unsaved(change.unit)
            self._take_effect(live, change)
        elif not live.call.hops:
            self._never_came_to_be(live)
        self._drain(live)

    def _never_came_to_be(self, live: _LiveCall) -> None:
        """The store did not take the new call; a CANCEL that waited is answered with the final response."""
        self._drop(live)
        live.waiting = None
        self.telephony.finish(live.call.call_id, 503, "Service Unavailable", None)

    def _take_effect(self, live: _LiveCall, change: _Change) -> None:
        call = live.call = change.after
        live.revision += 1
        if change.unit.withdrawn:
            self._announcer.withdraw(change.unit.withdrawn)
        if call.is_over:
            self._drop(live)
        else:  # every other input opened a hop
            time_s = change.occurrence.expires_at - change.occurrence.at
            self._deadlines.arm(call.call_id, change.decided_at + time_s)
        for effect in change.effects:
            self._carry_out(call, effect)
        self._observe(call, change.what.value)

    def _carry_out(self, call: Call, effect: machine.Effect) -> None:
        match effect:
            case machine.Proceed(ringing):
                self.telephony.proceed(call.call_id, ringing=ringing)
            case machine.Ring(hop_index):
                self.telephony.ring(call.call_id, hop_index, call.hops[hop_index])
            case machine.StopRinging(hop_index, why):
                self.telephony.stop_ringing(call.call_id, hop_index, why)
            case machine.Finish(status, reason, relayed):
                self.telephony.finish(call.call_id, status, reason, relayed)
            case machine.Announce():
                pass  # composed into the commit and published with it

    def _context(self, call: Call) -> str:
        return self._contexts.issue(call.call_id, call.hop_index, call.resource, call.hop.expires_at)

    def _drain(self, live: _LiveCall) -> None:
        while live.waiting and not live.committing:
            live.waiting.popleft()()
        if not live.waiting:
            live.waiting = None

    def _drop(self, live: _LiveCall) -> None:
        self._live.pop(live.call.call_id, None)
        self._deadlines.disarm(live.call.call_id)


def _require_open(call: Call, hop_index: int) -> None:
    if call.is_over:
        raise CallOver("Call not found: it has ended.")
    if call.hop_index != hop_index:
        raise HopClosed(
            "the call was already redirected: decide with the incomingCallContext of its newest IncomingCall event"
        )


def _cannot_be_refused(what: Input) -> bool:
    """What has happened on the wire holds even when the store is down; it is then saved as soon as the store is back.
    """
    return what in (Input.CANCEL, Input.DEADLINE, Input.ANSWERED, Input.HOP_FAILED, Input.TOO_MANY)


__all__ = ["Exchange", "Limits", "StoreUnavailable"]
