from __future__ import annotations

import pytest

from strowger.acs.errors import TokenRefused
from strowger.acs.operations.identity import revoke_access_tokens
from strowger.calls.errors import IdentityUnknown, StoreUnavailable
from tests.support.tokens import BOB, NOW, Mint, asked

VERB = "/:revokeAccessTokens"


@pytest.mark.asyncio
async def test_tokens_given_so_far_are_over_and_new_ones_are_good() -> None:
    mint = Mint()
    old = await mint.token()
    outcome = await revoke_access_tokens.answer(mint.service, asked(verb=VERB))
    assert (outcome.status, outcome.body) == (204, b"")
    with pytest.raises(TokenRefused):
        mint.tokens.verify(old, NOW)
    assert mint.tokens.verify(await mint.token(), NOW)


@pytest.mark.parametrize(("raw_id", "resource"), [("8:acs:x_y", "dev"), (BOB.raw_id, "other")])
@pytest.mark.asyncio
async def test_nobody_of_this_resource(raw_id: str, resource: str) -> None:
    mint = Mint()
    token = await mint.token()
    with pytest.raises(IdentityUnknown):
        await revoke_access_tokens.answer(mint.service, asked(None, raw_id, resource, VERB))
    assert mint.tokens.verify(token, NOW)


@pytest.mark.asyncio
async def test_what_is_not_durable_is_not_said() -> None:
    mint = Mint()
    mint.kept_identities.fails_with = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await revoke_access_tokens.answer(mint.service, asked(verb=VERB))
