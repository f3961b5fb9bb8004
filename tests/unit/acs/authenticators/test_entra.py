from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest

from strowger.acs.auth import Principal, Resource
from strowger.acs.authenticators.entra import EntraAuthenticator, TrustedIssuer
from strowger.acs.authenticators.key_cache import StaticKeys
from strowger.acs.authenticators.key_set import read_key_set
from strowger.acs.errors import PermissionMissing, RequestRefused, TokenRefused
from strowger.acs.json_web_token import MAX_TOKEN_CHARACTERS
from strowger.acs.message import Headers, Request
from strowger.acs.resources import HostedResources
from tests.support.issuer import APPLICATION, AUDIENCE, EC, FOREIGN, ISSUER, NOW, RSA, claims, encoded, published, token

pytestmark = pytest.mark.asyncio

AUDIENCES = (AUDIENCE, AUDIENCE + "/")
OBJECT = "6d6c7a70-0000-4000-8000-0000000000b2"
OTHER_APPLICATION = "6d6c7a70-0000-4000-8000-0000000000a2"
RESOURCES = [Resource("dev", ("127.0.0.1",), ()), Resource("other", ("calls.example",), ())]
KEYS = StaticKeys(read_key_set(published()))


def trusted(resource: str = "dev", *allowed: str, audiences: tuple[str, ...] = AUDIENCES) -> TrustedIssuer:
    return TrustedIssuer(resource, ISSUER, audiences, frozenset(allowed or (APPLICATION,)), KEYS)


async def ask(
    text: str, *issuers: TrustedIssuer, host: str = "127.0.0.1:7443", now: float = NOW, scheme: str = "Bearer"
) -> Principal | None:
    headers = Headers([("Host", host), ("Authorization", f"{scheme} {text}")])
    authenticator = EntraAuthenticator(issuers or (trusted(),), HostedResources(RESOURCES))
    return await authenticator.authenticate(Request("POST", "/", headers), now)


async def refusal(text: str, *issuers: TrustedIssuer, **more: Any) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        await ask(text, *issuers, **more)
    assert text not in caught.value.message
    return caught.value


async def test_an_application_acts_for_its_resource() -> None:
    for text in (token(), token(key=EC)):
        assert await ask(text) == Principal("dev")


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"appid": None, "azp": APPLICATION}, APPLICATION),
        ({"appid": APPLICATION.upper()}, APPLICATION),
        ({"appid": OTHER_APPLICATION, "oid": OBJECT}, OBJECT),
        ({"appid": None, "oid": OBJECT}, OBJECT),
    ],
)
async def test_applications_and_objects_by_any_of_their_claims(changes: dict[str, Any], allowed: str) -> None:
    assert await ask(token(claims(**changes)), trusted("dev", allowed)) == Principal("dev")


@pytest.mark.parametrize(
    "changes",
    [{"appid": OTHER_APPLICATION}, {"appid": None}, {"appid": [APPLICATION]}, {"appid": 1, "oid": OBJECT}],
)
async def test_nobody_else_may(changes: dict[str, Any]) -> None:
    caught = await refusal(token(claims(**changes)))
    assert isinstance(caught, PermissionMissing)
    assert (caught.status, caught.code) == (403, "7504")
    assert "may not act for this resource" in caught.message


async def test_a_user_who_signed_in_to_an_application_is_not_that_application() -> None:
    delegated = token(claims(oid=OBJECT, azp=APPLICATION, scp="user_impersonation"))
    caught = await refusal(delegated)
    assert isinstance(caught, PermissionMissing)
    assert f"'{OBJECT}' may not act" in caught.message
    assert await ask(delegated, trusted("dev", OBJECT)) == Principal("dev")


@pytest.mark.parametrize("audience", [AUDIENCE, AUDIENCE + "/", [AUDIENCE], ["https://a.example", AUDIENCE + "/"]])
async def test_audiences(audience: object) -> None:
    assert await ask(token(claims(aud=audience))) == Principal("dev")


@pytest.mark.parametrize(
    ("audience", "message"),
    [
        (None, "no aud, or one that is neither"),
        ([], "no aud, or one that is neither"),
        ([AUDIENCE, 1], "no aud, or one that is neither"),
        ({AUDIENCE: 1}, "no aud, or one that is neither"),
        (1, "no aud, or one that is neither"),
        ("", "audience of the token is wrong"),
        ("https://graph.microsoft.com", "meant for 'https://graph.microsoft.com'"),
        (AUDIENCE + "//", "audience of the token is wrong"),
        (AUDIENCE.upper(), "audience of the token is wrong"),
        (AUDIENCE + ".evil.example", "audience of the token is wrong"),
    ],
)
async def test_wrong_audiences(audience: object, message: str) -> None:
    assert message in (await refusal(token(claims(aud=audience)))).message


@pytest.mark.parametrize(
    "issuer",
    [ISSUER + "/", ISSUER.upper(), ISSUER[:-1], "https://evil.example", "", [ISSUER], 1, "\x1b[2J" + "x" * 999],
)
async def test_the_issuer_is_exactly_one_that_is_named(issuer: object) -> None:
    caught = await refusal(token(claims(iss=issuer)))
    assert "issuer" in caught.message and "unknown" in caught.message
    assert "\x1b" not in caught.message and len(caught.message) < 300


@pytest.mark.parametrize(
    ("ahead_s", "changes", "expected"),
    [
        (59.9, {"exp": int(NOW)}, ""),
        (60.0, {"exp": int(NOW)}, "has expired: exp lies 60 s back"),
        (3_600.0 + 60.0, {}, "has expired"),
        (-60.0, {}, ""),
        (-60.1, {}, "not good yet: nbf lies 60 s ahead"),
        (-3_600.0, {"nbf": None}, ""),  # a clock that was set back; iat alone forbids nothing
        (0.0, {"nbf": None, "iat": None}, ""),
        (0.0, {"exp": None}, "no exp"),
        (0.0, {"exp": "9999999999"}, "exp of the token is no number"),
        (0.0, {"exp": True}, "exp of the token is no number"),
        (0.0, {"exp": 10**400}, "exp of the token is no number"),
        (0.0, {"exp": -1}, "exp of the token is no number"),
        (0.0, {"nbf": [1]}, "nbf of the token is no number"),
        (0.0, {"exp": NOW + 0.5}, ""),
    ],
)
async def test_times_within_a_minute(ahead_s: float, changes: dict[str, Any], expected: str) -> None:
    text = token(claims(**changes))
    if expected:
        assert expected in (await refusal(text, now=NOW + ahead_s)).message
    else:
        assert await ask(text, now=NOW + ahead_s) == Principal("dev")


async def test_a_claim_of_null_is_no_time() -> None:
    for name in ("exp", "nbf"):
        assert "is no number" in (await refusal(token(claims() | {name: None}))).message


def forged(header: dict[str, Any], payload: dict[str, Any] | None = None, signature: str = "c2ln") -> str:
    return f"{encoded(header)}.{encoded(payload or claims())}.{signature}"


def confused(algorithm: str, secret: bytes) -> str:
    """A token that is signed with public text as if it were a secret."""
    signed = f"{encoded({'alg': algorithm, 'kid': 'rsa', 'typ': 'JWT'})}.{encoded(claims())}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), f'sha{algorithm[2:]}'))}"


PEM = RSA.as_pem(private=False)
ATTACKS = {
    **{f"alg {name}": forged({"alg": name, "kid": "rsa"}) for name in ("none", "None", "nOnE", "NONE", "", "RS512")},
    "alg none unsigned": forged({"alg": "none", "kid": "rsa"}, signature=""),
    "HS256 with the key's PEM": confused("HS256", PEM),
    "HS256 with the key's modulus": confused("HS256", str(RSA.as_dict(private=False)["n"]).encode()),
    "HS512 with the key's JWK": confused("HS512", json.dumps(RSA.as_dict(private=False)).encode()),
    "ES256 by the RSA key": token(key=EC, header={"kid": "rsa"}),
    "RS256 by the EC key": token(header={"kid": "ec"}),
    "RS384": forged({"alg": "RS384", "kid": "rsa"}),
    "foreign key": token(key=FOREIGN),
    "own jwk": token(key=FOREIGN, header={"jwk": FOREIGN.as_dict(private=False)}),
    "own jku": token(key=FOREIGN, header={"jku": "https://evil.example/keys"}),
    "own x5u": token(key=FOREIGN, header={"x5u": "https://evil.example/cert"}),
    "own x5c": token(key=FOREIGN, header={"x5c": [base64.b64encode(b"certificate").decode()]}),
    "no kid": token(header={"kid": ""}),
    **{
        f"kid {kid[:20]}": token(key=FOREIGN, header={"kid": kid})
        for kid in (
            "../../../../dev/null",
            "/etc/passwd",
            "' OR '1'='1",
            "rsa'; DROP TABLE calls; --",
            "rsa\x00",
            "RSA",
            " rsa",
            "https://evil.example/keys",
            "__class__",
        )
    },
    "crit": token(header={"crit": ["exp"], "exp": 1}),
    "unencoded": token(header={"crit": ["b64"], "b64": True}),
    "expired": token(claims(exp=int(NOW) - 61)),
    "too long": token(claims(filler="x" * MAX_TOKEN_CHARACTERS)),
    "issuer twice": token(json.dumps(claims())[:-1].encode() + b',"iss":"https://evil.example"}'),
    "expiry twice": token(b'{"exp":1,' + json.dumps(claims())[1:].encode()),
    "payload swapped": ".".join((token().split(".")[0], encoded(claims(appid=OBJECT)), token().split(".")[2])),
    "header swapped": ".".join((encoded({"alg": "RS256", "kid": "rsa"}), *token().split(".")[1:])),
    "signature cut": token()[:-4],
    "signature of zeros": ".".join((*token().split(".")[:2], encoded(bytes(256)))),
    "ES256 of zeros": ".".join((*token(key=EC).split(".")[:2], encoded(bytes(64)))),
    "two tokens": token() + "." + token(),
    "blank in the middle": token().replace(".", ". ", 1),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attacks(attack: str) -> None:
    caught = await refusal(ATTACKS[attack])
    assert isinstance(caught, TokenRefused)
    assert (caught.status, caught.code, caught.target) == (401, "7501", "Authorization")
    assert dict(caught.headers) == {"WWW-Authenticate": 'Bearer error="invalid_token"'}


async def test_no_character_of_a_token_can_be_changed() -> None:
    text = token(key=EC)
    for index, character in enumerate(text):
        other = "A" if character != "A" else "B"
        try:
            principal = await ask(text[:index] + other + text[index + 1 :])
        except RequestRefused:
            continue
        assert principal is None  # it names no issuer any more, so it is not even of this kind


async def test_other_credentials_are_for_others() -> None:
    assert await ask(token(), scheme="HMAC-SHA256") is None
    assert await ask(token(claims(iss=None))) is None  # a user access token names no issuer
    nobody = EntraAuthenticator((), HostedResources(RESOURCES))
    request = Request("POST", "/", Headers([("Authorization", "Bearer a.b.c")]))
    assert await nobody.authenticate(request, NOW) is None


async def test_the_host_tells_for_which_of_its_resources_an_application_asks() -> None:
    both = (trusted("dev"), trusted("other"))
    assert await ask(token(), *both) == Principal("dev")
    assert await ask(token(), *both, host="calls.example") == Principal("other")
    caught = await refusal(token(), *both, host="10.0.0.7")
    assert (type(caught), caught.target) == (PermissionMissing, "Host")
    assert await ask(token(), host="10.0.0.7") == Principal("dev")  # it may act for no other


async def test_an_application_of_one_resource_is_nobody_at_another() -> None:
    caught = await refusal(token(), host="calls.example")
    assert (type(caught), caught.status, caught.code) == (PermissionMissing, 403, "7504")
    mine, theirs = trusted("dev"), trusted("other", OTHER_APPLICATION)
    assert isinstance(await refusal(token(), mine, theirs, host="calls.example"), PermissionMissing)
    assert await ask(token(claims(appid=OTHER_APPLICATION)), mine, theirs, host="calls.example") == Principal("other")


async def test_an_audience_is_that_of_a_resource() -> None:
    special = (trusted("dev", audiences=("api://dev",)), trusted("other"))
    assert await ask(token(claims(aud="api://dev")), *special) == Principal("dev")
    assert isinstance(await refusal(token(), *special), PermissionMissing)  # good for the other, and this is not it
