"""User access tokens: JWTs of the shape that clients of ACS read (ACS: User Access Tokens; RFC 7519, RFC 8725).

Clients look at `exp`, and some at `acsScope`; the Python SDK decodes the claims as plain base64, so that neither `-`
nor `_` may occur in them. Of a header that comes back only `alg`, `kid` and `crit` are read: a key is one of ours, or
none. Why revocation counts instead of comparing times is in decision 0011.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from strowger.acs import json_web_token
from strowger.acs.errors import TokenRefused
from strowger.acs.json_web_token import Members, TokenMalformed
from strowger.acs.token_keys import SigningKey, TokenKeys
from strowger.calls.errors import IdentityUnknown
from strowger.calls.identities import Identities, Identity, is_teams_user

ALGORITHM: Final = "RS256"
SCOPES: Final = ("chat", "chat.join", "chat.join.limited", "voip", "voip.join")
"""What a token may allow (ACS: Identity model)."""
SKEW_S: Final = 60.0
"""How far `exp` and `nbf` may lie on the wrong side of our clock."""
SCP: Final = 1_792
"""A claim of the real service whose meaning is not published; always this number."""
ISSUED_UNDER: Final = "issuedUnder"
"""The claim with the revocation that the token came after; ours, others do not look at it."""
_TIMES: Final = ("iat", "exp", ISSUED_UNDER)
_TEXTS: Final = ("skypeid", "acsScope", "resourceId")
_MAX_TIME: Final = 1 << 53


Given = Callable[[Identity, str, Collection[str], float], Awaitable[None]]
"""Is told the identity, the token, its scopes, and when it ends (wall clock, seconds)."""


class UserClaims(msgspec.Struct, frozen=True, gc=False):
    """Who shows a token, and what it allows."""

    raw_id: str
    resource: str
    """Name of the resource that the user belongs to."""
    scopes: tuple[str, ...]
    issued_at: float
    """Wall clock, seconds."""
    expires_at: float
    """Wall clock, seconds."""


class UserTokens:
    """Gives tokens to identities, and says whose one is."""

    def __init__(
        self,
        keys: TokenKeys,
        identities: Identities,
        *,
        given: Given | None = None,
        resource_ids: Mapping[str, str] | None = None,
    ) -> None:
        """`keys` sign and verify, `identities` says who there is and which tokens are revoked; `given` hears of each
        token of an identity before anybody else does. `resource_ids` gives the id of each resource by its name, for
        the tokens of Teams users, whose own ids do not say it.
        """
        self._resource_ids: Final = resource_ids or {}
        self._resources: Final = {each: name for name, each in self._resource_ids.items()}
        self._given: Final = given
        self.keys: Final = keys
        self._identities: Final = identities

    async def issue(
        self, identity: Identity, scopes: Collection[str], lifetime_s: float, now: float
    ) -> tuple[str, float]:
        """A token, and when it expires (wall clock, seconds). Raises StoreUnavailable when a new key cannot be kept."""
        key = await self.keys.latest(now)
        # Looked up again: it may have been revoked while a key was made.
        current = self._identities.holder(identity.raw_id, identity.resource)
        token, expires_at = self._signed(key, current, scopes, int(now), int(now + lifetime_s))
        if self._given is not None and not is_teams_user(current.raw_id):
            await self._given(current, token, scopes, expires_at)
        return token, expires_at

    def verify(self, token: str, now: float) -> UserClaims:
        """Whose token it is, by the wall clock `now`. Raises TokenRefused, with a reason that shows nothing of it."""
        try:
            unverified = json_web_token.read(token)
        except TokenMalformed as error:
            raise _refused(f"is malformed: {error}") from None
        self._check_signature(token, unverified.header)
        claims = unverified.claims
        _check_shape(claims)
        if now > claims["exp"] + SKEW_S:
            raise _refused("has expired")
        if now < claims.get("nbf", 0) - SKEW_S:
            raise _refused("is not valid yet")
        identity = self._holder(f"8:{claims['skypeid']}", claims["resourceId"])
        if identity is None or identity.not_before != claims[ISSUED_UNDER]:
            raise _refused("was revoked")
        return UserClaims(
            identity.raw_id,
            identity.resource,
            tuple(claims["acsScope"].split(",")),
            float(claims["iat"]),
            float(claims["exp"]),
        )

    def _holder(self, raw_id: str, resource_id: str) -> Identity | None:
        if not is_teams_user(raw_id):
            return self._identities.find(raw_id)
        try:
            return self._identities.holder(raw_id, self._resources.get(resource_id, ""))
        except IdentityUnknown:  # the resource speaks for a tenant no longer
            return None

    def _signed(
        self, key: SigningKey, identity: Identity, scopes: Iterable[str], issued_at: int, expires_at: int
    ) -> tuple[str, float]:
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
        claims: Members = {
            "skypeid": identity.raw_id.removeprefix("8:"),
            "scp": SCP,
            "csi": str(issued_at),
            "exp": expires_at,
            "acsScope": ",".join(dict.fromkeys(scopes)),
            "resourceId": self._resource_id(identity),
            ISSUED_UNDER: identity.not_before,
            "iat": issued_at,
        }
        return jws.serialize_compact(header, _plain(claims), key.key, [ALGORITHM]), float(expires_at)

    def _resource_id(self, identity: Identity) -> str:
        guest = is_teams_user(identity.raw_id)
        return self._resource_ids[identity.resource] if guest else _resource_id(identity.raw_id)

    def _check_signature(self, token: str, header: Members) -> None:
        if header.get("alg") != ALGORITHM or "crit" in header:
            raise _refused("is not signed in the way of this server's tokens")
        kid = header.get("kid")
        key = self.keys.find(kid) if isinstance(kid, str) else None
        if key is None:
            raise _refused("is not signed by a key of this server, or by one that is no longer in use")
        try:
            jws.deserialize_compact(token, key, [ALGORITHM])
        except (JoseError, ValueError):
            raise _refused("is signed wrongly") from None


def _check_shape(claims: Members) -> None:
    times = [claims.get(name) for name in _TIMES] + [claims.get("nbf", 0)]
    texts = [claims.get(name) for name in _TEXTS]
    if not all(type(each) is int and 0 <= each < _MAX_TIME for each in times):
        raise _refused("has not the claims of an access token")
    if not all(isinstance(each, str) and each for each in texts):
        raise _refused("has not the claims of an access token")
    if not is_teams_user(f"8:{claims['skypeid']}") and claims["resourceId"] != _resource_id(claims["skypeid"]):
        raise _refused("contradicts itself")


def _resource_id(raw_id: str) -> str:
    """The id of the resource within `8:acs:{resource}_{user}`, also without the `8:`."""
    return raw_id.rpartition("acs:")[2].rpartition("_")[0]


def _plain(claims: Members) -> bytes:
    """As JSON whose base64 is the same in both alphabets: `>`, `?`, `~` and all but ASCII become escapes."""
    text = json.dumps(claims, separators=(",", ":"))
    return "".join(f"\\u{ord(each):04x}" if each in ">?~\x7f" else each for each in text).encode("ascii")


def _refused(why: str) -> TokenRefused:
    return TokenRefused(f"The token {why}.", "Authorization")
