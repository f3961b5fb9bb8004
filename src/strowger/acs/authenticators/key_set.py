"""The public keys of an issuer, as it publishes them (RFC 7517), and the check of a signature by one of them.

The algorithm follows from the key and never from the token, so that nobody signs with a key's text as a secret. Keys
that are no use for that, or too weak, are left out: an issuer may publish others beside them.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from strowger.acs.authenticators.bearer import MAX_KEY_ID_CHARACTERS, BearerToken, refused

MAX_KEYS: Final = 100
MIN_RSA_BITS: Final = 2_048
MAX_RSA_BITS: Final = 8_192
_RSA: Final = "RS256"
_EC: Final = "ES256"


class KeySetInvalid(Exception):
    """What an issuer published is no set of keys."""


class SigningKey:
    """One public key, and the one algorithm that it is good for."""

    __slots__ = ("_key", "_registry", "algorithm")

    def __init__(self, key: RSAKey | ECKey, algorithm: str) -> None:
        self._key: Final = key
        self._registry: Final = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        self.algorithm: Final = algorithm

    def check(self, token: BearerToken) -> None:
        """Whether this key signed `token`. Raises TokenRefused."""
        if token.algorithm != self.algorithm:
            raise refused(f"The token is not signed with {self.algorithm}, the algorithm of the key that it names.")
        try:
            jws.deserialize_compact(token.text, self._key, [self.algorithm], self._registry)
        except (JoseError, ValueError, TypeError):
            raise refused("The signature of the token does not hold.") from None


KeySet = dict[str, SigningKey]
"""Keys by their `kid`."""


class _Published(msgspec.Struct):
    keys: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=MAX_KEYS)]


_decode: Final = msgspec.json.Decoder(_Published).decode


def read_key_set(octets: bytes) -> KeySet:
    """The keys in a JSON Web Key Set that can check signatures. Raises KeySetInvalid; for none at all too."""
    try:
        published = _decode(octets).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KeySetInvalid(f"it is no JSON Web Key Set of at most {MAX_KEYS} keys: {error}") from None
    keys: KeySet = {}
    for each in published:
        key_id, key = each.get("kid"), _signing_key(each)
        if key is not None and isinstance(key_id, str) and 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS:
            keys.setdefault(key_id, key)
    if not keys:
        raise KeySetInvalid("it holds no key with a kid for RS256 (2,048 bits or more) or ES256")
    return keys


def _signing_key(published: dict[str, Any]) -> SigningKey | None:
    kind, use, operations = (published.get(name) for name in ("kty", "use", "key_ops"))
    algorithm = _RSA if kind == "RSA" else _EC if kind == "EC" and published.get("crv") == "P-256" else ""
    is_for_signing = use in (None, "sig") and (operations is None or operations == ["verify"])
    if not algorithm or not is_for_signing or published.get("alg", algorithm) != algorithm:
        return None
    try:
        return _rsa(published) if algorithm == _RSA else _ec(published)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _rsa(published: dict[str, Any]) -> SigningKey | None:
    modulus = published["n"]
    bits = int.from_bytes(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        return None
    return SigningKey(RSAKey.import_key({name: published[name] for name in ("kty", "n", "e")}), _RSA)


def _ec(published: dict[str, Any]) -> SigningKey:
    key = ECKey.import_key({name: published[name] for name in ("kty", "crv", "x", "y")})
    key.public_key  # noqa: B018 - a point beside the curve is found out here
    return SigningKey(key, _EC)
