"""ACS: Delete Identity, 2023-10-01: an identity, and every token that it was given.

One that is not there is as good as deleted: clients repeat the request when they did not hear the answer.
"""

from __future__ import annotations

from strowger.acs.awaited import awaited
from strowger.acs.operations.identity.service import Asked, IdentityService
from strowger.acs.repeatability import Outcome
from strowger.calls.errors import CallError


async def answer(service: IdentityService, asked: Asked) -> Outcome:
    """Raises IdentityOfSettings, StoreUnavailable."""
    error: CallError | None = await awaited(
        lambda done: service.identities.delete(asked.raw_id, asked.resource, done)
    )
    if error is not None:
        raise error
    return Outcome(204)
