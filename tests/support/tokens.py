"""Access tokens: keys made once for all tests, a store for them, and tokens bent in every way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.jwk import RSAKey

from strowger.acs.authenticators.entra import TrustedIssuer
from strowger.acs.authenticators.tenant import Tenants
from strowger.acs.json_web_token import encode
from strowger.acs.operations.identity.service import Asked, IdentityService
from strowger.acs.token_keys import TokenKeys
from strowger.acs.user_tokens import UserTokens
from strowger.calls.errors import CallError
from strowger.calls.identities import Identities, Identity
from strowger.calls.ports import Done
from strowger.calls.signing_keys import StoredKey

NOW = 1_767_225_600.0
DAY_S = 86_400.0
KEY_AGE_S = 30 * DAY_S
RESOURCE_ID = "1b5cc06b-f352"
RESOURCE_IDS = {"dev": RESOURCE_ID, "other": "2c6dd17c-0463"}
BOB = Identity(f"8:acs:{RESOURCE_ID}_bob", "dev", 0.0)
FIRST_ID = f"8:acs:{RESOURCE_ID}_00000000-0000-4000-8000-000000000001"


@cache
def a_key(number: int) -> RSAKey:
    """The same key for the same number; making one takes a while."""
    return RSAKey.generate_key(2_048, private=True)


class KeptIdentities:
    """Keeps identities and answers at once, or fails."""

    def __init__(self) -> None:
        self.kept: dict[str, Identity] = {}
        self.fails_with: CallError | None = None

    def save(self, identity: Identity, done: Done) -> None:
        if self.fails_with is None:
            self.kept[identity.raw_id] = identity
        done(self.fails_with)

    def delete(self, raw_id: str, done: Done) -> None:
        if self.fails_with is None:
            self.kept.pop(raw_id, None)
        done(self.fails_with)

    def load(self) -> list[Identity]:
        return list(self.kept.values())


class KeptKeys:
    """Keeps keys and answers at once, or fails."""

    def __init__(self) -> None:
        self.kept: dict[str, StoredKey] = {}
        self.fails_with: CallError | None = None

    def save(self, key: StoredKey, done: Done) -> None:
        if self.fails_with is None:
            self.kept[key.kid] = key
        done(self.fails_with)

    def delete(self, kid: str, done: Done) -> None:
        self.kept.pop(kid, None)
        done(None)

    def load(self) -> list[StoredKey]:
        return list(self.kept.values())


class Mint:
    """Identities, keys and tokens over stores that outlive a restart."""

    def __init__(
        self, *users: Identity, limit: int = 100, tenants: tuple[str, ...] = (), issuers: tuple[TrustedIssuer, ...] = ()
    ) -> None:
        self.users = users or (BOB,)
        self.tenants = tenants
        self.issuers = issuers
        self.limit = limit
        self.kept_identities = KeptIdentities()
        self.kept_keys = KeptKeys()
        self.made = 0
        self.restart()

    def restart(self) -> None:
        """Forget everything but what is kept."""
        self.identities = Identities(self.kept_identities, users=self.users, tenants=self.tenants, limit=self.limit)
        self.identities.restore()
        self.keys = TokenKeys(self.kept_keys, max_age_s=KEY_AGE_S, longest_token_s=DAY_S, make=self._make)
        self.keys.restore()
        self.tokens = UserTokens(self.keys, self.identities, resource_ids=RESOURCE_IDS)

    @property
    def service(self) -> IdentityService:
        """The identity service of resource `dev`, whose ids count up."""
        counted = count(1)
        return IdentityService(
            self.identities,
            self.tokens,
            resource_ids=RESOURCE_IDS,
            tenants=Tenants(self.issuers),
            new_id=lambda: f"00000000-0000-4000-8000-{next(counted):012}",
        )

    def revoke(self, identity: Identity = BOB, now: float = NOW) -> None:
        """End all tokens of the identity."""
        self.identities.revoke(identity.raw_id, identity.resource, now, lambda error: None)

    async def token(self, identity: Identity = BOB, lifetime_s: float = 3_600.0, now: float = NOW) -> str:
        """A token as it is given out."""
        token, _ = await self.tokens.issue(identity, ("voip",), lifetime_s, now)
        return token

    def _make(self) -> RSAKey:
        self.made += 1
        return a_key(self.made)


def asked(body: object = None, raw_id: str = BOB.raw_id, resource: str = "dev", verb: str = "") -> Asked:
    """A request about an identity; a body that is no text is written as JSON."""
    octets = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return Asked(resource, f"/identities/{raw_id}{verb}", octets, NOW)


def header_of(token: str) -> dict[str, Any]:
    """What the header says."""
    return jws.extract_compact(token.encode()).headers()


def claims_of(token: str) -> dict[str, Any]:
    """What the token says."""
    found = json.loads(jws.extract_compact(token.encode()).payload)
    assert isinstance(found, dict)
    return found


def signed(key: RSAKey, header: Mapping[str, Any] | str, claims: Mapping[str, Any] | str) -> str:
    """Whatever is given, in text or not, signed by the key with RS256."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in (header, claims)]
    signing = ".".join(encode(text.encode()) for text in texts)
    assert key.private_key is not None
    return f"{signing}.{encode(key.private_key.sign(signing.encode(), padding.PKCS1v15(), SHA256()))}"
