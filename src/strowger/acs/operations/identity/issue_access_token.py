"""ACS: Issue Access Token, 2023-10-01."""

from __future__ import annotations

from typing import Final

import msgspec

from strowger.acs.operations.body import decode
from strowger.acs.operations.identity.service import Asked, IdentityService, require_minutes, require_scopes
from strowger.acs.repeatability import Outcome

SCOPES: Final = "scopes"


class IssueAccessTokenRequest(
    msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The body (ACS: CommunicationIdentityAccessTokenRequest)."""

    scopes: list[str]
    expires_in_minutes: int | None = None


_decoder: Final = msgspec.json.Decoder(IssueAccessTokenRequest)


async def answer(service: IdentityService, asked: Asked) -> Outcome:
    """Raises ArgumentInvalid, IdentityUnknown, StoreUnavailable."""
    request = decode(_decoder, asked.body)
    scopes, minutes = require_scopes(request.scopes, SCOPES), require_minutes(request.expires_in_minutes)
    identity = service.identities.of_resource(asked.raw_id, asked.resource)
    return Outcome(200, msgspec.json.encode(await service.token(identity, scopes, minutes, asked.now)))
