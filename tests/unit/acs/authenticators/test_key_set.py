from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from strowger.acs.authenticators.bearer import MAX_KEY_ID_CHARACTERS, read_token
from strowger.acs.authenticators.key_set import MAX_KEYS, KeySetInvalid, read_key_set
from strowger.acs.errors import TokenRefused
from tests.support.issuer import EC, FOREIGN, RSA, published, token


def key(source: RSAKey | ECKey = RSA, **changes: Any) -> dict[str, Any]:
    members = source.as_dict(private=False) | changes
    return {name: value for name, value in members.items() if value is not None}


def key_set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_the_algorithm_follows_from_the_key() -> None:
    keys = read_key_set(published())
    assert {name: each.algorithm for name, each in keys.items()} == {"rsa": "RS256", "ec": "ES256"}
    keys["rsa"].check(read_token(token()))
    keys["ec"].check(read_token(token(key=EC)))


def test_another_key_or_algorithm_is_refused() -> None:
    keys = read_key_set(published())
    with pytest.raises(TokenRefused, match="signature of the token does not hold"):
        keys["rsa"].check(read_token(token(key=FOREIGN)))
    with pytest.raises(TokenRefused, match="not signed with RS256"):
        keys["rsa"].check(read_token(token(key=EC)))


def test_keys_for_other_purposes_are_left_out() -> None:
    others = [
        key(kid="enc", use="enc"),
        key(kid="alg", alg="RS512"),
        key(kid="ops", key_ops=["sign"]),
        key(kid=None),
        key(kid=""),
        key(kid=7),
        key(kid="k" * (MAX_KEY_ID_CHARACTERS + 1)),
        key(kid="n", n="!"),
        key(kid="n2", n=None),
        key(kid="n3", n=["a"]),
        key(EC, kid="curve", crv="P-384"),
        key(EC, kid="beside", x=key(EC)["y"]),
        key(kid="weak", n=base64.urlsafe_b64encode(bytes([255] * 255)).decode().rstrip("=")),
        key(kid="slow", n=base64.urlsafe_b64encode(bytes([255] * 1_025)).decode().rstrip("=")),
        OctKey.import_key("secret" * 4).as_dict() | {"kid": "oct"},
        {"kty": ["RSA"], "kid": "a"},
        {},
    ]
    good = [key(), key(kid="sig", use="sig"), key(kid="verify", key_ops=["verify"]), key(EC, alg="ES256")]
    assert sorted(read_key_set(key_set(*others, *good))) == ["ec", "rsa", "sig", "verify"]
    with pytest.raises(KeySetInvalid, match="no key with a kid"):
        read_key_set(key_set(*others))


def test_of_two_keys_with_one_name_the_first_counts() -> None:
    keys = read_key_set(published(RSA, FOREIGN))
    keys["rsa"].check(read_token(token()))


def test_a_private_half_is_not_used() -> None:
    (only,) = read_key_set(key_set(RSA.as_dict(private=True))).values()
    only.check(read_token(token()))


@pytest.mark.parametrize(
    "octets", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[1]}', b'{"keys":[]}', b"\xff", b"[" * 9_999]
)
def test_what_is_no_key_set(octets: bytes) -> None:
    with pytest.raises(KeySetInvalid):
        read_key_set(octets)


def test_a_hundred_keys_are_the_limit() -> None:
    assert len(read_key_set(key_set(*(key(kid=str(number)) for number in range(MAX_KEYS))))) == MAX_KEYS
    with pytest.raises(KeySetInvalid, match="at most 100 keys"):
        read_key_set(key_set(*(key(kid=str(number)) for number in range(MAX_KEYS + 1))))
