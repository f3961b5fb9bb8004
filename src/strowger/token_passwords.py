"""User access tokens as passwords of Digest, for phones that know nothing else: hashes made when a token is given out,
good until it ends, is revoked, or must make room.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

import msgspec

from strowger.acs.auth import VOIP
from strowger.acs.awaited import awaited
from strowger.calls.errors import CallError
from strowger.calls.identities import Identities, Identity
from strowger.calls.spelling import spellings
from strowger.calls.token_passwords import PasswordStore, StoredPassword
from strowger.sip.authentication.authenticator import CREDENTIALS_TRIED
from strowger.sip.authentication.credentials import Credential

TOKENS_PER_USER: Final = CREDENTIALS_TRIED - 1
"""Tokens of one user that are good as passwords at one time, the latest ones; the rest is for its own password."""
TOKENS: Final = 100_000
"""The same of all users; beyond it the resource that has most of them loses its oldest, so that none takes up all the
room.
"""
CLOCK_SET_BY_S: Final = 7_200.0
"""What is over is kept for this long, since the clock that says so may be set back."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, tuple[str, str | None]]).decode


class TokenPasswords:
    """The hashes of tokens, by user."""

    def __init__(
        self,
        store: PasswordStore,
        identities: Identities,
        *,
        realm: str,
        md5: bool,
        wall: Callable[[], float],
        names: Mapping[str, str],
        limit: int = TOKENS,
    ) -> None:
        """`names` gives the name of each user of the settings by its raw id, in lower case."""
        self._store: Final = store
        self._identities: Final = identities
        self._realm: Final = realm
        self._md5: Final = md5
        self._wall: Final = wall
        self._names: Final = names
        self._limit: Final = limit
        self._kept: Final[dict[str, list[StoredPassword]]] = {}
        self._by_resource: Final[dict[str, OrderedDict[str, StoredPassword]]] = {}
        """The same by the id of the resource and by token, the oldest first."""

    def __len__(self) -> int:
        return sum(map(len, self._by_resource.values()))

    def restore(self) -> None:
        """Take up what was kept before a restart. Raises StoreUnavailable."""
        for password in self._store.load():
            self._keep(password)

    async def keep(self, identity: Identity, token: str, scopes: Collection[str], expires_at: float) -> None:
        """A token was given out. Raises StoreUnavailable."""
        if VOIP not in scopes:
            return
        key = identity.raw_id.lower()
        hashes = {each.user: (each.ha1_sha256, each.ha1_md5) for each in self._credentials(key, identity, token)}
        token_hash = hashlib.sha256(token.encode()).hexdigest()
        password = StoredPassword(token_hash, key, identity.not_before, expires_at, _encode(hashes))
        error: CallError | None = await awaited(lambda done: self._store.save(password, done))
        if error is not None:
            raise error
        self._keep(password)

    def find(self, raw_id: str | None, name: str) -> list[Credential]:
        """What a user, by raw id in lower case, may prove itself with under a name as its phone writes it."""
        good = [each for each in self._kept.get(raw_id or "", ()) if self._is_good(each)]
        hashes = [_decode(each.encoded).get(name) for each in good]
        return [Credential(name, self._realm, each[0], each[1]) for each in hashes if each is not None]

    def prune(self) -> None:
        """Forget what is good no longer, and would not be if the clock were set back."""
        kept = [each for of_user in self._kept.values() for each in of_user]
        for password in [each for each in kept if not self._is_good(each, CLOCK_SET_BY_S)]:
            self._drop(password)

    def _credentials(self, key: str, identity: Identity, token: str) -> Iterator[Credential]:
        words = spellings(self._names.get(key, ""), identity.raw_id)
        for word in dict.fromkeys((*words, *map(str.lower, words))):
            yield Credential.of_password(word, self._realm, token, md5=self._md5)

    def _is_good(self, password: StoredPassword, longer_s: float = 0.0) -> bool:
        identity = self._identities.find(password.raw_id)
        is_current = identity is not None and identity.not_before == password.issued_under
        return is_current and self._wall() <= password.expires_at + longer_s

    def _keep(self, password: StoredPassword) -> None:
        kept = self._kept.setdefault(password.raw_id, [])
        if any(each.token_hash == password.token_hash for each in kept):
            return
        kept.append(password)
        own = self._by_resource.setdefault(_resource_of(password), OrderedDict())
        fullest = max(self._by_resource.values(), key=lambda each: (len(each), each is own))
        own[password.token_hash] = password
        if len(kept) > TOKENS_PER_USER:
            self._drop(kept[0])
        elif len(self) > self._limit:
            self._drop(next(iter(fullest.values())))

    def _drop(self, password: StoredPassword) -> None:
        kept, resource = self._kept[password.raw_id], _resource_of(password)
        kept.remove(password)
        if not kept:
            del self._kept[password.raw_id]
        del self._by_resource[resource][password.token_hash]
        if not self._by_resource[resource]:
            del self._by_resource[resource]
        self._store.delete(password.token_hash, _nobody)


def _resource_of(password: StoredPassword) -> str:
    """What of a user's id it shares with all users of its resource."""
    return password.raw_id.rpartition("_")[0]


def _nobody(error: CallError | None) -> None:
    """The `done` of a change that nobody waits for: what is left in the store is dropped after the next start."""
