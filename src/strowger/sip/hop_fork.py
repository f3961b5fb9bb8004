"""The fork of a hop: its branches, and what a trunk will be told of the way the call has come.

A function of the stored call, so that after a restart the same INVITE is written again.
"""

from __future__ import annotations

from strowger.calls.call import Call, Hop, Opening
from strowger.calls.directory import escape_user
from strowger.calls.identifier import Kind
from strowger.sip.leg import Fork
from strowger.sip.outgoing import Trunks
from strowger.sip.trunk.identity import Caller
from strowger.sip.trunk.passage import Cause, Step

_MOVED = 302


def fork_for(call: Call, hop_index: int, trunks: Trunks, now: float, timer_c_s: float) -> Fork:
    """Nobody is rung yet."""
    hop = call.hops[hop_index]
    return Fork(
        call.call_id,
        hop_index,
        hop.branches,
        now,
        timer_c_s,
        user=hop.to.raw_id,
        reserve=hop.reserve,
        steps=_steps(call, hop_index),
        caller=_caller(call, trunks),
        global_failures=hop.group.global_failures if hop.group is not None else None,
    )


def _steps(call: Call, hop_index: int) -> tuple[Step, ...]:
    """Whom the call was for before: for the members of a group that is the group too, once however long it hunts."""
    hop, came = call.hops[hop_index], [each for each in call.hops[:hop_index] if each.opening is not Opening.HUNT]
    if hop.opening is Opening.HUNT:
        came.pop()
    steps = [_step(each, number) for number, each in enumerate(came)]
    if hop.group is not None:
        steps.append(_step(hop, len(steps))._replace(cause=Cause.UNCONDITIONAL))
    return tuple(steps)


def _step(hop: Hop, number: int) -> Step:
    """The URI of the first is the Request-URI as it came in, and the host of the others is its host: the INVITE knows.
    """
    cause = Cause.DEFLECTED_WHILE_RINGING if hop.branches else Cause.UNCONDITIONAL
    return Step(_uri(hop) if number else "", cause, _MOVED)


def _uri(hop: Hop) -> str:
    name = hop.to.number if hop.to.kind is Kind.PHONE_NUMBER else hop.to.raw_id
    return f"sip:{escape_user(name)}"


def _caller(call: Call, trunks: Trunks) -> Caller:
    came_by = trunks.trunk(call.came_by) if call.came_by else None
    first = call.hops[0].to
    dialled = first.number if first.kind is Kind.PHONE_NUMBER else ""
    return Caller(is_trusted=came_by is not None and came_by.is_trusted, dialled=dialled)
