from __future__ import annotations

import json

import pytest

from strowger.acs.errors import ArgumentInvalid
from strowger.acs.operations.identity import create_identity
from strowger.calls.errors import StoreUnavailable, TooManyIdentities
from strowger.calls.identities import Identity
from tests.support.tokens import FIRST_ID, NOW, Mint, asked

WITH_TOKEN = {"createTokenWithScopes": ["chat", "voip"], "expiresInMinutes": 60}


@pytest.mark.parametrize("body", [None, {}])
@pytest.mark.asyncio
async def test_a_user(body: object) -> None:
    mint = Mint()
    outcome = await create_identity.answer(mint.service, asked(body))
    assert (outcome.status, json.loads(outcome.body)) == (201, {"identity": {"id": FIRST_ID}})
    assert mint.kept_identities.kept == {FIRST_ID: Identity(FIRST_ID, "dev", NOW)}
    assert mint.made == 0, "no key for no token"


@pytest.mark.asyncio
async def test_a_user_and_its_token() -> None:
    mint = Mint()
    outcome = await create_identity.answer(mint.service, asked(WITH_TOKEN))
    written = json.loads(outcome.body)
    token = written["accessToken"].pop("token")
    assert (outcome.status, written) == (
        201,
        {"identity": {"id": FIRST_ID}, "accessToken": {"expiresOn": "2026-01-01T01:00:00+00:00"}},
    )
    claims = mint.tokens.verify(token, NOW)
    assert (claims.raw_id, claims.scopes, claims.expires_at) == (FIRST_ID, ("chat", "voip"), NOW + 3_600)


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"createTokenWithScopes": []}, "createTokenWithScopes"),
        ({"createTokenWithScopes": ["voip", "fly"]}, "createTokenWithScopes[1]"),
        ({"createTokenWithScopes": "voip"}, "createTokenWithScopes"),
        ({"createTokenWithScopes": ["voip"], "expiresInMinutes": 59}, "expiresInMinutes"),
        ({"createTokenWithScopes": ["voip"], "expiresInMinutes": 1_441}, "expiresInMinutes"),
        ({"createTokenWithScopes": ["voip"], "expiresInMinutes": "60"}, "expiresInMinutes"),
        ({"expiresInMinutes": 59}, "expiresInMinutes"),
        ({"scopes": ["voip"]}, "scopes"),
        (b"[]", None),
        (b'{"expiresInMinutes":60,"expiresInMinutes":61}', "expiresInMinutes"),
    ],
)
@pytest.mark.asyncio
async def test_bad_requests_make_nobody(body: object, target: str | None) -> None:
    mint = Mint()
    with pytest.raises(ArgumentInvalid) as refused:
        await create_identity.answer(mint.service, asked(body))
    assert (refused.value.status, refused.value.target) == (400, target)
    assert mint.kept_identities.kept == {}


@pytest.mark.asyncio
async def test_no_more_than_there_may_be() -> None:
    mint = Mint(limit=1)
    service = mint.service
    await create_identity.answer(service, asked())
    with pytest.raises(TooManyIdentities):
        await create_identity.answer(service, asked())


@pytest.mark.asyncio
async def test_a_store_that_fails_makes_nobody() -> None:
    mint = Mint()
    mint.kept_identities.fails_with = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await create_identity.answer(mint.service, asked())
    mint.kept_identities.fails_with = None
    mint.kept_keys.fails_with = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await create_identity.answer(mint.service, asked(WITH_TOKEN))
    assert mint.kept_identities.kept == {}
