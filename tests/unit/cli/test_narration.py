"""The running commentary."""

from __future__ import annotations

import pytest

from strowger.calls.call import Branch, BranchReport, Failure, GroupStep, Hop, Opening, State
from strowger.calls.identifier import phone_number
from strowger.cli.narration import Narrator, clock, lasted, outcomes, short_id, span
from strowger.console.views import PartyView, view
from tests.support.console import a_call, a_redirected_call

NARRATOR = Narrator({"8:acs:res_bob": "bob"})


def test_a_held_call() -> None:
    assert NARRATOR.lines(view(a_call()), "hold") == [
        "00:00:00.000  call 7f3a0000  INVITE  +31612345678 -> +31201110001",
        "00:00:00.000  call 7f3a0000  --> IncomingCall  evt-1",
    ]


def test_a_redirect_and_what_is_rung() -> None:
    call = a_redirected_call()
    call.ended_at = 0.0
    assert NARRATOR.lines(view(call), "ring") == [
        "00:00:00.070  call 7f3a0000  <== redirect to bob",
        "00:00:00.070  call 7f3a0000  ringing sip:bob@127.0.0.1:5071",
        "00:00:00.070  call 7f3a0000  --> IncomingCall  evt-2",
    ]


def test_a_call_that_comes_back_and_one_that_goes_on_by_default() -> None:
    call = a_redirected_call()
    call.ended_at = 0.0
    call.hops[-1].opening = Opening.DEFAULT
    assert NARRATOR.lines(view(call), "ring")[0] == "00:00:00.070  call 7f3a0000  ... by default to bob"
    call.hops[-1].opening = Opening.RETURNED
    call.hops[-1].failure = Failure("4:+45", 486, "Busy Here", "+45 is busy")
    assert NARRATOR.lines(view(call), "hold")[0] == "00:00:00.070  call 7f3a0000  --- returned to bob: +45 is busy"


def test_a_sentence_with_names_in_the_place_of_raw_ids() -> None:
    assert NARRATOR.named("redirect to 8:acs:RES_bob; 8:acs:res_zoe left") == "redirect to bob; 8:acs:res_zoe left"
    assert NARRATOR.named("sip:8:acs:res_bob@127.0.0.1 rings") == "sip:8:acs:res_bob@127.0.0.1 rings"


def test_what_the_first_event_does_not_show() -> None:
    call = a_call(headers_left_out=("X-A: its value is not UTF-8",))
    assert NARRATOR.lines(view(call), "hold")[2:] == [
        "00:00:00.000  call 7f3a0000  left out of it: X-A: its value is not UTF-8"
    ]
    call.hops[0].event_id = ""
    assert len(NARRATOR.lines(view(call), "hold")) == 1


def test_an_answer() -> None:
    assert NARRATOR.lines(view(a_redirected_call()), "answered") == [
        "00:00:02.310  call 7f3a0000  answered with 200  answered by sip:bob@127.0.0.1:5071  2.31 s after the INVITE"
    ]


def test_a_call_to_nobody_begins_and_ends_at_once() -> None:
    call = a_call(state=State.FAILED, ended_at=1_767_225_600.0, final_status=480, why="nobody can be reached")
    call.hops[0].event_id = ""
    assert NARRATOR.lines(view(call), "nobody") == [
        "00:00:00.000  call 7f3a0000  INVITE  +31612345678 -> +31201110001",
        "00:00:00.000  call 7f3a0000  failed with 480  nobody can be reached  0.00 s after the INVITE",
    ]


def test_a_trunk_is_named() -> None:
    hop = Hop(phone_number("+45"), 1_767_225_600.0, 1_767_225_660.0, ring=("sip:+45@sbc.test",), via="carrier-a")
    assert NARRATOR.lines(view(a_call(hops=[hop])), "ring")[1].endswith("ringing sip:+45@sbc.test through carrier-a")


def test_what_strangers_wrote_cannot_repaint_the_terminal() -> None:
    call = view(a_call("\x1b]0;x", why="\x1b[2J", ended_at=1_767_225_601.0, final_status=480))
    text = "".join(NARRATOR.lines(call, "deadline"))
    assert "\x1b" not in text
    assert "\\x1b[2J" in text


@pytest.mark.parametrize(
    ("raw_id", "name"),
    [("4:+31612345678", "+31612345678"), ("8:ACS:res_BOB", "bob"), ("8:acs:res_eve", "8:acs:res_eve"), ("4:\n", "\\n")],
)
def test_names(raw_id: str, name: str) -> None:
    assert NARRATOR.name(PartyView("", raw_id)) == name


def test_the_journey_of_a_call() -> None:
    assert NARRATOR.journey(view(a_redirected_call())) == "+31612345678 -> +31201110001 -> bob"


@pytest.mark.parametrize(
    ("of_s", "said"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.5, "1 min"),
        (3_540, "59 min"),
        (3_601, "1 h"),
        (3_660, "1 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_spans(of_s: float, said: str) -> None:
    assert span(of_s) == said


def test_times_and_ids() -> None:
    assert clock("2026-01-01T12:03:01.207Z") == "12:03:01.207"
    assert lasted("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:02.310Z") == "2.31 s"
    assert short_id(view(a_call())) == "7f3a0000"


def test_a_trunk_that_is_rung_instead_and_a_phone_that_joins() -> None:
    instead = Branch("sip:+45@b.test", "b", replaces=0, because="503 Service Unavailable", rung_at=1_767_225_601.0)
    hop = Hop(phone_number("+45"), 1_767_225_600.0, 1_767_225_660.0, ring=("sip:+45@a.test",), via="a")
    hop.joined = (instead,)
    assert NARRATOR.lines(view(a_call(hops=[hop])), "branch") == [
        "00:00:01.000  call 7f3a0000  ringing instead sip:+45@b.test through b, the one before: 503 Service Unavailable"
    ]
    hop.joined = (Branch("sip:bob@c.test", rung_at=1_767_225_602.0),)
    assert NARRATOR.lines(view(a_call(hops=[hop])), "branch") == [
        "00:00:02.000  call 7f3a0000  also ringing sip:bob@c.test"
    ]


def test_what_came_of_branches_in_the_order_in_which_it_happened() -> None:
    reports = (
        BranchReport(0, 1_767_225_601.0, 1_767_225_603.0, 487),
        BranchReport(1, 0.0, 1_767_225_602.0, 486, "\x1b[2J", 17),
    )
    hop = Hop(
        phone_number("+45"), 1_767_225_600.0, 1_767_225_660.0, ring=("sip:a@b", "sip:c@d"), branch_reports=reports
    )
    assert outcomes(view(a_call(hops=[hop])).hops[0]) == [
        ("2026-01-01T00:00:01.000Z", "sip:a@b rings"),
        ("2026-01-01T00:00:02.000Z", "sip:c@d: 486 \\x1b[2J (Q.850 cause 17)"),
        ("2026-01-01T00:00:03.000Z", "sip:a@b: 487"),
    ]


def test_a_group_that_hunts() -> None:
    call = a_redirected_call()
    call.ended_at = 0.0
    first = call.hops[-1]
    first.group = GroupStep(left_out=("4:+45: no",), position=1, members=2)
    assert NARRATOR.lines(view(call), "ring")[1:] == [
        "00:00:00.070  call 7f3a0000  ringing sip:bob@127.0.0.1:5071 (1 of 2 of the group)",
        "00:00:00.070  call 7f3a0000  not rung: 4:+45: no",
        "00:00:00.070  call 7f3a0000  --> IncomingCall  evt-2",
    ]
    branches = (Branch("sip:1@a", "a", member="4:+1"),)
    step = GroupStep(branches, position=2, members=2)
    call.hops.append(Hop(first.to, first.opened_at, first.expires_at, "evt-2", opening=Opening.HUNT, group=step))
    assert NARRATOR.lines(view(call), "ring") == [
        "00:00:00.070  call 7f3a0000  ... the group goes on for bob",
        "00:00:00.070  call 7f3a0000  ringing sip:1@a through a (2 of 2 of the group)",
    ]
    assert NARRATOR.journey(view(call)) == "+31612345678 -> +31201110001 -> bob"


def test_a_group_that_rings_together() -> None:
    hop = Hop(phone_number("+31201110001"), 0.0, 1.0, group=GroupStep((Branch("sip:1@a"), Branch("sip:2@b"))))
    assert NARRATOR.lines(view(a_call(hops=[hop])), "ring")[1].endswith("ringing sip:1@a, sip:2@b (all of the group)")
