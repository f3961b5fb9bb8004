"""What a running server tells of the ways out of it: where a redirect would lead now, and why.

Asks the same parts that decide about a call. Nobody is rung and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from strowger.base.text import printable
from strowger.calls.call import Call, Hop
from strowger.calls.directory import Directory, outside_id
from strowger.calls.errors import CallRefused, DecisionRefused
from strowger.calls.groups import Group, Groups, Mode, Prospect
from strowger.calls.identifier import (
    ANONYMOUS_CALLER,
    Identifier,
    Kind,
    from_raw_id,
    phone_number,
    teams_app,
    teams_user,
)
from strowger.calls.outside_policy import Attempt, OutsidePolicy, is_outside
from strowger.calls.ports import RingPlan
from strowger.console.errors import QueryInvalid
from strowger.console.queries import RouteQuestion
from strowger.console.sip_views import OURS, OUTSIDE, REFUSED, MemberView, RouteTestView, RouteView, WayView
from strowger.console.views import PartyView
from strowger.sip.trunk.explanation import Explanation, Way, explain, shown_caller
from strowger.sip.trunk.selection import Selection

ANONYMOUS: Final = "anonymous"
_SHOWN: Final = 100
_NOWHERE: Final = Explanation((), ())


class RouteInspection:
    """The routes as an operator sees them."""

    def __init__(
        self,
        selection: Selection,
        directory: Directory,
        monotonic: Callable[[], float],
        resources: Sequence[str],
        is_told: Callable[[Call], bool],
        outside: OutsidePolicy,
        groups: Groups,
    ) -> None:
        """`resources` are the names of all, `is_told` whether anybody hears of the current hop of a call."""
        self._selection = selection
        self._directory = directory
        self._monotonic = monotonic
        self._resources = resources
        self._is_told = is_told
        self._outside = outside
        self._groups = groups

    def test_route(self, question: RouteQuestion) -> RouteTestView:
        """What a redirect would do now. Raises QueryInvalid for what cannot be asked."""
        owner, target = self._target(question.target, question.kind)
        resource = question.resource or owner or next(iter(self._resources), "")
        if resource not in self._resources:
            raise QueryInvalid(f"There is no resource {printable(resource, _SHOWN)!r} in the settings.")
        caller = self._caller(question.caller)
        try:
            plan = self._directory.target(resource, target, caller)
        except DecisionRefused as error:
            return self._view(question, resource, RingPlan(target), REFUSED, str(error), code=error.code)
        if plan.announced:
            call = _call(resource, caller, plan.to)
            is_told, group = self._is_told(call), self._groups.of(plan.to)
            if group is not None:
                return self._of_group(question, call, group, is_told=is_told)
            says = _says_ours(resource, plan, is_told=is_told)
            return self._view(question, resource, plan, OURS, says, is_told=is_told)
        attempt = Attempt(resource, caller.raw_id, outside_id(plan.to), is_from_outside=is_outside(caller))
        refusal = self._outside.verdict(attempt, self._monotonic())
        if refusal is not None:
            return self._view(question, resource, plan, REFUSED, str(refusal), code=refusal.code)
        return self._view(question, resource, plan, OUTSIDE, self._says_outside(plan.to))

    def _of_group(self, question: RouteQuestion, call: Call, group: Group, *, is_told: bool) -> RouteTestView:
        members = self._groups.prospects(call, self._monotonic())
        says = _says_group(call.resource, group, members, is_told=is_told)
        view = self._view(question, call.resource, RingPlan(group.to), OURS, says, is_told=is_told)
        return replace(view, members=tuple(_member(each, group) for each in members))

    # Who is meant ----------------------------------------------------------------------------------------------------

    def _target(self, text: str, kind: str) -> tuple[str, Identifier]:
        """Whose the target is, if it is anybody's of ours, and the target."""
        if kind and kind not in frozenset(Kind):
            raise QueryInvalid(f"kind is one of {', '.join(Kind)}.")
        try:
            owner, plan = self._directory.addressee(text.removeprefix("4:"))
        except CallRefused:
            return "", identifier_of(text, kind)
        return (owner, plan.to) if kind in ("", plan.to.kind) else ("", identifier_of(text, kind))

    def _caller(self, text: str) -> Identifier:
        if text in ("", ANONYMOUS):
            return Identifier(Kind.PHONE_NUMBER, ANONYMOUS_CALLER)
        return self._target(text, "")[1]

    def target(self, text: str) -> Identifier:
        """Who is meant by a number, a raw id or the name of a user. Raises QueryInvalid."""
        return self._target(text, "")[1]

    def ways(self, target: Identifier, caller: str) -> tuple[tuple[RouteView, ...], tuple[WayView, ...], bool]:
        """The routes to a target outside, their trunks, and whether equals among these are drawn; `caller` as shown."""
        found = self._explained(target)
        return _routes(found), tuple(_way(way, caller) for way in found.ways), found.is_drawn

    # What is said ----------------------------------------------------------------------------------------------------

    def _says_outside(self, target: Identifier) -> str:
        tried = [way.trunk for way in self._explained(target).ways if way.place]
        first = [trunk.name for trunk in tried if trunk.priority == tried[0].priority]
        names = " or ".join(first) + "".join(f", then {trunk.name}" for trunk in tried[len(first) :])
        return f"{_name(target)} is outside: it is rung through {names}."

    def _explained(self, target: Identifier) -> Explanation:
        return explain(self._selection, target.kind.value, outside_id(target), self._monotonic())

    def _view(
        self,
        question: RouteQuestion,
        resource: str,
        plan: RingPlan,
        outcome: str,
        says: str,
        *,
        code: str = "",
        is_told: bool = False,
    ) -> RouteTestView:
        found = _NOWHERE if outcome == OURS else self._explained(plan.to)
        return RouteTestView(
            target=PartyView(plan.to.kind.value, plan.to.raw_id),
            resource=resource,
            outcome=outcome,
            says=says,
            code=code,
            is_announced=is_told,
            ring=plan.ring if outcome == OURS else (),
            routes=_routes(found),
            ways=tuple(_way(way, question.caller) for way in found.ways),
            is_drawn=found.is_drawn,
        )


def identifier_of(text: str, kind: str = "") -> Identifier:
    """What somebody typed as an identifier: a number, a raw id, or the bare id that goes with a kind. Raises
    QueryInvalid.
    """
    found = from_raw_id(text)
    is_number = text.removeprefix("+").isdigit()
    if found.kind is Kind.UNKNOWN and (kind == Kind.PHONE_NUMBER or (not kind and is_number)):
        return phone_number(text)
    if kind in ("", found.kind):
        return found
    if kind == Kind.MICROSOFT_TEAMS_USER:
        return teams_user(text)
    if kind == Kind.MICROSOFT_TEAMS_APP:
        return teams_app(text)
    if kind == Kind.UNKNOWN:
        return Identifier(Kind.UNKNOWN, text)
    raise QueryInvalid(f"{printable(text, _SHOWN)!r} is no {kind}: give its raw id, like 8:acs:…")


def _call(resource: str, caller: Identifier, to: Identifier) -> Call:
    """The call as its event would show it, without what nobody knows before it comes."""
    return Call("", resource, caller, "", 0.0, [Hop(to, 0.0, 0.0)])


def _says_ours(resource: str, plan: RingPlan, *, is_told: bool) -> str:
    name = _name(plan.to)
    told = f"it is announced to {resource}" if is_told else f"no [[subscription]] of {resource} is told of it"
    if plan.to.kind is Kind.PHONE_NUMBER:
        ends = "which decides anew" if is_told else "so that the caller gets 480"
        return f"{name} is a number of {resource}: {told}, {ends}."
    if plan.ring:
        phones = "phone rings" if len(plan.ring) == 1 else "phones ring"
        return f"{name} is a user of {resource}: {len(plan.ring)} {phones}, and {told}."
    ends = "" if is_told else ", so that the caller gets 480"
    return f"{name} is a user of {resource} without a phone just now: {told}{ends}."


def _says_group(resource: str, group: Group, members: Sequence[Prospect], *, is_told: bool) -> str:
    told = f"it is announced to {resource}" if is_told else f"no [[subscription]] of {resource} is told of it"
    able = sum(not each.why for each in members)
    if not able:
        ends = "" if is_told else ", so that the caller gets 480"
        return f"{_name(group.to)} is a group of {resource} of which nobody can be rung just now: {told}{ends}."
    how = "one after the other" if group.mode is Mode.IN_ORDER else "all at once"
    return f"{_name(group.to)} is a group of {resource}: {able} of {len(members)} members ring, {how}, and {told}."


def _member(prospect: Prospect, group: Group) -> MemberView:
    who = prospect.member.who
    time_s = prospect.member.time_s if group.mode is Mode.IN_ORDER else 0.0
    return MemberView(PartyView(who.kind.value, who.raw_id), prospect.uris, time_s, prospect.why)


def _routes(found: Explanation) -> tuple[RouteView, ...]:
    return tuple(RouteView(route.kind, route.match, route.to) for route in found.routes)


def _way(way: Way, caller: str) -> WayView:
    trunk = way.trunk
    return WayView(
        trunk=trunk.name,
        place=way.place,
        left_out=way.left_out,
        priority=trunk.priority,
        weight=trunk.weight,
        share=way.share,
        uri=way.uri,
        number_format=trunk.number_format.form,
        caller_id=trunk.caller_id.value,
        caller=shown_caller(trunk, caller),
        forwarded_as=tuple(sorted(each.value for each in trunk.forwarded_as)),
    )


def _name(identifier: Identifier) -> str:
    return identifier.number if identifier.kind is Kind.PHONE_NUMBER else identifier.raw_id
