"""ACS: Exchange Teams User Access Token, 2023-10-01: the token of a user of a tenant for one of ours.

Ours ends when that one does, so that an exchange makes nothing last longer. Who asks is the resource; what is exchanged
is data, and a mistake in it is an error of the body.
"""

from __future__ import annotations

from typing import Final

import msgspec

from strowger.acs.errors import ArgumentInvalid, OperationNotImplemented, TokenRefused
from strowger.acs.operations.body import decode
from strowger.acs.operations.identity.service import LONGEST_MINUTES, Asked, IdentityService
from strowger.acs.repeatability import Outcome
from strowger.calls.identities import TEAMS_USER


class ExchangeRequest(msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True):
    """The body (ACS: TeamsUserExchangeTokenRequest)."""

    token: str
    app_id: str
    user_id: str


_decoder: Final = msgspec.json.Decoder(ExchangeRequest)


async def answer(service: IdentityService, asked: Asked) -> Outcome:
    """Raises OperationNotImplemented without a tenant, ArgumentInvalid, TokenRefused, Unavailable, StoreUnavailable."""
    if not service.tenants.serves(asked.resource):
        raise OperationNotImplemented(
            "This server speaks for no Microsoft tenant here, so it exchanges no tokens of Teams users: no [[entra]] "
            "of the resource has a tenant. Create an identity and issue a token for it instead."
        )
    request = decode(_decoder, asked.body)
    try:
        user = await service.tenants.user_of(asked.resource, request.token, asked.now)
    except TokenRefused as refusal:
        raise TokenRefused(refusal.message, "token") from None
    if request.app_id.lower() not in user.applications:
        raise ArgumentInvalid("The token was given to another application than 'appId' says.", "appId")
    if request.user_id.lower() != user.object_id.lower():
        raise ArgumentInvalid("The token is of another user than 'userId' says.", "userId")
    holder = service.identities.holder(f"{TEAMS_USER}{user.object_id.lower()}", asked.resource)
    lifetime_s = min(user.expires_at - asked.now, LONGEST_MINUTES * 60.0)
    return Outcome(200, msgspec.json.encode(await service.issue(holder, user.scopes, lifetime_s, asked.now)))
