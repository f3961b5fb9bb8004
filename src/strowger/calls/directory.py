"""Who is ours: numbers and users, looked up when a call arrives or is redirected. What is not ours lies outside, and
the trunks know the ways there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from strowger.calls.errors import CallRefused, TargetInvalid, TargetUnroutable
from strowger.calls.identifier import ANONYMOUS_CALLER, Identifier, Kind, from_raw_id, phone_number
from strowger.calls.identities import Identity
from strowger.calls.ports import Arrival, RingPlan, WaysOut
from strowger.calls.spelling import spellings, user_part

NOT_FOUND: Final = 404

_DIALLABLE: Final = re.compile(r"\+?[0-9]{1,20}")
# RFC 3261 §25.1: user = unreserved / escaped / user-unreserved
_USER_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()&=+$,;?/"
_USER_PLAIN: Final = frozenset(_USER_CHARACTERS)


class User(msgspec.Struct, frozen=True):
    """A user of a resource and the SIP URIs of its phones."""

    resource: str
    name: str
    id: str
    """The ACS raw id, `8:acs:{resource}_{user}`."""
    contacts: tuple[str, ...] = ()


class Number(msgspec.Struct, frozen=True):
    """A phone number that a resource owns."""

    resource: str
    e164: str


class Presence(Protocol):
    """Who is where just now; a user is named by its raw id."""

    def contacts(self, user: str) -> tuple[str, ...]:
        """The URIs of the user's registered phones."""

    def addresses(self, user: str) -> frozenset[str]:
        """The addresses those phones registered from."""


class CreatedUsers(Protocol):
    """Users that applications created while the server runs."""

    def created(self, word: str) -> Identity | None:
        """The one with this raw id, or with this user part of it; capitals change nothing."""


class Directory:
    """Everything that can be dialled, ready for lookup."""

    def __init__(
        self,
        *,
        numbers: Iterable[Number] = (),
        users: Iterable[User] = (),
        user_may_dial_out: bool = True,
        presence: Presence | None = None,
        outside: WaysOut | None = None,
        created: CreatedUsers | None = None,
    ) -> None:
        """`presence` knows the phones that users have registered, beside those they always have; without an `outside`
        nothing but what is ours can be reached. `created` may know users that are not among `users`.
        """
        self._presence = presence
        self._numbers = {number.e164: number for number in numbers}
        self._users_by_name = {user.name.lower(): user for user in users}
        self._users_by_id = {user.id.lower(): user for user in self._users_by_name.values()}
        self._users = {
            word.lower(): user for user in self._users_by_name.values() for word in spellings(user.name, user.id)
        }
        self._users_by_address = _by_address(self._users_by_name.values())
        self._out = outside
        self._created = created
        self._user_may_dial_out = user_may_dial_out

    def addressee(self, dialled: str) -> tuple[str, RingPlan]:
        """The resource and the plan for a dialled user part. Raises CallRefused(404) when it is nobody of ours."""
        number = self._numbers.get(dialled) or self._numbers.get(f"+{dialled}")
        if number:
            return number.resource, RingPlan(phone_number(number.e164), announced=True)
        user = self._users.get(dialled.lower()) or self._created_user(dialled)
        if user:
            return user.resource, self._user_plan(user)
        raise CallRefused(
            NOT_FOUND,
            f"nobody here is called {dialled!r}: add a [[number]] or a [[user]] for it, or create an identity",
        )

    def caller(self, arrival: Arrival) -> Identifier:
        """Who calls. A user is believed that proved to be one, or calls from the address of one of its own phones."""
        proven = self._user(arrival.caller_user)
        if proven:
            return from_raw_id(proven.id)
        user = self._users.get(arrival.caller.lower()) or self._created_user(arrival.caller)
        if user and not arrival.is_stranger and self._is_at(user, arrival.source):
            return from_raw_id(user.id)
        if arrival.caller.lower() == "anonymous" or not arrival.caller:
            return Identifier(Kind.PHONE_NUMBER, ANONYMOUS_CALLER)
        if _DIALLABLE.fullmatch(arrival.caller):
            return phone_number(arrival.caller)
        return Identifier(Kind.UNKNOWN, arrival.caller_uri)

    def _user(self, raw_id: str) -> User | None:
        user = self._users_by_id.get(raw_id.lower()) or self._created_user(raw_id)
        return user if user is not None and user.id.lower() == raw_id.lower() else None

    def _created_user(self, word: str) -> User | None:
        identity = self._created.created(word) if self._created is not None and word else None
        if identity is None:
            return None
        return User(identity.resource, user_part(identity.raw_id), identity.raw_id)

    def _is_at(self, user: User, source: str) -> bool:
        if source in self._users_by_address.get(user.name, ()):
            return True
        return self._presence is not None and source in self._presence.addresses(user.id)

    def _user_plan(self, user: User) -> RingPlan:
        registered = self._presence.contacts(user.id) if self._presence is not None else ()
        contacts = tuple(dict.fromkeys((*user.contacts, *registered)))
        return RingPlan(from_raw_id(user.id), contacts, announced=True)

    def target(self, resource: str, target: Identifier, caller: Identifier) -> RingPlan:
        """The plan for a redirect target. Raises TargetInvalid or TargetUnroutable."""
        if target.kind is Kind.COMMUNICATION_USER:
            return self._user_target(resource, target)
        if target.kind is Kind.PHONE_NUMBER:
            return self._number_target(resource, target, caller)
        return self._outside(target, outside_id(target))

    def _user_target(self, resource: str, target: Identifier) -> RingPlan:
        user = self._user(target.raw_id)
        if user is None or user.resource != resource:
            raise TargetInvalid(
                "there is no user with the id of the target in this resource: add a [[user]] with that id, or create "
                "an identity and take the id that it gets"
            )
        return self._user_plan(user)

    def _number_target(self, resource: str, target: Identifier, caller: Identifier) -> RingPlan:
        number = target.number
        if not _DIALLABLE.fullmatch(number):
            raise TargetInvalid(
                "target.phoneNumber.value is not a number that can be dialled: give it in E.164 form, like +31201110001"
            )
        owned = self._numbers.get(number) or self._numbers.get(f"+{number}")
        if owned and owned.resource == resource:
            return RingPlan(phone_number(owned.e164), announced=True)
        if caller.kind is Kind.COMMUNICATION_USER and not self._user_may_dial_out:
            raise TargetUnroutable(
                "a call from a user may not be redirected to a phone number while compat.voip_to_phone is 'refuse'"
            )
        return self._outside(target, number)

    def _outside(self, target: Identifier, dialled: str) -> RingPlan:
        if self._out is None:
            raise TargetUnroutable("no trunk leads outside")
        first, *reserve = self._out.ways_out(target.kind, dialled)
        return RingPlan(target, (first.uri,), first.trunk, tuple(reserve))

    def sends_back(self, trunk: str, plan: RingPlan) -> bool:
        """Whether callers that come by this trunk are told to call the target themselves.

        Not where a phone that registered is to ring: often nothing but our connection to it leads there. Nor where a
        group is: it is we who ring one after the other.
        """
        if plan.group is not None or not trunk or self._out is None or not self._out.sends_back(trunk):
            return False
        return self._presence is None or not self._presence.contacts(plan.to.raw_id)


def outside_id(target: Identifier) -> str:
    """What a route is matched against and a trunk is asked for: a number, the id of a Teams user or app, or all of an
    unknown id.
    """
    if target.kind is Kind.PHONE_NUMBER:
        return target.number
    if target.kind is Kind.UNKNOWN:
        return target.raw_id
    return target.extension.user_id if target.kind is Kind.TEAMS_EXTENSION_USER else target.scoped_id


def escape_user(text: str) -> str:
    """A SIP user part in which nothing can end the user part early (RFC 3261 §19.1.2)."""
    if not text.strip(_USER_CHARACTERS):
        return text
    return "".join(c if c in _USER_PLAIN else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)


def _by_address(users: Iterable[User]) -> dict[str, frozenset[str]]:
    return {user.name: frozenset(_host(contact) for contact in user.contacts) for user in users}


def _host(uri: str) -> str:
    authority = uri.partition(":")[2].rpartition("@")[2].partition(";")[0].partition("?")[0]
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]
