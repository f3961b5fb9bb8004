"""What a call looks like from both sides."""

from __future__ import annotations

import pytest

from strowger.calls.call import Opening, State
from strowger.cli.narration import Narrator
from strowger.cli.simulate.ladder import Arrow
from strowger.cli.simulate.recording import ARROWS_KEPT, Recording, shorten
from strowger.console.views import CallView, ChangeView, view
from strowger.phones.trace import TraceLine
from tests.support.console import a_call, a_redirected_call

BEGAN = 1_767_225_599.5
OTHER_ID = "8b000000-0000-4000-8000-000000000002"


class Time:
    """A clock that stands where it is put."""

    now = 100.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def recording(time: Time) -> Recording:
    names = Narrator({"8:acs:res_bob": "bob"})

    def is_ours(call: CallView) -> bool:
        return call.from_.raw_id == "4:+31612345678"

    made = Recording("alice", is_ours, names, now=lambda: time.now, wall=lambda: BEGAN)
    made.phones = {"udp:127.0.0.1:1": "alice", "udp:127.0.0.1:2": "bob"}
    time.now = 103.0
    return made


def ringing() -> CallView:
    call = a_redirected_call()
    call.ended_at = 0.0
    return view(call)


def test_messages_of_phones(recording: Recording) -> None:
    recording.trace("alice")(TraceLine(100.5, "alice", "->", "INVITE sip:+31", "udp:127.0.0.1:9", "x"))
    recording.trace("alice")(TraceLine(101.0, "alice", "<-", "180 Ringing", "udp:127.0.0.1:9", "x"))
    recording.trace("alice")(TraceLine(102.0, "alice", "->", "ACK sip:bob", "udp:127.0.0.1:2", "x"))
    recording.trace("bob")(TraceLine(102.1, "bob", "<-", "ACK sip:bob", "udp:127.0.0.1:1", "x"))
    assert recording.arrows == [
        Arrow(0.5, "alice", "Strowger", "INVITE"),
        Arrow(1.0, "Strowger", "alice", "180 Ringing"),
        Arrow(2.0, "alice", "bob", "ACK"),
    ]


def test_what_the_server_tells(recording: Recording) -> None:
    recording.tell(ChangeView("hold", view(a_call())))
    recording.tell(ChangeView("ring", ringing()))
    recording.tell(ChangeView("answered", view(a_redirected_call())))
    assert [(round(arrow.at, 2), arrow.source, arrow.target, arrow.text) for arrow in recording.arrows] == [
        (0.5, "Strowger", "application", "IncomingCall"),
        (0.57, "application", "Strowger", "redirect to bob"),
        (0.57, "Strowger", "application", "IncomingCall"),
        (2.81, "Strowger", "Strowger", "answered by sip:bob@127.0.0.1:5071"),
    ]
    assert recording.call == view(a_redirected_call())


@pytest.mark.parametrize(
    ("opening", "told"),
    [
        ("redirect", [("application", "redirect to bob"), ("Strowger", "IncomingCall")]),
        ("default", [("Strowger", "by default to bob"), ("Strowger", "IncomingCall")]),
        ("returned", [("Strowger", "returned to bob"), ("Strowger", "IncomingCall")]),
        ("hunt", [("Strowger", "the group goes on for bob")]),
    ],
)
def test_only_what_an_application_redirected_is_drawn_as_its_redirect(
    recording: Recording, opening: str, told: list[tuple[str, str]]
) -> None:
    recording.tell(ChangeView("hold", view(a_call())))
    call = a_redirected_call()
    call.hops[-1].opening = Opening(opening)
    call.ended_at = 0.0
    recording.tell(ChangeView("ring", view(call)))
    assert [(arrow.source, arrow.text) for arrow in recording.arrows[1:]] == told


def test_a_rejected_call(recording: Recording) -> None:
    recording.tell(ChangeView("hold", view(a_call())))
    ended = a_call(state=State.REJECTED, ended_at=1_767_225_600.5, final_status=486, why="rejected")
    recording.tell(ChangeView("reject", view(ended)))
    assert [arrow.text for arrow in recording.arrows] == ["IncomingCall", "reject", "rejected"]


def test_other_calls_are_not_ours(recording: Recording) -> None:
    recording.tell(ChangeView("watching"))
    recording.tell(ChangeView("ring", ringing()))  # began before we called
    recording.tell(ChangeView("cancel", view(a_call())))
    recording.tell(ChangeView("hold", view(a_call())))
    recording.tell(ChangeView("hold", view(a_call(OTHER_ID))))
    assert recording.call is not None
    assert recording.call.id == a_call().call_id
    assert len(recording.arrows) == 1


@pytest.mark.parametrize(("wall", "at"), [(BEGAN + 1_000, 0.0), (BEGAN - 1_000, 3.0)])
def test_a_server_with_another_time_of_day(time: Time, wall: float, at: float) -> None:
    time.now = 100.0
    recording = Recording("alice", lambda call: True, Narrator({}), now=lambda: time.now, wall=lambda: wall)
    time.now = 103.0
    recording.tell(ChangeView("hold", view(a_call())))
    assert recording.arrows[0].at == at


def test_whoever_waits_is_told(recording: Recording) -> None:
    told: list[str] = []
    recording.changed = lambda: told.append("changed")
    recording.trace("alice")(TraceLine(100.5, "alice", "->", "INVITE sip:+31", "udp:127.0.0.1:9", "x"))
    recording.tell(ChangeView("hold", view(a_call())))
    assert told == ["changed", "changed"]


def test_no_more_than_so_many_arrows(recording: Recording) -> None:
    for _ in range(ARROWS_KEPT + 1):
        recording.trace("alice")(TraceLine(100.5, "alice", "->", "INVITE sip:+31", "udp:127.0.0.1:9", "x"))
    assert len(recording.arrows) == ARROWS_KEPT


def test_lanes(recording: Recording) -> None:
    assert recording.lanes({"bob": 1}) == ["alice", "Strowger", "application", "bob"]


def test_requests_are_shown_by_their_method() -> None:
    assert shorten("INVITE sip:+31@127.0.0.1") == "INVITE"
    assert shorten("486 Busy Here") == "486 Busy Here"
