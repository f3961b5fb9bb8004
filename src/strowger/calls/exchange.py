"""The exchange: what may happen to calls, and who may let it happen.

It knows which call an input is for and whether it is still in time; the ledger puts it through the call's one queue and
writes it before anything follows. Nothing here does I/O: the SIP edge and the API tell what happened, and the shell
asks `next_deadline` and calls `advance`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from msgspec.structs import replace

from strowger.calls.call import Branch, Call, Failure, State
from strowger.calls.call_control import Decisions
from strowger.calls.context import ContextSigner
from strowger.calls.conversations import Conversations
from strowger.calls.decision import Accepted, Answer, RedirectCall, RejectCall
from strowger.calls.directory import Directory, outside_id
from strowger.calls.errors import (
    CallError,
    CallRefused,
    DecisionRefused,
)
from strowger.calls.fallbacks import Fallbacks
from strowger.calls.groups import Group, Groups, outside_of
from strowger.calls.hunt import Hunt
from strowger.calls.ledger import UNSAVED, Clock, Deadlines, Ledger, LiveCall, Observer
from strowger.calls.limits import Limits
from strowger.calls.machine import Input, Occurrence
from strowger.calls.openings import Openings
from strowger.calls.outcomes import ringing
from strowger.calls.outside_policy import OutsidePolicy, attempt_of
from strowger.calls.ports import Announcer, Arrival, Journal, Receipt, RingPlan, StoredCall, Telephony
from strowger.calls.reports import is_between_users
from strowger.calls.succession import SecondChance, SilentApplication, Succession, out_of_time

BRANCHES_PER_HOP: Final = 50
"""Branches of one hop that further phones may join; one that registers anew all the time would be rung without end."""


class Exchange:
    """All calls of one node, and the decisions about them. Implements `decision.CallControl`."""

    def __init__(  # noqa: PLR0913 - everything around it comes in from outside
        self,
        *,
        directory: Directory,
        contexts: ContextSigner,
        store: Journal,
        announcer: Announcer,
        clock: Clock,
        deadlines: Deadlines,
        new_id: Callable[[], str],
        limits: Limits | None = None,
        observe: Observer | None = None,
        outside: OutsidePolicy | None = None,
        groups: Iterable[Group] = (),
        fallbacks: Fallbacks | None = None,
    ) -> None:
        self._directory = directory
        self._announcer = announcer
        self._clock = clock
        self._deadlines = deadlines
        self._new_id = new_id
        self._limits = limits or Limits()
        self._conversations = Conversations()
        self.outside = outside or OutsidePolicy()
        self.groups = Groups(groups, directory, self.outside)
        fallbacks = fallbacks or Fallbacks()
        openings = Openings(directory, self.groups, announcer, clock, new_id, self._limits, fallbacks)
        second_chance, silence = SecondChance(openings, fallbacks), SilentApplication(openings, fallbacks, clock)
        hunt = Hunt(self.groups, openings, clock.monotonic)
        self._succession = Succession(openings, (silence.follow, second_chance.follow), hunt)
        self._openings = openings
        self._observe = observe or (lambda call, what: None)
        self._ledger = Ledger(
            store=store,
            announcer=announcer,
            contexts=contexts,
            clock=clock,
            deadlines=deadlines,
            observe=self._took_effect,
            unsaved_limit=self._limits.held_calls,
        )
        self._decisions = Decisions(self._ledger, contexts, openings, clock, self._limits, self._open)
        self.is_draining = False

    @property
    def telephony(self) -> Telephony:
        """The SIP side, joined before the first call."""
        return self._ledger.telephony

    @telephony.setter
    def telephony(self, telephony: Telephony) -> None:
        self._ledger.telephony = telephony

    def __len__(self) -> int:
        return len(self._ledger)

    @property
    def directory(self) -> Directory:
        """Who is ours, and which way leads out."""
        return self._directory

    def ringing_through(self) -> Counter[str]:
        """How many calls ring through each trunk just now. Goes through all live calls."""
        ringing = (call.hop for call in self._ledger.calls() if call.state is State.RINGING)
        return Counter(trunk for hop in ringing for trunk in hop.trunks)

    # What the SIP edge tells -----------------------------------------------------------------------------------------

    def addressee(self, dialled: str) -> tuple[str, RingPlan]:
        """The resource and the plan for a new call to whoever was dialled. Raises CallRefused."""
        if self.is_draining or len(self._ledger) >= self._limits.held_calls:
            raise CallRefused(503, "no more calls are taken just now", retry_after_s=5)
        return self._directory.addressee(dialled)

    def arrive(self, arrival: Arrival) -> str:
        """Take a new INVITE; returns the call id. Nothing is answered before the effects come. Raises CallRefused."""
        resource, plan = self.addressee(arrival.dialled)
        call = Call(
            self._new_id(),
            resource,
            self._directory.caller(arrival),
            arrival.display_name,
            self._clock.wall(),
            [],
            custom_headers=arrival.custom_headers,
            came_by=arrival.came_by,
            headers_left_out=arrival.headers_left_out,
        )
        live = self._ledger.add(call)
        why = f"nobody can be reached as {arrival.dialled}: no phone, and no subscription is told of it"
        what, occurrence = self._openings.open(live, plan, why)
        self._open(live, what, occurrence, lambda outcome: None, leg=arrival.leg)
        return call.call_id

    def cancel(self, call_id: str) -> None:
        """The caller hung up before an answer."""
        self._ledger.tell(
            call_id, lambda live: self._settle(live, Input.CANCEL, 487, "Request Terminated", "the caller hung up")
        )

    def answered(
        self,
        call_id: str,
        hop_index: int,
        who: str,
        relayed: object,
        *,
        is_outside: bool = False,
        is_followed: bool = False,
    ) -> None:
        """A branch of the hop sent a 2xx. If the hop is already decided the answer is disowned.

        `is_outside`: it came by a trunk; `is_followed`: that such a call has ended will be told by `hung_up`.
        """

        def settle(live: LiveCall) -> None:
            if live.call.state is State.RINGING and live.call.hop_index == hop_index:
                if is_outside:
                    self.outside.answered(call_id, self._clock.monotonic(), is_followed=is_followed)
                if is_followed:
                    self._follow(live.reported())
                self._settle(live, Input.ANSWERED, 200, "OK", f"answered by {who}", relayed)
            else:
                self.telephony.disown(call_id, hop_index, relayed)

        if not self._ledger.tell(call_id, settle):
            self.telephony.disown(call_id, hop_index, relayed)

    def _follow(self, call: Call) -> None:
        if is_between_users(call):
            self._conversations.begin(call, self._clock.wall())

    def hung_up(self, call_id: str, *, is_by_caller: bool | None) -> None:
        """An answered call has ended, or, by None, is followed no longer: all that we still do is to count and tell."""
        self.outside.hung_up(call_id, self._clock.monotonic())
        ended = self._conversations.end(call_id, self._clock.wall(), is_by_caller=is_by_caller)
        if ended is not None:
            self._ledger.report(ended)

    def is_between_users(self, call_id: str) -> bool:
        """Whether both parties of a live call are users of ours, so that its end is of interest too."""
        call = self._ledger.reported(call_id)
        return call is not None and is_between_users(call)

    def hop_failed(
        self, call_id: str, hop_index: int, status: int, reason: str, why: str, relayed: object | None, cause: int = 0
    ) -> None:
        """Every branch of the hop ended; `status` is the best final response (RFC 3261 §16.7), and `cause` what it
        says in terms of Q.850, if anything.
        """

        def settle(live: LiveCall) -> None:
            if live.call.hop_index == hop_index:
                failure = Failure(live.call.hop.to.raw_id, status, reason, why, cause)
                self._end_hop(live, Input.HOP_FAILED, failure, relayed)

        self._ledger.tell(call_id, settle)

    def ring_branch(
        self, call_id: str, hop_index: int, branch: Branch, reserve: tuple[Branch, ...], refused: Callable[[], None]
    ) -> None:
        """Ring one more branch of the hop, once that is durable; `refused` is told when it cannot be written.

        What it takes the place of has ended, or has been silent for too long. Nothing happens when the hop is decided.
        """

        def settle(live: LiveCall) -> None:
            if live.call.hop_index == hop_index and live.call.state is State.RINGING:
                occurrence = Occurrence(self._clock.wall(), branch=branch, reserve=reserve)
                self._ledger.apply(live, Input.BRANCH, occurrence, answer=partial(_tell_refused, refused))

        self._ledger.tell(call_id, settle)

    def rang(self, call_id: str, hop_index: int, branch: int) -> None:
        """A branch of a hop rings. Of a redirect that is told once for each hop, when it is the turn of this call."""
        if self._ledger.rang(call_id, hop_index, branch):
            self._ledger.tell(call_id, partial(self._tell_ringing, hop_index, branch))

    def _tell_ringing(self, hop_index: int, branch: int, live: LiveCall) -> None:
        call = live.call
        if call.state is not State.RINGING or call.hop_index != hop_index or live.rang_before == hop_index:
            return
        if not self._announcer.tells_outcomes(call.resource):
            return
        report = ringing(live.reported(), hop_index, branch, self._clock.wall())
        if report is not None:
            self._ledger.report(report)

    def branch_ended(self, call_id: str, hop_index: int, branch: int, status: int, reason: str, cause: int) -> None:
        """A branch of a hop has ended, or had to be given up; nothing is decided by that.

        A refusal is written while others ring on, so that after a crash whoever refused is not rung again.
        """
        if self._ledger.branch_ended(call_id, hop_index, branch, status, reason, cause):
            self._ledger.tell(call_id, partial(self._keep_refusal, hop_index, branch))

    def _keep_refusal(self, hop_index: int, branch: int, live: LiveCall) -> None:
        call = live.reported()
        if call.state is not State.RINGING or call.hop_index != hop_index:
            return
        if branch in call.hop.refused and call.hop.rings_on:
            self._ledger.apply(live, Input.BRANCH_ENDED, Occurrence(self._clock.wall()))

    def live_call(self, call_id: str) -> Call | None:
        """A live call with everything that its branches reported, even what is not written yet."""
        return self._ledger.reported(call_id)

    def phone_registered(self, user: str, uris: Iterable[str], known_since: float = math.inf) -> None:
        """A user has new phones: they join the calls that ring for that user, or are held for it.

        `known_since`: when the directory began to know them (wall clock, seconds), which is before that was durable.
        """
        phones = tuple(uris)
        for call_id in self._ledger.calls_for(user):
            for uri in phones:
                self._ledger.tell(call_id, partial(self._join, user, uri, known_since))

    def _join(self, user: str, uri: str, known_since: float, live: LiveCall) -> None:
        hop = live.call.hop
        if live.call.is_over or user.lower() not in hop.users:
            return  # it was decided while the phone registered
        if len(hop.branches) >= BRANCHES_PER_HOP or hop.has_rung(uri, known_since):
            return
        branch = Branch(uri, member=user if hop.group is not None else "")
        occurrence = Occurrence(self._clock.wall(), branch=branch, reserve=hop.reserve)
        self._ledger.apply(live, Input.BRANCH, occurrence)

    # What applications decide ----------------------------------------------------------------------------------------

    def redirect(self, command: RedirectCall, answer: Answer) -> None:
        """Close the current hop and open one for the target."""
        self._decisions.redirect(command, answer)

    def reject(self, command: RejectCall, answer: Answer) -> None:
        """Close the current hop and end the call."""
        self._decisions.reject(command, answer)

    # Time ------------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Monotonic time at which `advance` has something to do."""
        return self._deadlines.next_deadline()

    def advance(self, now: float) -> None:
        """Expire every hop whose time is over."""
        for name in self._deadlines.due(now):
            if name == UNSAVED:
                self._ledger.save_again()
            else:
                self._ledger.tell(name, partial(self._expire, self._ledger.hop_index(name)))

    def _expire(self, hop_index: int, live: LiveCall) -> None:
        if live.call.hop_index != hop_index:
            return  # the hop took its decision while its time ran out; the next one has time of its own
        self._end_hop(live, Input.DEADLINE, out_of_time(live.call))

    # Restart ---------------------------------------------------------------------------------------------------------

    def restore(self, stored: StoredCall) -> None:
        """Take a stored live call up again; its hop keeps the time it had left. Sends nothing."""
        call = stored.call
        live = self._ledger.add(call, stored.revision)
        left = min(max(call.hop.expires_at - self._clock.wall(), 0.0), call.hop.expires_at - call.hop.opened_at)
        live.began_at -= max(0.0, self._clock.wall() - call.created_at)
        live.rang_before = call.hop_index if call.state is State.RINGING else -1
        self._deadlines.arm(call.call_id, self._clock.monotonic() + left)
        self.outside.resume(call, self._clock.monotonic())
        if not self.telephony.restore(stored):
            why = "the call could not be taken up again after a restart: the listener it came by is gone"
            self._settle(live, Input.DEADLINE, 480, "Temporarily Unavailable", why)

    def resume(self, call_id: str) -> None:
        """Make a restored call go on: ringing is said again and rung branches are asked again.

        Not when its time ran out meanwhile: a target that has forgotten the call would ring anew.
        """
        call = self._ledger.call(call_id)
        if call is not None and call.hop.expires_at > self._clock.wall():
            self.telephony.resume(call_id)

    # What opens and ends a hop ----------------------------------------------------------------------------------------

    def _open(
        self,
        live: LiveCall,
        what: Input,
        occurrence: Occurrence,
        answer: Answer,
        receipt: Receipt | None = None,
        *,
        leg: bytes = b"",
    ) -> None:
        """Open a hop, and count a call that leaves for the outside. Raises DecisionRefused, and opens nothing then."""
        leaving = outside_of(occurrence.plan) if occurrence.plan is not None else ()
        if leaving:
            attempts = [attempt_of(live.call, outside_id(target)) for target in leaving]
            answer = self.outside.begin_each(live.call.call_id, attempts, self._clock.monotonic(), answer)
        self._ledger.apply(live, what, occurrence, leg=leg, answer=answer, receipt=receipt)

    def _took_effect(self, call: Call, what: str) -> None:
        self.outside.took_effect(call)
        self._observe(call, what)

    def _end_hop(self, live: LiveCall, what: Input, failure: Failure, relayed: object | None = None) -> None:
        """The current hop led nowhere, or its time is over: open what follows it, else end the call."""
        follower = self._succession.followed_by(live, failure)
        outcome = self._succession.outcome(live, failure)
        if outcome is not failure:  # an earlier member of a hunt had the better one
            failure, relayed = outcome, None
        if follower is None:
            self._fail(live, what, failure, relayed)
            return
        try:
            self._open(live, *follower, partial(self._followed, live, what, failure, relayed))
        except DecisionRefused as refusal:  # it leads outside, where the call may not go
            why = f"{follower[1].why}, refused: {refusal}"
            self._fail(live, what, replace(failure, why=why), relayed)

    def _followed(
        self, live: LiveCall, what: Input, failure: Failure, relayed: object | None, outcome: Accepted | CallError
    ) -> None:
        if isinstance(outcome, CallError):  # it was not written, and the hop is over all the same
            self._fail(live, what, failure, relayed)

    def _fail(self, live: LiveCall, what: Input, failure: Failure, relayed: object | None = None) -> None:
        self._settle(live, what, failure.status, failure.reason, failure.why, relayed)

    def _settle(
        self, live: LiveCall, what: Input, status: int, reason: str, why: str, relayed: object | None = None
    ) -> None:
        self._ledger.apply(
            live, what, Occurrence(self._clock.wall(), status=status, reason=reason, why=why, relayed=relayed)
        )


def _tell_refused(refused: Callable[[], None], outcome: Accepted | CallError) -> None:
    if isinstance(outcome, CallError):
        refused()
