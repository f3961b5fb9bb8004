"""Diversion, header by header."""

from __future__ import annotations

import pytest

from strowger.sip.message import Request
from strowger.sip.trunk.diversion import MAX_HEADERS, add_diversion, hide_diversion
from strowger.sip.trunk.passage import Cause, Step

US = "sip:+31201110001@192.0.2.1"
VIA = ("Via", "SIP/2.0/UDP 192.0.2.9")


def diverted(steps: list[Step], *headers: tuple[str, str], is_trusted: bool = False) -> Request:
    request = Request.make("INVITE", US, [VIA, *headers])
    add_diversion(request, steps, is_trusted=is_trusted)
    return request


def test_the_latest_stands_at_the_top() -> None:
    request = diverted([Step(US, Cause.UNCONDITIONAL), Step("sip:carol@192.0.2.1?x=y", Cause.BUSY)])
    assert request.all("Diversion") == [
        "<sip:carol@192.0.2.1>;reason=user-busy;counter=1;privacy=off",
        "<sip:+31201110001@192.0.2.1>;reason=unconditional;counter=1;privacy=off",
    ]
    assert request.lines[0] == "Via: SIP/2.0/UDP 192.0.2.9"


def test_what_came_in_stays_below() -> None:
    request = diverted([Step(US, Cause.NO_ANSWER)], ("Diversion", "<sip:a@b>;reason=away"))
    assert request.all("Diversion") == [
        "<sip:+31201110001@192.0.2.1>;reason=no-answer;counter=1;privacy=off",
        "<sip:a@b>;reason=away",
    ]


@pytest.mark.parametrize(
    ("is_trusted", "header"),
    [
        (True, "<sip:+31201110001@192.0.2.1>;reason=deflection;counter=1;privacy=full"),
        (False, "<sip:anonymous@anonymous.invalid>;reason=deflection;counter=1;privacy=full"),
    ],
)
def test_a_private_history(is_trusted: bool, header: str) -> None:
    request = diverted([Step(US, Cause.DEFLECTED)], ("Privacy", "history"), is_trusted=is_trusted)
    assert request.all("Diversion") == [header]


def test_no_more_headers_than_allowed() -> None:
    came = [("Diversion", "<sip:a@b>")] * MAX_HEADERS
    assert diverted([Step(US, Cause.BUSY)], *came).count("Diversion") == MAX_HEADERS
    assert diverted([Step(US, Cause.BUSY)], *came[1:]).count("Diversion") == MAX_HEADERS


@pytest.mark.parametrize(
    ("came", "left"),
    [
        (
            '"Ann" <sip:ann@b>;reason=away;privacy=full;counter=2',
            "<sip:anonymous@anonymous.invalid>;reason=away;privacy=full;counter=2",
        ),
        ('<sip:ann@b>;privacy="uri"', '<sip:anonymous@anonymous.invalid>;privacy="uri"'),
        ("<sip:ann@b>;privacy=off", "<sip:ann@b>;privacy=off"),
        ("<sip:ann@b>;privacy=name", "<sip:ann@b>;privacy=name"),
        ("<sip:ann@b", "<sip:ann@b"),
        ("<sip:a@b> , <sip:ann@b>;privacy=full", "<sip:a@b>, <sip:anonymous@anonymous.invalid>;privacy=full"),
        ("<sip:a@b>  ,<sip:c@d>", "<sip:a@b>  ,<sip:c@d>"),
    ],
)
def test_who_wants_to_be_kept_private_is_not_shown_to_whoever_is_not_trusted(came: str, left: str) -> None:
    request = Request.make("INVITE", US, [VIA, ("Diversion", came)])
    hide_diversion(request)
    assert request.all("Diversion") == [left]
