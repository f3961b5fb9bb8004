"""One call as both of its sides see it on the wire: any order of what targets say, of decisions, of time, of a store
that fails and of restarts, with groups, second chances and defaults.

Invariants: the caller gets one final response; nobody is rung without a committed hop; when all is over nothing is left
of the call, everybody who rang and was not wanted was told so, and an answer that the caller did not get was hung up.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strowger.calls.call import Call, State
from strowger.calls.decision import RedirectCall, RejectCall
from strowger.calls.errors import StoreUnavailable
from strowger.calls.fallbacks import Default, Fallbacks
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import Identifier, from_raw_id, phone_number
from strowger.calls.limits import Limits
from strowger.calls.ports import StoredCall
from strowger.sip.flow import Flow
from strowger.sip.message import Request, Response
from tests.support.exchange import (
    ALICE,
    BOB,
    BY_TWO_TRUNKS,
    NOBODY,
    NUMBER,
    OTHER_NUMBER,
    OUTSIDE,
    Bench,
    HandClock,
    HandStore,
)
from tests.support.sip_edge import CALLER, INVITE, EdgeBench

LIMITS = Limits(hold_s=30, ring_s=60, ring_budget_s=100, redirects_per_call=3)
NO_WAY = "+12025550100"
"""It leads to a trunk by a name that is not found."""
MEMBERS = tuple(
    Member(who, 15.0)
    for who in (*map(from_raw_id, (NOBODY, ALICE)), phone_number(NO_WAY), from_raw_id(BOB), phone_number(BY_TWO_TRUNKS))
)
GROUPS = [
    Group(phone_number(NUMBER), Mode.IN_ORDER, MEMBERS),
    Group(phone_number(OTHER_NUMBER), Mode.ALL, MEMBERS),
    Group(from_raw_id(NOBODY), Mode.IN_ORDER, MEMBERS[1:], ends_on=()),
]
FALLBACKS = Fallbacks(resources=["dev"], defaults={NUMBER: Default(10.0, from_raw_id(BOB))})
TARGETS = [
    *map(phone_number, (OUTSIDE, NO_WAY, BY_TWO_TRUNKS, OTHER_NUMBER, NUMBER)),
    *map(from_raw_id, (BOB, NOBODY)),
]
WORDS = [
    ("", "Q.850;cause=17"),
    ("\x1b[2J\x07" * 300, 'Q.850;cause=-1;text="\x07'),
    ("b\xe9zet\\" * 1_000, "Q.850;cause=" + "9" * 4_000),
]
"""What a target says for people, and in its Reason header."""
MOSTLY = st.sampled_from([True, True, True, False])
"""Whether the store commits before anything else happens."""
TIMER_B_S = 31.5
"""A target that was silent for as long (RFC 3261 §17.1.1.2) is given up; less what the INVITE waits for a commit."""
ROUND_TRIP_S = 0.5
"""Whoever was cancelled says something within this, if ever."""
MOST_CHARACTERS = 1_000
"""Of what is kept of a target's words, with ours around them."""
OVER_S = 400.0
"""Longer than the ring budget and every timer together."""


@dataclass
class Target:
    """Somebody who got an INVITE."""

    invite: Request
    rung_at: float
    said: list[int] = field(default_factory=list)
    is_cancelled: bool = False
    cancelled_at: float = 0.0
    is_hung_up: bool = False
    is_lost: bool = False
    """Nothing had come from it for too long: nobody waits for it any more."""


class WireCalls(RuleBasedStateMachine):
    """The model is what the peers know."""

    @initialize(
        dialled=st.sampled_from([NUMBER, OTHER_NUMBER, "bob", "nobody"]),
        with_groups=st.booleans(),
        with_fallbacks=st.booleans(),
    )
    def arrives(self, dialled: str, *, with_groups: bool, with_fallbacks: bool) -> None:
        self.store, self.clock = HandStore(), HandClock()
        self.groups = GROUPS if with_groups else []
        self.fallbacks = FALLBACKS if with_fallbacks else Fallbacks()
        self.targets: dict[tuple[str, str], Target] = {}
        self.repeats: list[Target] = []
        self.is_resumed = True
        self.final: list[int] = []
        self.contexts: dict[str, str] = {}
        self.dialled, self.is_over = dialled, False
        self.edge = self.make()
        self.edge.invite(dialled)
        self.read()

    def make(self) -> EdgeBench:
        bench = Bench(LIMITS, self.store, self.clock, groups=self.groups, fallbacks=self.fallbacks)
        bench.recorder.contexts = self.contexts
        return EdgeBench(bench)

    @property
    def call_id(self) -> str:
        return next(iter(self.store.rows))

    def read(self) -> None:
        """What has been sent since last time."""
        for flow, message in self.edge.last:
            if flow == CALLER:
                self._read_caller(message)
            elif isinstance(message, Request):
                self._read_target(flow, message)
        self.edge.last = []
        repeats, self.repeats = self.repeats, []
        for target in repeats:  # to a repeated request its transaction answers by itself (RFC 3261 §17.2.1)
            self.edge.answer(target.invite, target.said[-1], tag=_tag(target))
            self.read()

    def _read_caller(self, message: Request | Response) -> None:
        assert isinstance(message, Response)
        if message.cseq.method == "INVITE" and message.status >= 200 and self.final[-1:] != [message.status]:
            self.final.append(message.status)

    def _read_target(self, flow: Flow, request: Request) -> None:
        name = (flow.host, request.top_via.branch or "")
        if request.method == "INVITE":
            known = self.targets.setdefault(name, Target(request, self.clock.now))
            if known.said:
                self.repeats.append(known)
            assert known.invite.to_bytes() == request.to_bytes(), "a repeat that is another request"
            hops = self.store.stored(self.call_id).hops
            assert any(request.uri == branch.uri for hop in hops for branch in hop.branches), "rung before it was kept"
            return
        if request.method == "CANCEL":
            target = self.targets[name]
            target.is_cancelled, target.cancelled_at = True, target.cancelled_at or self.clock.now
        for other in self.targets.values():
            other.is_hung_up |= request.method == "BYE" and request.to_tag == _tag(other)

    def settle(self) -> None:
        self.edge.out()
        self.read()

    # What peers do ---------------------------------------------------------------------------------------------------

    @rule(
        which=st.integers(0, 40),
        status=st.sampled_from([100, 180, 180, 183, 200, 302, 404, 486, 487, 500, 503, 603]),
        words=st.sampled_from(WORDS),
        flush=MOSTLY,
    )
    def target_says(self, which: int, status: int, words: tuple[str, str], *, flush: bool) -> None:
        if not self.targets:
            return
        target = list(self.targets.values())[which % len(self.targets)]
        if target.said and target.said[-1] >= 200:
            status = target.said[-1]  # a repeat
        else:
            target.is_lost |= not target.said and self.clock.now - target.rung_at >= TIMER_B_S
            target.is_lost |= target.is_cancelled and self.clock.now - target.cancelled_at >= ROUND_TRIP_S
            target.said.append(status)
        more = (("Reason", words[1]),)
        self.edge.answer(target.invite, status, tag=_tag(target), reason=words[0], more=more, flush=flush)
        self.read()

    @rule(flush=st.booleans())
    def caller_hangs_up(self, *, flush: bool) -> None:
        text = INVITE.format(to=self.dialled, n=1, hops=70)
        self.edge.feed(text.replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL"), flush=flush)
        self.read()

    @rule()
    def caller_repeats(self) -> None:
        if not self.final:
            self.edge.invite(self.dialled)
            self.read()

    @rule(goal=st.sampled_from(TARGETS), back=st.sampled_from([0, 0, 0, 1, 2]), flush=MOSTLY)
    def redirect(self, goal: Identifier, back: int, *, flush: bool) -> None:
        context = self._context(back)
        if context:
            self.edge.bench.exchange.redirect(RedirectCall("dev", context, goal), lambda outcome: None)
        self.edge.out(flush=flush)
        self.read()

    @rule()
    def reject(self) -> None:
        context = self._context(0)
        if context:
            self.edge.bench.exchange.reject(RejectCall("dev", context), lambda outcome: None)
        self.settle()

    def _context(self, back: int) -> str | None:
        told = sorted(int(name.rpartition("/")[2]) for name in self.contexts)
        return self.contexts[f"{self.call_id}/{told[-1 - back]}"] if len(told) > back and self.store.rows else None

    @rule(number=st.integers(0, 3))
    def phone_registers(self, number: int) -> None:
        self.edge.bench.exchange.phone_registered(BOB, [f"sip:bob@127.0.0.1:{6000 + number}"])
        self.settle()

    @rule(seconds=st.sampled_from([0.1, 0.6, 5.0, 16.0, 31.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.clock.now + seconds
        edge, exchange = self.edge.edge, self.edge.bench.exchange
        while True:
            deadlines = [d for d in (edge.next_deadline(), exchange.next_deadline()) if d is not None]
            if not deadlines or min(deadlines) > until:
                break
            self.clock.now = max(self.clock.now, min(deadlines))
            edge.advance(self.clock.now)
            exchange.advance(self.clock.now)
            self.settle()
        self.clock.now = until

    @rule()
    def commits(self) -> None:
        self.settle()

    @rule()
    def store_fails_once(self) -> None:
        self.store.failure = StoreUnavailable("no")
        self.settle()
        self.store.failure = None

    @precondition(lambda self: self.store.rows)
    @rule(is_resumed=st.booleans())
    def restart(self, *, is_resumed: bool) -> None:
        """kill -9, while the store works."""
        if self.final and not self.store.stored(self.call_id).ended_at:
            return  # the store failed as well: one fault at a time
        for hop in self.store.stored(self.call_id).hops:
            given_up = {hop.branches[branch.replaces].uri for branch in hop.branches if branch.replaces >= 0}
            for target in self.targets.values():  # their silence is all that is known of them afterwards
                target.is_lost |= not target.said and target.invite.uri in given_up
        self.store.waiting.clear()
        self.store.added.clear()
        self.edge, self.is_resumed = self.make(), False
        exchange = self.edge.bench.exchange
        for stored in self.store.live_calls():
            exchange.restore(stored)
        unit, leg = self.store.rows[self.call_id]
        if unit.ended_at:
            call = msgspec.json.decode(unit.call, type=Call)
            self.edge.edge.restart.restore_ended(StoredCall(call, unit.revision, leg))
        self.settle()
        if is_resumed:
            self.resume()

    @precondition(lambda self: not self.is_resumed)
    @rule()
    def resume(self) -> None:
        if not self.is_resumed:
            self.is_resumed = True
            if self.store.stored(self.call_id).ended_at:
                self.edge.edge.restart.resume(self.call_id)
            else:
                self.edge.bench.exchange.resume(self.call_id)
        self.settle()

    # What holds ------------------------------------------------------------------------------------------------------

    @invariant()
    def one_final_response(self) -> None:
        assert len(getattr(self, "final", ())) <= 1, self.final

    def teardown(self) -> None:
        if not hasattr(self, "store") or not self.store.rows:
            return
        self.settle()
        self.resume()
        self.time_passes(OVER_S)
        assert len(self.final) == 1, f"{len(self.final)} final responses"
        call = self.store.stored(self.call_id)
        assert call.ended_at
        said = [call.why, *(hop.decision for hop in call.hops)]
        said += [each.reason for hop in call.hops for each in hop.branch_reports]
        assert all(text.isprintable() and len(text) < MOST_CHARACTERS for text in said)
        assert (len(self.edge.bench.exchange), len(self.edge.edge), len(self.edge.edge._forks)) == (0, 0, 0)
        assert call.state is State.ANSWERED or self.edge.bench.exchange.outside.running() == []
        targets = [target for target in self.targets.values() if not target.is_lost]
        for target in targets:
            status = max(target.said, default=0)
            if 100 <= status < 200:
                assert target.is_cancelled, f"{target.invite.uri} rings on"
        answered = [target for target in targets if 200 in target.said]
        unwanted = [target for target in answered if not target.is_hung_up]
        assert len(unwanted) <= (call.state is State.ANSWERED), "somebody talks to silence"


def _tag(target: Target) -> str:
    return f"tag-{target.invite.top_via.branch}"


TestWireCalls = WireCalls.TestCase
TestWireCalls.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
