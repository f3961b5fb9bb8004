"""ACS: Create Identity, 2023-10-01: a user, and a token for it if asked."""

from __future__ import annotations

from typing import Final

import msgspec

from strowger.acs.awaited import awaited
from strowger.acs.operations.body import decode
from strowger.acs.operations.identity.service import (
    AccessToken,
    Asked,
    IdentityService,
    require_minutes,
    require_scopes,
)
from strowger.acs.repeatability import Outcome
from strowger.calls.errors import CallError

SCOPES: Final = "createTokenWithScopes"


class CreateIdentityRequest(
    msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The body (ACS: CommunicationIdentityCreateRequest), which may be missing."""

    create_token_with_scopes: list[str] | None = None
    expires_in_minutes: int | None = None


class CommunicationIdentity(msgspec.Struct, frozen=True):
    """ACS: CommunicationIdentity."""

    id: str


class CreatedIdentity(msgspec.Struct, rename="camel", frozen=True):
    """ACS: CommunicationIdentityAccessTokenResult."""

    identity: CommunicationIdentity
    access_token: AccessToken | msgspec.UnsetType = msgspec.UNSET


_decoder: Final = msgspec.json.Decoder(CreateIdentityRequest)


async def answer(service: IdentityService, asked: Asked) -> Outcome:
    """Raises ArgumentInvalid, TooManyIdentities, StoreUnavailable."""
    request = decode(_decoder, asked.body) if asked.body else CreateIdentityRequest()
    minutes = require_minutes(request.expires_in_minutes)
    scopes = request.create_token_with_scopes
    if scopes is not None:
        require_scopes(scopes, SCOPES)
        await service.tokens.keys.latest(asked.now)  # before anything is made: it may not be to be had
    identity = service.new_identity(asked.resource, asked.now)
    error: CallError | None = await awaited(lambda done: service.identities.create(identity, done))
    if error is not None:
        raise error
    made = CreatedIdentity(CommunicationIdentity(identity.raw_id))
    if scopes is not None:
        token = await service.token(identity, scopes, minutes, asked.now)
        made = msgspec.structs.replace(made, access_token=token)
    return Outcome(201, msgspec.json.encode(made))
