"""Reports of branches: the first word counts, the order does not, and nothing that was written is lost."""

from __future__ import annotations

from strowger.calls.branch_reports import BranchReports, cause_of
from strowger.calls.call import BranchReport, Call, Hop, State
from strowger.calls.identifier import phone_number


def a_call(*reports: BranchReport) -> Call:
    first = Hop(phone_number("+1"), 1.0, 2.0, "e0")
    second = Hop(phone_number("+2"), 3.0, 4.0, ring=("sip:a@b", "sip:c@d"), via="trunk", branch_reports=reports)
    return Call("id", "dev", phone_number("+3"), "Ann", 0.5, [first, second], State.RINGING)


def test_a_branch_rings_and_ends() -> None:
    call, reports = a_call(), BranchReports()
    assert reports.rang(call, 1, 1, 10.0)
    reports.ended(call, 1, 1, 12.0, 486, "Busy Here", 17)
    reports.ended(call, 1, 0, 11.0, 503, "it could not be reached", 0)
    assert reports.merged(call).hops == [
        call.hops[0],
        Hop(
            phone_number("+2"),
            3.0,
            4.0,
            ring=("sip:a@b", "sip:c@d"),
            via="trunk",
            branch_reports=(
                BranchReport(0, 0.0, 11.0, 503, "it could not be reached"),
                BranchReport(1, 10.0, 12.0, 486, "Busy Here", 17),
            ),
        ),
    ]
    assert call.hops[1].branch_reports == ()


def test_the_first_of_a_hop_is_told_apart() -> None:
    call, reports = a_call(), BranchReports()
    assert [reports.rang(call, 1, number, 10.0) for number in (0, 0, 1)] == [True, False, False]


def test_what_is_said_later_changes_nothing() -> None:
    call, reports = a_call(), BranchReports()
    reports.rang(call, 1, 0, 10.0)
    reports.rang(call, 1, 0, 11.0)
    reports.ended(call, 1, 0, 12.0, 200, "OK", 0)
    reports.ended(call, 1, 0, 13.0, 487, "Request Terminated", 0)
    assert not reports.rang(call, 1, 0, 14.0)
    assert reports.merged(call).hop.report_of(0) == BranchReport(0, 10.0, 12.0, 200, "OK")


def test_what_was_written_before_is_kept() -> None:
    call, reports = a_call(BranchReport(0, 5.0, 6.0, 404)), BranchReports()
    assert not reports.rang(call, 1, 0, 9.0)
    assert not reports.rang(call, 1, 1, 9.0), "one of them had rung before"
    assert reports.merged(call).hop.report_of(0) == BranchReport(0, 5.0, 6.0, 404)


def test_of_a_silent_branch_nothing_is_known() -> None:
    assert a_call().hop.report_of(1) == BranchReport(1)


def test_the_cause_of_a_status_or_else_the_last_there_was() -> None:
    ended = ((486, 17, 5.0), (503, 34, 6.0), (480, 0, 7.0))
    reports = [BranchReport(n, 0.0, at, status, "", cause) for n, (status, cause, at) in enumerate(ended)]
    assert [cause_of(reports, status) for status in (486, 480, 500)] == [17, 34, 34]
    assert cause_of([], 486) == 0


def test_what_is_made_of_a_call_is_made_once_until_there_is_something_new() -> None:
    call, reports = a_call(), BranchReports()
    reports.rang(call, 1, 0, 10.0)
    merged = reports.merged(call)
    assert reports.merged(call) is merged
    assert reports.merged(a_call()) is not merged
    reports.ended(call, 1, 0, 12.0, 200, "OK", 0)
    assert reports.merged(call).hop.report_of(0).status == 200
