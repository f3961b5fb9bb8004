"""A dry run on a terminal: what would become of a call, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from strowger.base.text import printable

if TYPE_CHECKING:
    from strowger.console.simulation import (
        CourseView,
        EventView,
        MomentView,
        RedirectView,
        RungView,
        SimulationView,
    )

SAYS_LIMIT: Final = 1_000
URI_LIMIT: Final = 300
_INDENT: Final = " " * 11
_VIA: Final = "via"


def story(found: SimulationView) -> list[str]:
    """What would happen, on as many lines as it needs; everything that is foreign is made printable."""
    return list(_story(found))


def _story(found: SimulationView) -> Iterator[str]:
    yield _says(found.admission.says)
    if found.caller is not None and found.to is not None:
        shown = f', shown as "{_says(found.display_name)}"' if found.display_name else ""
        caller, to = _who(found.caller.raw_id), _who(found.to.raw_id)
        yield f"{caller}{shown} calls {to} of {printable(found.resource)}."
    yield from (f"  header   {_says(name)}: {_says(value)}" for name, value in found.custom_headers.items())
    yield from (f"  not told {_says(each)}" for each in found.headers_left_out)
    if found.silent is not None:
        yield ""
        yield "If the application says nothing:"
        yield from _course(found.silent)
    if found.decided is not None:
        yield ""
        yield "If it redirects as asked:"
        for redirect in found.decided.redirects:
            yield from _redirect(redirect)
        yield from _course(found.decided)
        if any(redirect.is_drawn for redirect in found.decided.redirects):
            yield "The order among trunks of one priority is drawn for each call, and so it was here."
    yield ""
    if found.ring_budget_s:
        yield f"All ringing and holding may take {found.ring_budget_s:g} s."
    yield from map(_says, found.notes)
    yield from (f"REFUSED: {_says(each)}" for each in found.refusals)


def _course(course: CourseView) -> Iterator[str]:
    for moment in course.moments:
        yield from _moment(moment)
    if course.end is None:
        yield f"{_INDENT}… and so on: this was not played to its end."
        return
    for contact in course.end.contacts:
        yield f"{_INDENT}told to call {printable(contact, URI_LIMIT)}"


def _moment(moment: MomentView) -> Iterator[str]:
    yield f"{moment.at_s:7.1f} s  {_says(moment.says)}"
    yield from map(_event, moment.events)
    for rung in moment.rings:
        yield from _rung(rung)
    yield from (f"{_INDENT}not rung {_says(each)}" for each in moment.left_out)
    if moment.caller_hears_ringing:
        yield f"{_INDENT}the caller hears ringing"


def _event(event: EventView) -> str:
    name = printable(event.subscription)
    if not event.is_told:
        return f"{_INDENT}not told {name}: {_says(event.why)}"
    kind = event.body.get("eventType") or event.body.get("type") if isinstance(event.body, dict) else None
    if isinstance(event.body, list) and event.body:
        kind = event.body[0].get("eventType") or event.body[0].get("type")
    waits = f" ({_says(event.why)})" if event.why else ""
    return f"{_INDENT}tells    {name}: {_says(str(kind or 'an event'))}{waits}"


def _rung(rung: RungView) -> Iterator[str]:
    way = f" by {printable(rung.trunk)}" if rung.trunk else ""
    member = f" for {_who(rung.member)}" if rung.member else ""
    goes = f" at {printable(rung.goes_to, URI_LIMIT)}" if rung.goes_to else ""
    word = "or then " if rung.is_reserve else "rings   "
    if rung.trouble:
        yield f"{_INDENT}cannot   {printable(rung.uri, URI_LIMIT)}{way}{member}: {_says(rung.trouble)}"
        return
    patience = f", next after {rung.patience_s:g} s of silence" if rung.patience_s else ""
    yield f"{_INDENT}{word} {printable(rung.uri, URI_LIMIT)}{way}{member}{goes}{patience}"
    for header in rung.sets if rung.trunk else ():
        if header.name.lower() != _VIA:
            yield f"{_INDENT}           {_says(header.name)}: {_says(header.value)}"
    for name in rung.removes if rung.trunk else ():
        yield f"{_INDENT}           without {_says(name)}"


def _redirect(redirect: RedirectView) -> Iterator[str]:
    code = f" {printable(redirect.code)}" if redirect.code else ""
    status = f" with {redirect.status}{code}" if redirect.status else ""
    yield f"  to {_who(redirect.target.raw_id)}: {redirect.outcome}{status}. {_says(redirect.says)}"
    for way in redirect.ways:
        if not way.place:
            yield f"{_INDENT}not now  {printable(way.trunk)}: {_says(way.left_out)}"


def _who(raw_id: str) -> str:
    return printable(raw_id.removeprefix("4:"), URI_LIMIT)


def _says(text: str) -> str:
    return printable(text, SAYS_LIMIT) if text else ""
