"""Why a call is where it is: one sentence, and one for each hop of its chain."""

from __future__ import annotations

from typing import Final

from strowger.calls.call import Branch, Call, GroupStep, Hop, Opening, State
from strowger.calls.identifier import Identifier, Kind

_OPENINGS: Final = {Opening.DEFAULT: "by default", Opening.RETURNED: "held again"}
"""What is said of a hop that no application opened."""


def sentence(call: Call, now: float) -> str:
    """Why the call ended as it did, or what it waits for; `now` is wall time in seconds."""
    if call.is_over:
        return f"The call ended after {_lasted(call.created_at, call.ended_at)} with {call.final_status}: {call.why}."
    left = f"{max(0.0, call.hop.expires_at - now):.0f} s are left" if call.hops else "nothing is decided yet"
    if call.state is State.HELD:
        again = " again" if call.hop.opening is Opening.RETURNED else ""
        return f"The call is held for {name(call.hop.to)}{again} and waits for the application to decide: {left}."
    if call.state is State.RINGING:
        return f"The call rings at {name(call.hop.to)}: {left}."
    return "The call has just arrived."


def chain(call: Call) -> tuple[str, ...]:
    """What happened to the call at each of its addressees, in order."""
    return tuple(_hop(hop, number) for number, hop in enumerate(call.hops, start=1))


def notes(call: Call) -> tuple[str, ...]:
    """What the application was not told of the call, and why."""
    return tuple(f"Left out of its events: {header}." for header in call.headers_left_out)


def name(identifier: Identifier) -> str:
    """How a person would call somebody: the number without its prefix, or the raw id."""
    return identifier.number if identifier.kind is Kind.PHONE_NUMBER else identifier.raw_id


def _hop(hop: Hop, number: int) -> str:
    rang = ", ".join(_branch(branch) for branch in hop.branches)
    did = [_OPENINGS[hop.opening]] if hop.opening in _OPENINGS else []
    did += [f"rang {rang}{_part(hop.group)}"] if rang else []
    did += [f"announced as event {hop.event_id}"] if hop.event_id and hop.opening is not Opening.HUNT else []
    did += [] if rang or hop.event_id else ["nobody to ring and nobody to tell"]
    did += [f"not rung: {each}" for each in (hop.group.left_out if hop.group is not None else ())]
    what = ", ".join(did)
    if not hop.closed_at:
        return f"{number}. {name(hop.to)}: {what}; {hop.decision or 'no decision yet'}"
    return f"{number}. {name(hop.to)}: {what}; after {_lasted(hop.opened_at, hop.closed_at)}: {hop.decision}"


def _part(group: GroupStep | None) -> str:
    """Which part of a group that is."""
    if group is None:
        return ""
    return f" ({group.position} of {group.members} of the group)" if group.position else " (all of the group)"


def _branch(branch: Branch) -> str:
    way = f" through {branch.trunk}" if branch.trunk else ""
    where = f" at {branch.destination}" if branch.destination else ""
    before = f" (the one before: {branch.because})" if branch.because else ""
    return ("then " if branch.replaces >= 0 else "") + branch.uri + way + where + before


def _lasted(begin: float, end: float) -> str:
    return f"{max(0.0, end - begin):.2f} s"
