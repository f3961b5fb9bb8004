from __future__ import annotations

import json
from typing import Any

import pytest

from strowger.acs.errors import ArgumentInvalid, OperationNotImplemented, RequestRefused, TokenRefused
from strowger.acs.operations.identity import exchange_teams_token, issue_access_token
from strowger.calls.errors import IdentityUnknown
from strowger.calls.identities import Identity
from tests.support.issuer import APPLICATION, token
from tests.support.tokens import DAY_S, NOW, RESOURCE_ID, Mint, asked, claims_of
from tests.unit.acs.authenticators.test_tenant import USER, teams, trusted

pytestmark = pytest.mark.asyncio

RAW_ID = f"8:orgid:{USER.lower()}"


@pytest.fixture
def mint() -> Mint:
    return Mint(tenants=("dev",), issuers=(trusted(),))


def body(text: str | None = None, **changes: Any) -> dict[str, Any]:
    usual = {"token": token(teams()) if text is None else text, "appId": APPLICATION, "userId": USER}
    return {name: value for name, value in (usual | changes).items() if value is not None}


async def exchanged(mint: Mint, request: object = None) -> str:
    outcome = await exchange_teams_token.answer(mint.service, asked(request or body()))
    assert outcome.status == 200
    given = json.loads(outcome.body)
    assert set(given) == {"token", "expiresOn"}
    text: str = given["token"]
    return text


async def test_a_token_of_ours_for_the_teams_user(mint: Mint) -> None:
    outcome = await exchange_teams_token.answer(mint.service, asked(body()))
    given = json.loads(outcome.body)
    assert given["expiresOn"] == "2026-01-01T01:00:00+00:00"
    assert claims_of(given["token"]) == {
        "skypeid": RAW_ID.removeprefix("8:"),
        "scp": 1792,
        "csi": "1767225600",
        "exp": 1767229200,
        "acsScope": "voip,chat",
        "resourceId": RESOURCE_ID,
        "issuedUnder": 0,
        "iat": 1767225600,
    }
    claims = mint.tokens.verify(given["token"], NOW)
    assert (claims.raw_id, claims.resource, claims.scopes) == (RAW_ID, "dev", ("voip", "chat"))
    assert mint.kept_identities.kept == {}, "nothing is kept of who comes with a token of its own"


async def test_ours_ends_with_the_one_that_it_was_given_for_and_within_a_day(mint: Mint) -> None:
    short = await exchanged(mint, body(token(teams(exp=int(NOW) + 5))))
    assert claims_of(short)["exp"] == NOW + 5
    long = await exchanged(mint, body(token(teams(exp=int(NOW + 30 * DAY_S)))))
    assert claims_of(long)["exp"] == NOW + DAY_S


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"appId": "another"}, "appId"),
        ({"appId": ""}, "appId"),
        ({"userId": "another"}, "userId"),
        ({"userId": ""}, "userId"),
        ({"userId": None}, "userId"),
        ({"appId": None}, "appId"),
        ({"token": None}, "token"),
        ({"token": 1}, "token"),
        ({"more": 1}, "more"),
    ],
)
async def test_mistakes_in_the_body(mint: Mint, changes: dict[str, Any], target: str) -> None:
    with pytest.raises(ArgumentInvalid) as refused:
        await exchange_teams_token.answer(mint.service, asked(body(**changes)))
    assert (refused.value.status, refused.value.target) == (400, target)


async def test_the_token_of_no_application_fits_none(mint: Mint) -> None:
    for app_id in ("", APPLICATION):
        with pytest.raises(ArgumentInvalid) as refused:
            await exchange_teams_token.answer(mint.service, asked(body(token(teams(appid=None)), appId=app_id)))
        assert refused.value.target == "appId"


@pytest.mark.parametrize("text", ["", "a token", token(teams(exp=int(NOW))), token(teams(tid="other"))])
async def test_a_bad_token_is_401_and_the_body_is_at_fault(mint: Mint, text: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        await exchange_teams_token.answer(mint.service, asked(body(text)))
    assert (refused.value.status, refused.value.code, refused.value.target) == (401, "7501", "token")


async def test_without_a_tenant_it_is_refused_with_the_reason_and_what_to_do(mint: Mint) -> None:
    for resource, service in (("other", mint.service), ("dev", Mint().service)):
        with pytest.raises(OperationNotImplemented, match="no Microsoft tenant") as refused:
            await exchange_teams_token.answer(service, asked(body(), resource=resource))
        assert (refused.value.status, refused.value.code) == (501, "8520")


def revoked(mint: Mint, raw_id: str = RAW_ID, now: float = NOW) -> None:
    mint.identities.revoke(raw_id, "dev", now, lambda error: None)


@pytest.mark.parametrize("end", ["revoke", "delete"])
async def test_revoked_tokens_stay_revoked_over_a_restart_and_new_ones_are_good(mint: Mint, end: str) -> None:
    first = await exchanged(mint)
    if end == "revoke":
        revoked(mint, RAW_ID.upper())
    else:
        mint.identities.delete(RAW_ID, "dev", lambda error: None)
    second = await exchanged(mint)
    for _ in range(2):
        with pytest.raises(TokenRefused, match="revoked"):
            mint.tokens.verify(first, NOW)
        assert mint.tokens.verify(second, NOW).raw_id == RAW_ID
        mint.restart()
    revoked(mint, now=NOW - 3_600)
    with pytest.raises(TokenRefused, match="revoked"):
        mint.tokens.verify(second, NOW)


async def test_a_resource_whose_tenant_was_taken_away_believes_its_users_no_longer(mint: Mint) -> None:
    text = await exchanged(mint)
    mint.tenants = ()
    mint.restart()
    with pytest.raises(TokenRefused, match="revoked"):
        mint.tokens.verify(text, NOW)


async def test_a_key_alone_makes_no_token_of_a_teams_user(mint: Mint) -> None:
    with pytest.raises(IdentityUnknown):
        await issue_access_token.answer(mint.service, asked({"scopes": ["voip"]}, RAW_ID))


async def test_phones_hear_nothing_of_it(mint: Mint) -> None:
    told: list[Identity] = []

    async def given(identity: Identity, *rest: object) -> None:
        told.append(identity)

    mint.tokens._given = given  # type: ignore[misc]
    await exchanged(mint)
    assert told == []
    await mint.token()
    assert len(told) == 1


async def test_every_refusal_is_one_that_the_api_answers(mint: Mint) -> None:
    with pytest.raises(RequestRefused) as refused:
        await exchange_teams_token.answer(mint.service, asked(b"{"))
    assert refused.value.status == 400
