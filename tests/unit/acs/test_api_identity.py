"""The identity service as the API answers it: who may, which version, and what every reply carries."""

from __future__ import annotations

import json

import pytest

from strowger.acs.auth import Principal
from strowger.acs.message import Headers, Reply, Request
from strowger.acs.token_keys import PATH
from strowger.calls.errors import StoreUnavailable
from tests.support.acs import Bench, error_of
from tests.support.tokens import BOB, FIRST_ID, NOW, Mint, a_key

VERSION = "?api-version=2023-10-01"
CREATE = f"/identities{VERSION}"
ISSUE = f"/identities/{BOB.raw_id.replace(':', '%3A')}/:issueAccessToken{VERSION}"
EXCHANGE = f"/teamsUser/:exchangeAccessToken{VERSION}"
SUPPORTED = (
    "2020-07-20-preview2, 2021-02-22-preview1, 2021-03-07, 2021-10-31-preview, 2021-11-01, 2022-06-01, 2022-10-01, "
    "2023-08-01, 2023-10-01"
)


@pytest.fixture
def mint() -> Mint:
    return Mint()


@pytest.fixture
def bench(mint: Mint) -> Bench:
    bench = Bench(identity=mint.service)
    bench.clock.set_wall(NOW)
    return bench


async def post(bench: Bench, target: str, body: object = None, **headers: str) -> Reply:
    octets = b"" if body is None else json.dumps(body).encode()
    return await bench.send(bench.request(octets, target=target, **headers))


@pytest.mark.asyncio
async def test_a_user_is_created(bench: Bench) -> None:
    reply = await post(bench, CREATE, x_ms_client_request_id="7c1f")
    assert (reply.status, json.loads(reply.body)) == (201, {"identity": {"id": FIRST_ID}})
    assert reply.headers == (
        ("MS-CV", "AAAAAAAAAAAAAAAAAAAAAA.0"),
        ("x-ms-client-request-id", "7c1f"),
        ("api-supported-versions", SUPPORTED),
        ("Content-Type", "application/json; charset=utf-8"),
    )


@pytest.mark.asyncio
async def test_two_users_may_be_created_in_the_same_second(bench: Bench) -> None:
    replies = [await post(bench, CREATE) for _ in range(2)]
    assert [reply.status for reply in replies] == [201, 201]
    assert replies[0].body != replies[1].body


@pytest.mark.asyncio
async def test_a_token_is_issued_and_everything_revoked_and_deleted(bench: Bench, mint: Mint) -> None:
    reply = await post(bench, ISSUE, {"scopes": ["voip"]})
    assert reply.status == 200
    assert mint.tokens.verify(json.loads(reply.body)["token"], NOW).raw_id == BOB.raw_id
    await post(bench, CREATE)
    assert (await post(bench, f"/identities/{FIRST_ID}/:revokeAccessTokens{VERSION}")).status == 204
    deleted = await bench.send(bench.request(b"", method="DELETE", target=f"/identities/{FIRST_ID}{VERSION}"))
    assert (deleted.status, deleted.body, deleted.header("Content-Type")) == (204, b"", None)


@pytest.mark.parametrize("version", SUPPORTED.split(", "))
@pytest.mark.asyncio
async def test_every_version_of_the_service(bench: Bench, version: str) -> None:
    reply = await post(bench, f"/identities?api-version={version}")
    assert (reply.status, reply.header("Warning")) == (201, None)


@pytest.mark.asyncio
async def test_other_versions(bench: Bench) -> None:
    assert error_of(await post(bench, "/identities"))["target"] == "api-version"
    reply = await post(bench, "/identities?api-version=2026-03-12")
    expected = '299 - "api-version 2026-03-12 is unknown to this server and is answered as 2023-10-01"'
    assert (reply.status, reply.header("Warning")) == (201, expected)


@pytest.mark.parametrize(
    ("target", "body", "status", "code", "at"),
    [
        (ISSUE, {"scopes": ["fly"]}, 400, "8523", "scopes[0]"),
        (ISSUE, {"scopes": ["voip"], "expiresInMinutes": 59}, 400, "8523", "expiresInMinutes"),
        (ISSUE.replace("_bob", "_nobody"), {"scopes": ["voip"]}, 404, "404", "id"),
        (EXCHANGE, {"token": "t", "appId": "a", "userId": "u"}, 501, "8520", None),
    ],
)
@pytest.mark.asyncio
async def test_refusals(bench: Bench, target: str, body: object, status: int, code: str, at: str | None) -> None:
    reply = await post(bench, target, body)
    error = error_of(reply)
    assert (reply.status, error["code"], error.get("target")) == (status, code, at)
    assert reply.header("x-ms-error-code") == code
    assert reply.header("Retry-After") is None


@pytest.mark.asyncio
async def test_a_user_of_the_settings_is_not_deleted(bench: Bench) -> None:
    reply = await bench.send(bench.request(b"", method="DELETE", target=f"/identities/{BOB.raw_id}{VERSION}"))
    assert (reply.status, error_of(reply)["code"]) == (400, "8523")


@pytest.mark.asyncio
async def test_no_more_than_there_may_be_and_no_advice_to_come_back() -> None:
    bench = Bench(identity=Mint(limit=1).service)
    await post(bench, CREATE)
    reply = await post(bench, CREATE)
    assert (reply.status, error_of(reply)["code"], reply.header("Retry-After")) == (429, "429", None)


@pytest.mark.asyncio
async def test_a_store_that_fails_is_503_and_may_be_asked_again(bench: Bench, mint: Mint) -> None:
    mint.kept_identities.fails_with = StoreUnavailable("full")
    reply = await post(bench, CREATE)
    assert (reply.status, reply.header("Retry-After")) == (503, "1")


@pytest.mark.asyncio
async def test_a_body_of_another_kind(bench: Bench) -> None:
    assert (await post(bench, CREATE, {}, Content_Type="text/plain")).status == 415
    assert (await post(bench, CREATE, Content_Type="text/plain")).status == 201, "there is no body to be of any kind"


@pytest.mark.parametrize("target", [CREATE, ISSUE, EXCHANGE])
@pytest.mark.asyncio
async def test_nothing_without_a_key(bench: Bench, mint: Mint, target: str) -> None:
    reply = await bench.send(Request("POST", target, Headers([("Host", "127.0.0.1")]), b""))
    assert (reply.status, reply.header("api-supported-versions")) == (401, None)
    assert mint.kept_identities.kept == {}


class User:
    """Everybody is the same user."""

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        return Principal("dev", BOB.raw_id, ("voip", "chat"))


@pytest.mark.parametrize("target", [CREATE, ISSUE, EXCHANGE])
@pytest.mark.asyncio
async def test_a_user_makes_no_users_and_no_tokens_not_even_its_own(mint: Mint, target: str) -> None:
    bench = Bench(authenticators=[User()], identity=mint.service)
    fields = [("Host", "127.0.0.1"), ("Authorization", "Bearer x"), ("Content-Type", "application/json")]
    reply = await bench.send(Request("POST", target, Headers(fields), b'{"scopes":["voip"]}'))
    assert (reply.status, error_of(reply)["code"]) == (403, "7504")


@pytest.mark.asyncio
async def test_the_public_keys_are_for_everybody(bench: Bench, mint: Mint) -> None:
    await mint.token()
    reply = await bench.send(Request("GET", f"{PATH}?x=y", Headers([("Host", "127.0.0.1")])))
    assert (reply.status, reply.header("Content-Type")) == (200, "application/jwk-set+json")
    assert reply.header("Cache-Control") == "max-age=300"
    (key,) = json.loads(reply.body)["keys"]
    assert key["kid"] == a_key(1).thumbprint()
    posted = await bench.send(Request("POST", PATH, Headers(), b""))
    assert (posted.status, posted.header("Allow")) == (405, "GET")


@pytest.mark.asyncio
async def test_without_the_service_there_is_nothing_to_verify() -> None:
    bench = Bench()
    assert (await bench.send(Request("GET", PATH, Headers()))).status == 404
    assert (await post(bench, CREATE)).status == 501
