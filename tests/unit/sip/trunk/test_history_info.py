"""History-Info, header by header."""

from __future__ import annotations

import pytest

from strowger.sip.message import Request
from strowger.sip.trunk.history_info import MAX_ENTRIES, MAX_INDEX, add_history, hide_history
from strowger.sip.trunk.passage import Cause, Step

US = "sip:+31201110001@192.0.2.1"
CAROL = "sip:carol@192.0.2.1"
OUT = "sip:+31612345678@carrier.example;transport=tcp"
REDIRECTED = Step(US, Cause.UNCONDITIONAL, 302)
DEFLECTED = Step(CAROL, Cause.DEFLECTED_WHILE_RINGING)
BUSY = Step(CAROL, Cause.BUSY, 486)


def history(steps: list[Step], *came: str, goes_to: str = OUT) -> list[str]:
    request = a_request(*came)
    add_history(request, steps, goes_to)
    return request.all("History-Info")


def a_request(*came: str, privacy: str = "") -> Request:
    headers = [("Via", "SIP/2.0/UDP 192.0.2.9"), *(("History-Info", value) for value in came), ("Subject", "x")]
    return Request.make("INVITE", US, [*headers, *([("Privacy", privacy)] if privacy else [])])


def test_one_redirect() -> None:
    assert history([REDIRECTED]) == [
        "<sip:+31201110001@192.0.2.1?Reason=SIP%3Bcause%3D302>;index=1",
        "<sip:+31612345678@carrier.example;transport=tcp;cause=302>;index=1.1;mp=1",
    ]


def test_two_redirects_stand_side_by_side() -> None:
    assert history([REDIRECTED, DEFLECTED]) == [
        "<sip:+31201110001@192.0.2.1?Reason=SIP%3Bcause%3D302>;index=1",
        "<sip:carol@192.0.2.1;cause=302>;index=1.1;mp=1",
        "<sip:+31612345678@carrier.example;transport=tcp;cause=487>;index=1.2;mp=1.1",
    ]


def test_a_phone_that_was_busy() -> None:
    assert history([REDIRECTED, BUSY])[1:] == [
        "<sip:carol@192.0.2.1;cause=302?Reason=SIP%3Bcause%3D486>;index=1.1;mp=1",
        "<sip:+31612345678@carrier.example;transport=tcp;cause=486>;index=1.2;mp=1.1",
    ]


def test_without_a_redirect_nothing_is_added() -> None:
    assert history([]) == []


def test_the_entry_that_came_in_gets_the_reason_and_is_continued() -> None:
    came = "<sip:a@b>;index=1, <sip:+31201110001@192.0.2.1;user=phone>;index=1.1;rc=1"
    assert history([REDIRECTED], came) == [
        "<sip:a@b>;index=1, <sip:+31201110001@192.0.2.1;user=phone?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1",
        "<sip:+31612345678@carrier.example;transport=tcp;cause=302>;index=1.1.1;mp=1.1",
    ]


def test_without_a_status_what_came_in_keeps_its_bytes() -> None:
    request = Request.make("INVITE", US, [])
    request.lines.insert(0, f"history-INFO:<{US}>;index=1 ,\r\n <{US}> ;index=1.1")
    request = Request("INVITE", US, request.lines)
    add_history(request, [Step(US, Cause.DEFLECTED)], OUT)
    assert request.lines[0] == f"history-INFO:<{US}>;index=1 ,\r\n <{US}> ;index=1.1"
    assert request.all("History-Info")[1].endswith(";index=1.1.1;mp=1.1")


def test_a_reason_that_is_there_stays_and_privacy_beside_it_too() -> None:
    assert history([REDIRECTED], f"<{US}?Reason=Q.850%3Bcause%3D16>;index=1")[0] == (
        f"<{US}?Reason=Q.850%3Bcause%3D16>;index=1"
    )
    assert history([REDIRECTED], f"<{US}?Privacy=history>;index=1")[0] == (
        f"<{US}?Privacy=history&Reason=SIP%3Bcause%3D302>;index=1"
    )


def test_a_gap_is_marked_by_0() -> None:
    assert history([REDIRECTED], "<sip:somebody@else.example>;index=1.1.2") == [
        "<sip:somebody@else.example>;index=1.1.2",
        "<sip:+31201110001@192.0.2.1?Reason=SIP%3Bcause%3D302>;index=1.1.2.0.1",
        "<sip:+31612345678@carrier.example;transport=tcp;cause=302>;index=1.1.2.0.1.1;mp=1.1.2.0.1",
    ]


def test_an_entry_of_another_scheme_is_no_entry_of_ours() -> None:
    assert history([REDIRECTED], "<urn:service:sos>;index=1")[1].endswith(";index=1.0.1")


def test_tel_uris_carry_neither_cause_nor_reason() -> None:
    assert history([Step("tel:+31201110001", Cause.BUSY, 486)], goes_to="tel:+31612345678") == [
        "<tel:+31201110001>;index=1",
        "<tel:+31612345678>;index=1.1;mp=1",
    ]
    assert history([Step("tel:+31-20-1110001", Cause.BUSY, 486)], "<tel:+31201110001>;index=1")[0] == (
        "<tel:+31201110001>;index=1"
    )


def test_a_target_with_a_cause_keeps_it() -> None:
    assert history([REDIRECTED], goes_to="sip:a@b;cause=408")[1] == "<sip:a@b;cause=408>;index=1.1;mp=1"


@pytest.mark.parametrize(
    "came",
    [
        '"unclosed <sip:a@b>;index=1',
        "<sip:a@b>",
        "<sip:a@b>;index=one",
        "<sip:a@b>;index=1..1",
        f"<sip:a@b>;index={'1.' * MAX_INDEX}1",
        ", ".join(f"<sip:a@b>;index=1.{n}" for n in range(MAX_ENTRIES)),
    ],
)
def test_what_cannot_be_continued_is_left_alone(came: str) -> None:
    assert history([REDIRECTED], came) == [came]


def test_one_entry_less_than_too_many_is_continued() -> None:
    came = ", ".join(f"<sip:a@b>;index=1.{n}" for n in range(MAX_ENTRIES - 1))
    assert len(history([REDIRECTED], came)) == 3


def test_hiding_nothing_changes_nothing() -> None:
    request = a_request("<sip:a@b>;index=1,<sip:c@d>;index=1.1")
    before = request.to_bytes()
    hide_history(request)
    assert request.to_bytes() == before


def test_an_entry_that_wants_to_is_hidden() -> None:
    request = a_request("<sip:a@b>;index=1 , <sip:c@d?Reason=SIP%3Bcause%3D486&Privacy=history>;index=1.1;mp=1;x")
    hide_history(request)
    assert request.all("History-Info") == [
        "<sip:a@b>;index=1, <sip:anonymous@anonymous.invalid>;index=1.1;mp=1;x",
    ]


@pytest.mark.parametrize("privacy", ["history", "header;user", "session"])
def test_all_are_hidden_if_the_request_wants_that(privacy: str) -> None:
    request = a_request("<sip:a@b>;index=1", '"x <sip:c@d>;index=1.1', "<sip:e@f>;index=1.2", privacy=privacy)
    hide_history(request)
    assert request.all("History-Info") == [
        "<sip:anonymous@anonymous.invalid>;index=1",
        "<sip:anonymous@anonymous.invalid>;index=1",
        "<sip:anonymous@anonymous.invalid>;index=1.2",
    ]
