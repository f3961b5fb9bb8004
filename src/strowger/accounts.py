"""Who can prove to be somebody: users and trunks of the settings by digest, as the hashes kept of their passwords, and
every user by its access token, those that applications created too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from strowger.acs.auth import VOIP
from strowger.acs.errors import TokenRefused
from strowger.acs.user_tokens import UserTokens
from strowger.calls.identities import Identity, is_teams_user
from strowger.calls.spelling import spellings
from strowger.settings import Settings
from strowger.sip.authentication.bearer import Verify
from strowger.sip.authentication.credentials import Credential, check_identity
from strowger.sip.authentication.digest import Algorithm
from strowger.sip.authentication.errors import TokenInvalid


class Accounts(NamedTuple):
    """Names, and what belongs to them."""

    credentials: dict[str, Credential]
    """By the user name of a digest, exactly as its sender writes it: the hash contains it."""
    users: Mapping[str, str]
    """The raw id of each user, by all that it answers to; both in lower case."""
    peers: dict[str, str]
    """The name of each trunk that calls us by digest, by the user name it gives."""

    @property
    def with_password(self) -> frozenset[str]:
        """The raw id of each user that can prove to be it, in lower case."""
        return frozenset(self.users[name.lower()] for name in self.credentials if name.lower() in self.users)


class UserWords(Mapping[str, str]):
    """The raw id of each user, by all that it answers to, both in lower case: one of the settings, or else one that an
    application created. Only the former are counted and told.
    """

    def __init__(self, users: Mapping[str, str], created: Callable[[str], Identity | None]) -> None:
        self._users = users
        self._created = created

    def __getitem__(self, word: str) -> str:
        found = self._users.get(word)
        if found is not None:
            return found
        identity = self._created(word)
        if identity is None:
            raise KeyError(word)
        return identity.raw_id.lower()

    def __iter__(self) -> Iterator[str]:
        return iter(self._users)

    def __len__(self) -> int:
        return len(self._users)


def user_of_token(tokens: UserTokens, wall: Callable[[], float]) -> Verify:
    """What says whose token it is. A phone needs the scope voip, to register and to call."""

    def verify(token: str) -> str:
        try:
            claims = tokens.verify(token, wall())
        except TokenRefused as error:
            raise TokenInvalid(error.message) from None
        if VOIP not in claims.scopes:
            raise TokenInvalid(f"The token has not the scope {VOIP}.")
        if is_teams_user(claims.raw_id):
            raise TokenInvalid("The token is of a Teams user, and those have no phones here.")
        return claims.raw_id.lower()

    return verify


def accounts(settings: Settings) -> Accounts:
    """The accounts of all users and trunks. Raises CredentialInvalid."""
    users = {word.lower(): row.id.lower() for row in settings.users for word in spellings(row.name, row.id)}
    peers = {row.peer_username: row.name for row in settings.trunks if row.peer_username}
    return Accounts({each.user: each for each in _credentials(settings)}, users, peers)


def _credentials(settings: Settings) -> Iterator[Credential]:
    """A password of a user makes hashes for what a person may type, one of a trunk for what is agreed with it."""
    hashed = partial(Credential.of_password, realm=settings.sip.realm, md5=settings.sip.digest_md5 != "off")
    for user in settings.users:
        if user.sip_password:
            for word in _typed(spellings(user.name, user.id)):
                yield hashed(word, password=user.sip_password)
        elif user.sip_ha1:
            check_identity(user.name, settings.sip.realm)
            ha1 = dict(each.split(":") for each in user.sip_ha1)
            yield Credential(user.name, settings.sip.realm, ha1.get(Algorithm.SHA_256), ha1.get(Algorithm.MD5))
    for trunk in settings.trunks:
        if trunk.peer_username:
            yield hashed(trunk.peer_username, password=trunk.peer_password)


def without_passwords(settings: Settings) -> Settings:
    """The settings once `accounts` has made hashes of the passwords that are not needed again."""
    users = tuple(replace(user, sip_password="") for user in settings.users)
    trunks = tuple(replace(trunk, peer_password="") for trunk in settings.trunks)
    return replace(settings, users=users, trunks=trunks)


def _typed(words: Iterable[str]) -> Iterator[str]:
    """Each word as written, in small letters, in capitals, and as telephones like to begin names."""
    for word in words:
        yield from {word, word.lower(), word.upper(), word.capitalize()}
