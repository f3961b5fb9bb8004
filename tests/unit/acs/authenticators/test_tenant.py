"""Tokens of the users of a tenant: which are good, and what they are worth (F2 of the test programme)."""

from __future__ import annotations

from typing import Any

import pytest

from strowger.acs.authenticators.entra import TrustedIssuer
from strowger.acs.authenticators.key_cache import StaticKeys
from strowger.acs.authenticators.key_set import read_key_set
from strowger.acs.authenticators.tenant import Tenants, TenantUser
from strowger.acs.errors import TokenRefused
from tests.support.issuer import APPLICATION, AUDIENCE, EC, FOREIGN, ISSUER, NOW, claims, encoded, published, token

pytestmark = pytest.mark.asyncio

EXCHANGE = "https://auth.msft.communication.azure.com"
TENANT = "9d2b7c70-0000-4000-8000-0000000000c3"
USER = "6d6c7a70-0000-4000-8000-0000000000B2"


def trusted(tenant: str = TENANT, resource: str = "dev") -> TrustedIssuer:
    keys = StaticKeys(read_key_set(published()))
    return TrustedIssuer(
        resource, ISSUER, (AUDIENCE,), frozenset((APPLICATION,)), keys, tenant, (EXCHANGE, EXCHANGE + "/")
    )


def teams(**changes: Any) -> dict[str, Any]:
    """What the token of a Teams user says; a change to None leaves a claim out."""
    usual = {"aud": EXCHANGE, "oid": USER, "tid": TENANT, "scp": "Teams.ManageCalls Teams.ManageChats"}
    return claims(**(usual | changes))


async def user_of(text: str, now: float = NOW, resource: str = "dev") -> TenantUser:
    return await Tenants([trusted()]).user_of(resource, text, now)


async def refusal(text: str, now: float = NOW, resource: str = "dev") -> str:
    with pytest.raises(TokenRefused) as caught:
        await user_of(text, now, resource)
    assert (caught.value.status, caught.value.code) == (401, "7501")
    assert not text or text not in caught.value.message
    return caught.value.message


async def test_a_good_token_says_who_it_is_of_and_for_whom() -> None:
    expected = TenantUser(USER, frozenset((APPLICATION,)), ("voip", "chat"), NOW + 3_600)
    assert await user_of(token(teams())) == expected
    assert await user_of(token(teams(), key=EC)) == expected
    assert await user_of(token(teams(aud=EXCHANGE + "/"))) == expected
    assert await user_of(token(teams(aud=[EXCHANGE, "x"], appid=None, azp=APPLICATION.upper()))) == expected
    assert await user_of(token(teams(tid=TENANT.upper()))) == expected


@pytest.mark.parametrize(
    ("scp", "scopes"),
    [
        ("Teams.ManageCalls", ("voip",)),
        ("Teams.ManageChats", ("chat",)),
        ("VoIP", ("voip",)),
        ("openid Teams.ManageChats VoIP Teams.ManageCalls", ("chat", "voip")),
    ],
)
async def test_it_is_worth_what_its_user_consented_to(scp: str, scopes: tuple[str, ...]) -> None:
    assert (await user_of(token(teams(scp=scp)))).scopes == scopes


@pytest.mark.parametrize("scp", [None, "", "User.Read", "TeamsExtension.ManageCalls", ["Teams.ManageCalls"], 1])
async def test_one_that_allows_nothing_of_that(scp: object) -> None:
    assert "consent" in await refusal(token(teams(scp=scp)))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": ISSUER + "/"}, "is unknown"),
        ({"iss": None}, "is unknown"),
        ({"iss": [ISSUER]}, "is unknown"),
        ({"aud": AUDIENCE}, "exchange_audiences"),
        ({"aud": None}, "no aud"),
        ({"aud": [EXCHANGE, 1]}, "no aud"),
        ({"tid": None}, "another tenant"),
        ({"tid": APPLICATION}, "another tenant"),
        ({"tid": [TENANT]}, "another tenant"),
        ({"oid": None}, "names no user"),
        ({"oid": ""}, "names no user"),
        ({"oid": "a_b"}, "names no user"),
        ({"oid": "a:b"}, "names no user"),
        ({"oid": "é"}, "names no user"),
        ({"oid": "a" * 65}, "names no user"),
        ({"oid": USER + "\n"}, "names no user"),
        ({"exp": None}, "no exp"),
        ({"exp": "9999999999"}, "no number"),
        ({"exp": int(NOW)}, "expired"),
        ({"nbf": int(NOW) + 61}, "not good yet"),
    ],
)
async def test_tokens_that_are_not_good(changes: dict[str, Any], why: str) -> None:
    assert why in await refusal(token(teams(**changes)))


async def test_its_last_second_is_good_and_nothing_is_added_to_it() -> None:
    text = token(teams(exp=int(NOW)))
    assert (await user_of(text, NOW - 1)).expires_at == NOW
    assert "expired" in await refusal(text, NOW)


async def test_forged_tokens() -> None:
    good = token(teams())
    head, body, sign = good.split(".")
    assert "signature" in await refusal(token(teams(), key=FOREIGN))
    assert "signature" in await refusal(f"{head}.{encoded(teams(oid='other'))}.{sign}")
    for algorithm in ("none", "None", "nOnE", "HS256"):
        await refusal(f"{encoded({'alg': algorithm, 'kid': 'rsa', 'typ': 'JWT'})}.{body}.{sign}")
    assert "kid" in await refusal(token(teams(), header={"kid": ""}))
    assert "does not have" in await refusal(token(teams(), header={"kid": "../../etc/passwd"}))
    assert "crit" in await refusal(token(teams(), header={"crit": ["exp"]}))
    for nonsense in ("", "a token", "a.b.c", f"{head}.{body}.", "x" * 9_000):
        await refusal(nonsense)


async def test_resources_speak_for_tenants_of_their_own() -> None:
    tenants = Tenants([trusted(), trusted("", "other")])
    assert (tenants.serves("dev"), tenants.serves("other"), tenants.serves("third")) == (True, False, False)
    assert "is unknown" in await refusal(token(teams()), resource="other")
