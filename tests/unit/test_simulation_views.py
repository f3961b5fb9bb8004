"""What a dry run says of one moment, of its end, and of what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from strowger.calls.call import Branch, Call, GroupStep, Hop, Opening, State
from strowger.calls.identifier import from_raw_id, phone_number
from strowger.calls.rehearsal import Course, Moment
from strowger.console.simulation import (
    NOT_ASKED,
    REDIRECTED,
    REFUSED,
    CourseView,
    EndView,
    EventView,
    HeaderView,
    RedirectView,
    RungView,
)
from strowger.console.views import PartyView
from strowger.events.foretelling import Foretold
from strowger.simulation_views import ASSUMED, end_view, moment_view, party, refusals_of, refused_view
from strowger.sip.foreseeing import Prospect
from tests.support.exchange import BOB, NUMBER

AT = 1_000.0
TOLD = Foretold("app", "acs", "event-grid", "push", "https://app.test/", "", "it waits", {"X": "y"}, [{"id": "1"}])
BRANCH = Branch("sip:1@a", "carrier", member="4:+3")
PROSPECT = Prospect(BRANCH, True, "udp:192.0.2.1:5060", 4.0, (("From", "x"),), ("To",))


def a_moment(state: State, what: str = "hold", *, at_s: float = 0.0, **hop: Any) -> Moment[Foretold, Prospect]:
    values = {"to": phone_number(NUMBER), "opened_at": AT, "expires_at": AT + 30.0, "event_id": "event", **hop}
    call = Call("call", "dev", phone_number("+31612345678"), "", AT, [Hop(**values)], state)
    return Moment(at_s, what, call)


def ended(moment: Moment[Foretold, Prospect], status: int, why: str, reason: str = "") -> Moment[Foretold, Prospect]:
    call = moment.call
    call.final_status, call.why, call.ended_at = status, why, AT + moment.at_s
    moment.reason = reason
    return moment


@pytest.mark.parametrize(
    ("moment", "says"),
    [
        (a_moment(State.HELD), f"It arrives for {NUMBER}: its application may decide until 30 s."),
        (a_moment(State.HELD, event_id=""), f"It arrives for {NUMBER}: nobody is told of it."),
        (
            a_moment(State.HELD, opening=Opening.RETURNED),
            f"It is held again for {NUMBER}: its application may decide until 30 s.",
        ),
        (
            a_moment(State.RINGING, "ring", to=from_raw_id(BOB), ring=("sip:b@a",), opening=Opening.REDIRECT),
            f"The application redirects it to {BOB}: 1 phone rings until 30 s.",
        ),
        (
            a_moment(State.RINGING, "ring", ring=("sip:b@a",), via="carrier", opening=Opening.DEFAULT),
            f"By default it goes to {NUMBER}: it goes out by carrier until 30 s.",
        ),
        (
            a_moment(
                State.RINGING,
                "ring",
                opening=Opening.HUNT,
                group=GroupStep((Branch("sip:1@a"), Branch("sip:2@a"), Branch("sip:3@a", "carrier"))),
            ),
            f"The next one of {NUMBER} rings: 2 phones ring and it goes out by carrier until 30 s.",
        ),
        (
            ended(a_moment(State.EXPIRED, "deadline", closed_at=AT + 30.0), 480, "nobody decided", "Unavailable"),
            "The caller gets 480 Unavailable: nobody decided.",
        ),
        (
            ended(a_moment(State.FAILED, "nobody"), 480, "nobody can be reached"),
            f"It arrives for {NUMBER}; the caller gets 480: nobody can be reached.",
        ),
    ],
)
def test_each_moment_in_a_sentence(moment: Moment[Foretold, Prospect], says: str) -> None:
    assert moment_view(moment, AT).says == says


def test_a_moment_with_all_that_belongs_to_it() -> None:
    moment = a_moment(State.RINGING, "ring", at_s=2.50049, group=GroupStep(left_out=("4:+4: no phone",)))
    moment.events, moment.rings, moment.is_heard = [TOLD, TOLD._replace(why_not="paused", body=None)], [PROSPECT], True
    found = moment_view(moment, AT)
    assert (found.at_s, found.what, found.opening, found.state) == (2.5, "ring", "arrival", "ringing")
    assert (found.to, found.until_s, found.caller_hears_ringing) == (party(phone_number(NUMBER)), 30.0, True)
    assert found.left_out == ("4:+4: no phone",)
    app = ("app", "acs", "event-grid", "push", "https://app.test/")
    assert found.events == (
        EventView(*app, True, "it waits", {"X": "y"}, [{"id": "1"}]),
        EventView(*app, False, "paused", {"X": "y"}, None),
    )
    where = ("sip:1@a", "carrier", "4:+3", True, "udp:192.0.2.1:5060", 4.0)
    assert found.rings == (RungView(*where, (HeaderView("From", "x"),), ("To",), ""),)


def test_an_end_with_whom_to_call_instead() -> None:
    moment = ended(a_moment(State.SENT_BACK, at_s=1.5), 302, "told to", "Moved")
    moment.contacts = ("sip:1@b",)
    assert end_view(Course([moment], [], moment.call, is_whole=True), AT) == EndView(
        1.5, 302, "Moved", "told to", ("sip:1@b",)
    )


def test_what_is_refused() -> None:
    to = PartyView("phoneNumber", "4:+1")
    redirects = tuple(
        RedirectView(to, outcome, 0.0, code, 0, says, (), (), is_drawn=False)
        for outcome, code, says in ((REDIRECTED, "", "yes"), (REFUSED, "8520", "no route."), (NOT_ASKED, "", "Over."))
    )
    moments = [a_moment(State.HELD), ended(a_moment(State.EXPIRED), 480, "by default: redirect to 4:+2, refused: no")]
    course = Course(moments, [], moments[-1].call, is_whole=True)
    assert refusals_of(CourseView(redirects, (), None), course) == (
        "The redirect to 4:+1 is refused: 8520 no route.",
        "The redirect to 4:+1 is not asked: Over.",
        "by default: redirect to 4:+2, refused: no.",
    )
    nobody = ended(a_moment(State.FAILED, event_id=""), 480, "nobody is there")
    assert refusals_of(CourseView((), (), None), Course([nobody], [], nobody.call, is_whole=True)) == (
        "The call is refused with 480: nobody is there.",
    )


def test_a_call_that_is_not_taken() -> None:
    found = refused_view(REFUSED, 407, "Prove it.")
    assert (found.is_refused, found.admission.status, found.refusals) == (
        True,
        407,
        ("The call is refused with 407: Prove it.",),
    )
    assert found.notes == ASSUMED[1:]
