"""Groups: several members behind the id of one user or number, rung all at once or one after the other.

Members are looked up when they are rung, so that the phones registered just now ring and trunks that are down do not. A
member is a user, rung at its own phones whatever else is behind its id, or a number outside; so no group leads to
another one, and none to itself (docs/decisions/0015-ring-plans.md).

Pure. It leaves to others: when a step is over (hunt), which phones there are (directory), and counting calls that leave
for the outside (exchange).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import zip_longest
from typing import Final

import msgspec
from msgspec.structs import replace

from strowger.calls.call import Branch, Call, GroupStep, Hop
from strowger.calls.directory import Directory, outside_id
from strowger.calls.errors import DecisionRefused
from strowger.calls.identifier import Identifier, Kind, from_raw_id
from strowger.calls.outside_policy import OutsidePolicy, attempt_of
from strowger.calls.ports import RingPlan

MEMBERS: Final = 25
"""Members of one group at most."""
BRANCHES: Final = 50
"""Phones that ring at once for one call at most, each member's first ones first."""
_GLOBAL_FAILURE: Final = 600


class Mode(StrEnum):
    """How the members of a group are rung."""

    ALL = "all"
    IN_ORDER = "in-order"


class Member(msgspec.Struct, frozen=True, gc=False):
    """One of those behind an id."""

    who: Identifier
    """A user of ours or a number outside."""
    time_s: float = 20.0
    """How long it rings before the next one does, seconds."""


class Group(msgspec.Struct, frozen=True):
    """What rings for one user or number of ours."""

    to: Identifier
    mode: Mode
    members: tuple[Member, ...]
    ends_on: tuple[int, ...] = (486, 603)
    """The final responses of one member that end the search for another."""


class Prospect(msgspec.Struct, frozen=True, gc=False):
    """What would come of a member just now."""

    member: Member
    uris: tuple[str, ...] = ()
    """Its phones; of one outside, where its first trunk would send the call."""
    why: str = ""
    """Why it would not be rung; empty when it would."""


class _Found(msgspec.Struct, frozen=True, gc=False):
    """Where a member is rung; without branches, why not."""

    member: Member
    branches: tuple[Branch, ...] = ()
    reserve: tuple[Branch, ...] = ()
    why: str = ""

    @property
    def is_outside(self) -> bool:
        return bool(self.branches and self.branches[0].trunk)


class Groups:
    """Every group of the settings."""

    def __init__(self, groups: Iterable[Group], directory: Directory, outside: OutsidePolicy) -> None:
        self._groups = {group.to.raw_id.lower(): group for group in groups}
        self._directory = directory
        self._outside = outside

    def __len__(self) -> int:
        return len(self._groups)

    def of(self, to: Identifier) -> Group | None:
        """The group behind an id, if there is one."""
        return self._groups.get(to.raw_id.lower())

    def first(self, call: Call, plan: RingPlan, now: float) -> RingPlan:
        """Who rings first for the addressee of a plan, whether it is a group or not. `now` is monotonic."""
        group = self.of(plan.to)
        if group is None:
            return plan
        called = (plan.to.number,) if plan.to.kind is Kind.PHONE_NUMBER else ()
        if group.mode is Mode.IN_ORDER:
            return self._step(group, call, 0, called, now)
        return self._all(group, call, called, now)

    def following(self, call: Call, now: float) -> RingPlan | None:
        """Who rings after the current step of a hunt; None when nobody is left."""
        hop, group = call.hop, self.of(call.hop.to)
        if group is None or group.mode is not Mode.IN_ORDER or hop.group is None or not hop.group.position:
            return None
        plan = self._step(group, call, hop.group.position, (), now)
        return plan if plan.rings else None

    def ends(self, hop: Hop, status: int) -> bool:
        """Whether the hunt of a hop is over with this final response of a member."""
        group = self.of(hop.to)
        return group is None or status in group.ends_on

    def prospects(self, call: Call, now: float) -> list[Prospect]:
        """What would come of each member of the group that a call is for, if it came now. Counts nothing."""
        group = self.of(call.hop.to)
        found = list(self._found(group.members, call.resource, call.caller)) if group is not None else []
        leaving = [each for each in found if each.is_outside]
        attempts = [attempt_of(call, outside_id(each.member.who)) for each in leaving]
        refusals = dict(zip((each.member.who for each in leaving), self._outside.verdicts(attempts, now), strict=True))
        return [_prospect(each, refusals.get(each.member.who)) for each in found]

    # All at once, or one after the other -----------------------------------------------------------------------------

    def _all(self, group: Group, call: Call, called: tuple[str, ...], now: float) -> RingPlan:
        found = self._admitted(group.members, call, called, now)
        declines = tuple(status for status in group.ends_on if status >= _GLOBAL_FAILURE)
        return _plan(group.to, found, found, GroupStep(members=len(group.members), global_failures=declines))

    def _step(self, group: Group, call: Call, position: int, called: tuple[str, ...], now: float) -> RingPlan:
        """The first member after `position` that can be rung; when there is none all are waited for."""
        passed: list[_Found] = []
        for number, member in enumerate(group.members[position:], start=position + 1):
            found = self._admitted((member,), call, called, now)
            if found[0].branches:
                later_s = sum(each.time_s for each in group.members[number:])
                step = GroupStep(position=number, members=len(group.members))
                plan = _plan(group.to, [*passed, *found], found, step)
                return replace(plan, time_s=member.time_s, later_s=later_s)
            passed += found
        return _plan(group.to, passed, passed, GroupStep(position=len(group.members), members=len(group.members)))

    # One member ------------------------------------------------------------------------------------------------------

    def _admitted(self, members: Sequence[Member], call: Call, called: tuple[str, ...], now: float) -> list[_Found]:
        """Where the members are rung, without those that the rules about the outside keep from it."""
        found = list(self._found(members, call.resource, call.caller))
        leaving = [number for number, each in enumerate(found) if each.is_outside]
        attempts = [attempt_of(call, outside_id(found[number].member.who)) for number in leaving]
        attempts = [each._replace(called=(*each.called, *called)) for each in attempts]
        for number, refusal in zip(leaving, self._outside.sift(call.call_id, attempts, now), strict=True):
            if refusal is not None:
                found[number] = _Found(found[number].member, why=str(refusal))
        return found

    def _found(self, members: Iterable[Member], resource: str, caller: Identifier) -> Iterator[_Found]:
        for member in members:
            try:
                plan = self._directory.target(resource, member.who, caller)
            except DecisionRefused as refusal:
                yield _Found(member, why=str(refusal))
                continue
            name = plan.to.raw_id
            branches = tuple(Branch(uri, plan.via, member=name) for uri in plan.ring)
            reserve = tuple(Branch(each.uri, each.trunk, member=name) for each in plan.reserve)
            yield _Found(member, branches, reserve, "" if branches else "no phone of this user is registered")


def _prospect(found: _Found, refusal: DecisionRefused | None) -> Prospect:
    if refusal is not None:
        return Prospect(found.member, why=str(refusal))
    return Prospect(found.member, tuple(branch.uri for branch in found.branches), found.why)


def outside_of(plan: RingPlan) -> tuple[Identifier, ...]:
    """The targets outside that a plan rings: the addressee itself, or members of a group."""
    if plan.group is None:
        return (plan.to,) if plan.via else ()
    return tuple(from_raw_id(branch.member) for branch in plan.group.branches if branch.trunk)


def _plan(to: Identifier, found: Sequence[_Found], rung: Sequence[_Found], step: GroupStep) -> RingPlan:
    """The plan that rings those found: of each the first phone, then of each the second, until there are enough.

    Phones that register meanwhile ring for those that are `rung`.
    """
    rounds = zip_longest(*(each.branches for each in found))
    by_place = {(each.uri, each.trunk): each for of_each in rounds for each in of_each if each is not None}
    everything = tuple(by_place.values())
    branches = everything[:BRANCHES]
    numbers = {branch.member: number for number, branch in enumerate(branches) if branch.trunk}
    reserve = tuple(
        replace(branch, replaces=numbers[branch.member])
        for each in found
        for branch in each.reserve
        if branch.member in numbers
    )
    users = tuple(each.member.who.raw_id.lower() for each in rung if each.member.who.kind is Kind.COMMUNICATION_USER)
    left_out = [f"{each.member.who.raw_id}: {each.why}" for each in found if each.why]
    left_out += [f"{branch.uri}: {BRANCHES} phones ring already" for branch in everything[BRANCHES:]]
    group = replace(step, branches=branches, users=users, left_out=tuple(left_out))
    return RingPlan(to, reserve=reserve, announced=True, group=group)
