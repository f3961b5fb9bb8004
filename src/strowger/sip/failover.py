"""Whether a branch that led nowhere goes on elsewhere, and where: to the next place that serves its URI (RFC 3263
§4.3), or to the next trunk.

    nothing heard ──100──▶ heard ──provisional above 100──▶ rings     only a branch of which nobody has heard may go
         │                   │                                        elsewhere: else two phones rang for one call
         └── silence, no connection, 408 500 502 503 504 ──▶ the next place, as a branch of its own

Pure. A 2xx, and every final response that tells of the callee, ends it: another trunk would get the same answer.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from strowger.base.text import printable
from strowger.calls.call import OF_THE_WAY, Branch
from strowger.sip.leg import Attempt, Fork
from strowger.sip.places import write_destination

PATIENCE_S: Final = 4.0
"""Seconds without any response after which the next place is tried, unless a trunk says otherwise. Timer B of RFC 3261
§17.1.1.2 would be half a minute, and the caller is not to wait that long.
"""
ANYBODY: Final = -1
"""What a branch in reserve replaces that is kept for whichever branch leads nowhere."""
BECAUSE_LIMIT: Final = 120
"""Characters that are kept with a call of why it went on from a place."""
OF_THE_PLACE: Final = frozenset((408, 503))
"""The same for the places of a user's own URI: silence, and what RFC 3263 §4.3 names."""


def heard(attempt: Attempt, status: int) -> None:
    """Note a response. 100 only says that the next hop has the request (RFC 3261 §21.1.1)."""
    attempt.patient_until, attempt.is_adopted = None, False
    attempt.rings = attempt.rings or 100 < status < 300


def goes_on(fork: Fork, attempt: Attempt, status: int) -> bool:
    """Whether another place is to be tried after this outcome, silence being 408 and no connection 503."""
    if attempt.rings or attempt.is_replaced or fork.context.winner is not None or fork.context.cancelled:
        return False
    elsewhere = OF_THE_WAY if attempt.branch.trunk else OF_THE_PLACE
    return status in elsewhere and has_next(fork, attempt)


def has_next(fork: Fork, attempt: Attempt) -> bool:
    """Whether there is another place."""
    return bool(attempt.places or (attempt.branch.trunk and _in_reserve(fork, attempt)))


def take_next(fork: Fork, attempt: Attempt) -> Attempt:
    """The attempt at the next place, which `has_next`; it has no number yet."""
    attempt.is_replaced = True
    because = printable(attempt.trouble, BECAUSE_LIMIT)
    if attempt.places:
        place, *rest = attempt.places
        branch = attempt.branch
        where, instead = write_destination(place), attempt.number
        following = Attempt(
            replace(branch, destination=where, replaces=instead, rung_at=0.0, because=because), -1
        )
        following.places = tuple(rest)
        attempt.places = ()
    else:
        first = _in_reserve(fork, attempt)[0]
        following = Attempt(replace(first, replaces=attempt.number, because=because), -1)
        fork.reserve = tuple(each for each in fork.reserve if each is not first)
    following.first = attempt.first
    return following


def _in_reserve(fork: Fork, attempt: Attempt) -> list[Branch]:
    """What may be rung in the place of an attempt: what is kept for the first of its line."""
    return [each for each in fork.reserve if each.replaces in (ANYBODY, attempt.first)]
