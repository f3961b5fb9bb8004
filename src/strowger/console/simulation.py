"""A dry run as the admin API is asked for it and shows it: what would become of a call that nobody makes.

    POST /admin/simulate   {"from": …, "to": …, "targets": […], "trunk": …, "source": …, "resource": …,
                            "displayName": …, "headers": {…}}

All but `from` and `to` may be left out. Nobody is rung, nothing is sent, written or counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final

import msgspec
from aiohttp import web

from strowger.base.text import printable
from strowger.console import reply
from strowger.console.body import BodyLimits, json_object
from strowger.console.errors import BodyInvalid, Detail
from strowger.console.sip_views import RouteView, WayView
from strowger.console.views import PartyView

PATH: Final = "/admin/simulate"
MOST_TARGETS: Final = 10
MOST_HEADERS: Final = 40
CHARACTERS: Final = 512
"""Of every text but the value of a header."""
VALUE_CHARACTERS: Final = 4_096
"""Of the value of a header."""
OCTETS: Final = 64 * 1024
_TEXTS: Final = ("from", "to", "trunk", "source", "resource", "displayName")
_MEMBERS: Final = (*_TEXTS, "targets", "headers")

REDIRECTED: Final = "redirected"
REFUSED: Final = "refused"
NOT_ASKED: Final = "not asked"


class SimulationQuestion(msgspec.Struct, frozen=True):
    """A call that nobody makes. What is empty is not known."""

    caller: str
    """A number, the name or the raw id of a user, `anonymous`, or a SIP URI."""
    to: str
    """A number, the name or the raw id of a user, or a SIP URI."""
    targets: tuple[str, ...] = ()
    """Whom the application redirects to, one after the other."""
    trunk: str = ""
    """The trunk that it comes by."""
    source: str = ""
    """The numeric address that it comes from."""
    resource: str = ""
    """Whose `to` must be."""
    display_name: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of its INVITE."""


class AdmissionView(msgspec.Struct, frozen=True):
    """Who may call."""

    outcome: str
    """admitted, `if it proves to be …`, or refused."""
    status: int
    """The SIP status of a refusal; 0 for none."""
    says: str


class EventView(msgspec.Struct, frozen=True):
    """What one subscription would be told."""

    subscription: str
    channel: str
    schema: str
    delivery: str
    endpoint: str
    is_told: bool
    why: str
    """Why it would not be told, or what keeps the event waiting."""
    headers: Mapping[str, str]
    """Of the request, without what is secret."""
    body: Any
    """Of the request, or for one whose events are fetched the event; None where nothing is sent."""


class HeaderView(msgspec.Struct, frozen=True):
    """One header as it would leave."""

    name: str
    value: str


class RungView(msgspec.Struct, frozen=True):
    """One INVITE that would leave."""

    uri: str
    """Its Request-URI."""
    trunk: str
    """Empty for a user's own phone."""
    member: str
    """The raw id of the member of a group that it is for; empty where it is for the addressee."""
    is_reserve: bool
    """Whether it leaves only in the place of one that led nowhere."""
    goes_to: str
    """Transport and address; empty where a name has to be looked up first."""
    patience_s: float
    """How long it may be silent before the next place is tried; 0 for the last one."""
    sets: tuple[HeaderView, ...]
    """The headers that differ from those of the caller's INVITE."""
    removes: tuple[str, ...]
    """Headers of that INVITE that do not leave."""
    trouble: str
    """Why it could not be sent; empty when it could."""


class MomentView(msgspec.Struct, frozen=True):
    """One change of the call."""

    at_s: float
    """Seconds after its arrival."""
    what: str
    """The input of the call machine."""
    opening: str
    """How the hop was opened; `arrival` for the first."""
    state: str
    to: PartyView
    until_s: float
    """When the time of the hop is over, seconds after the arrival."""
    says: str
    events: tuple[EventView, ...]
    rings: tuple[RungView, ...]
    left_out: tuple[str, ...]
    """Members of a group that are not rung, each with the reason."""
    caller_hears_ringing: bool
    """Whether it is we who say so, by 180."""


class RedirectView(msgspec.Struct, frozen=True):
    """What would become of one redirect."""

    target: PartyView
    outcome: str
    """REDIRECTED, REFUSED or NOT_ASKED."""
    at_s: float
    code: str
    """The `error.code` that the application would get; empty for 204."""
    status: int
    """The HTTP status that it would get; 0 where it is not asked."""
    says: str
    routes: tuple[RouteView, ...]
    """Of a target outside: the routes that match; the first one decides."""
    ways: tuple[WayView, ...]
    """Its trunks, also those that are left out."""
    is_drawn: bool
    """Whether the order of trunks of one priority is drawn for each call."""


class EndView(msgspec.Struct, frozen=True):
    """How the call would end."""

    at_s: float
    status: int
    reason: str
    why: str
    contacts: tuple[str, ...]
    """With a 302: whom the caller is told to call."""


class CourseView(msgspec.Struct, frozen=True):
    """What would become of the call from its arrival to its end, if whoever is rung does not answer."""

    redirects: tuple[RedirectView, ...]
    moments: tuple[MomentView, ...]
    end: EndView | None
    """None where it was given up before."""


class SimulationView(msgspec.Struct, frozen=True):
    """The answer of POST /admin/simulate."""

    is_refused: bool
    """Whether the call, or a redirect of it, would be refused."""
    admission: AdmissionView
    caller: PartyView | None
    """Who the caller is taken for; None for a call that is not taken."""
    display_name: str
    to: PartyView | None
    resource: str
    custom_headers: Mapping[str, str]
    headers_left_out: tuple[str, ...]
    """What of the custom headers the events do not show, and why."""
    ring_budget_s: float
    """What all ringing and holding of the call may take."""
    silent: CourseView | None
    """What becomes of it when the application says nothing."""
    decided: CourseView | None
    """The same when it redirects to the targets; None without any."""
    refusals: tuple[str, ...]
    """Everything that is refused, and what to do about it."""
    notes: tuple[str, ...]
    """What is assumed, and what cannot be known."""


Simulate = Callable[[SimulationQuestion], SimulationView]
"""Raises BodyInvalid for what cannot be asked."""


class SimulationPath:
    """What is answered at PATH."""

    def __init__(self, simulate: Simulate, limits: BodyLimits | None = None) -> None:
        self._simulate = simulate
        self._limits = limits or BodyLimits(OCTETS)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """A POST. Raises BodyInvalid, BodyLate, BodyTooLarge."""
        question = question_of(await json_object(request, self._limits))
        return reply.json_reply(self._simulate(question))


def question_of(document: Mapping[str, object]) -> SimulationQuestion:
    """What is asked. Raises BodyInvalid."""
    problems = [
        Detail(f"$.{printable(name, 40)}", f"there is no such member; there are {', '.join(_MEMBERS)}")
        for name in document
        if name not in _MEMBERS
    ]
    texts = {name: _text(document.get(name, ""), f"$.{name}", CHARACTERS, problems) for name in _TEXTS}
    for name in ("from", "to"):
        if not texts[name] and not any(each.path == f"$.{name}" for each in problems):
            problems.append(Detail(f"$.{name}", "is missing: a number like +31201110001, a user, or a SIP URI"))
    if texts["source"] and not _is_address(texts["source"]):
        problems.append(Detail("$.source", "is not a numeric address, like 192.0.2.1"))
    if texts["source"] and texts["trunk"]:
        problems.append(Detail("$.source", "is there beside trunk: a call comes by the one or from the other"))
    targets, headers = _targets(document.get("targets", []), problems), _headers(document.get("headers", {}), problems)
    if problems:
        raise BodyInvalid(f"This cannot be asked: {problems[0].path} {problems[0].message}.", problems)
    of_call = (texts["trunk"], texts["source"], texts["resource"], texts["displayName"])
    return SimulationQuestion(texts["from"], texts["to"], targets, *of_call, headers)


def _targets(value: object, problems: list[Detail]) -> tuple[str, ...]:
    if not isinstance(value, list):
        problems.append(Detail("$.targets", "is not a list"))
        return ()
    if len(value) > MOST_TARGETS:
        problems.append(Detail("$.targets", f"{len(value)} targets are more than {MOST_TARGETS}"))
        return ()
    found = [_text(each, f"$.targets[{place}]", CHARACTERS, problems) for place, each in enumerate(value)]
    problems += [Detail(f"$.targets[{place}]", "is empty") for place, each in enumerate(value) if each == ""]
    return tuple(found)


def _headers(value: object, problems: list[Detail]) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        problems.append(Detail("$.headers", "is not an object of names and values"))
        return ()
    if len(value) > MOST_HEADERS:
        problems.append(Detail("$.headers", f"{len(value)} headers are more than {MOST_HEADERS}"))
        return ()
    named = [(str(name), f"$.headers.{printable(str(name), 40)}", each) for name, each in value.items()]
    problems += [
        Detail(path, f"its name is longer than {CHARACTERS} characters")
        for name, path, _ in named
        if len(name) > CHARACTERS
    ]
    return tuple((name, _text(each, path, VALUE_CHARACTERS, problems)) for name, path, each in named)


def _text(value: object, path: str, most: int, problems: list[Detail]) -> str:
    if not isinstance(value, str):
        problems.append(Detail(path, "is not a text"))
        return ""
    if len(value) > most:
        problems.append(Detail(path, f"is longer than {most} characters"))
        return ""
    return value


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False
