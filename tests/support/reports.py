"""Reports of one call that was redirected from a number to a user by a trunk, and of one between two users."""

from __future__ import annotations

from strowger.calls.call import Branch, BranchReport, Call, Hop, Opening, State
from strowger.calls.identifier import from_raw_id
from strowger.calls.reports import CallBegan, CallEnded, RedirectOutcome, Result

RESOURCE_ID = "1b5cc06b-f352-4571-b1e6-d9b259b7c776"
CALL_ID = "a90f2b5e-6c3d-4d5e-9a77-0c5d3a2b0002"
PHONE, NUMBER, OUTSIDE = (from_raw_id(f"4:{number}") for number in ("+31612345678", "+31201110001", "+18005550199"))
ALICE, BOB = (from_raw_id(f"8:acs:{RESOURCE_ID}_{name}") for name in ("alice", "bob"))
AT = 1_767_225_600.25


def a_redirected_call(*reports: BranchReport, state: State = State.RINGING, because: str = "503 No") -> Call:
    """Carol calls a number, and is redirected to another one that two trunks lead to."""
    first = Hop(NUMBER, AT - 10.0, AT + 20.0, "e0", closed_at=AT - 8.0, decision="redirect")
    second = Branch("sip:+18005550199@b.test", "b", "UDP/192.0.2.7/5060/b.test", 0, AT - 7.0, because)
    target = Hop(
        OUTSIDE,
        AT - 8.0,
        AT + 52.0,
        ring=("sip:+18005550199@a.test",),
        via="a",
        joined=(second,),
        opening=Opening.REDIRECT,
        branch_reports=reports,
    )
    return Call(CALL_ID, "dev", PHONE, "Carol", AT - 10.0, [first, target], state)


WENT_ON = BranchReport(0, 0.0, AT - 7.0, 503, "Service Unavailable")
RANG = BranchReport(1, AT - 5.0)
BUSY = BranchReport(1, AT - 5.0, AT, 486, "Busy Here", 17)
OK = BranchReport(1, AT - 5.0, AT, 200, "OK")


def ringing() -> RedirectOutcome:
    """One of its branches rings."""
    return RedirectOutcome(Result.RINGING, a_redirected_call(WENT_ON, RANG), 1, 1, AT, branch=1)


def answered() -> RedirectOutcome:
    """And answers."""
    call = a_redirected_call(WENT_ON, OK, state=State.ANSWERED)
    why = "answered by sip:+18005550199@b.test"
    return RedirectOutcome(Result.ANSWERED, call, 1, 1, AT, 200, "OK", 0, why, 1)


def failed() -> RedirectOutcome:
    """Or is busy."""
    call = a_redirected_call(WENT_ON, BUSY, state=State.FAILED)
    why = "sip:+18005550199@b.test: 486 Busy Here"
    return RedirectOutcome(Result.FAILED, call, 1, 1, AT, 486, "Busy Here", 17, why)


def cancelled() -> RedirectOutcome:
    """Or the caller gives up."""
    call = a_redirected_call(WENT_ON, RANG, state=State.CANCELLED)
    return RedirectOutcome(Result.CANCELLED, call, 1, 1, AT, 487, "Request Terminated", 0, "the caller hung up")


def between_users(state: State = State.ANSWERED) -> Call:
    """Alice calls Bob."""
    answer = (BranchReport(0, AT - 3.0, AT, 200, "OK"),)
    hop = Hop(BOB, AT - 5.0, AT + 55.0, "e1", ("sip:bob@127.0.0.1:5072",), closed_at=AT, branch_reports=answer)
    return Call(CALL_ID, "dev", ALICE, "Alice", AT - 5.0, [hop], state)


def began() -> CallBegan:
    """Bob answers."""
    return CallBegan(between_users(), AT)


def ended(*, is_by_caller: bool = True) -> CallEnded:
    """After 49.5 s one of them hangs up."""
    return CallEnded(between_users(State.RINGING), AT - 49.5, AT, is_by_caller=is_by_caller)
