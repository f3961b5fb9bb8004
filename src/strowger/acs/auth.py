"""Who sends a request, and what that lets it do.

There are several kinds of credential, and for each an authenticator that proves it; `Credentials` asks them in turn.
The result is a principal: a resource, or one user of a resource. A resource may do everything with what is its own. A
user may decide about calls, and the exchange sees to it that they are its own calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from strowger.acs.errors import CredentialRefused, PermissionMissing, TokenRefused
from strowger.acs.message import Headers, Request
from strowger.acs.operations.catalogue import REDIRECT_CALL, REJECT_CALL, Operation

AUTHORIZATION: Final = "authorization"
BEARER: Final = "bearer"
VOIP: Final = "voip"
"""The scope that a user needs to decide about its calls (ACS: Identity model, access token scopes)."""
FOR_USERS: Final = frozenset((REDIRECT_CALL, REJECT_CALL))
"""What users may do; everything else is for resources."""


class Resource(msgspec.Struct, frozen=True):
    """One communication resource of this installation."""

    name: str
    hosts: tuple[str, ...]
    """Where applications reach it, as they spell it: host or host:port."""
    keys: tuple[bytes, ...]
    """Its access keys, decoded; the primary one first."""


class Principal(msgspec.Struct, frozen=True, gc=False):
    """Whoever proved to be somebody."""

    resource: str
    """Name of the resource it is, or belongs to."""
    user: str = ""
    """The raw id of the user it is; empty for the resource itself."""
    scopes: tuple[str, ...] = ()
    """What a user's token is good for; empty for the resource, which needs none."""
    signature: bytes = b""
    """The digest that was signed with; empty where nothing was."""


class Authenticator(Protocol):
    """Proves one kind of credential."""

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        """Who sent `request`, by the wall clock `now`; None when its credential is of another kind.

        Raises CredentialRefused for one that proves nothing, PermissionMissing for one that proves somebody else.
        """


class Credentials:
    """Every kind of credential that is believed."""

    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self._authenticators: Final = tuple(authenticators)

    async def authenticate(self, request: Request, now: float) -> Principal:
        """Who sent `request`, by the wall clock `now`. Raises CredentialRefused, PermissionMissing."""
        scheme = _scheme(request.headers)
        for authenticator in self._authenticators:
            principal = await authenticator.authenticate(request, now)
            if principal is not None:
                return principal
        if scheme == BEARER:
            raise TokenRefused(
                "The token is of no kind that is accepted here: neither from an issuer that this server is told to "
                "believe, nor a user access token of its own.",
                "Authorization",
            )
        raise CredentialRefused("The Authorization scheme is neither HMAC-SHA256 nor Bearer.", "Authorization")


def _scheme(headers: Headers) -> str:
    written = headers.first(AUTHORIZATION)
    if written is None:
        raise CredentialRefused(
            "The Authorization header is missing; sign the request with an access key, or send a token.",
            "Authorization",
        )
    if headers.is_repeated(AUTHORIZATION):
        raise CredentialRefused("There is more than one Authorization header.", "Authorization")
    return written.partition(" ")[0].lower()


def require_permission(principal: Principal, operation: Operation) -> None:
    """Refuse what is not for users, or not for one without the scope. Raises PermissionMissing."""
    if not principal.user:
        return
    if operation not in FOR_USERS:
        raise PermissionMissing(
            f"{operation.name} is for the resource itself: use an access key or an Entra token.", "Authorization"
        )
    if VOIP not in principal.scopes:
        raise PermissionMissing(
            f"{operation.name} needs a token with the scope {VOIP}; ask for one that has it.", "Authorization"
        )
