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
        self.over: list[tuple[str, bool | None]] = []
        self.calls = FollowedCalls(self._over, limit)
        self.calls.follow("one", said(cseq="1 INVITE"))

    def _over(self, call_id: str, *, is_by_caller: bool | None) -> None:
        self.over.append((call_id, is_by_caller))


@pytest.mark.parametrize(
    ("bye", "is_by_caller"), [(said(), True), (said(202), True), (said(by="target", to="caller"), False)]
)
def test_a_call_ends_by_the_answer_to_a_bye_of_either_side_once(bye: Response, *, is_by_caller: bool) -> None:
    bench = Bench()
    bench.calls.hear(bye)
    bench.calls.hear(bye)
    assert (bench.over, len(bench.calls)) == ([("one", is_by_caller)], 0)


@pytest.mark.parametrize(
    "other",
    [said(481), said(401), said(180), said(cseq="2 INVITE"), said(call="d"), said(to="x"), said(cseq="garbage")],
)
def test_and_by_nothing_else(other: Response) -> None:
    bench = Bench()
    bench.calls.hear(other)
    assert (bench.over, len(bench.calls)) == ([], 1)


def test_the_oldest_is_followed_no_longer_at_the_limit() -> None:
    bench = Bench(2)
    for name in ("two", "three"):
        bench.calls.follow(name, said(call=name))
    assert (bench.over, len(bench.calls)) == ([("one", None)], 2)


def test_of_a_dialog_that_is_forgotten_nothing_is_told() -> None:
    bench = Bench()
    bench.calls.forget(said(cseq="1 INVITE"))
    bench.calls.forget(said(cseq="1 INVITE"))
    bench.calls.hear(said())
    assert (bench.over, len(bench.calls)) == ([], 0)


def test_messages_of_one_dialog_are_known_whoever_sends_them() -> None:
    assert dialog_of(said()) == dialog_of(said(by="target", to="caller"))
    assert len({dialog_of(each) for each in (said(), said(call="d"), said(by="x"), said(to="x"))}) == 4
