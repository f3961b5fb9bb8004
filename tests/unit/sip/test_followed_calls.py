"""Calls that are followed until their end: which message is it, and how many there may be."""

from __future__ import annotations

import pytest

from strowger.sip.followed_calls import FollowedCalls, dialog_of
from strowger.sip.message.message import Response


def said(
    status: int = 200, cseq: str = "2 BYE", *, call: str = "c", by: str = "caller", to: str = "target"
) -> Response:
    """What the other party says to a request that `by` sent within the dialog."""
    headers = [("From", f"<sip:a@b>;tag={by}"), ("To", f"<sip:c@d>;tag={to}"), ("Call-ID", call), ("CSeq", cseq)]
    return Response.make(status, "", headers)


class Bench:
    def __init__(self, limit: int = 100) -> None:
        self.over: list[str] = []
        self.calls = FollowedCalls(self.over.append, limit)
        self.calls.follow("one", said(cseq="1 INVITE"))


@pytest.mark.parametrize("bye", [said(), said(202), said(by="target", to="caller")])
def test_a_call_ends_by_the_answer_to_a_bye_of_either_side_once(bye: Response) -> None:
    bench = Bench()
    bench.calls.hear(bye)
    bench.calls.hear(bye)
    assert (bench.over, len(bench.calls)) == (["one"], 0)


@pytest.mark.parametrize(
    "other",
    [said(481), said(401), said(180), said(cseq="2 INVITE"), said(call="d"), said(to="x"), said(cseq="garbage")],
)
def test_and_by_nothing_else(other: Response) -> None:
    bench = Bench()
    bench.calls.hear(other)
    assert (bench.over, len(bench.calls)) == ([], 1)


def test_the_oldest_counts_as_over_at_the_limit() -> None:
    bench = Bench(2)
    for name in ("two", "three"):
        bench.calls.follow(name, said(call=name))
    assert (bench.over, len(bench.calls)) == (["one"], 2)


def test_messages_of_one_dialog_are_known_whoever_sends_them() -> None:
    assert dialog_of(said()) == dialog_of(said(by="target", to="caller"))
    assert len({dialog_of(each) for each in (said(), said(call="d"), said(by="x"), said(to="x"))}) == 4
