"""Groups under the same storm as any other call, and what is in reserve for whom.

Beside the invariants of every call: the steps of a hunt go forward and share one event, nobody is rung for whom it is
not the turn, and every target outside that rings is counted, no other.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from strowger.calls.call import Branch, Opening, State
from strowger.calls.groups import Group, Member, Mode
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.calls.outside_policy import outside_targets
from strowger.sip import failover
from strowger.sip.leg import Fork
from tests.property.test_call_races import WORLDS, Calls, FollowedCalls, World
from tests.support.exchange import ALICE, BOB, BY_TWO_TRUNKS, NOBODY, NUMBER, OTHER_NUMBER, OUTSIDE

MEMBERS = tuple(
    Member(who, 15.0)
    for who in (*map(from_raw_id, (NOBODY, ALICE, BOB)), *map(phone_number, (BY_TWO_TRUNKS, OUTSIDE)))
)
GROUPS = [
    Group(phone_number(NUMBER), Mode.IN_ORDER, MEMBERS),
    Group(phone_number(OTHER_NUMBER), Mode.ALL, MEMBERS),
    Group(from_raw_id(NOBODY), Mode.IN_ORDER, MEMBERS[2:], ends_on=()),
]


class GroupCalls(Calls):
    """The same call, where two numbers and a user are groups."""

    groups = GROUPS

    @initialize(dialled=st.sampled_from([NUMBER, OTHER_NUMBER, "nobody"]), world=WORLDS)
    def arrives(self, dialled: str, world: World) -> None:
        super().arrives(dialled, world)

    @invariant()
    def a_hunt_goes_forward(self) -> None:
        store = getattr(self, "store", None)
        if store is None or not store.rows:
            return
        hops = store.stored(self.call_id).hops
        for before, hop in pairwise(hops):
            if hop.opening is Opening.HUNT:
                assert before.group is not None
                assert hop.group is not None
                assert (before.to, before.event_id) == (hop.to, hop.event_id)
                assert before.group.position < hop.group.position
        for hop in hops:
            if hop.group is not None:
                known = {branch.member.lower() for branch in hop.group.branches} | set(hop.users)
                assert {branch.member.lower() for branch in hop.joined if not branch.trunk} <= known
                assert len({branch.uri for branch in hop.group.branches}) == len(hop.group.branches)

    @invariant()
    def who_rings_outside_is_counted(self) -> None:
        store = getattr(self, "store", None)
        if store is None or store.waiting or self.call_id not in self.bench.exchange._ledger:
            return
        call = store.stored(self.call_id)
        rings = outside_targets(call.hop) if call.state is State.RINGING else 0
        assert dict(self.bench.exchange.outside.running()) == ({"dev": rings} if rings else {})


class FollowedGroupCalls(GroupCalls, FollowedCalls):
    """Groups whose calls come back when nobody of them answers."""


TestGroupCalls, TestFollowedGroupCalls = GroupCalls.TestCase, FollowedGroupCalls.TestCase
TestGroupCalls.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestFollowedGroupCalls.settings = TestGroupCalls.settings


@given(
    reserves=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    order=st.lists(st.integers(0, 4), max_size=30),
    restarts=st.sets(st.integers(0, 29)),
)
@settings(max_examples=200, deadline=None)
def test_each_line_uses_its_own_reserve_in_order(reserves: list[int], order: list[int], restarts: set[int]) -> None:
    """Whichever lines fail in whichever order, and over restarts."""
    first = [Branch(f"sip:{line}@0", "t0", member=str(line)) for line in range(len(reserves))]
    left = tuple(
        Branch(f"sip:{line}@{n}", f"t{n}", replaces=line, member=str(line))
        for line, number in enumerate(reserves)
        for n in range(1, number + 1)
    )
    fork = Fork("call", 0, first, 0.0, 185.0, reserve=left)
    latest = list(range(len(reserves)))
    for step, line in enumerate(each for each in order if each < len(reserves)):
        if step in restarts:
            fork = Fork("call", 0, [each.branch for each in fork.attempts], 0.0, 185.0, reserve=fork.reserve)
        attempt = fork.attempts[latest[line]]
        tried = sum(each.branch.member == str(line) for each in fork.attempts) - 1
        assert failover.has_next(fork, attempt) == (tried < reserves[line])
        if failover.has_next(fork, attempt):
            following = failover.take_next(fork, attempt)
            assert following.branch == Branch(
                f"sip:{line}@{tried + 1}", f"t{tried + 1}", replaces=attempt.number, member=str(line)
            )
            following.number = latest[line] = len(fork.attempts)
            fork.attempts.append(following)
