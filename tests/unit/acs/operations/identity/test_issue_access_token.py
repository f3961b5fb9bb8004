from __future__ import annotations

import json

import pytest

from strowger.acs.errors import ArgumentInvalid
from strowger.acs.operations.identity import issue_access_token
from strowger.calls.errors import IdentityUnknown, StoreUnavailable
from tests.support.tokens import BOB, NOW, Mint, asked

VERB = "/:issueAccessToken"


@pytest.mark.parametrize("raw_id", [BOB.raw_id, BOB.raw_id.upper(), BOB.raw_id.replace(":", "%3A")])
@pytest.mark.asyncio
async def test_a_token_for_a_day_unless_told(raw_id: str) -> None:
    mint = Mint()
    outcome = await issue_access_token.answer(mint.service, asked({"scopes": ["voip"]}, raw_id, verb=VERB))
    written = json.loads(outcome.body)
    assert (outcome.status, set(written), written["expiresOn"]) == (
        200,
        {"token", "expiresOn"},
        "2026-01-02T00:00:00+00:00",
    )
    assert mint.tokens.verify(written["token"], NOW).raw_id == BOB.raw_id


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b"", None),
        ({}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["fly"]}, "scopes[0]"),
        ({"scopes": [1]}, "scopes[0]"),
        ({"scopes": ["voip"], "expiresInMinutes": 59}, "expiresInMinutes"),
        ({"scopes": ["voip"], "expiresInMinutes": 60.5}, "expiresInMinutes"),
        ({"scopes": ["voip"], "more": 1}, "more"),
    ],
)
@pytest.mark.asyncio
async def test_bad_requests(body: object, target: str | None) -> None:
    with pytest.raises(ArgumentInvalid) as refused:
        await issue_access_token.answer(Mint().service, asked(body, verb=VERB))
    assert (refused.value.status, refused.value.target) == (400, target)


@pytest.mark.parametrize(("raw_id", "resource"), [("8:acs:x_y", "dev"), (BOB.raw_id, "other"), ("", "dev")])
@pytest.mark.asyncio
async def test_nobody_of_this_resource(raw_id: str, resource: str) -> None:
    with pytest.raises(IdentityUnknown):
        await issue_access_token.answer(Mint().service, asked({"scopes": ["voip"]}, raw_id, resource, VERB))


@pytest.mark.asyncio
async def test_without_a_key_there_is_no_token() -> None:
    mint = Mint()
    mint.kept_keys.fails_with = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await issue_access_token.answer(mint.service, asked({"scopes": ["voip"]}, verb=VERB))
