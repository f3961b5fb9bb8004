from __future__ import annotations

import pytest

from strowger.acs.errors import TokenRefused
from strowger.acs.operations.identity import delete_identity
from strowger.calls.errors import IdentityOfSettings, StoreUnavailable
from strowger.calls.identities import Identity
from tests.support.tokens import BOB, NOW, RESOURCE_ID, Mint, asked

NEW = Identity(f"8:acs:{RESOURCE_ID}_new", "dev", NOW)


def mint_with_one_more() -> Mint:
    mint = Mint()
    mint.identities.create(NEW, lambda error: None)
    return mint


@pytest.mark.asyncio
async def test_an_identity_goes_with_all_its_tokens() -> None:
    mint = mint_with_one_more()
    token = await mint.token(NEW)
    for _ in range(2):  # the second time it is not there any more, which is what was asked for
        outcome = await delete_identity.answer(mint.service, asked(None, NEW.raw_id))
        assert (outcome.status, outcome.body) == (204, b"")
    assert mint.kept_identities.kept == {}
    with pytest.raises(TokenRefused):
        mint.tokens.verify(token, NOW)


@pytest.mark.asyncio
async def test_that_of_another_resource_is_left_alone() -> None:
    mint = mint_with_one_more()
    assert (await delete_identity.answer(mint.service, asked(None, NEW.raw_id, "other"))).status == 204
    assert mint.identities.find(NEW.raw_id) == NEW


@pytest.mark.asyncio
async def test_a_user_of_the_settings_is_left_alone() -> None:
    mint = Mint()
    with pytest.raises(IdentityOfSettings):
        await delete_identity.answer(mint.service, asked())
    assert mint.identities.find(BOB.raw_id) == BOB


@pytest.mark.asyncio
async def test_what_is_not_durable_is_not_said() -> None:
    mint = mint_with_one_more()
    mint.kept_identities.fails_with = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await delete_identity.answer(mint.service, asked(None, NEW.raw_id))
    assert mint.identities.find(NEW.raw_id) == NEW
