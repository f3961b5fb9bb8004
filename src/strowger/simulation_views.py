"""What a dry run says: the course of a call that nobody made, as the admin API shows it. Pure."""

from __future__ import annotations

from typing import Final

from strowger.calls.call import Opening, State
from strowger.calls.identifier import Identifier
from strowger.calls.machine import KEEPS_THE_HOP
from strowger.calls.rehearsal import Course, Moment
from strowger.console.simulation import (
    REDIRECTED,
    AdmissionView,
    CourseView,
    EndView,
    EventView,
    HeaderView,
    MomentView,
    RungView,
    SimulationView,
)
from strowger.console.views import PartyView
from strowger.events.foretelling import Foretold
from strowger.sip.foreseeing import Prospect

BY_DEFAULT_REFUSED: Final = ", refused: "
"""In the reason of an end: a default redirects to where the call may not go."""
ASSUMED: Final = (
    "Assumed is that each phone that is rung rings and is not answered, that every trunk takes the call, and that an "
    "application decides at once when it is its turn.",
    "Not judged are the rate limits and the overload of this moment, and whether a name resolves.",
)


def refused_view(outcome: str, status: int, says: str) -> SimulationView:
    """Of a call that is not taken, with the SIP status that its caller would get."""
    return SimulationView(
        is_refused=True,
        admission=AdmissionView(outcome, status, says),
        caller=None,
        display_name="",
        to=None,
        resource="",
        custom_headers={},
        headers_left_out=(),
        ring_budget_s=0.0,
        silent=None,
        decided=None,
        refusals=(f"The call is refused with {status}: {says}",),
        notes=ASSUMED[1:],
    )


def refusals_of(view: CourseView, course: Course[Foretold, Prospect]) -> tuple[str, ...]:
    """What of this course would be refused; a call that nobody could take is refused too."""
    found = [
        f"The redirect to {each.target.raw_id} is {each.outcome}: {each.code}{' ' if each.code else ''}{each.says}"
        for each in view.redirects
        if each.outcome != REDIRECTED
    ]
    found += [f"{moment.call.why}." for moment in course.moments if BY_DEFAULT_REFUSED in moment.call.why]
    first, end = course.moments[0].call, course.end
    if first.is_over or (not end.hops[0].event_id and not any(hop.branches for hop in end.hops)):
        found.append(f"The call is refused with {end.final_status}: {end.why}.")
    return tuple(found)


def moment_view(moment: Moment[Foretold, Prospect], began_at: float) -> MomentView:
    """One change of a call that began at this time (wall clock, seconds)."""
    call, hop = moment.call, moment.call.hop
    return MomentView(
        at_s=round(moment.at_s, 3),
        what=moment.what,
        opening=hop.opening.value or "arrival",
        state=call.state.value,
        to=party(hop.to),
        until_s=round(hop.expires_at - began_at, 3),
        says=_says(moment, began_at),
        events=tuple(map(_event, moment.events)),
        rings=tuple(map(_rung, moment.rings)),
        left_out=hop.group.left_out if hop.group is not None else (),
        caller_hears_ringing=moment.is_heard,
    )


_OPENED: Final = {
    Opening.ARRIVAL: "It arrives for {}",
    Opening.REDIRECT: "The application redirects it to {}",
    Opening.DEFAULT: "By default it goes to {}",
    Opening.HUNT: "The next one of {} rings",
    Opening.RETURNED: "It is held again for {}",
}


def _says(moment: Moment[Foretold, Prospect], began_at: float) -> str:
    call, hop = moment.call, moment.call.hop
    is_closing = bool(hop.closed_at) or moment.what in KEEPS_THE_HOP
    opened = "" if is_closing else _OPENED[hop.opening].format(_name(hop.to))
    if call.is_over:
        ended = f"the caller gets {' '.join((str(call.final_status), moment.reason)).strip()}: {call.why}."
        return f"{opened}; {ended}" if opened else ended[0].upper() + ended[1:]
    until = f"until {hop.expires_at - began_at:g} s"
    if call.state is State.RINGING:
        trunks = ", ".join(hop.trunks)
        phones = sum(not branch.trunk for branch in hop.branches)
        rings = [f"{phones} {'phone rings' if phones == 1 else 'phones ring'}"] if phones else []
        rings += [f"it goes out by {trunks}"] if trunks else []
        return f"{opened}: {' and '.join(rings)} {until}."
    told = f"its application may decide {until}" if hop.event_id else "nobody is told of it"
    return f"{opened}: {told}."


def end_view(course: Course[Foretold, Prospect], began_at: float) -> EndView:
    """How a call ends that began at this time."""
    call, last = course.end, course.moments[-1]
    return EndView(round(call.ended_at - began_at, 3), call.final_status, last.reason, call.why, last.contacts)


def _event(foretold: Foretold) -> EventView:
    return EventView(
        foretold.subscription,
        foretold.channel,
        foretold.schema,
        foretold.delivery,
        foretold.endpoint,
        not foretold.why_not,
        foretold.why_not or foretold.note,
        foretold.headers,
        foretold.body,
    )


def _rung(prospect: Prospect) -> RungView:
    return RungView(
        prospect.branch.uri,
        prospect.branch.trunk,
        prospect.branch.member,
        prospect.is_reserve,
        prospect.goes_to,
        prospect.patience_s,
        tuple(HeaderView(*each) for each in prospect.sets),
        prospect.removes,
        prospect.trouble,
    )


def party(identifier: Identifier) -> PartyView:
    """Who calls or is called."""
    return PartyView(identifier.kind.value, identifier.raw_id)


def _name(identifier: Identifier) -> str:
    return identifier.raw_id.removeprefix("4:")
