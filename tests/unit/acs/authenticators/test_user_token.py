from __future__ import annotations

import pytest

from strowger.acs.auth import Principal, Resource
from strowger.acs.authenticators.user_token import UserTokenAuthenticator
from strowger.acs.errors import PermissionMissing, TokenRefused
from strowger.acs.message import Headers, Request
from strowger.acs.resources import HostedResources
from strowger.acs.user_tokens import UserClaims
from tests.support.issuer import NOW, claims, token

pytestmark = pytest.mark.asyncio

ALICE = "8:acs:dev_alice"
GOOD = token(claims(iss=None, skypeid="acs:dev_alice"))


class OneToken:
    """Believes one token, for an hour."""

    def verify(self, text: str, now: float) -> UserClaims:
        if text != GOOD or now > NOW + 3_600:
            raise TokenRefused("The token was revoked.", "Authorization")
        return UserClaims(ALICE, "dev", ("chat", "voip"), NOW, NOW + 3_600)


RESOURCES = HostedResources([Resource("dev", ("dev.example",), ()), Resource("other", ("calls.example",), ())])


async def ask(authorization: str, now: float = NOW, host: str = "127.0.0.1") -> Principal | None:
    request = Request("POST", "/", Headers([("Host", host), ("Authorization", authorization)]))
    return await UserTokenAuthenticator(OneToken(), RESOURCES).authenticate(request, now)


async def test_a_user_is_who_its_token_says() -> None:
    assert await ask(f"Bearer {GOOD}") == Principal("dev", ALICE, ("chat", "voip"))


async def test_what_is_wrong_with_a_token_is_for_the_tokens_to_say() -> None:
    with pytest.raises(TokenRefused, match="was revoked"):
        await ask(f"Bearer {GOOD}", NOW + 3_601)
    with pytest.raises(TokenRefused, match="malformed"):
        await ask("Bearer eyJ.e30")


async def test_a_user_of_one_resource_is_nobody_at_the_host_of_another() -> None:
    assert await ask(f"Bearer {GOOD}", host="DEV.example:443") == Principal("dev", ALICE, ("chat", "voip"))
    with pytest.raises(PermissionMissing, match="of another resource") as caught:
        await ask(f"Bearer {GOOD}", host="calls.example")
    assert (caught.value.status, caught.value.code) == (403, "7504")
    with pytest.raises(TokenRefused):
        await ask("Bearer eyJ.e30", host="calls.example")


async def test_other_credentials_are_for_others() -> None:
    assert await ask(f"Bearer {token()}") is None  # it names an issuer
    assert await ask(f"HMAC-SHA256 {GOOD}") is None
