"""The care of trunks: asks each whether it serves, registers with those that want it, and hears how calls fare there.

Joins the machines of `trunk` (health, registering) to requests of our own. No I/O and no clock of its own: it has
deadlines, as everything the driver advances. While a trunk wants to be left alone, nothing at all is sent there (RFC
3261 §21.5.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from strowger.sip.authentication.client import DigestClient
from strowger.sip.flow import Flow
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request, Response
from strowger.sip.message.uri import SipUri
from strowger.sip.network import Network, Unreachable, flow_to_uri
from strowger.sip.own_requests import NoResponse, OwnRequests
from strowger.sip.transaction.errors import TransactionError
from strowger.sip.trunk import requests
from strowger.sip.trunk.health import HealthOutput, SendOptions, WentDown, WentUp
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


class _Registrant:
    """A trunk that we register with."""

    __slots__ = ("call_id", "key", "machine", "tag", "trunk")

    def __init__(self, trunk: Trunk, machine: Registering, token: requests.Token) -> None:
        self.trunk = trunk
        self.machine = machine
        self.key = ""
        """Of the REGISTER sent last."""
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
        self._is_open = False
        self._left: Callable[[], None] | None = None
        self._asked: dict[str, str] = {}
        """Key of the OPTIONS sent last, by trunk."""
        self._since = {name: (health.state, wall()) for name, health in roster.items().items()}
        self._registrants: dict[str, _Registrant] = {}

    def open(self, own: OwnRequests, network: Network) -> None:
        """Begin to ask and to register, now that our listeners are there. Raises ParseError for an unreadable URI."""
        self._own, self._network = own, network
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
        if self._left is None:
            deadlines.append(self._roster.next_deadline())
        return min((at for at in deadlines if at is not None), default=None)

    def advance(self, now: float) -> None:
        """Ask the trunks that are due, and renew the registrations that are."""
        if not self._is_open:
            return
        if self._left is None:
            for trunk, output in self._roster.advance(now):
                self._judge(trunk, [output])
        for each in self._registrants.values():
            due = self._registration_due(each)
            if due is not None and due <= now:
                self._register(each, each.machine.advance(now))

    def leave(self, left: Callable[[], None]) -> None:
        """Ask nobody any more and take every registration back; `left` is told, once, when that is answered.

        Those at trunks that want to be left alone end by themselves.
        """
        self._left = left
        held = [name for name in self._registrants if self._roster.held_until(name) is not None]
        for name in held:
            del self._registrants[name]
        for each in self._registrants.values():
            self._own.forget(each.key)
            self._register(each, each.machine.stop(self._now()))
        self._tell_left()

    def _tell_left(self) -> None:
        if self._left is not None and all(each.machine.is_over for each in self._registrants.values()):
            self._left()

    def _registration_due(self, registrant: _Registrant) -> float | None:
        """Not before the hold of a trunk that wants to be left alone is over."""
        due = registrant.machine.next_deadline()
        held_until = self._roster.held_until(registrant.trunk.name)
        return due if due is None or held_until is None else max(due, held_until)

    # Health ----------------------------------------------------------------------------------------------------------

    def _judge(self, name: str, outputs: Sequence[HealthOutput]) -> None:
        state = self._roster[name].state
        if state is not self._since[name][0]:
            self._since[name] = (state, self._wall())
        for output in outputs:
            if isinstance(output, SendOptions):
                self._ask(name, output.number)
            else:
                self._changed(name, output)

    def _ask(self, name: str, number: int) -> None:
        # Whether the one before is answered no longer matters, and a dead trunk is not to get the repeats of several.
        self._own.forget(self._asked.pop(name, ""))
        trunk = self._trunks[name]
        try:
            flow = flow_to_uri(self._network, trunk.uri)
            request = requests.options(trunk, self._way(flow), self._token)
            self._asked[name] = self._own.send(request, flow, partial(self._answered, name, number))
        except (Unreachable, ParseError) as error:
            self._judge(name, self._roster[name].options_failed(number, str(error), self._now()))
        except TransactionError:  # our own table is full: that is no fault of the trunk
            self._roster[name].not_asked(number, self._now())

    def _answered(self, name: str, number: int, outcome: Response | NoResponse) -> None:
        health, now = self._roster[name], self._now()
        if isinstance(outcome, Response):
            outputs = health.options_answered(number, outcome.status, retry_after_of(outcome), now)
        else:
            outputs = health.options_failed(number, outcome.why, now)
        self._judge(name, outputs)

    # Registration ----------------------------------------------------------------------------------------------------

    def _register(self, registrant: _Registrant, outputs: Sequence[RegisteringOutput]) -> None:
        for output in outputs:
            if isinstance(output, SendRegister):
                self._send_register(registrant, output)
            else:
                self._changed(registrant.trunk.name, output)

    def _send_register(self, registrant: _Registrant, output: SendRegister) -> None:
        trunk, number = registrant.trunk, output.number
        common = requests.Registration(
            registrant.call_id, registrant.tag, number, output.expires_s, output.credentials
        )
        try:
            flow = flow_to_uri(self._network, trunk.uri)
            request = requests.register(trunk, self._way(flow), common, self._token)
            registrant.key = self._own.send(request, flow, partial(self._registered, registrant, number, request))
        except (Unreachable, ParseError, TransactionError) as error:
            self._register(registrant, registrant.machine.failed(number, str(error), self._now()))

    def _registered(
        self, registrant: _Registrant, number: int, request: Request, outcome: Response | NoResponse
    ) -> None:
        machine, now = registrant.machine, self._now()
        if isinstance(outcome, Response):
            outputs = machine.answered(number, request, outcome, now)
        else:
            outputs = machine.failed(number, outcome.why, now)
        self._register(registrant, outputs)
        if self._left is not None:
            self._tell_left()

    def _way(self, flow: Flow) -> requests.Way:
        return requests.Way(flow.transport, self._network.sent_by(flow))
