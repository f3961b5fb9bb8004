"""Challenges: written as a server, read as a client (RFC 3261 §20.27, §20.44, RFC 7616 §3.3, RFC 8760 §2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from strowger.sip.authentication.auth_params import parse_auth_params, quoted
from strowger.sip.authentication.digest import QOP, Algorithm

DIGEST: Final = "digest"
"""The scheme, lower case."""


class Side(Struct, frozen=True):
    """The status and header names of a kind of server."""

    status: int
    challenge: str
    """Name of the header with the challenge."""
    credentials: str
    """Name of the header with the answer."""


ORIGIN: Final = Side(401, "WWW-Authenticate", "Authorization")
"""A registrar or user agent (RFC 3261 §22.2)."""
PROXY: Final = Side(407, "Proxy-Authenticate", "Proxy-Authorization")
"""A proxy (RFC 3261 §22.3)."""


def challenge_headers(
    side: Side, realm: str, nonce: str, *, algorithms: Iterable[Algorithm], stale: bool = False
) -> tuple[tuple[str, str], ...]:
    """One header per algorithm, the one we prefer first: a client takes the topmost that it knows (RFC 8760 §2.3)."""
    tail = f'nonce={quoted(nonce)}, qop="{QOP}"{", stale=true" if stale else ""}'
    return tuple(
        (side.challenge, f"Digest realm={quoted(realm)}, algorithm={algorithm}, {tail}") for algorithm in algorithms
    )


class DigestChallenge(Struct, frozen=True):
    """A challenge as it arrives. All text is Latin-1, without quotes."""

    realm: str
    nonce: str
    algorithm: Algorithm | None
    """None when it is none of ours."""
    opaque: str | None
    """Sent back as it came (RFC 7616 §3.3)."""
    is_counted: bool
    """Whether `auth` is among the protections; without any the rules of RFC 2069 hold."""
    is_offered: bool
    """False when the only protections are unknown ones."""
    stale: bool

    @classmethod
    def parse(cls, value: str) -> DigestChallenge:
        """Reads the value of a challenge whose scheme is Digest. Raises ParseError(400)."""
        params = parse_auth_params(value)
        name = params.get("algorithm", Algorithm.MD5).upper()
        protections = [word.strip().lower() for word in params["qop"].split(",")] if "qop" in params else None
        return cls(
            realm=params.get("realm", ""),
            nonce=params.get("nonce", ""),
            algorithm=next((algorithm for algorithm in Algorithm if algorithm == name), None),
            opaque=params.get("opaque"),
            is_counted=protections is not None and QOP in protections,
            is_offered=protections is None or QOP in protections,
            stale=params.get("stale", "").lower() == "true",
        )
