"""Communication identifiers as events carry them (ACS: CommunicationIdentifierModel, 2026-03-12).

In events `kind` and `rawId` are always there, with exactly one member of that kind; an unknown identifier has none.
Reading identifiers from requests belongs to the ACS room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from strowger.calls.identifier import Identifier, Kind


class CommunicationUser(msgspec.Struct, frozen=True, gc=False):
    """A user of the resource; the id is the raw id."""

    id: str


class PhoneNumber(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """A phone number, or the literal `anonymous` of a caller who hides it."""

    value: str
    is_anonymous: bool = False
    asserted_id: str = ""


class MicrosoftTeamsUser(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A Teams user. No member is optional here: the common reader of the JavaScript SDK demands all three."""

    user_id: str
    is_anonymous: bool
    cloud: str


class MicrosoftTeamsApp(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A Teams application."""

    app_id: str
    cloud: str


class TeamsExtensionUser(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A Teams user reached through an ACS resource."""

    user_id: str
    tenant_id: str
    resource_id: str
    cloud: str


class CommunicationIdentifierModel(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """An identifier on the wire."""

    kind: Kind
    raw_id: str
    communication_user: CommunicationUser | None = None
    phone_number: PhoneNumber | None = None
    microsoft_teams_user: MicrosoftTeamsUser | None = None
    microsoft_teams_app: MicrosoftTeamsApp | None = None
    teams_extension_user: TeamsExtensionUser | None = None


def to_wire(identifier: Identifier) -> CommunicationIdentifierModel:
    """The wire form of an identifier, ready to be encoded."""
    return _WRITERS[identifier.kind](identifier)


def _communication_user(identifier: Identifier) -> CommunicationIdentifierModel:
    return CommunicationIdentifierModel(
        identifier.kind, identifier.raw_id, communication_user=CommunicationUser(identifier.raw_id)
    )


def _phone_number(identifier: Identifier) -> CommunicationIdentifierModel:
    number = PhoneNumber(identifier.number, identifier.is_anonymous, identifier.asserted_id)
    return CommunicationIdentifierModel(identifier.kind, identifier.raw_id, phone_number=number)


def _microsoft_teams_user(identifier: Identifier) -> CommunicationIdentifierModel:
    user = MicrosoftTeamsUser(identifier.scoped_id, identifier.is_anonymous, identifier.cloud.value)
    return CommunicationIdentifierModel(identifier.kind, identifier.raw_id, microsoft_teams_user=user)


def _microsoft_teams_app(identifier: Identifier) -> CommunicationIdentifierModel:
    app = MicrosoftTeamsApp(identifier.scoped_id, identifier.cloud.value)
    return CommunicationIdentifierModel(identifier.kind, identifier.raw_id, microsoft_teams_app=app)


def _teams_extension_user(identifier: Identifier) -> CommunicationIdentifierModel:
    resource_id, tenant_id, user_id = identifier.extension
    user = TeamsExtensionUser(user_id, tenant_id, resource_id, identifier.cloud.value)
    return CommunicationIdentifierModel(identifier.kind, identifier.raw_id, teams_extension_user=user)


def _unknown(identifier: Identifier) -> CommunicationIdentifierModel:
    return CommunicationIdentifierModel(identifier.kind, identifier.raw_id)


_WRITERS: Final[dict[Kind, Callable[[Identifier], CommunicationIdentifierModel]]] = {
    Kind.COMMUNICATION_USER: _communication_user,
    Kind.PHONE_NUMBER: _phone_number,
    Kind.MICROSOFT_TEAMS_USER: _microsoft_teams_user,
    Kind.MICROSOFT_TEAMS_APP: _microsoft_teams_app,
    Kind.TEAMS_EXTENSION_USER: _teams_extension_user,
    Kind.UNKNOWN: _unknown,
}
