"""How hops are opened: with whom, for how long, and who is told.

Whatever opens a hop - an arrival, an application, what follows a hop that led nowhere - the same holds for it: an event
when its addressee is ours and somebody listens, and time out of the one budget that all hops of a call share.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from strowger.calls.call import Call, Failure, Hop, Opening
from strowger.calls.directory import Directory
from strowger.calls.fallbacks import Fallbacks
from strowger.calls.groups import Groups
from strowger.calls.identifier import Identifier
from strowger.calls.ledger import Clock, LiveCall
from strowger.calls.limits import Limits
from strowger.calls.machine import Input, Occurrence
from strowger.calls.ports import Announcer, RingPlan


class Openings:
    """Makes what the call machine needs to open a hop; changes nothing."""

    def __init__(
        self,
        directory: Directory,
        groups: Groups,
        announcer: Announcer,
        clock: Clock,
        new_id: Callable[[], str],
        limits: Limits,
        fallbacks: Fallbacks,
    ) -> None:
        self._directory = directory
        self._groups = groups
        self._announcer = announcer
        self._clock = clock
        self._new_id = new_id
        self._limits = limits
        self._fallbacks = fallbacks

    def budget_s(self, live: LiveCall) -> float:
        """What is left of the time that all ringing and holding of the call may take; below 0 when it is over."""
        return self._limits.ring_budget_s - (self._clock.monotonic() - live.began_at)

    def open(
        self,
        live: LiveCall,
        plan: RingPlan,
        why: str,
        opening: Opening = Opening.ARRIVAL,
        failure: Failure | None = None,
    ) -> tuple[Input, Occurrence]:
        """A hop by this plan; `why` closes the one before, and ends the call when nobody is rung and nobody told.

        Where something follows even then, the hop is held for no time at all.
        """
        at = self._clock.wall()
        event_id = self._event_for(live.call, Hop(plan.to, at, at, opening=opening, failure=failure), plan)
        if opening is not Opening.RETURNED:
            plan = self._groups.first(live.call, plan, self._clock.monotonic())
        return self._opened(live, plan, event_id, why, opening, failure)

    def next_step(self, live: LiveCall, plan: RingPlan, why: str, failure: Failure) -> tuple[Input, Occurrence]:
        """The hop in which the hunt of the current addressee goes on, under the same event."""
        return self._opened(live, plan, live.call.hop.event_id, why, Opening.HUNT, failure)

    def _opened(
        self, live: LiveCall, plan: RingPlan, event_id: str, why: str, opening: Opening, failure: Failure | None
    ) -> tuple[Input, Occurrence]:
        at = self._clock.wall()
        if plan.rings:
            what, time_s = Input.RING, plan.time_s or self._limits.ring_s
        elif event_id:
            what, time_s = Input.HOLD, self._hold_s(plan.to, opening)
        elif self._is_followed(live.call, plan.to, opening):
            what, time_s = Input.HOLD, 0.0
        else:
            what, time_s = Input.NOBODY, 0.0
            why = f"{why} ({'; '.join(plan.group.left_out)})" if plan.group is not None else why
        budget_s = max(0.0, self.budget_s(live))
        expires_at = at + min(time_s, budget_s)
        if plan.group is not None and plan.later_s:
            until = at + min(time_s + plan.later_s, budget_s)
            plan = replace(plan, group=replace(plan.group, until=until))
        status, reason = (480 if what is Input.NOBODY else 0), "Temporarily Unavailable"
        return what, Occurrence(
            at,
            plan=plan,
            expires_at=expires_at,
            event_id=event_id,
            status=status,
            reason=reason,
            why=why,
            opening=opening,
            failure=failure,
        )

    def redirect(
        self, live: LiveCall, target: Identifier, opening: Opening, because: str = ""
    ) -> tuple[Input, Occurrence]:
        """The hop of a redirect, or the end of a chain that is too long; `because` begins what closes the hop before.

        Raises DecisionRefused.
        """
        call = live.call
        plan = self._directory.target(call.resource, target, call.caller)
        if call.redirects >= self._limits.redirects_per_call:
            return Input.TOO_MANY, self._too_many()
        what, occurrence = self.open(live, plan, f"{because}redirect to {plan.to.raw_id}", opening)
        rung = occurrence.plan or plan  # a group is rung by us, and only here it is known that the target is one
        if what is Input.RING and self._directory.sends_back(call.came_by, rung):
            return Input.SEND_BACK, self._sending_back(call, rung, opening)
        return what, occurrence

    def _hold_s(self, to: Identifier, opening: Opening) -> float:
        default = self._fallbacks.default(to) if opening is not Opening.RETURNED else None
        return min(self._limits.hold_s, default.after_s) if default is not None else self._limits.hold_s

    def _is_followed(self, call: Call, to: Identifier, opening: Opening) -> bool:
        """Whether something may follow a hop that has neither phones nor an application."""
        if opening is Opening.RETURNED:
            return False
        if self._fallbacks.default(to) is not None:
            return True
        return opening is Opening.REDIRECT and self._fallbacks.returns(call.resource, call.hop.to)

    def _too_many(self) -> Occurrence:
        limit = self._limits.redirects_per_call
        why = f"redirected more than {limit} times (limits.redirects_per_call)"
        return Occurrence(self._clock.wall(), status=482, reason="Loop Detected", why=why)

    def _sending_back(self, call: Call, plan: RingPlan, opening: Opening) -> Occurrence:
        at = self._clock.wall()
        why = f'the trunk {call.came_by} was told to call {plan.to.raw_id} itself (mode = "302")'
        reason = "Moved Temporarily"
        return Occurrence(at, plan=plan, expires_at=at, status=302, reason=reason, why=why, opening=opening)

    def _event_for(self, call: Call, hop: Hop, plan: RingPlan) -> str:
        """The id of the event that the hop raises; empty when nobody would be told of it."""
        if not plan.announced:
            return ""
        told = replace(hop, event_id=self._new_id())
        return told.event_id if self._announcer.is_told(replace(call, hops=[*call.hops, told])) else ""
