"""What follows a hop that led nowhere, instead of the end of its call: the one place that decides it.

Each step is asked in its order; the first that knows a follower wins. Whatever is opened here has its time out of the
ring budget that all hops of a call share, and nothing is opened once that is over. Why it is so: docs/decisions/
0014-second-chance-and-defaults.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strowger.calls.call import Call, Failure, Opening, State
from strowger.calls.errors import DecisionRefused
from strowger.calls.fallbacks import REJECT_REASONS, Default, Fallbacks
from strowger.calls.hunt import Hunt
from strowger.calls.identifier import Identifier
from strowger.calls.ledger import Clock, LiveCall
from strowger.calls.machine import Input, Occurrence
from strowger.calls.openings import Openings
from strowger.calls.ports import RingPlan

Follower = tuple[Input, Occurrence]
"""What is put to the call machine in the place of the end."""
Step = Callable[[LiveCall, Failure], Follower | None]
"""Knows what follows the current hop, which is over by this failure; None when it is not for this step to say."""

WORTHWHILE_S: Final = 1.0
"""With less than this left of the ring budget nothing is opened: nobody could decide or answer within it."""
FOR_THE_CALLER: Final = frozenset((*range(300, 400), 401, 407, 420, 421, 422, 494))
"""Responses that ask the caller for another request (RFC 3261 §21.3, §21.4, RFC 4028 §6, RFC 3329 §2.3.1): the target
is there, and no application can give what it asks for."""


class Succession:
    """Decides what follows; changes nothing."""

    def __init__(self, openings: Openings, steps: tuple[Step, ...] = (), hunt: Hunt | None = None) -> None:
        """The hunt of a group goes before all `steps`, which are told what the whole of it has come to."""
        self._openings = openings
        self._hunt = hunt
        self._steps = steps

    def followed_by(self, live: LiveCall, failure: Failure) -> Follower | None:
        """What follows the current hop, which is over by `failure`; None when that ends the call."""
        if live.call.is_over or self._openings.budget_s(live) < WORTHWHILE_S:
            return None  # over: a decision was written while this failure waited for it
        onward = self._hunt.next_step(live, failure) if self._hunt is not None else None
        if onward is not None:
            return onward
        outcome = self.outcome(live, failure)
        return next((follower for step in self._steps if (follower := step(live, outcome)) is not None), None)

    def outcome(self, live: LiveCall, failure: Failure) -> Failure:
        """What the addressee of the current hop has come to, with this failure of it: of a hunt the best of all."""
        return self._hunt.outcome(live.call.hop, failure) if self._hunt is not None else failure


class SecondChance:
    """The call is held again for the application whose redirect, or whose user's phones, led nowhere."""

    def __init__(self, openings: Openings, fallbacks: Fallbacks) -> None:
        self._openings = openings
        self._fallbacks = fallbacks

    def follow(self, live: LiveCall, failure: Failure) -> Follower | None:
        """The hop that returns the call, unless nobody would be told of it."""
        call, to = live.call, returns_to(live.call)
        if to is None or failure.status in FOR_THE_CALLER or not self._fallbacks.returns(call.resource, to):
            return None
        why = f"{failure.why}; returned to the application"
        what, occurrence = self._openings.open(live, RingPlan(to, announced=True), why, Opening.RETURNED, failure)
        return (what, occurrence) if what is Input.HOLD else None


class SilentApplication:
    """The default of a number, for a call that is held for it and that nobody decided about."""

    def __init__(self, openings: Openings, fallbacks: Fallbacks, clock: Clock) -> None:
        self._openings = openings
        self._fallbacks = fallbacks
        self._clock = clock

    def follow(self, live: LiveCall, failure: Failure) -> Follower | None:
        """What the settings say; a call that was returned has had its application decide once."""
        hop = live.call.hop
        default = self._fallbacks.default(hop.to)
        if default is None or live.call.state is not State.HELD or hop.opening is Opening.RETURNED:
            return None
        why = f"{failure.why}; by default: "
        return self._rejected(default, why) if default.target is None else self._redirected(live, default, why)

    def _rejected(self, default: Default, why: str) -> Follower:
        status = default.status
        return Input.REJECT, Occurrence(
            self._clock.wall(),
            status=status,
            reason=REJECT_REASONS[status],
            why=f"{why}{default}",
            opening=Opening.DEFAULT,
        )

    def _redirected(self, live: LiveCall, default: Default, why: str) -> Follower:
        assert default.target is not None
        try:
            return self._openings.redirect(live, default.target, Opening.DEFAULT, why)
        except DecisionRefused as refusal:
            return Input.DEADLINE, Occurrence(
                self._clock.wall(), status=480, reason=REJECT_REASONS[480], why=f"{why}{default}, refused: {refusal}"
            )


def returns_to(call: Call) -> Identifier | None:
    """Whose application chose whom the current hop is for, and would hear of its failure; None for nobody.

    A hunt is of one addressee. A redirect led nowhere as well when its target has no phone and whoever is told of that
    target is silent. What was tried by default, or after the call had been returned, is not told: that application was
    silent, or has had its second chance.
    """
    index = call.hop_index
    while call.hops[index].opening is Opening.HUNT:
        index -= 1
    opened = call.hops[index].opening
    if opened is Opening.REDIRECT:
        return call.hops[index - 1].to
    return call.hop.to if not index and call.state is State.RINGING else None


def out_of_time(call: Call) -> Failure:
    """How the current hop failed whose time is over."""
    hop, status, reason = call.hop, 480, REJECT_REASONS[480]
    waited = f"{hop.expires_at - hop.opened_at:.0f} s"
    if call.state is not State.HELD:
        why = f"nobody answered within {waited}"
    elif not hop.event_id:
        why = f"nobody can be reached as {hop.to.raw_id}: no phone, and no subscription is told of it"
        why += f" ({'; '.join(hop.group.left_out)})" if hop.group is not None else ""
    else:
        why = f"the application neither redirected nor rejected the call within {waited}"
    if hop.failure is not None and hop.opening is Opening.RETURNED and call.state is State.HELD:
        status, reason = hop.failure.status, hop.failure.reason  # which the caller would have got without it
        why = f"{hop.failure.why}; told of it, {why}"
    return Failure(hop.to.raw_id, status, reason, why)
