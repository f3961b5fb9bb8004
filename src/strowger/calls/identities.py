"""Identities of users, those of the settings and those created while the server runs (ACS: Identity), and the port to
where they are kept.

An identity is a user that applications made: it can be dialled, redirected to, and be given access tokens. Its
`not_before` ends all tokens given out so far. It counts up and is never compared with a clock, so that no clock that
is set brings a revoked token back, or shuts out a new one.

A Teams user belongs to a tenant and not to us: it cannot be dialled here, and nothing is kept of it but that its tokens
were revoked. It is known by its id and the resource that was asked, since several may speak for one tenant.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from strowger.calls.errors import (
    CallError,
    IdentityOfSettings,
    IdentityUnknown,
    TooManyIdentities,
)
from strowger.calls.ports import Done
from strowger.calls.spelling import user_part

TEAMS_USER: Final = "8:orgid:"
"""How the raw id of a Teams user begins (ACS: Communication Identifiers, rawId grammar)."""
_OBJECT_ID: Final = re.compile(r"[0-9a-z-]{1,64}")
"""A UUID, as Entra has it, or at least nothing that is longer or means something in a raw id."""


def is_teams_user(raw_id: str) -> bool:
    """Whether somebody belongs to a tenant."""
    return raw_id.lower().startswith(TEAMS_USER)


class Identity(msgspec.Struct, frozen=True, gc=False):
    """One user that tokens are given to."""

    raw_id: str
    """The ACS raw id, `8:acs:{resource}_{user}`."""
    resource: str
    """Name of the resource it belongs to."""
    created_at: float
    """Wall clock, seconds; 0 for a user of the settings."""
    not_before: int = 0
    """What a token has to carry to be good: it was given out after the latest revocation. 0 while there was none."""


class IdentityStore(Protocol):
    """Keeps identities over a restart."""

    def save(self, identity: Identity, done: Done) -> None:
        """Keep an identity, in place of what is kept under its id; `done(None)` only once that is durable, after this
        returned. Changes take effect in the order given.
        """

    def delete(self, raw_id: str, done: Done) -> None:
        """Forget an identity, known or not."""

    def load(self) -> list[Identity]:
        """Every identity, in the order of their first saving."""


class _Leaving(msgspec.Struct):
    """An identity whose end is not durable yet."""

    identity: Identity
    told: list[Done]
    """Everybody who asked for it."""


class Identities:
    """All identities, ready for lookup; capitals in an id change nothing."""

    def __init__(
        self,
        store: IdentityStore,
        *,
        users: Iterable[Identity] = (),
        tenants: Iterable[str] = (),
        limit: int = 100_000,
        ended: Callable[[str], None] = lambda raw_id: None,
    ) -> None:
        """`users` are those of the settings; `tenants` are the resources that take users of a tenant; `limit` is how
        many users each resource may have besides, and how many Teams users whose tokens it revoked; `ended` is told
        whose tokens are over for good, by raw id in lower case.
        """
        self._store: Final = store
        self._ended: Final = ended
        self._limit: Final = limit
        self._users: Final = {user.raw_id.lower(): user for user in users}
        self._tenants: Final = frozenset(tenants)
        self._revoked_guests: Final[dict[tuple[str, str], Identity]] = {}
        """Teams users whose tokens were revoked, by resource and raw id in lower case."""
        self._created: Final[dict[str, Identity]] = {}
        self._by_user_part: Final[dict[str, Identity]] = {}
        self._counts: Final[Counter[str]] = Counter()
        """Created users of each resource, those that are coming or leaving included, and revoked Teams users apart."""
        self._leaving: Final[dict[str, _Leaving]] = {}

    def __len__(self) -> int:
        """How many were created while a server ran."""
        return len(self._created)

    def restore(self) -> None:
        """Take up what was kept before a restart. Raises StoreUnavailable."""
        for identity in self._store.load():
            key = identity.raw_id.lower()
            user = self._users.get(key)
            if is_teams_user(key):
                guest = msgspec.structs.replace(identity, raw_id=identity.raw_id.partition(" ")[0])
                self._revoked_guests[_guest_key(guest)] = guest
                self._counts[_guests_of(guest.resource)] += 1
            elif user is not None:  # only the revocation is ours to remember, the rest is what the settings say now
                self._users[key] = msgspec.structs.replace(user, not_before=identity.not_before)
            elif identity.created_at:
                self._counts[identity.resource] += 1
                self._keep(identity)

    def find(self, raw_id: str) -> Identity | None:
        """The identity with this id."""
        key = raw_id.lower()
        return self._users.get(key) or self._created.get(key)

    def created(self, word: str) -> Identity | None:
        """One that was created while a server ran, by its raw id or by the user part of that id."""
        key = word.lower()
        return self._created.get(key) or self._by_user_part.get(key)

    def of_resource(self, raw_id: str, resource: str) -> Identity:
        """The identity with this id. Raises IdentityUnknown, for one of another resource too."""
        identity = self.find(raw_id)
        if identity is None or identity.resource != resource:
            raise IdentityUnknown("there is no identity with this id in this resource")
        return identity

    def holder(self, raw_id: str, resource: str) -> Identity:
        """Whoever of a resource may have tokens: an identity, or a user of its tenant. Raises IdentityUnknown."""
        if not is_teams_user(raw_id):
            return self.of_resource(raw_id, resource)
        guest = Identity(raw_id.lower(), resource, 0.0)
        if resource not in self._tenants or not _OBJECT_ID.fullmatch(guest.raw_id.removeprefix(TEAMS_USER)):
            raise IdentityUnknown("there is no Teams user with this id that this resource could speak for")
        return self._revoked_guests.get(_guest_key(guest), guest)

    def create(self, identity: Identity, done: Done) -> None:
        """Add a new identity. Raises TooManyIdentities."""
        if self._counts[identity.resource] >= self._limit:
            raise TooManyIdentities(
                f"the resource has {self._limit} identities already, as many as limits.identities allows: delete some"
            )
        self._counts[identity.resource] += 1
        self._store.save(identity, lambda error: self._came(identity, error, done))

    def delete(self, raw_id: str, resource: str, done: Done) -> None:
        """End an identity and all its tokens. One that is not there is as good as deleted.

        Of a Teams user only the tokens can end. Raises IdentityOfSettings, TooManyIdentities.
        """
        if is_teams_user(raw_id) and resource in self._tenants:
            self.revoke(raw_id, resource, 0.0, done)
            return
        leaving = self._leaving.get(raw_id.lower())
        if leaving is not None and leaving.identity.resource == resource:
            leaving.told.append(done)  # not gone before it is durable, whoever asks
            return
        identity = self.find(raw_id)
        if identity is not None and identity.resource == resource and raw_id.lower() in self._users:
            raise IdentityOfSettings("this user is in the settings of the server: remove its [[user]] there")
        if identity is None or identity.resource != resource:
            done(None)
            return
        self._drop(identity)  # before it is durable, so that no token is given to one that leaves
        self._leaving[raw_id.lower()] = _Leaving(identity, [done])
        self._store.delete(identity.raw_id, lambda error: self._left(raw_id.lower(), error))

    def revoke(self, raw_id: str, resource: str, now: float, done: Done) -> None:
        """End all tokens that the identity was given so far; `now` is the wall clock.

        Raises IdentityUnknown, and TooManyIdentities for one Teams user more than can be remembered.
        """
        identity = self.holder(raw_id, resource)
        revoked = msgspec.structs.replace(identity, not_before=max(int(now), identity.not_before) + 1)
        if not is_teams_user(raw_id):
            self._store.save(revoked, lambda error: self._revoked(revoked, error, done))
            return
        counted = _guests_of(resource)
        is_new = _guest_key(revoked) not in self._revoked_guests
        if is_new and self._counts[counted] >= self._limit:
            raise TooManyIdentities(
                f"the resource revoked the tokens of {self._limit} Teams users, as many as limits.identities allows"
            )
        self._counts[counted] += is_new
        kept = msgspec.structs.replace(revoked, raw_id=f"{revoked.raw_id} {resource}")
        self._store.save(kept, lambda error: self._revoked_guest(revoked, error, done, is_new=is_new))

    def _came(self, identity: Identity, error: CallError | None, done: Done) -> None:
        if error is None:
            self._keep(identity)
        else:
            self._counts[identity.resource] -= 1
        done(error)

    def _left(self, key: str, error: CallError | None) -> None:
        leaving = self._leaving.pop(key)
        if error is not None:
            self._keep(leaving.identity)
        else:
            self._counts[leaving.identity.resource] -= 1
            self._ended(key)
        for done in leaving.told:
            done(error)

    def _revoked(self, identity: Identity, error: CallError | None, done: Done) -> None:
        known, leaving = self.find(identity.raw_id), self._leaving.get(identity.raw_id.lower())
        if error is None and known is not None:
            self._replace(_latest(known, identity))
        elif error is None and leaving is not None:  # it may have to stay, and its tokens are over all the same
            leaving.identity = _latest(leaving.identity, identity)
        if error is None:
            self._ended(identity.raw_id.lower())
        done(error)

    def _revoked_guest(self, guest: Identity, error: CallError | None, done: Done, *, is_new: bool) -> None:
        key = _guest_key(guest)
        if is_new and (error is not None or key in self._revoked_guests):
            self._counts[_guests_of(guest.resource)] -= 1
        if error is None:
            self._revoked_guests[key] = _latest(self._revoked_guests.get(key, guest), guest)
        done(error)

    def _replace(self, identity: Identity) -> None:
        if identity.raw_id.lower() in self._users:
            self._users[identity.raw_id.lower()] = identity
        else:
            self._keep(identity)

    def _keep(self, identity: Identity) -> None:
        self._created[identity.raw_id.lower()] = identity
        self._by_user_part[user_part(identity.raw_id).lower()] = identity

    def _drop(self, identity: Identity) -> None:
        del self._created[identity.raw_id.lower()]
        self._by_user_part.pop(user_part(identity.raw_id).lower(), None)


def _latest(known: Identity, revoked: Identity) -> Identity:
    return msgspec.structs.replace(known, not_before=max(known.not_before, revoked.not_before))


def _guest_key(guest: Identity) -> tuple[str, str]:
    return guest.resource, guest.raw_id


def _guests_of(resource: str) -> str:
    """A count beside that of the resource; no name of one ends like this."""
    return f"{resource}\n"
