"""Any order of INVITE, CANCEL, redirects, reject, the targets' answers, further branches, deadlines, store failures and
restarts, against a small reference model.

Invariants: at most one decision per hop, at most one winner per call, a final state stays, and nobody rings without a
committed decision.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strowger.calls.call import FINAL_STATES, Branch, State
from strowger.calls.decision import Accepted, RedirectCall, RejectCall
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.identifier import Identifier, phone_number
from strowger.calls.limits import Limits
from tests.support.exchange import BOB, NOBODY, NUMBER, OTHER_NUMBER, OUTSIDE, Bench, HandClock, HandStore, user

TARGETS = [phone_number(OUTSIDE), phone_number(OTHER_NUMBER), phone_number(NUMBER), user(BOB), user(NOBODY)]
LIMITS = Limits(hold_s=30, ring_s=60, ring_budget_s=100, redirects_per_call=3)


class Calls(RuleBasedStateMachine):
    """One call on one exchange; the model is what a reader of the wire would conclude."""

    @initialize(dialled=st.sampled_from([NUMBER, "bob", "nobody"]))
    def arrives(self, dialled: str) -> None:
        self.store, self.clock = HandStore(), HandClock()
        self.bench = self.make()
        self.call_id = self.bench.arrive(dialled, flush=False)
        self.contexts: dict[int, str] = {}
        self.accepted: dict[int, str] = {}
        self.final: list[tuple[object, ...]] = []
        self.rung: list[int] = []
        self.answers: list[Accepted | CallError] = []
        self.refused: list[int] = []

    def make(self) -> Bench:
        return Bench(LIMITS, self.store, self.clock)

    @rule(goal=st.sampled_from(TARGETS), hop=st.integers(0, 4))
    def redirect(self, goal: Identifier, hop: int) -> None:
        self._decide(
            hop, lambda context, answer: self.bench.exchange.redirect(RedirectCall("dev", context, goal), answer)
        )

    @rule(hop=st.integers(0, 4))
    def reject(self, hop: int) -> None:
        self._decide(hop, lambda context, answer: self.bench.exchange.reject(RejectCall("dev", context), answer))

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

    @rule()
    def caller_hangs_up(self) -> None:
        self.bench.exchange.cancel(self.call_id)

    @rule(hop=st.integers(0, 4))
    def target_answers(self, hop: int) -> None:
        if hop in self.rung:
            self.bench.exchange.answered(self.call_id, hop, "target", f"200 of {hop}")

    @rule(hop=st.integers(0, 4), status=st.sampled_from([408, 486, 500, 603]))
    def target_fails(self, hop: int, status: int) -> None:
        if hop in self.rung:
            self.bench.exchange.hop_failed(self.call_id, hop, status, "", "", f"{status} of {hop}")

    @rule(hop=st.integers(0, 4), trunk=st.sampled_from(["a", "b"]))
    def next_trunk_is_wanted(self, hop: int, trunk: str) -> None:
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
    def stored_state_is_consistent(self) -> None:
        rows = getattr(self, "store", HandStore()).rows
        if not rows:
            return
        call = self.store.stored(self.call_id)
        assert call.redirects <= LIMITS.redirects_per_call
        assert (call.state in FINAL_STATES) == bool(call.ended_at)
        assert all(hop.closed_at for hop in call.hops[:-1]), "a hop was left without a decision"
        if call.state is State.ANSWERED:
            winners = [entry for entry in self.final if entry[1] == 200]
            assert len(winners) <= 1


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
