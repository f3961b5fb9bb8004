"""Communication identifiers: who a call is from and for.

The raw id carries everything an identifier says (ACS: Communication Identifiers, rawId grammar), so an identifier is
its kind and its raw id; the members of the wire form are read back from it. Wire spelling belongs to the ACS and
Event Grid rooms.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec


class Kind(StrEnum):
    """What an identifier names (ACS: CommunicationIdentifierModelKind)."""

    COMMUNICATION_USER = "communicationUser"
    PHONE_NUMBER = "phoneNumber"
    MICROSOFT_TEAMS_USER = "microsoftTeamsUser"
    MICROSOFT_TEAMS_APP = "microsoftTeamsApp"
    TEAMS_EXTENSION_USER = "teamsExtensionUser"
    UNKNOWN = "unknown"


class Cloud(StrEnum):
    """The Microsoft cloud a Teams identity lives in (ACS: CommunicationCloudEnvironmentModel)."""

    PUBLIC = "public"
    DOD = "dod"
    GCCH = "gcch"


class Identifier(msgspec.Struct, frozen=True, gc=False):
    """One communication identifier; equal when kind and raw id are."""

    kind: Kind
    raw_id: str

    @property
    def number(self) -> str:
        """The phone number as written, without the `4:` prefix and without an asserted-id suffix."""
        return self.raw_id[2:].partition("_")[0]

    @property
    def asserted_id(self) -> str:
        """What follows the last underscore of a phone raw id, or nothing."""
        return self.raw_id.rpartition("_")[2] if "_" in self.raw_id else ""

    @property
    def is_anonymous(self) -> bool:
        """A caller who hides the number, or a Teams visitor."""
        return self.raw_id == ANONYMOUS_CALLER or self.raw_id.startswith(TEAMS_VISITOR)

    @property
    def cloud(self) -> Cloud:
        """The cloud named by the prefix of a Teams or user raw id."""
        scope = self.raw_id.split(":", 2)[1] if ":" in self.raw_id else ""
        return _CLOUDS.get(scope, Cloud.PUBLIC)

    @property
    def scoped_id(self) -> str:
        """What follows the second colon: a Teams user id, a Teams app id, or `resource_user` of a user."""
        return self.raw_id.split(":", 2)[2] if self.raw_id.count(":") >= _SCOPED_COLONS else ""

    @property
    def extension(self) -> TeamsExtension:
        """The three parts of a Teams extension user."""
        resource_id, tenant_id, user_id = self.scoped_id.split("_")
        return TeamsExtension(resource_id, tenant_id, user_id)


class TeamsExtension(NamedTuple):
    """The parts of `8:acs:{resource}_{tenant}_{user}`."""

    resource_id: str
    tenant_id: str
    user_id: str


ANONYMOUS_CALLER: Final = "4:anonymous"
TEAMS_VISITOR: Final = "8:teamsvisitor:"
_SCOPED_COLONS: Final = 2
_EXTENSION_PARTS: Final = 3
_CLOUDS: Final = {"dod": Cloud.DOD, "gcch": Cloud.GCCH, "dod-acs": Cloud.DOD, "gcch-acs": Cloud.GCCH}
_TEAMS_SCOPES: Final = {Cloud.PUBLIC: "orgid", Cloud.DOD: "dod", Cloud.GCCH: "gcch"}
_USER_SCOPES: Final = {Cloud.PUBLIC: "acs", Cloud.DOD: "dod-acs", Cloud.GCCH: "gcch-acs"}
_KINDS: Final = {
    "8:acs": Kind.COMMUNICATION_USER,
    "8:dod-acs": Kind.COMMUNICATION_USER,
    "8:gcch-acs": Kind.COMMUNICATION_USER,
    "8:spool": Kind.COMMUNICATION_USER,
    "8:orgid": Kind.MICROSOFT_TEAMS_USER,
    "8:dod": Kind.MICROSOFT_TEAMS_USER,
    "8:gcch": Kind.MICROSOFT_TEAMS_USER,
    "8:teamsvisitor": Kind.MICROSOFT_TEAMS_USER,
    "28:orgid": Kind.MICROSOFT_TEAMS_APP,
    "28:dod": Kind.MICROSOFT_TEAMS_APP,
    "28:gcch": Kind.MICROSOFT_TEAMS_APP,
}
_EXTENSION_SCOPES: Final = frozenset(("8:acs", "8:dod-acs", "8:gcch-acs"))


def from_raw_id(raw_id: str) -> Identifier:
    """The identifier a raw id names; anything outside the grammar is of kind unknown, never an error."""
    if raw_id.startswith("4:") and len(raw_id) > len("4:"):
        return Identifier(Kind.PHONE_NUMBER, raw_id)
    prefix, scope, rest = (*raw_id.split(":", 2), "", "")[:3]
    scoped = f"{prefix}:{scope}"
    kind = _KINDS.get(scoped)
    if kind is None or not rest:
        return Identifier(Kind.UNKNOWN, raw_id)
    if scoped in _EXTENSION_SCOPES and rest.count("_") == _EXTENSION_PARTS - 1:
        return Identifier(Kind.TEAMS_EXTENSION_USER, raw_id)
    return Identifier(kind, raw_id)


def phone_number(value: str) -> Identifier:
    """A phone number, usually in E.164 form with its plus sign."""
    return Identifier(Kind.PHONE_NUMBER, f"4:{value}")


def teams_user(user_id: str, cloud: Cloud = Cloud.PUBLIC, *, is_anonymous: bool = False) -> Identifier:
    """A Teams user by Entra object id, or a visitor without one."""
    scope = "teamsvisitor" if is_anonymous else _TEAMS_SCOPES[cloud]
    return Identifier(Kind.MICROSOFT_TEAMS_USER, f"8:{scope}:{user_id}")


def teams_app(app_id: str, cloud: Cloud = Cloud.PUBLIC) -> Identifier:
    """A Teams application."""
    return Identifier(Kind.MICROSOFT_TEAMS_APP, f"28:{_TEAMS_SCOPES[cloud]}:{app_id}")


def teams_extension_user(extension: TeamsExtension, cloud: Cloud = Cloud.PUBLIC) -> Identifier:
    """A Teams user reached through an ACS resource."""
    return Identifier(Kind.TEAMS_EXTENSION_USER, f"8:{_USER_SCOPES[cloud]}:{'_'.join(extension)}")
