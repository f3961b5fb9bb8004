"""A dry run: what would become of a call, told by the parts that decide about real ones.

    question ──▶ an INVITE ──▶ who sends it ──▶ an exchange by the same rules, whose ports write and send nothing
                                                 │
                    silent: nobody decides ◀─────┴─────▶ decided: redirected to one target after the other

Nobody is rung; the store, the counts, the outbox and the wire stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from typing import Final

from strowger.base.clock import Clock
from strowger.base.text import printable
from strowger.calls.call import Call
from strowger.calls.context import ContextSigner
from strowger.calls.directory import escape_user
from strowger.calls.errors import CallRefused, DecisionRefused
from strowger.calls.exchange import Exchange
from strowger.calls.identifier import Identifier
from strowger.calls.ports import Arrival, RingPlan
from strowger.calls.rehearsal import Course, Decision, LeapingClock, Notes, play
from strowger.console.errors import BodyInvalid, Detail, QueryInvalid
from strowger.console.simulation import (
    NOT_ASKED,
    REDIRECTED,
    REFUSED,
    AdmissionView,
    CourseView,
    RedirectView,
    SimulationQuestion,
    SimulationView,
)
from strowger.events.foretelling import Foretelling, Foretold
from strowger.route_inspection import ANONYMOUS, RouteInspection
from strowger.simulation_views import ASSUMED, end_view, moment_view, party, refusals_of, refused_view
from strowger.sip.admission import Admission
from strowger.sip.flow import Flow
from strowger.sip.foreseeing import Envisaged, Foreseeing, Prospect, Ways
from strowger.sip.message.errors import BuildError, ParseError, Refusal
from strowger.sip.network import SIP_PORT
from strowger.sip.record_route import host_of
from strowger.sip.sender import STRANGER, TRUSTED, Sender
from strowger.sip.transaction.timers import TimerHeap
from strowger.sip.trunk.trunk import Trunk

NOWHERE: Final = "192.0.2.1"
"""Where a caller is of whom nothing is said: an address of documentation (RFC 5737)."""
SECRET: Final = b"signs what no server takes for its own"
"""Signs the contexts of calls that nobody makes; they are shown to nobody."""
ADMITTED: Final = "admitted"
_SHOWN: Final = 100

_Course = Course[Foretold, Prospect]


@dataclass(frozen=True, slots=True)
class Rules:
    """What real calls are judged by."""

    exchange: Exchange
    make_exchange: Callable[..., Exchange]
    """Another exchange by the same settings, with the ports and counts that it is given."""
    ring_budget_s: float
    admission: Admission
    users: Mapping[str, str]
    """The raw id of each user, by all that it answers to; both in lower case."""
    with_password: Collection[str]
    """Raw ids, in lower case, of the users that can prove to be it."""
    trunks: Mapping[str, Trunk]


@dataclass(frozen=True, slots=True)
class _Introduction:
    """Who sends the INVITE."""

    sender: Sender
    source: str
    outcome: str
    says: str
    status: int = 0


class Simulation:
    """Answers questions; changes nothing."""

    def __init__(
        self, rules: Rules, routes: RouteInspection, ways: Ways, foretelling: Foretelling, clock: Clock
    ) -> None:
        self._rules = rules
        self._routes = routes
        self._ways = ways
        self._foretelling = foretelling
        self._clock = clock

    def simulate(self, question: SimulationQuestion) -> SimulationView:
        """What would become of a call. Raises BodyInvalid for what cannot be asked."""
        who = self._introduced(question)
        try:
            sip = self._foreseeing(question, who.source)
            if who.status:
                return refused_view(who.outcome, who.status, who.says)
            self._rules.admission.keep_to_ourselves(sip.invite, who.sender)
            arriving = sip.arrival(who.sender)
            resource, plan = self._rules.exchange.addressee(arriving.dialled)
        except Refusal as refusal:
            return refused_view(REFUSED, refusal.status, _because(refusal))
        except CallRefused as refusal:
            return refused_view(REFUSED, refusal.status, str(refusal))
        except (BuildError, ParseError) as error:
            raise _unaskable("$.headers" if question.headers else "$", f"make no INVITE: {error}") from error
        if question.resource not in ("", resource):
            raise _unaskable("$.resource", f"{printable(question.to, _SHOWN)} belongs to {resource}")
        return self._played(question, who, sip, arriving, resource, plan)

    # Who calls -------------------------------------------------------------------------------------------------------

    def _introduced(self, question: SimulationQuestion) -> _Introduction:
        if question.trunk:
            trunk = self._rules.trunks.get(question.trunk)
            if trunk is None:
                raise _unaskable("$.trunk", f"there is no trunk called {printable(question.trunk, _SHOWN)!r}")
            says = f"It comes by the trunk {trunk.name}, which shows by its address or its password who it is."
            return _Introduction(Sender(trunk=trunk), _numeric(host_of(trunk.uri)) or NOWHERE, ADMITTED, says)
        user = self._rules.users.get(question.caller.lower(), "")
        can_prove = bool(user) and user in self._rules.with_password
        if question.source:
            return self._by_address(question.source, user if can_prove else "", question)
        if can_prove:
            return _proven(user, NOWHERE, question)
        phone = self._phone_of(question.caller) if user else ""
        if phone:
            return self._by_address(phone, "", question)
        says = "Where it comes from was not said, by trunk or source: it is taken as of a network that may call."
        return _Introduction(TRUSTED, NOWHERE, ADMITTED, says)

    def _by_address(self, source: str, user: str, question: SimulationQuestion) -> _Introduction:
        sender = self._rules.admission.by_address(Flow("UDP", source, SIP_PORT, 0))
        if sender is None and user:
            return _proven(user, source, question)
        if sender is None:
            says = (
                f"Who calls from {source} has to prove who it is, and gets 407 without credentials: call as a user "
                "with a sip_password, or add the address to [sip] trusted or to from of a [[trunk]]."
            )
            return _Introduction(STRANGER, source, REFUSED, says, 407)
        if sender.trunk is not None:
            says = f"{source} is of the trunk {sender.trunk.name}."
        elif sender.is_stranger:
            says = f"{source} is a stranger, and strangers may call ([sip] strangers)."
        else:
            says = f"{source} is of a network that may call unasked ([sip] trusted)."
        return _Introduction(sender, source, ADMITTED, says)

    def _phone_of(self, word: str) -> str:
        try:
            _, plan = self._rules.exchange.directory.addressee(word)
        except CallRefused:
            return ""
        return next((host for uri in plan.ring if (host := _numeric(host_of(uri)))), "")

    def _foreseeing(self, question: SimulationQuestion, source: str) -> Foreseeing:
        uri, caller = question.to.removeprefix("4:"), question.caller.removeprefix("4:")
        envisaged = Envisaged(
            uri if _is_uri(uri) else escape_user(uri),
            _caller_uri(caller, source),
            question.display_name,
            question.headers,
            source,
        )
        return Foreseeing(self._ways, envisaged, self._clock.monotonic())

    # What becomes of it ----------------------------------------------------------------------------------------------

    def _played(
        self,
        question: SimulationQuestion,
        who: _Introduction,
        sip: Foreseeing,
        arriving: Arrival,
        resource: str,
        plan: RingPlan,
    ) -> SimulationView:
        caller = self._rules.exchange.directory.caller(arriving)
        targets = [self._target(text, place) for place, text in enumerate(question.targets)]
        silent = self._course(sip, arriving, resource, caller, ())
        decided = self._course(sip, arriving, resource, caller, targets) if targets else None
        courses = [self._view(each, caller) for each in (silent, decided) if each is not None]
        refusals = refusals_of(courses[-1], decided or silent)
        return SimulationView(
            is_refused=bool(refusals),
            admission=AdmissionView(who.outcome, 0, who.says),
            caller=party(caller),
            display_name=arriving.display_name,
            to=party(plan.to),
            resource=resource,
            custom_headers=arriving.custom_headers,
            headers_left_out=arriving.headers_left_out,
            ring_budget_s=self._rules.ring_budget_s,
            silent=courses[0],
            decided=courses[1] if decided is not None else None,
            refusals=refusals,
            notes=ASSUMED,
        )

    def _target(self, text: str, place: int) -> Identifier:
        try:
            return self._routes.target(text)
        except QueryInvalid as error:
            raise _unaskable(f"$.targets[{place}]", str(error)) from error

    def _course(
        self, sip: Foreseeing, arriving: Arrival, resource: str, caller: Identifier, targets: Sequence[Identifier]
    ) -> _Course:
        clock = LeapingClock(self._clock.monotonic(), self._clock.wall())
        notes = Notes[Foretold, Prospect](clock, self._foretelling, sip.prospects)
        numbers = count(1)
        sip.begin()
        exchange = self._rules.make_exchange(
            contexts=ContextSigner(SECRET),
            store=notes,
            announcer=notes,
            clock=clock,
            deadlines=TimerHeap(),
            new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012x}",
            outside=self._rules.exchange.outside.apart(resource, caller.raw_id),
            observe=notes.observe,
        )
        exchange.telephony = notes
        return play(exchange, clock, notes, arriving, targets)

    def _view(self, course: _Course, caller: Identifier) -> CourseView:
        began_at = course.moments[0].call.created_at
        return CourseView(
            tuple(self._redirect(each, course.end, caller) for each in course.decisions),
            tuple(moment_view(each, began_at) for each in course.moments),
            end_view(course, began_at) if course.is_whole else None,
        )

    def _redirect(self, decision: Decision, end: Call, caller: Identifier) -> RedirectView:
        shown = caller.number or ANONYMOUS
        routes, ways, is_drawn = self._routes.ways(decision.target, shown)
        refusal, outcome, says, status, code = decision.refusal, REDIRECTED, "It is carried out.", 204, ""
        if not decision.is_asked:
            outcome, status = NOT_ASKED, 0
            says = f"The application is not asked: the caller has got {end.final_status} by then, because {end.why}."
        elif isinstance(refusal, DecisionRefused):
            outcome, status, code, says = REFUSED, refusal.status, refusal.code, str(refusal)
        elif refusal is not None:
            outcome, status, says = REFUSED, 503, str(refusal)
        is_ours = outcome == REDIRECTED and not any(hop.to == decision.target and hop.via for hop in end.hops)
        if is_ours:
            routes, ways, is_drawn = (), (), False
        at_s = round(decision.at_s, 3)
        return RedirectView(party(decision.target), outcome, at_s, code, status, says, routes, ways, is_drawn)


# In words ------------------------------------------------------------------------------------------------------------


def _proven(user: str, source: str, question: SimulationQuestion) -> _Introduction:
    name = printable(question.caller, _SHOWN)
    says = (
        "Whether it may call cannot be told without its credentials: it gets 407, and is admitted once it proves to "
        f"be {name}."
    )
    return _Introduction(Sender(user), source, f"if it proves to be {name}", says)


def _because(refusal: Refusal) -> str:
    return refusal.reason or str(refusal)


def _unaskable(path: str, message: str) -> BodyInvalid:
    return BodyInvalid(f"This cannot be asked: {path} {message}.", [Detail(path, message)])


def _is_uri(text: str) -> bool:
    return text.partition(":")[0].lower() in ("sip", "sips", "tel")


def _caller_uri(caller: str, source: str) -> str:
    if _is_uri(caller):
        return caller
    if caller == ANONYMOUS:
        return "sip:anonymous@anonymous.invalid"
    return f"sip:{escape_user(caller)}@{f'[{source}]' if ':' in source else source}"


def _numeric(host: str) -> str:
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return ""


