from __future__ import annotations

import pytest

from strowger.acs.auth import Credentials, Principal, require_permission
from strowger.acs.errors import CredentialRefused, PermissionMissing, TokenRefused
from strowger.acs.message import Headers, Request
from strowger.acs.operations.catalogue import CATALOGUE, REDIRECT_CALL, REJECT_CALL, Operation

USER = "8:acs:dev_alice"


class Scripted:
    """An authenticator that knows one Authorization header."""

    def __init__(self, known: str) -> None:
        self.known = known
        self.asked = 0

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        self.asked += 1
        return Principal(self.known) if request.headers.first("authorization") == self.known else None


def request(*values: str) -> Request:
    return Request("POST", "/", Headers([("Authorization", value) for value in values]))


@pytest.mark.asyncio
async def test_the_first_that_knows_the_credential_says_who_it_is() -> None:
    first, second, third = Scripted("Bearer a"), Scripted("Bearer b"), Scripted("Bearer b")
    assert await Credentials((first, second, third)).authenticate(request("Bearer b"), 0.0) == Principal("Bearer b")
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ((), CredentialRefused, "header is missing"),
        (("Bearer a", "Bearer a"), CredentialRefused, "more than one Authorization header"),
        (("Basic YTpi",), CredentialRefused, "neither HMAC-SHA256 nor Bearer"),
        (("",), CredentialRefused, "neither HMAC-SHA256 nor Bearer"),
        (("Bearer x",), TokenRefused, "of no kind that is accepted here"),
        (("bEARER x",), TokenRefused, "of no kind that is accepted here"),
    ],
)
@pytest.mark.asyncio
async def test_what_nobody_knows(values: tuple[str, ...], kind: type[CredentialRefused], message: str) -> None:
    with pytest.raises(CredentialRefused, match=message) as caught:
        await Credentials([Scripted("Bearer a")]).authenticate(request(*values), 0.0)
    assert (type(caught.value), caught.value.target) == (kind, "Authorization")


@pytest.mark.parametrize("operation", CATALOGUE, ids=lambda operation: operation.name)
def test_a_resource_may_do_everything_and_a_user_decide_about_calls(operation: Operation) -> None:
    require_permission(Principal("dev"), operation)
    if operation in (REDIRECT_CALL, REJECT_CALL):
        require_permission(Principal("dev", USER, ("chat", "voip")), operation)
    else:
        with pytest.raises(PermissionMissing, match="is for the resource itself") as caught:
            require_permission(Principal("dev", USER, ("chat", "voip")), operation)
        assert (caught.value.status, caught.value.code) == (403, "7504")


@pytest.mark.parametrize("scopes", [(), ("chat",), ("voip.join",), ("voip.join", "chat.join", "VOIP")])
def test_a_user_needs_the_scope_of_calls(scopes: tuple[str, ...]) -> None:
    with pytest.raises(PermissionMissing, match="needs a token with the scope voip"):
        require_permission(Principal("dev", USER, scopes), REDIRECT_CALL)
