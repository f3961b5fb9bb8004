"""Tokens of the users of a tenant, which somebody else shows: to have them exchanged (ACS: Exchange Teams User Access
Token).

Such a token is verified like any other of its issuer, but lets nobody do anything here: it says who its user is, and
which application that user let act in its name, and how far.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from strowger.acs.authenticators.bearer import read_token, refused
from strowger.acs.authenticators.entra import (
    IDENTITY_CLAIMS,
    SCOPES,
    TrustedIssuer,
    audiences_of,
    check_signature,
    check_time,
    shown,
)

TENANT: Final = "tid"
OBJECT: Final = IDENTITY_CLAIMS[-1]
APPLICATIONS: Final = IDENTITY_CLAIMS[:-1]
GIVES: Final = {"teams.managecalls": "voip", "voip": "voip", "teams.managechats": "chat"}
"""What each permission of Teams is worth here (ACS: Teams interoperability, permissions), in lower case; VoIP is what
the first one was called before.
"""
_OBJECT_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
"""A UUID, as Entra has it, or at least nothing that would end a raw id early."""


class TenantUser(msgspec.Struct, frozen=True):
    """Somebody of a tenant, and what may be done in that name."""

    object_id: str
    applications: frozenset[str]
    """Ids of the application that the token was given to, in lower case."""
    scopes: tuple[str, ...]
    """Of our own tokens; one at least."""
    expires_at: float
    """Wall clock, seconds."""


class Tenants:
    """The tenants that resources speak for."""

    def __init__(self, issuers: Iterable[TrustedIssuer]) -> None:
        """Of `issuers` those without a tenant do not count."""
        self._issuers: Final = {(each.resource, each.issuer): each for each in issuers if each.tenant}
        self._resources: Final = frozenset(resource for resource, _ in self._issuers)

    def serves(self, resource: str) -> bool:
        """Whether a resource speaks for a tenant at all."""
        return resource in self._resources

    async def user_of(self, resource: str, text: str, now: float) -> TenantUser:
        """Whose token it is, by the wall clock `now`. Raises TokenRefused, Unavailable without keys."""
        token = read_token(text)
        issuer = token.claims.get("iss")
        trusted = self._issuers.get((resource, issuer)) if isinstance(issuer, str) else None
        if trusted is None:
            raise refused(
                f"The issuer {shown(issuer)} of the token is unknown: no [[entra]] of this resource with a tenant "
                "names it exactly so."
            )
        await check_signature(token, trusted.keys)
        expires_at = check_time(token.claims, now)
        if expires_at <= now:  # nothing is left of it to be exchanged
            raise refused("The token has expired.")
        _check_audience(token.claims, trusted)
        _check_tenant(token.claims, trusted)
        return TenantUser(_object_id(token.claims), _applications(token.claims), _scopes(token.claims), expires_at)


def _check_audience(claims: dict[str, Any], trusted: TrustedIssuer) -> None:
    names = audiences_of(claims)
    if set(names).isdisjoint(trusted.exchange_audiences):
        raise refused(
            f"The audience of the token is wrong: it is meant for {shown(names[0])}, which the [[entra]] does not list "
            "among exchange_audiences."
        )


def _check_tenant(claims: dict[str, Any], trusted: TrustedIssuer) -> None:
    tenant = claims.get(TENANT)
    if not isinstance(tenant, str) or tenant.lower() != trusted.tenant:
        raise refused(f"The token is of another tenant, {shown(tenant)}, than the one that this resource speaks for.")


def _object_id(claims: dict[str, Any]) -> str:
    object_id = claims.get(OBJECT)
    if not isinstance(object_id, str) or not _OBJECT_ID.fullmatch(object_id):
        raise refused("The token names no user: it has no oid, or none that can be an id.")
    return object_id


def _applications(claims: dict[str, Any]) -> frozenset[str]:
    names = (claims.get(name) for name in APPLICATIONS)
    return frozenset(name.lower() for name in names if isinstance(name, str) and name)


def _scopes(claims: dict[str, Any]) -> tuple[str, ...]:
    """A token that an application got for itself has no scp, and is of no user (Microsoft identity platform)."""
    written = claims.get(SCOPES)
    words = written.lower().split() if isinstance(written, str) else []
    given = tuple(dict.fromkeys(GIVES[word] for word in words if word in GIVES))
    if not given:
        raise refused(
            "The token allows nothing that could be exchanged: its user has to consent to Teams.ManageCalls or "
            "Teams.ManageChats."
        )
    return given
