"""The computation of Digest, and the credentials as they arrive (RFC 7616 §3.4, RFC 3261 §22.4, RFC 8760 §2).

Protection `auth` and none at all; `auth-int` and the session variants are never offered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from strowger.sip.authentication.auth_params import parse_auth_params
from strowger.sip.message.errors import ParseError

QOP: Final = "auth"
"""The only quality of protection offered and accepted."""

_COUNT_DIGITS: Final = 8
_HEXADECIMAL: Final = "0123456789abcdefABCDEF"
_NEEDED: Final = ("username", "realm", "nonce", "uri", "response")


class Algorithm(StrEnum):
    """The algorithms we compute, strongest first."""

    SHA_256 = "SHA-256"
    MD5 = "MD5"


_BY_NAME: Final = {algorithm.value: algorithm for algorithm in Algorithm}


def _sha_256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _md5(text: bytes) -> str:
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


_HASHES: Final[dict[Algorithm, Callable[[bytes], str]]] = {Algorithm.SHA_256: _sha_256, Algorithm.MD5: _md5}


class Protection(Struct, frozen=True):
    """What binds a response to one request of many under the same nonce (RFC 7616 §3.4, `qop`)."""

    nc: str
    """The count as written: eight hexadecimal digits."""
    cnonce: str

    @property
    def count(self) -> int:
        """How many requests were sent with the nonce, this one included."""
        return int(self.nc, 16)


class Credentials(Struct, frozen=True):
    """The Digest credentials of one request. All text is Latin-1, without quotes."""

    username: str
    realm: str
    nonce: str
    uri: str
    """The digest-uri: the Request-URI as its sender wrote it."""
    response: str
    algorithm: str
    """As written; MD5 when it was not said (RFC 7616 §3.4)."""
    protection: Protection | None
    """None from a peer of RFC 2069, which counts nothing."""

    @classmethod
    def parse(cls, value: str) -> Credentials:
        """Reads the value of an Authorization header whose scheme is Digest. Raises ParseError(400)."""
        params = parse_auth_params(value)
        for name in _NEEDED:
            if name not in params:
                raise ParseError(400, f"The credentials have no {name}")
        return cls(
            username=params["username"],
            realm=params["realm"],
            nonce=params["nonce"],
            uri=params["uri"],
            response=params["response"],
            algorithm=params.get("algorithm", Algorithm.MD5),
            protection=_protection(params),
        )

    @property
    def known_algorithm(self) -> Algorithm | None:
        """The algorithm, None when it is none of ours."""
        return _BY_NAME.get(self.algorithm.upper())

    @property
    def user(self) -> str:
        """The user name as text: UTF-8 where it is such, else Latin-1."""
        octets = self.username.encode("latin-1")
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return self.username


def _protection(params: dict[str, str]) -> Protection | None:
    qop = params.get("qop")
    if qop is None:
        return None
    if qop.lower() != QOP:
        raise ParseError(400, "The credentials claim a protection that was not offered")
    nc, cnonce = params.get("nc", ""), params.get("cnonce")
    if cnonce is None or not 0 < len(nc) <= _COUNT_DIGITS or nc.strip(_HEXADECIMAL) or not int(nc, 16):
        raise ParseError(400, "The credentials have a qop without cnonce or without a proper nc")
    return Protection(nc, cnonce)


def hash_of_identity(algorithm: Algorithm, user: str, realm: str, password: str) -> str:
    """HA1: all that has to be kept of a password (RFC 7616 §3.4.2). Text is hashed as UTF-8."""
    return _HASHES[algorithm](f"{user}:{realm}:{password}".encode())


def digest_response(
    algorithm: Algorithm, ha1: str, method: str, uri: str, nonce: str, protection: Protection | None
) -> str:
    """The `response` of credentials (RFC 7616 §3.4.1; without protection RFC 2069 §2.1.2). Text is Latin-1."""
    compute = _HASHES[algorithm]
    ha2 = compute(f"{method}:{uri}".encode("latin-1"))
    bound = f"{nonce}:{protection.nc}:{protection.cnonce}:{QOP}" if protection else nonce
    return compute(f"{ha1}:{bound}:{ha2}".encode("latin-1"))
