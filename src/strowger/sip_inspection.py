"""What a running server tells of its SIP side: who is registered.

Reads what is kept anyway, when asked; nothing here costs a call anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from strowger.console.metrics import Sample
from strowger.console.sip_views import RegistrationsView, RegistrationView
from strowger.console.views import iso
from strowger.sip.registrar.binding import HIGHEST_Q, Binding
from strowger.sip.registration import Registration
from strowger.sip.transport.flow import host_port

NOBODY: Final = "No phone is registered."
NOBODY_MAY: Final = "No phone can register: no [[user]] has a password for it."


class SipInspection:
    """The SIP side as an operator sees it."""

    def __init__(self, registration: Registration, users: Mapping[str, str], wall: Callable[[], float]) -> None:
        """`users` gives the name of every user by raw id; `wall` tells seconds since 1970."""
        self._registration = registration
        self._names = {raw_id.lower(): name for raw_id, name in users.items()}
        self._wall = wall

    def registrations(self, user: str) -> RegistrationsView | None:
        """The phones of a user, by its name or raw id, or of all; None when there is no such user."""
        wanted = {raw_id for raw_id, name in self._names.items() if user.lower() in ("", raw_id, name.lower())}
        if user and not wanted:
            return None
        now = self._wall()
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
            return NOBODY if self._registration.users else NOBODY_MAY
        if wanted.isdisjoint(self._registration.users):
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

    def samples(self) -> Iterator[Sample]:
        """Every measurement, now."""
        phones = [len(bindings) for _, bindings in self._registration.all()]
        yield Sample("strowger_registrations", "gauge", "Phones registered.", (), sum(phones))
        yield Sample("strowger_registered_users", "gauge", "Users with a phone registered.", (), len(phones))


def _text(header: str) -> str:
    """Latin-1 text of a header as the UTF-8 that it should be, bad bytes replaced."""
    return header.encode("latin-1").decode("utf-8", "replace")
