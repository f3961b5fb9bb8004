"""The fork of a hop: its branches, and what a trunk will be told of the way the call has come.

A function of the stored call, so that after a restart the same INVITE is written again.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from strowger.calls.call import Call, Hop, Opening
from strowger.calls.directory import escape_user
from strowger.calls.identifier import Kind
from strowger.sip.leg import Fork
from strowger.sip.outgoing import Trunks
from strowger.sip.trunk.identity import Caller
from strowger.sip.trunk.passage import Cause, Step

_MOVED = 302
_FAILED: Final = {
    404: Cause.NOT_AVAILABLE,
    408: Cause.NO_ANSWER,
    480: Cause.NO_ANSWER,
    486: Cause.BUSY,
    600: Cause.BUSY,
    603: Cause.DEFLECTED_WHILE_RINGING,
    604: Cause.NOT_AVAILABLE,
}
"""What a response that gave the call back says in terms of RFC 4458 §2."""


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
        refused=hop.refused,
    )


def _steps(call: Call, hop_index: int) -> tuple[Step, ...]:
    """Whom the call was for before: for the members of a group that is the group too, once however long it hunts. That
    it was returned to somebody in between is our own affair.
    """
    hop, came = call.hops[hop_index], [each for each in call.hops[: hop_index + 1] if each.opening is not Opening.HUNT]
    pairs = [pair for pair in pairwise(came) if pair[0].opening is not Opening.RETURNED]
    steps = [_step(*pair, number) for number, pair in enumerate(pairs)]
    if hop.group is not None:
        steps.append(Step(_uri(hop) if steps else "", Cause.UNCONDITIONAL, _MOVED))
    return tuple(steps)


def _step(hop: Hop, following: Hop, number: int) -> Step:
    """The URI of the first is the Request-URI as it came in, and the host of the others is its host: the INVITE knows.
    """
    uri = _uri(hop) if number else ""
    if following.opening is Opening.RETURNED and following.failure is not None:
        return Step(uri, _FAILED.get(following.failure.status, Cause.UNREACHABLE), following.failure.status)
    if following.opening is Opening.DEFAULT:
        return Step(uri, Cause.NO_ANSWER, _MOVED)
    return Step(uri, Cause.DEFLECTED_WHILE_RINGING if hop.branches else Cause.UNCONDITIONAL, _MOVED)


def _uri(hop: Hop) -> str:
    name = hop.to.number if hop.to.kind is Kind.PHONE_NUMBER else hop.to.raw_id
    return f"sip:{escape_user(name)}"


def _caller(call: Call, trunks: Trunks) -> Caller:
    came_by = trunks.trunk(call.came_by) if call.came_by else None
    first = call.hops[0].to
    dialled = first.number if first.kind is Kind.PHONE_NUMBER else ""
    return Caller(is_trusted=came_by is not None and came_by.is_trusted, dialled=dialled)
