"""What the operations of the identity service share: what they work on, and what of a request they look at.

Every operation is a function of the two. Identities of other resources do not exist for a resource, in words either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

import msgspec

from strowger.acs.authenticators.tenant import Tenants
from strowger.acs.errors import ArgumentInvalid
from strowger.acs.user_tokens import SCOPES, UserTokens
from strowger.calls.identities import Identities, Identity

SHORTEST_MINUTES: Final = 60
LONGEST_MINUTES: Final = 1_440
"""How long a token may live (ACS: Identity, expiresInMinutes); as long as nobody says anything."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One request that is allowed."""

    resource: str
    """Name of the resource that asks."""
    path: str
    """Still percent-encoded."""
    body: bytes
    now: float
    """Wall clock, seconds."""

    @property
    def raw_id(self) -> str:
        """The identity that the path names; clients write its colons bare or encoded."""
        return unquote(self.path.split("/")[2])


class AccessToken(msgspec.Struct, rename="camel", frozen=True):
    """ACS: CommunicationIdentityAccessToken."""

    token: str
    expires_on: str
    """ISO 8601."""


class IdentityService:
    """Identities and their tokens."""

    def __init__(
        self,
        identities: Identities,
        tokens: UserTokens,
        *,
        resource_ids: Mapping[str, str],
        new_id: Callable[[], str],
        tenants: Tenants | None = None,
    ) -> None:
        """`resource_ids` gives the id of each resource by its name; `new_id` makes UUIDs; `tenants` says whose users
        may exchange tokens.
        """
        self.tenants: Final = tenants or Tenants(())
        self.identities: Final = identities
        self.tokens: Final = tokens
        self._resource_ids: Final = resource_ids
        self._new_id: Final = new_id

    def new_identity(self, resource: str, now: float) -> Identity:
        """One that nobody has; it is not kept yet."""
        return Identity(f"8:acs:{self._resource_ids[resource]}_{self._new_id()}", resource, now)

    async def token(self, identity: Identity, scopes: list[str], minutes: int, now: float) -> AccessToken:
        """A token of the identity. Raises StoreUnavailable, IdentityUnknown."""
        return await self.issue(identity, scopes, minutes * 60.0, now)

    async def issue(self, identity: Identity, scopes: Collection[str], lifetime_s: float, now: float) -> AccessToken:
        """The same, for any time. Raises StoreUnavailable, IdentityUnknown."""
        token, expires_at = await self.tokens.issue(identity, scopes, lifetime_s, now)
        return AccessToken(token, datetime.fromtimestamp(expires_at, UTC).isoformat())


def require_scopes(scopes: list[str], target: str) -> list[str]:
    """The scopes, if all are known and there is one. Raises ArgumentInvalid."""
    if not scopes:
        raise ArgumentInvalid(f"The member '{target}' names no scope; there are {', '.join(SCOPES)}.", target)
    for index, scope in enumerate(scopes):
        if scope not in SCOPES:
            raise ArgumentInvalid(
                f"'{scope[:40]}' is no scope; there are {', '.join(SCOPES)}.", f"{target}[{index}]"
            )
    return scopes


def require_minutes(minutes: int | None) -> int:
    """How long the token shall live, in minutes. Raises ArgumentInvalid."""
    if minutes is None:
        return LONGEST_MINUTES
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise ArgumentInvalid(
            f"A token lives from {SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes, not {minutes}.", "expiresInMinutes"
        )
    return minutes
