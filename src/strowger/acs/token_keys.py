"""The keys that sign access tokens: made when first needed, changed by age, served for verification (RFC 7517).

The latest signs. One that was replaced verifies until the last token it signed is over, and for some time more, because
clocks are set. A key is durable before it signs anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import msgspec
from joserfc.jwk import RSAKey

from strowger.acs.awaited import awaited
from strowger.calls.errors import CallError
from strowger.calls.signing_keys import SigningKeyStore, StoredKey

PATH: Final = "/.well-known/jwks.json"
KEY_BITS: Final = 2_048
KEPT_LONGER_S: Final = 7_200.0
"""How long a key is kept after the last token that it can have signed is over."""
MAX_KEYS: Final = 16
"""Keys at one time; when there are as many the latest goes on signing, whatever its age."""


class SigningKey(msgspec.Struct, frozen=True, gc=False):
    """One key pair, ready for use."""

    kid: str
    created_at: float
    """Wall clock, seconds."""
    key: RSAKey

    def __repr__(self) -> str:  # a key in a log is a key lost
        return f"SigningKey(kid={self.kid!r})"


def make_key() -> RSAKey:
    """A new key pair; takes a tenth of a second."""
    return RSAKey.generate_key(KEY_BITS, private=True)


class TokenKeys:
    """All keys that still verify, in the order they were made."""

    def __init__(
        self,
        store: SigningKeyStore,
        *,
        max_age_s: float,
        longest_token_s: float,
        make: Callable[[], RSAKey] = make_key,
    ) -> None:
        """`max_age_s` is how long a key signs, `longest_token_s` how long a token may live."""
        self._store: Final = store
        self._max_age_s: Final = max_age_s
        self._kept_for_s: Final = longest_token_s + KEPT_LONGER_S
        self._make: Final = make
        self._keys: Final[dict[str, SigningKey]] = {}
        self._renewing: Final = asyncio.Lock()

    def restore(self) -> None:
        """Take up the keys of before a restart. Raises StoreUnavailable, ValueError for a key that cannot be read."""
        for stored in self._store.load():
            self._keys[stored.kid] = SigningKey(stored.kid, stored.created_at, RSAKey.import_key(stored.private))

    def find(self, kid: str) -> RSAKey | None:
        """The key of this name."""
        found = self._keys.get(kid)
        return found.key if found is not None else None

    async def latest(self, now: float) -> SigningKey:
        """The key that signs at `now` (wall clock), made where there is none or the latest is old.

        Raises StoreUnavailable where one is needed and cannot be kept.
        """
        latest = self._latest()
        if latest is not None and self._is_good(latest, now):
            return latest
        async with self._renewing:
            latest = self._latest()
            if latest is not None and self._is_good(latest, now):
                return latest
            return await self._new_key(now)

    def prune(self, now: float) -> None:
        """Forget keys that have signed nothing that is still valid at `now`."""
        over = [old for old, successor in pairwise(self._keys.values()) if self._is_over(successor.created_at, now)]
        for key in over:
            del self._keys[key.kid]
            self._store.delete(key.kid, _nobody)

    def public(self) -> bytes:
        """The public halves, as a JWK Set (RFC 7517 §5)."""
        return msgspec.json.encode({"keys": [_public(key) for key in self._keys.values()]})

    def _latest(self) -> SigningKey | None:
        return next(reversed(self._keys.values()), None)

    def _is_good(self, key: SigningKey, now: float) -> bool:
        """A key from a far future was made before the clock was set back."""
        return abs(now - key.created_at) < self._max_age_s or len(self._keys) >= MAX_KEYS

    def _is_over(self, replaced_at: float, now: float) -> bool:
        return now - replaced_at > self._kept_for_s

    async def _new_key(self, now: float) -> SigningKey:
        made = await asyncio.to_thread(self._make)
        new = SigningKey(made.thumbprint(), now, made)
        stored = StoredKey(new.kid, now, made.as_pem(private=True))
        error: CallError | None = await awaited(lambda done: self._store.save(stored, done))
        if error is not None:
            raise error
        self._keys[new.kid] = new
        return new


def _public(key: SigningKey) -> dict[str, object]:
    return {**key.key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": "RS256"}


def _nobody(error: CallError | None) -> None:
    """The `done` of a change that nobody waits for: a key left in the store is read, and dropped, at the next start."""
