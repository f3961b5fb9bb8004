"""What an application is told whose call may not leave for the outside: published codes, and a sentence that names the
setting which decided it.
"""

from __future__ import annotations

from typing import Final

from strowger.base.text import printable
from strowger.calls.errors import CallThrottled, TargetForbidden
from strowger.calls.number_ranges import NETWORKS, PREMIUM, SATELLITE
from strowger.calls.outside_rules import EMERGENCY_CALL, HAIRPIN, NOT_ALLOWED, NUMBER_REASONS

CALLS: Final = "calls"
PER_MINUTE: Final = "calls_per_minute"
PER_DAY: Final = "calls_per_day"
MINUTES: Final = "minutes_per_day"
OF_CALLER: Final = "caller_"
LIMIT_REASONS: Final = (*(f"{of}{limit}" for of in ("", OF_CALLER) for limit in (CALLS, PER_MINUTE, PER_DAY)), MINUTES)
"""Why a call may not go out just now: the names of the settings that decide it."""
REASONS: Final = (*NUMBER_REASONS, HAIRPIN, *LIMIT_REASONS)

_CODES: Final = {CALLS: "8530", PER_MINUTE: "8516", PER_DAY: "8529", MINUTES: "8529"}
"""ACS: Call Automation error codes; active calls limit, throttled, and the limit of a longer time."""
_SPANS: Final = {
    CALLS: "at one time",
    PER_MINUTE: "in a minute",
    PER_DAY: "in 24 hours",
    MINUTES: "in 24 hours, since its calls have talked for as long as they may",
}
_GROUPS: Final = {
    PREMIUM: "a premium rate number",
    SATELLITE: "a satellite number",
    NETWORKS: "a number of no country",
}
_SHOWN: Final = 64


def throttled(setting: str, most: int, whose: str) -> CallThrottled:
    """Too many calls, or too long ones; `setting` says which, `most` is its value."""
    limit = setting.removeprefix(OF_CALLER)
    return CallThrottled(
        f"{whose} may have no further call to the outside {_SPANS[limit]} ([[outside]] {setting} = {most}): "
        "redirect to somebody else, reject the call, or raise the limit",
        _CODES[limit],
    )


def forbidden(reason: str, resource: str, number: str) -> TargetForbidden:
    """No call to this number, at any time."""
    return TargetForbidden(_why_not_this(reason, resource, printable(number, _SHOWN)))


def _why_not_this(reason: str, resource: str, dialled: str) -> str:
    if reason == EMERGENCY_CALL:
        return f"no call is redirected to an emergency number, nor away from one: {dialled} ([[outside]] emergency)"
    if reason == HAIRPIN:
        return f"a call of somebody outside is not redirected outside again, to {dialled}: see [[outside]] hairpin"
    if reason == NOT_ALLOWED:
        return f"{resource} may not redirect to numbers that begin like {dialled}: see [[outside]] allow"
    if reason in _GROUPS:
        return f"{dialled} is {_GROUPS[reason]}, which {resource} may not redirect to: see [[outside]] costly"
    return f"{resource} may not redirect to {dialled}: see [[outside]] deny"
