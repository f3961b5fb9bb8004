"""A dry run on a terminal."""

from __future__ import annotations

from typing import Any

import msgspec

from strowger.cli.dry_run import story
from strowger.console.simulation import (
    NOT_ASKED,
    REDIRECTED,
    REFUSED,
    AdmissionView,
    CourseView,
    EndView,
    EventView,
    HeaderView,
    MomentView,
    RedirectView,
    RungView,
)
from strowger.console.views import PartyView
from tests.support.console import a_simulation, a_way

NUMBER, OUT = PartyView("phoneNumber", "4:+31201110001"), PartyView("phoneNumber", "4:+31612345679")


def event(name: str = "app", body: Any = None, why: str = "") -> EventView:
    return EventView(name, "acs", "event-grid", "push", "https://app.test/", body is not None, why, {}, body)


def rung(uri: str, trunk: str = "carrier", **changes: Any) -> RungView:
    values: dict[str, Any] = {
        "member": "",
        "is_reserve": False,
        "goes_to": "",
        "patience_s": 0.0,
        "sets": (),
        "removes": (),
        "trouble": "",
    }
    return RungView(uri, trunk, **(values | changes))


def moment(says: str, at_s: float = 0.0, **changes: Any) -> MomentView:
    values: dict[str, Any] = {"events": (), "rings": (), "left_out": (), "caller_hears_ringing": False}
    return MomentView(at_s, "hold", "arrival", "held", NUMBER, 30.0, says, **(values | changes))


def redirect(outcome: str, code: str, status: int, says: str) -> RedirectView:
    return RedirectView(OUT, outcome, 0.0, code, status, says, (), (), is_drawn=False)


SILENT = CourseView(
    (),
    (
        moment(
            "It arrives.",
            events=(event(body=[{"eventType": "A"}], why="it waits"), event("b", why="it is paused")),
            caller_hears_ringing=True,
        ),
        moment("The caller gets 480: nobody decided.", 30.0),
    ),
    EndView(30.0, 480, "Temporarily Unavailable", "nobody decided", ()),
)


def test_a_call_that_nobody_decides_about() -> None:
    found = a_simulation(
        silent=SILENT,
        display_name="Ann",
        custom_headers={"X-A": "b"},
        headers_left_out=("X-B: long",),
        notes=("Note.",),
    )
    assert story(found) == [
        "It may call.",
        '+31612345678, shown as "Ann" calls +31201110001 of dev.',
        "  header   X-A: b",
        "  not told X-B: long",
        "",
        "If the application says nothing:",
        "    0.0 s  It arrives.",
        "           tells    app: A (it waits)",
        "           not told b: it is paused",
        "           the caller hears ringing",
        "   30.0 s  The caller gets 480: nobody decided.",
        "",
        "All ringing and holding may take 180 s.",
        "Note.",
    ]


def test_redirects_trunks_and_what_they_are_told() -> None:
    rings = (
        rung(
            "sip:1@a",
            goes_to="udp:192.0.2.1:5060",
            patience_s=4.0,
            sets=(HeaderView("Via", "x"), HeaderView("From", "<sip:1@a>")),
            removes=("Remote-Party-ID",),
        ),
        rung("sip:1@b", is_reserve=True, member="4:+3"),
        rung("sip:bob@c", "", sets=(HeaderView("Max-Forwards", "69"),)),
        rung("sip:bob@d", "", trouble="no listener"),
    )
    course = CourseView(
        (
            redirect(REDIRECTED, "", 204, "It is carried out."),
            redirect(REFUSED, "8520", 405, "no route"),
            redirect(NOT_ASKED, "", 0, "Over by then."),
        ),
        (moment("It is redirected.", rings=rings, left_out=("4:+4: no phone",)),),
        None,
    )
    found = a_simulation(silent=SILENT, decided=course, refusals=("no route",))
    lines = story(found)
    begin = lines.index("If it redirects as asked:") + 1
    assert lines[begin:] == [
        "  to +31612345679: redirected with 204. It is carried out.",
        "  to +31612345679: refused with 405 8520. no route",
        "  to +31612345679: not asked. Over by then.",
        "    0.0 s  It is redirected.",
        "           rings    sip:1@a by carrier at udp:192.0.2.1:5060, next after 4 s of silence",
        "                      From: <sip:1@a>",
        "                      without Remote-Party-ID",
        "           or then  sip:1@b by carrier for +3",
        "           rings    sip:bob@c",
        "           cannot   sip:bob@d: no listener",
        "           not rung 4:+4: no phone",
        "           … and so on: this was not played to its end.",
        "",
        "All ringing and holding may take 180 s.",
        "REFUSED: no route",
    ]


def test_a_trunk_that_is_left_out_is_named() -> None:
    ways = (a_way(), a_way(trunk="dead", place=0, left_out="it does not serve: silence"))
    refused = msgspec.structs.replace(redirect(REFUSED, "8549", 400, "none"), ways=ways)
    lines = story(a_simulation(silent=SILENT, decided=CourseView((refused,), (), None)))
    assert [line for line in lines if "not now" in line] == ["           not now  dead: it does not serve: silence"]


def test_an_order_that_is_drawn_is_said_to_be() -> None:
    drawn = msgspec.structs.replace(redirect(REDIRECTED, "", 204, ""), is_drawn=True)
    said = "The order among trunks of one priority is drawn for each call, and so it was here."
    assert said in story(a_simulation(silent=SILENT, decided=CourseView((drawn,), (), None)))
    assert said not in story(a_simulation(silent=SILENT))


def test_a_caller_who_is_told_whom_to_call() -> None:
    course = CourseView((), (moment("Sent back."),), EndView(0.0, 302, "Moved", "", ("sip:1@b",)))
    assert "           told to call sip:1@b" in story(a_simulation(silent=course))


def test_a_call_that_is_not_taken() -> None:
    admission = AdmissionView("refused", 407, "Who calls has to prove it.")
    nobody = {"caller": None, "to": None, "ring_budget_s": 0.0}
    found = a_simulation(is_refused=True, admission=admission, refusals=("The call is refused.",), **nobody)
    assert story(found) == ["Who calls has to prove it.", "", "REFUSED: The call is refused."]


def test_what_strangers_wrote_is_made_printable() -> None:
    escape = "\x1b[2J"
    bad = moment(escape, events=(event(escape, [{"eventType": escape}]),), rings=(rung(escape, trouble=escape),))
    found = a_simulation(
        display_name=escape, custom_headers={escape: escape}, silent=CourseView((), (bad,), None), refusals=(escape,)
    )
    assert "\x1b" not in "".join(story(found))
