"""REGISTER at the edge: who may bind a phone to a user, and the way to a phone that is bound.

Joins the authentication and registrar rooms; pure but for the store behind the location service. It leaves to others:
transactions and responses (edge), ringing (forks), who the users are (its `users`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from strowger.sip.authentication.authenticator import Authenticated, Authenticator, Challenge
from strowger.sip.authentication.bearer import TokenUse
from strowger.sip.authentication.challenge import ORIGIN
from strowger.sip.flow import CONNECTION_BOUND, Flow
from strowger.sip.message.errors import Refusal
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri, parse_uri
from strowger.sip.registrar.address_of_record import address_of_record
from strowger.sip.registrar.binding import Binding
from strowger.sip.registrar.location_service import Answer, LocationService
from strowger.sip.registrar.registrar import Outcome
from strowger.sip.registrar.targets import Target


class Way(NamedTuple):
    """How to reach a registered phone."""

    flows: tuple[Flow, ...]
    """The ways its REGISTERs came, the latest first; none where the first route value, or else its URI, leads there."""
    route: tuple[str, ...]
    """Route values to put in front (RFC 3327 §5.3)."""
    is_behind_nat: bool = False
    """Whether nothing but the flow leads there, though its transport would let us open another."""
    source: str = ""
    """The address that the REGISTER came from, where it is not the flows that lead back."""


class Silence(Exception):
    """Not even worth an answer; the text says why."""


class Registration:
    """The users' registrations. An address of record is the user's raw id, in lower case."""

    def __init__(
        self,
        authenticator: Authenticator,
        location: LocationService,
        users: Mapping[str, str],
        *,
        wall: Callable[[], float],
        standing: Container[str] = (),
    ) -> None:
        """`users` gives the raw id for each spelling of a user that may register; `wall` tells seconds since 1970.
        `standing` are the URIs of phones that need not register.
        """
        self._authenticator = authenticator
        self._location = location
        self._users = users
        self._wall = wall
        self._standing = standing

    def require_allowed(self, request: Request, flow: Flow, now: float) -> None:
        """Raises Refusal with what to answer to a stranger, or Silence; nothing is kept of either (RFC 3261 §10.3)."""
        user = self._user_of(request)  # refuses what cannot be registered by anybody
        header = request.all(ORIGIN.credentials)
        decision = self._authenticator.decide(
            request.method, request.uri, header, flow.received, now, tokens=TokenUse.on(flow)
        )
        if isinstance(decision, Challenge):
            raise Refusal(decision.status, "", tuple(decision.headers))
        if not isinstance(decision, Authenticated):
            if decision.status is None:
                raise Silence(decision.reason)
            raise Refusal(decision.status, decision.reason)
        if user is None or self._users.get(decision.user.lower()) != user:
            # The same for a user of somebody else and for nobody's: who exists is not told.
            raise Refusal(403, "Forbidden")

    def register(self, request: Request, flow: Flow, answer: Answer) -> None:
        """Carry out what was allowed; `answer` is told once it is durable."""
        user = self._user_of(request)
        assert user is not None, "only what was allowed is carried out"
        self._location.register(user, request, flow, self._wall(), answer)

    def forget(self, user: str) -> None:
        """Drop all phones of a user, by raw id in lower case."""
        self._location.forget(user)

    def restore(self) -> list[str]:
        """Take up the bindings of before a restart; returns the users whose bindings cannot be read."""
        return self._location.restore(self._wall())

    def all(self) -> Iterable[tuple[str, tuple[Binding, ...]]]:
        """Everybody who is registered, and where, for people to look at."""
        return self._location.all(self._wall())

    def contacts(self, user: str) -> tuple[str, ...]:
        """The Request-URIs of a user's registered phones, the preferred ones first."""
        return tuple(target.uri for target in self._location.targets(user.lower(), self._wall()))

    def addresses(self, user: str) -> frozenset[str]:
        """The addresses a user's phones registered from."""
        return frozenset(target.flow.received for target in self._location.targets(user.lower(), self._wall()))

    def new_phones(self, request: Request, outcome: Outcome) -> tuple[str, tuple[str, ...]]:
        """The user of a REGISTER and the Request-URIs of the phones that it added."""
        user = self._user_of(request) or ""
        added = {(binding.contact, binding.flow) for binding in outcome.added}
        targets = self._location.targets(user, self._wall())
        return user, tuple(each.uri for each in targets if (each.contact, each.flow) in added)

    def flow_lost(self, flow: Flow) -> list[str]:
        """A connection is gone: forget the phones that only it leads to; returns their users."""
        return self._location.flow_failed(flow, self._wall())

    def flow_since(self, flow: Flow, uri: str) -> Flow | None:
        """Where a phone whose connection is gone is now, by its contact; None while it has not registered again."""
        parsed = parse_uri(uri)
        return self._location.flow_since(flow, parsed, self._wall()) if isinstance(parsed, SipUri) else None

    def way(self, user: str, uri: str) -> Way | None:
        """The way to a user's phone, by its Request-URI; None for one of the settings that has not registered.

        Another user's phone with the same URI is another phone. One that is not registered any more was rung because it
        had been, and so is still one that came from nowhere we know.
        """
        targets = self._location.targets(user.lower(), self._wall())
        found = next((_way(target) for target in targets if target.uri == uri), None)
        return Way((), ()) if found is None and uri not in self._standing else found

    def _user_of(self, request: Request) -> str | None:
        return self._users.get(address_of_record(request).user.lower())


def _way(target: Target) -> Way:
    """Back by the flow where nothing else leads there, and where the contact shows that a NAT is in between.

    A Path leads to the last proxy, whose flow says nothing of the phone's.
    """
    if target.is_bound_to_flow or target.flow.transport in CONNECTION_BOUND:
        flows = (target.flow, *(spare.flow for spare in target.spares))
        return Way(flows, target.route, target.flow.transport not in CONNECTION_BOUND)
    if not target.route and _is_behind_nat(target):
        return Way((target.flow,), target.route, is_behind_nat=True)
    return Way((), target.route, source=target.flow.received)


def _is_behind_nat(target: Target) -> bool:
    """Whether the contact is a numeric address, and not the one the REGISTER came from."""
    host = SipUri.parse(target.uri).host.strip("[]")
    try:
        return ip_address(host) != ip_address(target.flow.received)
    except ValueError:
        return False
