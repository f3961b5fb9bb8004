"""Tokens are what clients expect, and nobody but us can make one (RFC 8725; F2 of the test programme)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from strowger.acs.errors import TokenRefused
from strowger.acs.json_web_token import encode
from strowger.acs.user_tokens import ISSUED_UNDER, SCOPES, SKEW_S, UserClaims, UserTokens
from strowger.calls.errors import IdentityUnknown
from strowger.calls.identities import Identity
from tests.support.tokens import BOB, DAY_S, KEY_AGE_S, NOW, Mint, a_key, claims_of, header_of, signed

HOUR_S = 3_600.0
ALICE = Identity("8:acs:1b5cc06b-f352_alice", "dev", 0.0)
ODD = Identity("8:acs:1b5cc06b-f352_a>b?c~d\x7fé", "dev", 0.0)


@pytest.fixture
def mint() -> Mint:
    return Mint(BOB, ALICE, ODD)


def refusal(mint: Mint, token: str, now: float = NOW) -> str:
    with pytest.raises(TokenRefused) as refused:
        mint.tokens.verify(token, now)
    assert (refused.value.status, refused.value.code, refused.value.target) == (401, "7501", "Authorization")
    return refused.value.message


# What a token is -----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_shape_is_that_of_the_real_service(mint: Mint) -> None:
    token, expires_at = await mint.tokens.issue(BOB, ("chat", "voip", "chat"), HOUR_S, NOW + 0.7)
    header = header_of(token)
    assert (header.pop("kid"), header) == (a_key(1).thumbprint(), {"alg": "RS256", "typ": "JWT"})
    assert claims_of(token) == {
        "skypeid": "acs:1b5cc06b-f352_bob",
        "scp": 1792,
        "csi": "1767225600",
        "exp": 1767229200,
        "acsScope": "chat,voip",
        "resourceId": "1b5cc06b-f352",
        "issuedUnder": 0,
        "iat": 1767225600,
    }
    assert expires_at == 1767229200.0


@pytest.mark.asyncio
async def test_who_shows_it_and_what_it_allows(mint: Mint) -> None:
    token, _ = await mint.tokens.issue(BOB, SCOPES, DAY_S, NOW)
    assert mint.tokens.verify(token, NOW) == UserClaims(BOB.raw_id, "dev", SCOPES, NOW, NOW + DAY_S)


@pytest.mark.asyncio
async def test_the_claims_are_the_same_in_plain_base64(mint: Mint) -> None:
    token = await mint.token(ODD)
    claims = token.split(".")[1]
    assert "-" not in claims and "_" not in claims
    plain = json.loads(base64.b64decode(claims + "=" * (-len(claims) % 4)).decode("ascii"))
    assert plain["skypeid"] == ODD.raw_id[2:]
    assert mint.tokens.verify(token, NOW).raw_id == ODD.raw_id


@pytest.mark.asyncio
async def test_nobody_gets_a_token_who_was_deleted_meanwhile(mint: Mint) -> None:
    with pytest.raises(IdentityUnknown):
        await mint.tokens.issue(Identity("8:acs:1b5cc06b-f352_gone", "dev", 1.0), ("voip",), HOUR_S, NOW)


# What is refused -----------------------------------------------------------------------------------------------------


async def bent(mint: Mint, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    """A token that our own key signed, with other members; those given as None are left out."""
    genuine = await mint.token()
    merged = [{**header_of(genuine), **(header or {})}, {**claims_of(genuine), **claims}]
    head, said = ({name: value for name, value in each.items() if value is not None} for each in merged)
    return signed(a_key(1), head, said)


@pytest.mark.asyncio
async def test_our_own_work_is_accepted(mint: Mint) -> None:
    assert mint.tokens.verify(await bent(mint), NOW).raw_id == BOB.raw_id


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", "", None, "HS256", "rs256", "RS384", "PS256", 7])
@pytest.mark.asyncio
async def test_any_other_algorithm_signed_or_not(mint: Mint, algorithm: object) -> None:
    token = await bent(mint, {"alg": algorithm})
    assert refusal(mint, token) == "The token is not signed in the way of this server's tokens."
    assert refusal(mint, token.rpartition(".")[0] + ".") == "The token is malformed: it is not signed."


@pytest.mark.parametrize("secret", ["pem", "der", "n", "jwk"])
@pytest.mark.asyncio
async def test_the_public_key_as_a_shared_secret(mint: Mint, secret: str) -> None:
    genuine = await mint.token()
    key = a_key(1)
    public = key.as_dict(private=False)
    octets = {
        "pem": key.as_pem(private=False),
        "der": key.as_der(private=False),
        "n": str(public["n"]).encode(),
        "jwk": json.dumps(public).encode(),
    }[secret]
    for algorithm in ("HS256", "RS256"):
        head = {**header_of(genuine), "alg": algorithm}
        signing = ".".join(encode(json.dumps(each).encode()) for each in (head, claims_of(genuine)))
        refusal(mint, f"{signing}.{encode(hmac.digest(octets, signing.encode(), hashlib.sha256))}")


@pytest.mark.parametrize(
    "kid",
    [
        None,
        "",
        "/dev/null",
        "../../../../dev/null",
        "file:///etc/passwd",
        "' OR '1'='1",
        "x' UNION SELECT private FROM signing_keys --",
        "\x00",
        "http://127.0.0.1/key",
        0,
        True,
        ["a"],
        {"a": 1},
    ],
)
@pytest.mark.asyncio
async def test_the_name_of_a_key_is_a_name_and_nothing_else(mint: Mint, kid: object) -> None:
    token = await bent(mint, {"kid": kid})
    assert refusal(mint, token).startswith("The token is not signed by a key of this server")


@pytest.mark.asyncio
async def test_keys_that_a_token_brings_along_are_not_looked_at(mint: Mint) -> None:
    genuine = await mint.token()
    stranger = a_key(9)
    own = stranger.as_dict(private=False)
    for brought in (
        {"jwk": own},
        {"jku": "http://127.0.0.1:1/keys"},
        {"x5u": "http://127.0.0.1:1/chain"},
        {"x5c": ["MIIB"]},
        {"jwk": own, "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/chain"},
    ):
        for kid in (header_of(genuine)["kid"], stranger.thumbprint()):
            head = {**header_of(genuine), **brought, "kid": kid}
            assert "signed" in refusal(mint, signed(stranger, head, claims_of(genuine)))


@pytest.mark.asyncio
async def test_what_must_be_understood_is_not(mint: Mint) -> None:
    headers: list[dict[str, Any]] = [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}]
    for header in headers:
        refusal(mint, await bent(mint, header))


@pytest.mark.asyncio
async def test_a_signature_of_anything_else(mint: Mint) -> None:
    genuine = await mint.token()
    head, claims, signature = genuine.split(".")
    other = encode(json.dumps({**claims_of(genuine), "skypeid": ALICE.raw_id[2:]}).encode())
    for token in (
        f"{head}.{other}.{signature}",
        f"{head}.{claims}.{encode(b'x')}",
        f"{head}.{claims}.{encode(bytes(256))}",
        f"{head}.{claims}.{signature[:-6]}",
        signed(a_key(9), header_of(genuine), claims_of(genuine)),
    ):
        assert refusal(mint, token) == "The token is signed wrongly."


@pytest.mark.asyncio
async def test_members_given_twice(mint: Mint) -> None:
    genuine = await mint.token()
    head, claims = (json.dumps(each) for each in (header_of(genuine), claims_of(genuine)))
    for header, said in (
        (head, claims[:-1] + ',"skypeid":"acs:1b5cc06b-f352_alice"}'),
        (head[:-1] + ',"alg":"none"}', claims),
        (head[:-1] + f',"kid":"{header_of(genuine)["kid"]}"}}', claims),
    ):
        assert "gives a member twice" in refusal(mint, signed(a_key(1), header, said))


@pytest.mark.asyncio
async def test_too_long(mint: Mint) -> None:
    assert "longer than 8192" in refusal(mint, await bent(mint, padding="x" * 8_192))
    assert mint.tokens.verify(await bent(mint, padding="x" * 5_000), NOW)


@pytest.mark.parametrize("claim", ["skypeid", "acsScope", "resourceId", "exp", "iat", ISSUED_UNDER])
@pytest.mark.parametrize("value", [None, "", True, 1.5, -1, 1 << 60, [], {}, "1767229200", float("inf")])
@pytest.mark.asyncio
async def test_claims_that_are_missing_or_something_else(mint: Mint, claim: str, value: object) -> None:
    if claim in ("acsScope", "resourceId", "skypeid") and value == "1767229200":
        value = ["a"]
    refusal(mint, await bent(mint, None, **{claim: value}))


@pytest.mark.asyncio
async def test_a_resource_that_is_not_that_of_the_user(mint: Mint) -> None:
    assert refusal(mint, await bent(mint, resourceId="another")) == "The token contradicts itself."


@pytest.mark.parametrize(
    "text", ["", "x", "Bearer x", "a.b.c", "e30.e30.e30", "\x00", "\ud800", "." * 9_000, "é.é.é", "e30.e30.eA.eA.eA"]
)
def test_what_is_no_token(mint: Mint, text: str) -> None:
    assert refusal(mint, text).startswith("The token is ")


# Time ----------------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_token_ends_within_the_skew(mint: Mint) -> None:
    token = await mint.token()
    assert mint.tokens.verify(token, NOW + HOUR_S + SKEW_S)
    assert refusal(mint, token, NOW + HOUR_S + SKEW_S + 1) == "The token has expired."


@pytest.mark.asyncio
async def test_a_token_of_ours_that_says_when_it_begins(mint: Mint) -> None:
    token = await bent(mint, nbf=int(NOW) + 100)
    assert refusal(mint, token, NOW + 100 - SKEW_S - 1) == "The token is not valid yet."
    assert mint.tokens.verify(token, NOW + 100 - SKEW_S)
    refusal(mint, await bent(mint, nbf="soon"))


@pytest.mark.asyncio
async def test_a_clock_that_is_set_back_an_hour_locks_nobody_out(mint: Mint) -> None:
    token = await mint.token()
    assert mint.tokens.verify(token, NOW - HOUR_S)
    assert mint.tokens.verify(await mint.token(now=NOW - HOUR_S), NOW - HOUR_S)


@pytest.mark.asyncio
async def test_a_clock_that_is_set_forward_an_hour_gives_out_good_tokens(mint: Mint) -> None:
    old, ahead = await mint.token(), NOW + HOUR_S + SKEW_S + 1
    refusal(mint, old, ahead)
    new = await mint.token(now=ahead)
    assert mint.tokens.verify(new, ahead)
    assert mint.tokens.verify(old, NOW + 1) and mint.tokens.verify(new, NOW + 1), "and back"


@pytest.mark.parametrize("jump", [0.0, 0.4, HOUR_S, -HOUR_S])
@pytest.mark.asyncio
async def test_what_is_revoked_stays_so_whatever_the_clock_says(mint: Mint, jump: float) -> None:
    old = await mint.token()
    mint.revoke(now=NOW + jump)
    for now in (NOW - HOUR_S, NOW, NOW + jump, NOW + HOUR_S):
        assert refusal(mint, old, now) == "The token was revoked."
    for now in (NOW - HOUR_S, NOW, NOW + jump, NOW + HOUR_S):
        new = await mint.token(now=now)
        assert mint.tokens.verify(new, now).raw_id == BOB.raw_id
        refusal(mint, old, now)


@pytest.mark.asyncio
async def test_a_revocation_is_of_one_user_only(mint: Mint) -> None:
    other = await mint.token(ALICE)
    mint.revoke()
    assert mint.tokens.verify(other, NOW).raw_id == ALICE.raw_id


@pytest.mark.asyncio
async def test_the_second_revocation_ends_the_tokens_since_the_first(mint: Mint) -> None:
    mint.revoke()
    between = await mint.token()
    mint.revoke()
    assert refusal(mint, between) == "The token was revoked."


@pytest.mark.asyncio
async def test_tokens_and_revocations_survive_a_restart(mint: Mint) -> None:
    revoked, good = await mint.token(), await mint.token(ALICE)
    mint.revoke()
    mint.restart()
    assert refusal(mint, revoked) == "The token was revoked."
    assert mint.tokens.verify(good, NOW).raw_id == ALICE.raw_id
    assert mint.tokens.verify(await mint.token(), NOW).raw_id == BOB.raw_id


@pytest.mark.asyncio
async def test_a_token_of_a_deleted_identity_is_revoked_and_of_an_unknown_one_too(mint: Mint) -> None:
    made = Identity("8:acs:1b5cc06b-f352_new", "dev", NOW)
    mint.identities.create(made, lambda error: None)
    token = await mint.token(made)
    assert mint.tokens.verify(token, NOW).raw_id == made.raw_id
    mint.identities.delete(made.raw_id, "dev", lambda error: None)
    mint.restart()
    assert refusal(mint, token) == "The token was revoked."
    assert refusal(mint, await bent(mint, skypeid="acs:1b5cc06b-f352_nobody")) == "The token was revoked."


@pytest.mark.asyncio
async def test_tokens_outlive_the_change_of_the_key(mint: Mint) -> None:
    late = NOW + KEY_AGE_S - 1
    before = await mint.token(lifetime_s=DAY_S, now=NOW)
    old = await mint.token(lifetime_s=DAY_S, now=late)
    new = await mint.token(lifetime_s=DAY_S, now=late + 1)
    assert header_of(before)["kid"] == header_of(old)["kid"] != header_of(new)["kid"]
    mint.restart()
    mint.keys.prune(late + DAY_S)
    assert mint.tokens.verify(old, late + DAY_S) and mint.tokens.verify(new, late + DAY_S)
    mint.keys.prune(late + 3 * DAY_S)
    assert refusal(mint, old, late + DAY_S).startswith("The token is not signed by a key of this server")


@pytest.mark.asyncio
async def test_anybody_can_verify_a_token_by_the_published_keys(mint: Mint) -> None:
    token = await mint.token()
    published = KeySet.import_key_set(json.loads(mint.keys.public()))
    assert jwt.decode(token, published, ["RS256"]).claims["skypeid"] == BOB.raw_id[2:]


@pytest.mark.asyncio
async def test_a_token_is_told_of_before_it_is_given_out(mint: Mint) -> None:
    told = []

    async def given(*what: object) -> None:
        told.append(what)

    token, expires_at = await UserTokens(mint.keys, mint.identities, given=given).issue(BOB, ("voip",), HOUR_S, NOW)
    assert told == [(BOB, token, ("voip",), expires_at)]
