"""User access tokens, which this server gives to the users of its resources (ACS: User Access Tokens).

Their claims name no issuer, and so they are told from the tokens of Entra. Who has one is a user, and may do what the
token's scopes allow.
"""

from __future__ import annotations

from typing import Final, Protocol

from strowger.acs.auth import Principal
from strowger.acs.authenticators.bearer import bearer_text, read_token
from strowger.acs.message import Request
from strowger.acs.user_tokens import UserClaims


class TokenVerifier(Protocol):
    """Knows which user tokens are good."""

    def verify(self, token: str, now: float) -> UserClaims:
        """Whose token it is, by the wall clock `now`. Raises TokenRefused."""


class UserTokenAuthenticator:
    """Believes the user tokens of this server."""

    def __init__(self, tokens: TokenVerifier) -> None:
        self._tokens: Final = tokens

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        """The user who sent `request`, by the wall clock `now`; None when its credential is no user token.

        Raises TokenRefused.
        """
        text = bearer_text(request.headers)
        if text is None or "iss" in read_token(text).claims:
            return None
        claims = self._tokens.verify(text, now)
        return Principal(claims.resource, claims.raw_id, claims.scopes)
