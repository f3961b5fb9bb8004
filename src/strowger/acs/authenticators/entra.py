"""Tokens of Microsoft Entra ID, or of any issuer that publishes its keys (OpenID Connect Core, RFC 8725).

A token stands for an application, or for somebody in its name. Which of them may act for which resource is for the
operator to say: in ACS a role on the resource says it, and there is nobody here to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from strowger.acs.auth import Principal
from strowger.acs.authenticators.bearer import BearerToken, bearer_text, read_token, refused
from strowger.acs.authenticators.key_cache import Keys
from strowger.acs.errors import PermissionMissing
from strowger.acs.message import Request
from strowger.acs.resources import HostedResources
from strowger.base.text import printable

TOKEN_SKEW_S: Final = 60.0
"""How far the clock of an issuer may lie from ours."""
LATEST_TIME: Final = 1e11
"""Seconds since 1970 that are still a date."""
IDENTITY_CLAIMS: Final = ("appid", "azp", "oid")
"""Where the application (v1.0, v2.0) and the object are named (Microsoft identity platform: access token claims)."""
SCOPES: Final = "scp"
"""What a user lets an application do in its name; a token that an application got for itself has none."""


class TrustedIssuer(msgspec.Struct, frozen=True):
    """Who is believed for one resource."""

    resource: str
    issuer: str
    """Exactly as its tokens write it."""
    audiences: tuple[str, ...]
    """Whom tokens may be meant for."""
    allowed: frozenset[str]
    """Ids of the applications and objects that may act for the resource, in lower case."""
    keys: Keys
    tenant: str = ""
    """Whose users may exchange their tokens, in lower case; empty for nobody's."""
    exchange_audiences: tuple[str, ...] = ()
    """Whom tokens that are exchanged may be meant for."""


class EntraAuthenticator:
    """Believes the issuers that the operator names."""

    def __init__(self, issuers: Sequence[TrustedIssuer], resources: HostedResources) -> None:
        """All of one issuer share their keys. `resources` tells which one a request is for."""
        self._issuers: Final = _by_issuer(issuers)
        self._resources: Final = resources

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        """Who sent `request`, by the wall clock `now`; None when its credential is no token of an issuer.

        Raises TokenRefused, PermissionMissing for an application that is not allowed, Unavailable without keys.
        """
        text = bearer_text(request.headers)
        if text is None or not self._issuers:
            return None
        token = read_token(text)
        issuer = token.claims.get("iss")
        if issuer is None:
            return None
        trusted = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if trusted is None:
            raise refused(f"The issuer {shown(issuer)} of the token is unknown: no [[entra]] names it exactly so.")
        await check_signature(token, trusted[0].keys)
        check_time(token.claims, now)
        meant = _meant(token.claims, trusted)
        return Principal(self._chosen(request, token.claims, meant))

    def _chosen(self, request: Request, claims: dict[str, Any], meant: Sequence[TrustedIssuer]) -> str:
        """The resource that the sender may act for and the request names by its host."""
        names = _acting(claims)
        ids = {claims[name].lower() for name in names}
        allowed = list(dict.fromkeys(each.resource for each in meant if ids & each.allowed))
        named = self._resources.of(request)
        if named is not None:
            allowed = [each for each in allowed if any(each == resource.name for resource in named)]
        if len(allowed) == 1:
            return allowed[0]
        if allowed:
            raise PermissionMissing(
                "The host of the request does not tell which of several resources it is for.", "Host"
            )
        who = " and ".join(shown(claims[name]) for name in names)
        raise PermissionMissing(
            f"The token is good, but {who or 'it names no application, and so nobody,'} may not act for this resource: "
            "no [[entra]] of it lists the id among allowed.",
            "Authorization",
        )


def _acting(claims: dict[str, Any]) -> list[str]:
    """The claims that name who acts. Where that is a user, the application is only the way it came by: many users of a
    tenant may sign in to one.
    """
    names = IDENTITY_CLAIMS if claims.get(SCOPES) is None else IDENTITY_CLAIMS[-1:]
    return [name for name in names if isinstance(value := claims.get(name), str) and value]


async def check_signature(token: BearerToken, keys: Keys) -> None:
    """Whether one of `keys` signed it. Raises TokenRefused, Unavailable."""
    if not token.key_id:
        raise refused("The header of the token has no kid.")
    key = await keys.find(token.key_id)
    if key is None:
        raise refused("The token names a key that its issuer does not have.")
    key.check(token)


def check_time(claims: dict[str, Any], now: float) -> float:
    """When the token ends, by the wall clock; within the skew that may be past. Raises TokenRefused."""
    expires, begins = _time(claims, "exp"), _time(claims, "nbf")
    if expires is None:
        raise refused("The token has no exp: nothing says how long it is good.")
    if now >= expires + TOKEN_SKEW_S:
        raise refused(f"The token has expired: exp lies {now - expires:.0f} s back.")
    if begins is not None and begins > now + TOKEN_SKEW_S:
        raise refused(
            f"The token is not good yet: nbf lies {begins - now:.0f} s ahead of the server's clock, at most "
            f"{TOKEN_SKEW_S:.0f} s are allowed. Set the clocks."
        )
    return expires


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST_TIME:
        raise refused(f"The claim {name} of the token is no number of seconds.")
    return float(value)


def audiences_of(claims: dict[str, Any]) -> list[str]:
    """Whom a token is meant for, one at least. Raises TokenRefused."""
    audience = claims.get("aud")
    given = audience if isinstance(audience, list) else [audience]
    names = [name for name in given if isinstance(name, str)]
    if not names or len(names) < len(given):
        raise refused("The token has no aud, or one that is neither a text nor a list of texts.")
    return names


def _meant(claims: dict[str, Any], trusted: Iterable[TrustedIssuer]) -> list[TrustedIssuer]:
    names = audiences_of(claims)
    meant = [each for each in trusted if not set(names).isdisjoint(each.audiences)]
    if not meant:
        raise refused(
            f"The audience of the token is wrong: it is meant for {shown(names[0])}, which no [[entra]] of its issuer "
            "lists among audiences."
        )
    return meant


def _by_issuer(issuers: Iterable[TrustedIssuer]) -> dict[str, tuple[TrustedIssuer, ...]]:
    found: dict[str, tuple[TrustedIssuer, ...]] = {}
    for each in issuers:
        found[each.issuer] = (*found.get(each.issuer, ()), each)
    return found


def shown(value: object) -> str:
    """A claim in a sentence, whatever it holds."""
    return f"'{printable(value if isinstance(value, str) else '', 100)}'"
