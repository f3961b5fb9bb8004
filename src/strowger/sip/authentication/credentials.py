"""What is kept of a user's password: hashes that are of use for one realm only (RFC 7616 §5.2)."""

from __future__ import annotations

from msgspec import Struct

from strowger.sip.authentication.auth_params import parse_auth_params, scheme_of
from strowger.sip.authentication.challenge import DIGEST, Side
from strowger.sip.authentication.digest import Algorithm, hash_of_identity
from strowger.sip.authentication.errors import CredentialInvalid
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request


class Credential(Struct, frozen=True):
    """One user name of one realm. Whoever reads it can pretend to be the user there, so it is a secret too."""

    user: str
    """As the phone writes it; the hashes depend on it, so a user with two names has two credentials."""
    realm: str
    ha1_sha256: str | None
    """Lower-case hexadecimal; None when the user never authenticates by SHA-256."""
    ha1_md5: str | None = None
    """The same for MD5."""

    @classmethod
    def of_password(cls, user: str, realm: str, password: str, *, md5: bool = False) -> Credential:
        """The credential of a password, which is then no longer needed. Raises CredentialInvalid."""
        check_identity(user, realm)
        ha1_md5 = hash_of_identity(Algorithm.MD5, user, realm, password) if md5 else None
        return cls(user, realm, hash_of_identity(Algorithm.SHA_256, user, realm, password), ha1_md5)

    def ha1(self, algorithm: Algorithm) -> str | None:
        """The hash for an algorithm, None when there is none."""
        return self.ha1_sha256 if algorithm is Algorithm.SHA_256 else self.ha1_md5

    def __repr__(self) -> str:  # a hash in a log is a password in a log
        return f"Credential(user={self.user!r}, realm={self.realm!r})"


def remove_credentials(request: Request, side: Side, realm: str) -> None:
    """Take away what is meant for us: it is of no use to whom the request goes next, and not his to see
    (RFC 3261 §22.3). Credentials for other realms keep every byte.
    """
    if request.has(side.credentials):
        request.remove_where(side.credentials, lambda value: _is_for(value, realm))


def _is_for(value: str, realm: str) -> bool:
    try:
        return scheme_of(value) == DIGEST and parse_auth_params(value).get("realm") == realm
    except ParseError:  # nobody could read it here: it passes like any header that is not ours
        return False


def check_identity(user: str, realm: str) -> None:
    """Raises CredentialInvalid for what cannot be told apart once hashed, or cannot be written in a header."""
    if not user or (":" in user and ":" in realm):
        raise CredentialInvalid("a user name for Digest is not empty, and of it and its realm only one holds colons")
    for text in (user, realm):
        if not text.isprintable():
            raise CredentialInvalid("a user name or realm for Digest holds no control characters")
    if not realm.isascii():
        raise CredentialInvalid("a realm for Digest is written in ASCII")
