"""What a change of a call says of its redirects: whether one of them is over by it, and how. Pure.

    redirect ──▶ hop ──hunt──▶ hop ──hunt──▶ hop        one redirect, one final outcome: that of the last hop
                  │             │             │
               Ringing       Ringing       Ringing, then Answered, Failed or Cancelled

A change may end one redirect and, where nobody can be rung, the next one at once.
"""

from __future__ import annotations

from typing import Final

from strowger.calls.branch_reports import cause_of
from strowger.calls.call import Call, Opening
from strowger.calls.machine import KEEPS_THE_HOP, Input, Occurrence
from strowger.calls.reports import CallBegan, RedirectOutcome, Report, Result, is_between_users

_REDIRECTS: Final = (Opening.REDIRECT, Opening.DEFAULT)
_OPENS: Final = (Input.HOLD, Input.RING, Input.NOBODY, Input.SEND_BACK)
_ENDS_AT_ONCE: Final = {Input.NOBODY: Result.FAILED, Input.SEND_BACK: Result.CANCELLED}
"""Inputs that open a hop and end the call in one."""
_RESULTS: Final = {
    Input.ANSWERED: Result.ANSWERED,
    Input.HOP_FAILED: Result.FAILED,
    Input.DEADLINE: Result.FAILED,
    Input.REJECT: Result.CANCELLED,
    Input.CANCEL: Result.CANCELLED,
    Input.TOO_MANY: Result.CANCELLED,
}
_UNAVAILABLE: Final = (480, "Temporarily Unavailable")


def reports_of(before: Call, after: Call, what: Input, occurrence: Occurrence) -> list[Report]:
    """What there is to report of a change, in the order in which it happened."""
    reports: list[Report] = []
    if before.hops and what not in KEEPS_THE_HOP and occurrence.opening is not Opening.HUNT:
        opened_by = redirect_of(before, before.hop_index)
        if opened_by >= 0:
            reports.append(_concluded(after, what, occurrence, opened_by, before.hop_index))
    result = _ENDS_AT_ONCE.get(what)
    if result is not None and after.hop.opening in _REDIRECTS:
        reports.append(_outcome(result, after, after.hop_index, after.hop_index, occurrence))
    if what is Input.ANSWERED and is_between_users(after):
        reports.append(CallBegan(after, occurrence.at))
    return reports


def ringing(call: Call, hop_index: int, branch: int, at: float) -> RedirectOutcome | None:
    """The outcome of a branch that rings; None where its hop belongs to no redirect."""
    opened_by = redirect_of(call, hop_index)
    if opened_by < 0:
        return None
    return RedirectOutcome(Result.RINGING, call, opened_by, hop_index, at, branch=branch)


def redirect_of(call: Call, hop_index: int) -> int:
    """The hop that was opened by the redirect to which this hop belongs; -1 when it belongs to none."""
    while hop_index and call.hops[hop_index].opening is Opening.HUNT:
        hop_index -= 1
    return hop_index if call.hops[hop_index].opening in _REDIRECTS else -1


def _concluded(after: Call, what: Input, occurrence: Occurrence, opened_by: int, last: int) -> RedirectOutcome:
    if what not in _OPENS:
        result = Result.FAILED if occurrence.opening is Opening.DEFAULT else _RESULTS[what]
        return _outcome(result, after, opened_by, last, occurrence)
    if occurrence.opening not in (Opening.DEFAULT, Opening.RETURNED):
        return RedirectOutcome(Result.CANCELLED, after, opened_by, last, occurrence.at, why=occurrence.why)
    failure = occurrence.failure
    if failure is None:
        return RedirectOutcome(Result.FAILED, after, opened_by, last, occurrence.at, *_UNAVAILABLE, why=occurrence.why)
    return RedirectOutcome(
        Result.FAILED,
        after,
        opened_by,
        last,
        occurrence.at,
        failure.status,
        failure.reason,
        failure.cause or _cause(after, opened_by, last, failure.status),
        failure.why,
    )


def _outcome(result: Result, after: Call, opened_by: int, last: int, occurrence: Occurrence) -> RedirectOutcome:
    status = occurrence.status
    return RedirectOutcome(
        result,
        after,
        opened_by,
        last,
        occurrence.at,
        status,
        occurrence.reason,
        _cause(after, opened_by, last, status),
        occurrence.why,
        after.hops[last].answered_branch if result is Result.ANSWERED else -1,
    )


def _cause(call: Call, first: int, last: int, status: int) -> int:
    return cause_of((report for hop in call.hops[first : last + 1] for report in hop.branch_reports), status)
