"""Who can prove by digest to be somebody: the users of the settings, as the hashes that are kept of their passwords."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from strowger.calls.spelling import spellings
from strowger.settings import Settings, User
from strowger.sip.authentication.credentials import Credential


class Accounts(NamedTuple):
    """Names, and what belongs to them."""

    credentials: dict[str, Credential]
    """By the user name of a digest, exactly as its sender writes it: the hash contains it."""
    users: dict[str, str]
    """The raw id of each user, by all that it answers to; both in lower case."""


def accounts(settings: Settings) -> Accounts:
    """The accounts of all users. Raises CredentialInvalid."""
    users = {word.lower(): row.id.lower() for row in settings.users for word in spellings(row.name, row.id)}
    credentials = (each for row in settings.users for each in _credentials(settings, row))
    return Accounts({each.user: each for each in credentials}, users)


def _credentials(settings: Settings, row: User) -> Iterator[Credential]:
    """A password makes hashes for what a person may type."""
    realm, md5 = settings.sip.realm, settings.sip.digest_md5 != "off"
    if row.sip_password:
        for word in _typed(spellings(row.name, row.id)):
            yield Credential.of_password(word, realm, row.sip_password, md5=md5)


def _typed(words: Iterable[str]) -> Iterator[str]:
    """Each word as written, in small letters, in capitals, and as telephones like to begin names."""
    for word in words:
        yield from {word, word.lower(), word.upper(), word.capitalize()}
