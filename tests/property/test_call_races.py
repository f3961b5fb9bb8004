"""Any order of INVITE, CANCEL, redirects, reject, the targets' answers, further branches, deadlines, store failures and
restarts, against a small reference model; with what follows failures and silence, and without.

Invariants: at most one decision per hop, at most one winner per call, a final state stays, nobody rings without a
committed decision, a chain is bounded, no call outlives the ring budget, and each redirect that is over has one final
outcome, as durable as its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strowger.calls.call import FINAL_STATES, Branch, Call, Opening, State
from strowger.calls.decision import Accepted, RedirectCall, RejectCall
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.fallbacks import Default, Fallbacks
from strowger.calls.groups import Group
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.ledger import SAVE_AGAIN_S
from strowger.calls.limits import Limits
from strowger.calls.reports import RedirectOutcome, Report, Result
from tests.support.exchange import BOB, NOBODY, NUMBER, OTHER_NUMBER, OUTSIDE, Bench, HandClock, HandStore, user

TARGETS = [phone_number(OUTSIDE), phone_number(OTHER_NUMBER), phone_number(NUMBER), user(BOB), user(NOBODY)]
BACK = st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 7])
"""How many hops before the current one somebody means: mostly none."""
AT_ONCE = st.sampled_from([True, True, False])
"""Whether the store commits before anything else happens."""
ROUNDING_S = 1e-6
LIMITS = Limits(hold_s=30, ring_s=60, ring_budget_s=100, redirects_per_call=3)


class World(NamedTuple):
    """What a call meets."""

    at_once: bool
    is_stubborn: bool
    """Nobody hangs up, rejects or answers, so that the chain gets long."""
    wants_reports: bool
    came_by: str
    unreachable: frozenset[int]
    """Hops that fail as soon as they ring."""


WORLDS = st.builds(
    World,
    at_once=AT_ONCE,
    is_stubborn=st.booleans(),
    wants_reports=st.booleans(),
    came_by=st.sampled_from(["", "", "", "", "back"]),
    unreachable=st.one_of(st.just(frozenset[int]()), st.frozensets(st.integers(0, 6))),
)


class Calls(RuleBasedStateMachine):
    """One call on one exchange; the model is what a reader of the wire would conclude."""

    fallbacks = Fallbacks()
    groups: Sequence[Group] = ()

    def make(self) -> Bench:
        bench = Bench(LIMITS, self.store, self.clock, groups=self.groups, fallbacks=self.fallbacks)
        bench.recorder.wants_reports, bench.recorder.reports = self.wants_reports, self.reports
        bench.recorder.rings = self._rings
        return bench

    def _rings(self, call: Call, hop_index: int) -> None:
        """The edge tells before `ring` returns that nobody there can be rung."""
        if hop_index in self.unreachable:
            self.bench.exchange.hop_failed(call.call_id, hop_index, 500, "", "", None)

    @initialize(dialled=st.sampled_from([NUMBER, "bob", "nobody"]), world=WORLDS)
    def arrives(self, dialled: str, world: World) -> None:
        self.is_stubborn, self.unreachable = world.is_stubborn, world.unreachable
        self.store, self.clock = HandStore(), HandClock()
        self.wants_reports, self.reports = world.wants_reports, list[Report]()
        self.bench = self.make()
        self.call_id = self.bench.arrive(dialled, flush=False, came_by=world.came_by)
        self.contexts: dict[int, str] = {}
        self.accepted: dict[int, str] = {}
        self.final: list[tuple[object, ...]] = []
        self.rung: list[int] = []
        self.answers: list[Accepted | CallError] = []
        self.refused: list[int] = []
        if world.at_once:
            self.commits()

    def _hop(self, back: int) -> int:
        """The hop so many before the one that is durable."""
        return self.store.stored(self.call_id).hop_index - back if self.store.rows else 0

    @rule(goal=st.sampled_from(TARGETS), back=BACK, at_once=AT_ONCE)
    def redirect(self, goal: Identifier, back: int, *, at_once: bool) -> None:
        self._decide(
            self._hop(back),
            lambda context, answer: self.bench.exchange.redirect(RedirectCall("dev", context, goal), answer),
        )
        if at_once:
            self.commits()

    @rule(goal=st.sampled_from(TARGETS))
    def redirect_and_store_fail(self, goal: Identifier) -> None:
        self.redirect(goal, 0, at_once=False)
        self.store_fails_once()

    @precondition(lambda self: not self.is_stubborn)
    @rule(back=BACK)
    def reject(self, back: int) -> None:
        self._decide(
            self._hop(back), lambda context, answer: self.bench.exchange.reject(RejectCall("dev", context), answer)
        )

    def _decide(self, hop: int, decide) -> None:
        context = self.bench.recorder.contexts.get(f"{self.call_id}/{hop}")
        if context is None:
            return

        def answer(outcome: Accepted | CallError) -> None:
            self.answers.append(outcome)
            if isinstance(outcome, Accepted):
                assert hop not in self.accepted, "a hop took two decisions"
                self.accepted[hop] = "application"

        decide(context, answer)

    @precondition(lambda self: not self.is_stubborn)
    @rule()
    def caller_hangs_up(self) -> None:
        self.bench.exchange.cancel(self.call_id)

    @precondition(lambda self: not self.is_stubborn)
    @rule(back=BACK)
    def target_answers(self, back: int) -> None:
        hop = self._hop(back)
        if hop in self.rung:
            self.bench.exchange.answered(self.call_id, hop, "target", f"200 of {hop}")

    @rule(back=BACK, status=st.sampled_from([408, 486, 500, 603]), at_once=AT_ONCE)
    def target_fails(self, back: int, status: int, *, at_once: bool) -> None:
        hop = self._hop(back)
        if hop in self.rung:
            self.bench.exchange.hop_failed(self.call_id, hop, status, "", "", f"{status} of {hop}")
        if at_once:
            self.commits()

    @rule(back=BACK, branch=st.integers(0, 1))
    def target_rings(self, back: int, branch: int) -> None:
        hop = self._hop(back)
        if hop in self.rung:
            self.bench.exchange.rang(self.call_id, hop, branch)

    @rule(back=BACK, number=st.integers(0, 2), status=st.sampled_from([486, 503, 603]))
    def branch_ends(self, back: int, number: int, status: int) -> None:
        hop = self._hop(back)
        if hop in self.rung and number < len(self.store.stored(self.call_id).hops[hop].branches):
            self.bench.exchange.branch_ended(self.call_id, hop, number, status, "", 0)

    @rule(back=BACK, trunk=st.sampled_from(["a", "b"]))
    def next_trunk_is_wanted(self, back: int, trunk: str) -> None:
        hop = self._hop(back)
        if hop in self.rung:
            branch = Branch(f"sip:1@{trunk}.example", trunk, replaces=0)
            self.bench.exchange.ring_branch(self.call_id, hop, branch, (), lambda: self.refused.append(hop))

    @rule(who=st.sampled_from([BOB, NOBODY]))
    def phone_registers(self, who: str) -> None:
        self.bench.exchange.phone_registered(who, [f"sip:{self.clock.now}@phone.example"])

    @rule(seconds=st.sampled_from([0.1, 10.0, 31.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds  # also long enough for ends to be saved again
        self.bench.exchange.advance(self.clock.now)

    @rule()
    def commits(self) -> None:
        self.store.flush()
        self._read_wire()

    @rule()
    def store_fails_once(self) -> None:
        self.store.failure = StoreUnavailable("no")
        self.store.flush()
        self.store.failure = None
        self._read_wire()

    @precondition(lambda self: self.store.rows and (not self.final or self.store.stored(self.call_id).ended_at))
    @rule()
    def restart(self) -> None:
        """kill -9: what waits for a commit is lost, memory is lost, the wire's past stays. (Not while the store also
        fails: one fault at a time.)
        """
        self.store.waiting.clear()
        self.store.added.clear()
        contexts = self.bench.recorder.contexts
        self.bench = self.make()
        self.bench.recorder.contexts = contexts
        for stored in self.store.live_calls():
            self.bench.exchange.restore(stored)
            self.bench.exchange.resume(stored.call.call_id)
            if stored.call.state is State.RINGING:
                self._note_ring(stored.call.hop_index)
        self.bench.take()

    def _read_wire(self) -> None:
        for entry in self.bench.take():
            if entry[0] == "finish":
                self.final.append(entry)
                assert entry[1] != 302 or entry[2], "the caller is to call elsewhere, and was not told where"
            elif entry[0] == "ring":
                self._note_ring(int(entry[1]))  # type: ignore[call-overload]
            elif entry[0] == "ring_branch":
                hop, number = int(entry[1]), int(entry[2])  # type: ignore[call-overload]
                kept = self.store.stored(self.call_id).hops[hop].branches
                assert kept[number].uri == entry[3], "it was rung before it was kept"
                self._note_ring(hop)

    def _note_ring(self, hop: int) -> None:
        stored = self.store.stored(self.call_id)
        assert len(stored.hops) > hop, "somebody rings without a committed decision"
        assert stored.hops[hop].branches
        if hop not in self.rung:
            self.rung.append(hop)

    @invariant()
    def one_final_response(self) -> None:
        assert len(getattr(self, "final", ())) <= 1, "the caller got two final responses"

    @invariant()
    def a_final_state_stays(self) -> None:
        if getattr(self, "final", ()) and self.call_id in self.store.rows:
            assert (
                self.call_id not in self.bench.exchange._ledger
                or self.bench.exchange._ledger._live[self.call_id].call.is_over
            )

    @invariant()
    def each_redirect_that_is_over_has_one_final_outcome(self) -> None:
        rows = getattr(self, "store", HandStore()).rows
        if not rows or not self.wants_reports:
            return
        call = self.store.stored(self.call_id)
        over = Counter(
            index
            for index, hop in enumerate(call.hops)
            if hop.opening in (Opening.REDIRECT, Opening.DEFAULT) and (call.is_over or not call.is_open(index))
        )
        told = [self.reports[int(event_id.removeprefix("report-"))] for event_id in self._durable_reports()]
        outcomes = [report for report in told if isinstance(report, RedirectOutcome)]
        assert Counter(each.hop_index for each in outcomes if each.result is not Result.RINGING) == over
        rang = Counter(each.last for each in outcomes if each.result is Result.RINGING)
        assert all(times == 1 for times in rang.values()), "ringing was told twice"

    def _durable_reports(self) -> list[str]:
        return [event_id for event_id in self.store.events if event_id.startswith("report-")]

    @invariant()
    def stored_state_is_consistent(self) -> None:
        rows = getattr(self, "store", HandStore()).rows
        if not rows:
            return
        call = self.store.stored(self.call_id)
        redirects = [hop for hop in call.hops if hop.opening in (Opening.REDIRECT, Opening.DEFAULT)]
        assert len(redirects) <= LIMITS.redirects_per_call
        openings = [hop.opening for hop in call.hops if hop.opening is not Opening.HUNT]
        assert len(openings) <= 2 * (LIMITS.redirects_per_call + 1), "a call may return once for each redirect"
        ways_back = {before for before, after in pairwise(openings) if after is Opening.RETURNED}
        assert ways_back <= {Opening.ARRIVAL, Opening.REDIRECT}, "it came back where nobody had decided"
        assert all(hop.failure is not None for hop in call.hops if hop.opening is Opening.RETURNED)
        budget_ends_at = call.created_at + LIMITS.ring_budget_s
        assert call.hop.expires_at <= max(call.hop.opened_at, budget_ends_at) + ROUNDING_S
        assert (call.state in FINAL_STATES) == bool(call.ended_at)
        assert all(hop.closed_at for hop in call.hops[:-1]), "a hop was left without a decision"
        if call.state is State.ANSWERED:
            winners = [entry for entry in self.final if entry[1] == 200]
            assert len(winners) <= 1


    def teardown(self) -> None:
        """Whatever happened, the call ends by itself within the ring budget, and its caller is told."""
        if not hasattr(self, "store") or not self.store.rows:
            return
        self.store.flush()
        self.clock.now += LIMITS.ring_budget_s
        for _ in range(len(self.store.stored(self.call_id).hops) + 2):
            self.bench.exchange.advance(self.clock.now)
            self.store.flush()
            self.clock.now += SAVE_AGAIN_S
        self._read_wire()
        assert len(self.bench.exchange) == 0, "a call is stuck"
        assert self.store.stored(self.call_id).ended_at
        assert not list(self.bench.exchange.outside.running()), "a call that is over counts as one outside"


class FollowedCalls(Calls):
    """The same where calls return to their application, and numbers have defaults."""

    fallbacks = Fallbacks(
        resources=["dev"],
        defaults={NUMBER: Default(10.0, phone_number(OTHER_NUMBER)), OTHER_NUMBER: Default(5.0, user(BOB))},
    )

    @precondition(lambda self: self.store.rows and not self.store.waiting)
    @rule()
    def time_is_over_and_store_fails(self) -> None:
        deadline = self.bench.exchange.next_deadline()
        if deadline is not None and not self.store.stored(self.call_id).ended_at:
            self.clock.now = max(self.clock.now, deadline)
            self.bench.exchange.advance(self.clock.now)
            self.store_fails_once()
            assert self.final, "nothing followed, and the caller was not told"

    @precondition(lambda self: self.store.rows and not self.store.waiting)
    @rule(status=st.sampled_from([408, 486]))
    def target_and_store_fail(self, status: int) -> None:
        hop = self._hop(0)
        if hop in self.rung and not self.store.stored(self.call_id).ended_at:
            self.bench.exchange.hop_failed(self.call_id, hop, status, "", "", f"{status} of {hop}")
            self.store_fails_once()
            assert self.final, "nothing followed, and the caller was not told"

    @rule(told=st.booleans())
    def subscription_comes_or_goes(self, *, told: bool) -> None:
        self.bench.recorder.subscribed = told


class RejectedCalls(FollowedCalls):
    """The same where a silent application has its calls rejected, or redirected to somebody who rejects them."""

    fallbacks = Fallbacks(
        numbers={NUMBER: True},
        defaults={NUMBER: Default(10.0, status=486), OTHER_NUMBER: Default(40.0, phone_number(NUMBER))},
    )


class RefusedCalls(FollowedCalls):
    """The same where what holds by default leads where no call may go, or in circles."""

    fallbacks = Fallbacks(
        resources=["dev"],
        defaults={NUMBER: Default(10.0, phone_number("+999")), OTHER_NUMBER: Default(5.0, phone_number(OTHER_NUMBER))},
    )


TestCalls, TestFollowedCalls, TestRejectedCalls = Calls.TestCase, FollowedCalls.TestCase, RejectedCalls.TestCase
TestCalls.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestFollowedCalls.settings = settings(TestCalls.settings, max_examples=400, stateful_step_count=40)
TestRejectedCalls.settings = settings(TestCalls.settings, max_examples=100)
TestRefusedCalls = RefusedCalls.TestCase
TestRefusedCalls.settings = settings(TestCalls.settings, max_examples=100)
