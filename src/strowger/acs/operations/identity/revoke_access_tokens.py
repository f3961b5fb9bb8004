"""ACS: Revoke Access Tokens, 2023-10-01: every token that the identity was given so far."""

from __future__ import annotations

from strowger.acs.awaited import awaited
from strowger.acs.operations.identity.service import Asked, IdentityService
from strowger.acs.repeatability import Outcome
from strowger.calls.errors import CallError


async def answer(service: IdentityService, asked: Asked) -> Outcome:
    """Raises IdentityUnknown, StoreUnavailable."""
    error: CallError | None = await awaited(
        lambda done: service.identities.revoke(asked.raw_id, asked.resource, asked.now, done)
    )
    if error is not None:
        raise error
    return Outcome(204)
