"""The care of trunks: asks each whether it serves, registers with those that want it, and hears how calls fare there.

Joins the machines of `trunk` (health, registering) to requests of our own. No I/O and no clock of its own: it has
deadlines, as everything the driver advances. While a trunk wants to be left alone, nothing at all is sent there (RFC
3261 §21.5.4). Of several places that serve a trunk one that was silent is avoided (RFC 3263 §4.3), so that a trunk is
down only when none of them answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from strowger.sip.authentication.client import DigestClient
from strowger.sip.flow import Flow
from strowger.sip.location.resolve import Destination
from strowger.sip.message.message import Request, Response
from strowger.sip.message.uri import SipUri
from strowger.sip.network import Location, Network, flows_to
from strowger.sip.own_requests import NoResponse, OwnRequests
from strowger.sip.transaction.errors import TransactionError
from strowger.sip.trunk import requests
from strowger.sip.trunk.health import OUT_OF_SERVICE, HealthOutput, SendOptions, WentDown, WentUp
from strowger.sip.trunk.registering import NotRegistered, Registered, Registering, RegisteringOutput, SendRegister
from strowger.sip.trunk.retry_after import retry_after_of
from strowger.sip.trunk.roster import Roster
from strowger.sip.trunk.trunk import Trunk

Change: TypeAlias = WentUp | WentDown | Registered | NotRegistered
"""What happened to a trunk that people want to know."""


class RegistrationState(NamedTuple):
    """Our registration at a trunk, for people."""

    state: str
    """A word of `registering.State`."""
    why: str
    is_registered: bool
    expires_at: float | None
    """When it ends, or ended; Unix seconds."""


class TrunkState(NamedTuple):
    """How a trunk is, for people."""

    name: str
    uri: str
    state: str
    """A word of `health.State`."""
    is_usable: bool
    """Whether calls go there."""
    is_asked: bool
    """Whether it is asked by OPTIONS."""
    why: str
    """What was heard of it last, in words."""
    since: float
    """Since when it is in this state; Unix seconds."""
    registration: RegistrationState | None
    """None when we do not register there."""


class _Place(NamedTuple):
    """Where a request goes."""

    destination: Destination
    flow: Flow


_Found: TypeAlias = Callable[[_Place | None, str], None]
"""Told where to send; or that there is nowhere, and why."""


class _Asked(NamedTuple):
    """The OPTIONS that was sent last."""

    key: str
    destination: Destination


class _Registrant:
    """A trunk that we register with."""

    __slots__ = ("call_id", "key", "machine", "number", "tag", "trunk")

    def __init__(self, trunk: Trunk, machine: Registering, token: requests.Token) -> None:
        self.trunk = trunk
        self.machine = machine
        self.key = ""
        """Of the REGISTER sent last."""
        self.number = 0
        """Of the one that is wanted."""
        # One Call-ID for all REGISTERs of one registration (RFC 3261 §10.2).
        self.call_id, self.tag = token(), token()


class TrunkCare:
    """All trunks. Implements `driver.Timed`."""

    def __init__(
        self,
        trunks: Iterable[Trunk],
        roster: Roster,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        token: requests.Token,
        spread: Callable[[], float],
        changed: Callable[[str, Change], None] = lambda trunk, change: None,
    ) -> None:
        """`changed` is told the name of a trunk and what happened to it; `token` and `spread` are chance."""
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._roster = roster
        self._now = monotonic
        self._wall = wall
        self._token = token
        self._spread = spread
        self._changed = changed
        self._own: OwnRequests
        self._network: Network
        self._location: Location
        self._is_open = False
        self._is_leaving = False
        self._left: Callable[[], None] | None = None
        self._wanted: dict[str, int] = {}
        """Number of the OPTIONS that is wanted, by trunk."""
        self._asked: dict[str, _Asked] = {}
        self._since = {name: (health.state, wall()) for name, health in roster.items().items()}
        self._registrants: dict[str, _Registrant] = {}

    def open(self, own: OwnRequests, network: Network, location: Location) -> None:
        """Begin to ask and to register, now that our listeners are there. Raises ParseError for an unreadable URI."""
        self._own, self._network, self._location = own, network, location
        for trunk in self._trunks.values():
            if trunk.account is not None and trunk.register_expires_s is not None:
                client = DigestClient(trunk.account, self._token)
                host, now = SipUri.parse(trunk.uri).host, self._now()
                machine = Registering(client, host, trunk.register_expires_s, now, self._spread)
                self._registrants[trunk.name] = _Registrant(trunk, machine, self._token)
        self._is_open = True

    # What calls meet -------------------------------------------------------------------------------------------------

    def heard(self, trunk: str, status: int, retry_after_s: float | None) -> None:
        """A call got this response, above 100, from a trunk."""
        self._judge(trunk, self._roster[trunk].call_answered(status, retry_after_s, self._now()))

    def failed(self, trunk: str, why: str) -> None:
        """A call got no response from a trunk at all, or could not be sent there."""
        self._judge(trunk, self._roster[trunk].call_failed(why, self._now()))

    # For people ------------------------------------------------------------------------------------------------------

    def states(self) -> tuple[TrunkState, ...]:
        """How every trunk is, in the order of the settings."""
        return tuple(self._state(trunk) for trunk in self._trunks.values())

    def _state(self, trunk: Trunk) -> TrunkState:
        health = self._roster[trunk.name]
        since = self._since[trunk.name][1]
        registration = self._registration_state(trunk.name)
        return TrunkState(
            trunk.name, trunk.uri, health.state, health.is_usable, health.is_asked, health.why, since, registration
        )

    def _registration_state(self, name: str) -> RegistrationState | None:
        registrant = self._registrants.get(name)
        if registrant is None:
            return None
        machine, now = registrant.machine, self._now()
        ends = None if machine.expires_at is None else self._wall() + machine.expires_at - now
        return RegistrationState(machine.state, machine.why, machine.is_registered(now), ends)

    # Time ------------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `advance` has something to do."""
        if not self._is_open:
            return None
        deadlines = [self._registration_due(each) for each in self._registrants.values()]
        if not self._is_leaving:
            deadlines.append(self._roster.next_deadline())
        return min((at for at in deadlines if at is not None), default=None)

    def advance(self, now: float) -> None:
        """Ask the trunks that are due, and renew the registrations that are."""
        if not self._is_open:
            return
        if not self._is_leaving:
            reports = self._roster.advance(now)
            for name in self._trunks:
                self._note_state(name)
            for name, output in reports:
                self._judge(name, [output])
        for each in self._registrants.values():
            due = self._registration_due(each)
            if due is not None and due <= now:
                self._register(each, each.machine.advance(now))

    def leave(self, left: Callable[[], None]) -> None:
        """Ask nobody any more and take every registration back; `left` is told, once, when that is answered.

        Those at trunks that want to be left alone end by themselves.
        """
        self._is_leaving, self._left = True, left
        held = [name for name in self._registrants if self._roster.held_until(name) is not None]
        for name in held:
            del self._registrants[name]
        for each in self._registrants.values():
            self._own.forget(each.key)
            self._register(each, each.machine.stop(self._now()))
        self._tell_left()

    def _tell_left(self) -> None:
        if self._left is not None and all(each.machine.is_over for each in self._registrants.values()):
            left, self._left = self._left, None
            left()

    def _registration_due(self, registrant: _Registrant) -> float | None:
        """Not before the hold of a trunk that wants to be left alone is over."""
        due = registrant.machine.next_deadline()
        held_until = self._roster.held_until(registrant.trunk.name)
        return due if due is None or held_until is None else max(due, held_until)

    # Health ----------------------------------------------------------------------------------------------------------

    def _judge(self, name: str, outputs: Sequence[HealthOutput]) -> None:
        self._note_state(name)
        for output in outputs:
            if isinstance(output, SendOptions):
                self._ask(name, output.number)
            else:
                self._changed(name, output)

    def _note_state(self, name: str) -> None:
        state = self._roster[name].state
        if state is not self._since[name][0]:
            self._since[name] = (state, self._wall())

    def _ask(self, name: str, number: int) -> None:
        last = self._asked.pop(name, None)
        # Of a dead trunk the repeats of one request at a time are enough.
        if last is not None and self._own.forget(last.key):
            self._location.avoid(last.destination)
        self._wanted[name] = number
        # Among equals another one each time, so that none is left unasked.
        self._find(self._trunks[name], f"options {name} {number}", partial(self._send_options, name, number))

    def _send_options(self, name: str, number: int, place: _Place | None, why: str) -> None:
        if self._is_leaving or self._wanted[name] != number:  # the name server took its time
            return
        if place is None:
            self._judge(name, self._roster[name].options_failed(number, why, self._now()))
            return
        request = requests.options(self._trunks[name], self._way(place.flow), self._token)
        told = partial(self._answered, name, number, place.destination)
        try:
            self._asked[name] = _Asked(self._own.send(request, place.flow, told), place.destination)
        except TransactionError:  # our own table is full: that is no fault of the trunk
            self._roster[name].not_asked(number, self._now())

    def _answered(self, name: str, number: int, destination: Destination, outcome: Response | NoResponse) -> None:
        health, now = self._roster[name], self._now()
        if isinstance(outcome, Response):
            retry_after_s = retry_after_of(outcome)
            if outcome.status in OUT_OF_SERVICE:
                self._location.avoid(destination, retry_after_s)
            outputs = health.options_answered(number, outcome.status, retry_after_s, now)
        else:
            self._location.avoid(destination)
            outputs = health.options_failed(number, outcome.why, now)
        self._judge(name, outputs)

    # Registration ----------------------------------------------------------------------------------------------------

    def _register(self, registrant: _Registrant, outputs: Sequence[RegisteringOutput]) -> None:
        for output in outputs:
            if isinstance(output, SendRegister):
                self._send_register(registrant, output)
            else:
                self._changed(registrant.trunk.name, output)
        if registrant.machine.is_over:
            self._tell_left()

    def _send_register(self, registrant: _Registrant, output: SendRegister) -> None:
        registrant.number = output.number
        self._find(registrant.trunk, registrant.call_id, partial(self._register_at, registrant, output))

    def _register_at(self, registrant: _Registrant, output: SendRegister, place: _Place | None, why: str) -> None:
        machine, number = registrant.machine, output.number
        if registrant.number != number:  # the name server took its time
            return
        if place is None:
            self._register(registrant, machine.failed(number, why, self._now()))
            return
        common = requests.Registration(
            registrant.call_id, registrant.tag, number, output.expires_s, output.credentials
        )
        request = requests.register(registrant.trunk, self._way(place.flow), common, self._token)
        told = partial(self._registered, registrant, request, place.destination)
        try:
            registrant.key = self._own.send(request, place.flow, told)
        except TransactionError as error:
            self._register(registrant, machine.failed(number, str(error), self._now()))

    def _registered(
        self, registrant: _Registrant, request: Request, destination: Destination, outcome: Response | NoResponse
    ) -> None:
        machine, number, now = registrant.machine, request.cseq.number, self._now()
        if isinstance(outcome, Response):
            outputs = machine.answered(number, request, outcome, now)
        else:
            self._location.avoid(destination)
            outputs = machine.failed(number, outcome.why, now)
        self._register(registrant, outputs)

    # Ways ------------------------------------------------------------------------------------------------------------

    def _find(self, trunk: Trunk, what: str, found: _Found) -> None:
        """Look up where a trunk is served. `what` decides among equals."""
        self._location.locate(trunk.uri, what, lambda places, why: self._choose(places, why, found))

    def _choose(self, places: Sequence[Destination], why: str, found: _Found) -> None:
        for destination in places:
            for flow in flows_to(self._network, destination, or_tcp=False):
                found(_Place(destination, flow), "")
                return
        found(None, why or "no listener of ours leads there")

    def _way(self, flow: Flow) -> requests.Way:
        return requests.Way(flow.transport, self._network.sent_by(flow))
