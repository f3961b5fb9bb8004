"""User access tokens, which this server gives to the users of its resources (ACS: User Access Tokens).

Their claims name no issuer, and so they are told from the tokens of Entra. Who has one is a user, and may do what the
token's scopes allow.
"""

from __future__ import annotations

from typing import Final, Protocol

from strowger.acs.auth import Principal
from strowger.acs.authenticators.bearer import bearer_text, read_token
from strowger.acs.errors import PermissionMissing
from strowger.acs.message import Request
from strowger.acs.resources import HostedResources
from strowger.acs.user_tokens import UserClaims


class TokenVerifier(Protocol):
    """Knows which user tokens are good."""

    def verify(self, token: str, now: float) -> UserClaims:
        """Whose token it is, by the wall clock `now`. Raises TokenRefused."""


class UserTokenAuthenticator:
    """Believes the user tokens of this server."""

    def __init__(self, tokens: TokenVerifier, resources: HostedResources) -> None:
        """`resources` tells which one a request is for."""
        self._tokens: Final = tokens
        self._resources: Final = resources

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        """The user who sent `request`, by the wall clock `now`; None when its credential is no user token.

        Raises TokenRefused, PermissionMissing for one of another resource than the request names by its host.
        """
        text = bearer_text(request.headers)
        if text is None or "iss" in read_token(text).claims:
            return None
        claims = self._tokens.verify(text, now)
        named = self._resources.of(request)
        if named is not None and all(claims.resource != resource.name for resource in named):
            raise PermissionMissing(
                "The token is of a user of another resource than the one that the host of the request names.", "Host"
            )
        return Principal(claims.resource, claims.raw_id, claims.scopes)
