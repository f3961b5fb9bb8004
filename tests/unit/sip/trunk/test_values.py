"""Some values of a header change, and nothing else."""

from __future__ import annotations

from strowger.sip.message import Request
from strowger.sip.trunk.values import rewrite

LINES = ["<sip:a@b>  ,<sip:c@d>", "<sip:e@f>"]


def a_request() -> Request:
    return Request.make("INVITE", "sip:x", [("Diversion", line) for line in LINES])


def test_lines_without_a_change_keep_their_bytes() -> None:
    request = a_request()
    rewrite(request, "Diversion", lambda value: value.replace("e@f", "g@h"))
    assert request.all("Diversion") == [LINES[0], "<sip:g@h>"]
    rewrite(request, "Diversion", lambda value: value.replace("a@b", "i@j"))
    assert request.all("Diversion") == ["<sip:i@j>, <sip:c@d>", "<sip:g@h>"]


def test_nothing_changes_where_no_value_does() -> None:
    request = a_request()
    before = request.to_bytes()
    rewrite(request, "Diversion", lambda value: value)
    rewrite(request, "History-Info", lambda value: "x")
    assert request.to_bytes() == before
