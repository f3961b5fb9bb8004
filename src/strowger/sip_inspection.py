"""What a running server tells of its SIP side: who is registered, and how the trunks are.

Reads what is kept anyway, when asked; nothing here costs a call anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from strowger.base.clock import Clock
from strowger.console.metrics import Sample
from strowger.console.sip_views import RegistrationsView, RegistrationView, TrunksView, TrunkView
from strowger.console.views import iso
from strowger.route_inspection import RouteInspection
from strowger.sip.registrar.binding import HIGHEST_Q, Binding
from strowger.sip.registration import Registration
from strowger.sip.transport.flow import host_port
from strowger.sip.trunk.selection import Selection
from strowger.sip.trunk_care import TrunkCare, TrunkState

NOBODY: Final = "No phone is registered."
NOBODY_MAY: Final = "No phone can register: no [[user]] has a password for it."


class SipInspection:
    """The SIP side as an operator sees it."""

    def __init__(
        self,
        clock: Clock,
        registration: Registration,
        users: Mapping[str, str],
        with_password: Collection[str],
        trunks: TrunkCare,
        selection: Selection,
        routes: RouteInspection,
        ringing: Callable[[], Mapping[str, int]],
    ) -> None:
        """`users` gives the name of every user by raw id, `with_password` are the raw ids of those that can register,
        in lower case; `ringing` counts the calls that ring through each trunk.
        """
        self.routes = routes
        self._clock = clock
        self._registration = registration
        self._with_password = frozenset(with_password)
        self._names = {raw_id.lower(): name for raw_id, name in users.items()}
        self._trunks = trunks
        self._selection = selection
        self._ringing = ringing

    # Phones ----------------------------------------------------------------------------------------------------------

    def registrations(self, user: str) -> RegistrationsView | None:
        """The phones of a user, by its name or raw id, or of all; None when there is no such user."""
        wanted = {raw_id for raw_id, name in self._names.items() if user.lower() in ("", raw_id, name.lower())}
        if user and not wanted:
            return None
        now = self._clock.wall()
        found = [
            self._phone(raw_id, binding, now)
            for raw_id, bindings in self._registration.all()
            if raw_id in wanted or not user
            for binding in bindings
        ]
        found.sort(key=lambda phone: (phone.user, -phone.q, phone.contact))
        return RegistrationsView(tuple(found), "" if found else self._why_nobody(user, wanted))

    def _why_nobody(self, user: str, wanted: set[str]) -> str:
        if not user:
            return NOBODY if self._with_password else NOBODY_MAY
        if wanted.isdisjoint(self._with_password):
            return f"No phone can register as {user}: its [[user]] has no password for it."
        return f"No phone is registered as {user}."

    def _phone(self, raw_id: str, binding: Binding, now: float) -> RegistrationView:
        return RegistrationView(
            user=self._names.get(raw_id, raw_id),
            raw_id=raw_id,
            contact=binding.contact,
            expires_in_s=binding.seconds_left(now),
            q=binding.q / HIGHEST_Q,
            transport=binding.flow.transport.lower(),
            source=host_port(binding.flow.host, binding.flow.port),
            is_bound_to_flow=binding.is_bound_to_flow,
            path=binding.path,
            user_agent=_text(binding.user_agent),
            instance=binding.instance,
            updated_at=iso(binding.updated_at),
        )

    # Trunks ----------------------------------------------------------------------------------------------------------

    def trunks(self) -> TrunksView:
        """Every trunk and how it is, in the order of the settings."""
        ringing = self._ringing()
        return TrunksView(tuple(self._trunk(state, ringing.get(state.name, 0)) for state in self._trunks.states()))

    def _trunk(self, state: TrunkState, calls: int) -> TrunkView:
        trunk, registration = self._selection.trunk(state.name), state.registration
        ends = registration.expires_at if registration is not None and registration.is_registered else None
        return TrunkView(
            name=state.name,
            uri=state.uri,
            priority=trunk.priority,
            weight=trunk.weight,
            state=state.state,
            is_asked=state.is_asked,
            why=state.why,
            since=iso(state.since),
            held_for_s=_left(self._selection.fitness.held_until(state.name), self._clock.monotonic()),
            registration="" if registration is None else registration.state,
            registration_why="" if registration is None else registration.why,
            registered_for_s=_left(ends, self._clock.wall()),
            calls=calls,
        )

    # Measurements ----------------------------------------------------------------------------------------------------

    def samples(self) -> Iterator[Sample]:
        """Every measurement, now."""
        phones = [len(bindings) for _, bindings in self._registration.all()]
        yield Sample("strowger_registrations", "gauge", "Phones registered.", (), sum(phones))
        yield Sample("strowger_registered_users", "gauge", "Users with a phone registered.", (), len(phones))
        ringing = self._ringing()
        for trunk in self._trunks.states():
            labels, number = (("trunk", trunk.name),), ringing.get(trunk.name, 0)
            yield Sample("strowger_trunk_up", "gauge", "Whether calls go to a trunk.", labels, float(trunk.is_usable))
            yield Sample("strowger_trunk_calls_ringing", "gauge", "Calls that ring through a trunk.", labels, number)
            if trunk.registration is not None:
                is_there = float(trunk.registration.is_registered)
                yield Sample("strowger_trunk_registered", "gauge", "Whether we are registered there.", labels, is_there)


def _left(until: float | None, now: float) -> int:
    return 0 if until is None else max(round(until - now), 0)


def _text(header: str) -> str:
    """Latin-1 text of a header as the UTF-8 that it should be, bad bytes replaced."""
    return header.encode("latin-1").decode("utf-8", "replace")
