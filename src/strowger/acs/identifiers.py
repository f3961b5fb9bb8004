"""Communication identifiers as requests carry them (ACS: CommunicationIdentifierModel, 2026-03-12).

`kind` is optional in requests and Python never sends it, so what an identifier is follows from the one member it
carries, else from its raw id. Python writes clouds in upper case, JavaScript in lower case. Whether anybody can be
reached there is the domain's question.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import structlog

from strowger.acs.errors import ArgumentInvalid
from strowger.calls.identifier import (
    ANONYMOUS_CALLER,
    Cloud,
    Identifier,
    Kind,
    TeamsExtension,
    from_raw_id,
    phone_number,
    teams_app,
    teams_extension_user,
    teams_user,
)

MAX_IDENTIFIER_CHARACTERS: Final = 2_048
"""Longest string inside an identifier."""

_log: Final = structlog.stdlib.get_logger(__name__)

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDENTIFIER_CHARACTERS)]


class CommunicationUser(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """A user of a resource."""

    id: Text


class PhoneNumber(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """A telephone number."""

    value: Text
    is_anonymous: bool | None = None
    asserted_id: Text | None = None


class MicrosoftTeamsUser(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """A Teams user."""

    user_id: Text
    is_anonymous: bool | None = None
    cloud: Text | None = None


class MicrosoftTeamsApp(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """A Teams application."""

    app_id: Text
    cloud: Text | None = None


class TeamsExtensionUser(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """A Teams user reached through a resource."""

    user_id: Text
    tenant_id: Text
    resource_id: Text
    cloud: Text | None = None


Member = CommunicationUser | PhoneNumber | MicrosoftTeamsUser | MicrosoftTeamsApp | TeamsExtensionUser


class CommunicationIdentifier(
    msgspec.Struct, rename="camel", frozen=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An identifier on the wire: at most one member besides kind and raw id."""

    kind: Text | None = None
    raw_id: Text | None = None
    communication_user: CommunicationUser | None = None
    phone_number: PhoneNumber | None = None
    microsoft_teams_user: MicrosoftTeamsUser | None = None
    microsoft_teams_app: MicrosoftTeamsApp | None = None
    teams_extension_user: TeamsExtensionUser | None = None

    def members(self) -> list[tuple[Kind, Member]]:
        """The members present, in the order in which a missing kind is inferred."""
        every: tuple[tuple[Kind, Member | None], ...] = (
            (Kind.COMMUNICATION_USER, self.communication_user),
            (Kind.PHONE_NUMBER, self.phone_number),
            (Kind.MICROSOFT_TEAMS_USER, self.microsoft_teams_user),
            (Kind.MICROSOFT_TEAMS_APP, self.microsoft_teams_app),
            (Kind.TEAMS_EXTENSION_USER, self.teams_extension_user),
        )
        return [(kind, member) for kind, member in every if member is not None]


_KINDS: Final = {kind.value.lower(): kind for kind in Kind}
_CLOUDS: Final = {cloud.value: cloud for cloud in Cloud}


def identify(wire: CommunicationIdentifier, place: str) -> Identifier:
    """The identifier named at `place`. Raises ArgumentInvalid for none, several, or one that contradicts itself."""
    members = wire.members()
    if len(members) > 1:
        names = " and ".join(kind.value for kind, _ in members)
        raise ArgumentInvalid(f"An identifier has one member; this one has {names}.", place)
    identifier = _from_member(*members[0], place) if members else _from_raw_id(wire, place)
    _agree_on_kind(wire.kind, identifier, place, has_member=bool(members))
    if not identifier.raw_id.isprintable():
        raise ArgumentInvalid("An identifier holds no control characters.", place)
    if wire.raw_id is not None and wire.raw_id != identifier.raw_id:
        _log.debug("raw id disagrees with its member", kind=identifier.kind.value)
    return identifier


def _from_raw_id(wire: CommunicationIdentifier, place: str) -> Identifier:
    if wire.raw_id is None:
        raise ArgumentInvalid(
            "The identifier names nobody; send a member such as communicationUser or phoneNumber, or a rawId.", place
        )
    return from_raw_id(wire.raw_id)


def _agree_on_kind(written: str | None, identifier: Identifier, place: str, *, has_member: bool) -> None:
    if written is None:
        return
    kind = _KINDS.get(written.lower())
    if kind is None:
        raise ArgumentInvalid(f"'{written[:40]}' is no kind of identifier.", f"{place}.kind")
    # A client that cannot read a raw id calls it unknown; the raw id still says what it is.
    if kind is identifier.kind or (kind is Kind.UNKNOWN and not has_member):
        return
    seen = "member" if has_member else "rawId"
    raise ArgumentInvalid(f"kind is {kind.value}, but the {seen} is of kind {identifier.kind.value}.", f"{place}.kind")


def _from_member(kind: Kind, member: Member, place: str) -> Identifier:
    place = f"{place}.{kind.value}"
    match member:
        case CommunicationUser():
            return Identifier(kind, member.id)
        case PhoneNumber():
            return _phone(member, place)
        case MicrosoftTeamsUser():
            return teams_user(member.user_id, _cloud(member.cloud, place), is_anonymous=bool(member.is_anonymous))
        case MicrosoftTeamsApp():
            return teams_app(member.app_id, _cloud(member.cloud, place))
        case TeamsExtensionUser():
            return _extension(member, place)


def _phone(member: PhoneNumber, place: str) -> Identifier:
    number = phone_number(member.value)
    if member.is_anonymous and number.raw_id != ANONYMOUS_CALLER:
        raise ArgumentInvalid("isAnonymous is true, but there is a number.", f"{place}.isAnonymous")
    # Python leaves the asserted id inside the value when it made the identifier from a raw id.
    suffix = f"_{member.asserted_id}" if member.asserted_id else ""
    return number if number.raw_id.endswith(suffix) else phone_number(member.value + suffix)


def _extension(member: TeamsExtensionUser, place: str) -> Identifier:
    parts = TeamsExtension(member.resource_id, member.tenant_id, member.user_id)
    if any("_" in part for part in parts):
        raise ArgumentInvalid("The ids of a Teams extension user hold no underscore.", place)
    return teams_extension_user(parts, _cloud(member.cloud, place))


def _cloud(written: str | None, place: str) -> Cloud:
    if written is None:
        return Cloud.PUBLIC
    cloud = _CLOUDS.get(written.lower())
    if cloud is None:
        raise ArgumentInvalid(f"'{written[:40]}' is no cloud; it is public, dod or gcch.", f"{place}.cloud")
    return cloud
