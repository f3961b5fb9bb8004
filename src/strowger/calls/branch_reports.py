"""What the branches of a live call report: kept in memory, and written along with the next change of the call.

A branch that rings or ends decides nothing by itself, so that nothing waits for its report. What has not been written
when the server dies is not known afterwards; a branch that rings on then reports again.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from strowger.calls.call import BranchReport, Call, Hop


class BranchReports:
    """The reports of one call that are newer than what is written. A branch that has ended reports no more."""

    __slots__ = ("_by_hop", "_merged", "_of_call")

    def __init__(self) -> None:
        self._by_hop: dict[int, dict[int, BranchReport]] = {}
        self._of_call: Call | None = None
        self._merged: Call | None = None
        """What was made of that call last; None since there is something new."""

    def rang(self, call: Call, hop_index: int, number: int, at: float) -> bool:
        """A branch rings; whether it is the first of its hop that does."""
        known = self._of(call, hop_index)
        report = known.get(number, BranchReport(number))
        if report.rang_at or report.ended_at:
            return False
        is_first = not any(each.rang_at for each in known.values())
        known[number] = replace(report, rang_at=at)
        self._merged = None
        return is_first

    def ended(self, call: Call, hop_index: int, number: int, at: float, status: int, reason: str, cause: int) -> bool:
        """A branch has its final response, or what stands for it; whether that is new."""
        known = self._of(call, hop_index)
        report = known.get(number, BranchReport(number))
        if report.ended_at:
            return False
        known[number] = replace(report, ended_at=at, status=status, reason=reason, cause=cause)
        self._merged = None
        return True

    def merged(self, call: Call) -> Call:
        """The call with everything reported."""
        if self._merged is None or self._of_call is not call:
            hops = list(call.hops)
            for index, reports in self._by_hop.items():
                hops[index] = _with(hops[index], reports)
            self._of_call, self._merged = call, replace(call, hops=hops)
        return self._merged

    def _of(self, call: Call, hop_index: int) -> dict[int, BranchReport]:
        if hop_index not in self._by_hop:
            self._by_hop[hop_index] = {each.number: each for each in call.hops[hop_index].branch_reports}
        return self._by_hop[hop_index]


def cause_of(reports: Iterable[BranchReport], status: int) -> int:
    """The Q.850 cause that came with a final status, or else the last that came with any; 0 for none."""
    causes = (each for each in reports if each.cause)
    last = max(causes, key=lambda each: (each.status == status, each.ended_at), default=None)
    return last.cause if last is not None else 0


def _with(hop: Hop, reports: dict[int, BranchReport]) -> Hop:
    return replace(hop, branch_reports=tuple(reports[number] for number in sorted(reports)))
