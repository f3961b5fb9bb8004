"""Who sent this request? Decides by its Digest credentials (RFC 3261 §22.1 to §22.3, RFC 8760 §2), or by its access
token (RFC 8898).

An unknown user and a wrong password are met by the same answer after the same work, so that users cannot be told from
names that are none. It leaves to others: for which requests to ask (never ACK and CANCEL, RFC 3261 §22.1), answering
without keeping a transaction, and what the user may do.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from strowger.sip.authentication.auth_params import scheme_of
from strowger.sip.authentication.bearer import Bearer, TokenUse, token_of
from strowger.sip.authentication.challenge import DIGEST, ORIGIN, Side, challenge_headers
from strowger.sip.authentication.credentials import Credential, check_identity
from strowger.sip.authentication.digest import Algorithm, Credentials, digest_response
from strowger.sip.authentication.errors import TokenInvalid
from strowger.sip.authentication.failures import Failures
from strowger.sip.authentication.nonce import Nonces
from strowger.sip.message.errors import ParseError
from strowger.sip.message.uri import SipUri, parse_uri

CREDENTIALS_TRIED: Final = 5
"""As many for each user name, so that nobody can tell by the time how many there are."""
_LEGACY_COUNT: Final = 1 << 32
"""A nonce used without a count is used up: the highest count is 2**32 - 1."""


class Authenticated(Struct, frozen=True):
    """The sender knows the password of this user, or has a token of it."""

    user: str
    """As in the credential that was found; of a token the raw id, in lower case."""


class Challenge(Struct, frozen=True):
    """Ask for credentials, or for better ones."""

    status: int
    headers: tuple[tuple[str, str], ...]
    stale: bool
    """Whether the same password under the new nonce may do (RFC 7616 §3.3)."""
    reason: str
    """For the log: why what was sent is not enough."""


class Refused(Struct, frozen=True):
    """Do not ask again."""

    status: int | None
    """None: say nothing at all."""
    reason: str


Decision = Authenticated | Challenge | Refused

_NOBODY: Final = Credential("", "", "0" * 64, "0" * 32)
"""Stands in for a user that does not exist, so that the answer takes as long."""


class Authenticator:
    """One realm and those who belong to it."""

    def __init__(
        self,
        realm: str,
        find: Callable[[str], Credential | None],
        nonces: Nonces,
        *,
        failures: Failures | None = None,
        algorithms: Sequence[Algorithm] = (Algorithm.SHA_256,),
        proven: Callable[[str, float], None] = lambda source, now: None,
        bearer: Bearer | None = None,
        more: Callable[[str], Sequence[Credential]] = lambda user: (),
    ) -> None:
        """`find` gives the credential of a user name; `algorithms` are offered in this order, and no other is admitted;
        `proven` hears from which source, and when, somebody showed to know a password; with a `bearer` a token will do.
        `more` gives further credentials of a user name, of which the first few are tried.

        Raises CredentialInvalid for a realm that cannot be written.
        """
        check_identity("anybody", realm)
        self.realm = realm
        self._find = find
        self._nonces = nonces
        self._failures = failures if failures is not None else Failures()
        self._algorithms = algorithms
        self._told = proven
        self._bearer = bearer
        self._more = more

    def decide(
        self,
        method: str,
        uri: str,
        header: Sequence[str],
        source: str,
        now: float,
        *,
        side: Side = ORIGIN,
        tokens: TokenUse = TokenUse.IGNORED,
    ) -> Decision:
        """Judge a request by its method, its Request-URI and the values of its (Proxy-)Authorization headers.

        `source` is the numeric address it came from; `now` is in seconds and never goes back.
        """
        token = token_of(header) if tokens is not TokenUse.IGNORED else None
        if self._bearer is not None and token is not None:
            return self._by_token(self._bearer, token, source, now, side)
        decision = self._by_digest(method, uri, header, source, now, side)
        if self._bearer is not None and tokens is TokenUse.OFFERED:
            return _with(decision, self._bearer.challenge(side, is_refused=False))
        return decision

    def _by_token(self, bearer: Bearer, token: str, source: str, now: float, side: Side) -> Decision:
        try:
            user = bearer.verify(token)
        except TokenInvalid as error:
            challenge = self._challenge(side, source, now, str(error))
            return _with(challenge, bearer.challenge(side, is_refused=True))
        self._told(source, now)
        return Authenticated(user)

    def _by_digest(
        self, method: str, uri: str, header: Iterable[str], source: str, now: float, side: Side
    ) -> Decision:
        try:
            given = self._ours(header)
        except ParseError as error:
            return Refused(400, error.reason)
        if given is None:
            return self._challenge(side, source, now, "no credentials for this realm")
        number = self._nonces.number(given.nonce, source, now)
        if number is None:
            return self._challenge(side, source, now, "the nonce is old or not of this address", stale=True)
        if not _corresponds(given.uri, uri):
            return Refused(400, "The credentials are for another Request-URI")
        if self._failures.is_barred(source, given.user, now):
            return Refused(None, "too many wrong passwords from this address within a minute")
        credential = self._proven(given, method)
        if credential is None:
            self._failures.note(source, given.user, now)
            return self._challenge(side, source, now, "unknown user, wrong password or an algorithm not admitted")
        count = given.protection.count if given.protection else _LEGACY_COUNT
        if not self._nonces.use(number, count, now):
            return self._challenge(side, source, now, "the nonce was used with this count before", stale=True)
        self._told(source, now)
        return Authenticated(credential.user)

    def is_addressed(self, header: Sequence[str], *, tokens: TokenUse = TokenUse.IGNORED) -> bool:
        """Whether these values of (Proxy-)Authorization hold credentials for this realm. Raises ParseError(400)."""
        if self._bearer is not None and tokens is not TokenUse.IGNORED and token_of(header) is not None:
            return True
        return self._ours(header) is not None

    def _ours(self, header: Iterable[str]) -> Credentials | None:
        """The first Digest credentials for this realm that use an algorithm we admit, else the first for this realm."""
        ours = [given for given in map(_parsed, header) if given is not None and given.realm == self.realm]
        return next((given for given in ours if self._admits(given.known_algorithm)), ours[0] if ours else None)

    def _admits(self, algorithm: Algorithm | None) -> bool:
        return algorithm in self._algorithms

    def _proven(self, given: Credentials, method: str) -> Credential | None:
        algorithm = given.known_algorithm
        if algorithm is None or not self._admits(algorithm):
            return None
        if algorithm is Algorithm.SHA_256 and given.protection is None:  # RFC 7616 §3.4: only MD5 is that old
            return None
        tried = [self._find(given.user), *self._more(given.user)[: CREDENTIALS_TRIED - 1]]
        tried += [None] * (CREDENTIALS_TRIED - len(tried))
        right = [each for each in tried if _is_right(each, algorithm, given, method)]
        return right[0] if right else None

    def _challenge(self, side: Side, source: str, now: float, reason: str, *, stale: bool = False) -> Challenge:
        nonce = self._nonces.issue(source, now)
        headers = challenge_headers(side, self.realm, nonce, algorithms=self._algorithms, stale=stale)
        return Challenge(side.status, headers, stale, reason)


def _with(decision: Decision, header: tuple[str, str]) -> Decision:
    """A challenge with one more way to answer it, the first: JsSIP looks at the last, and has passwords too."""
    return replace(decision, headers=(header, *decision.headers)) if isinstance(decision, Challenge) else decision


def _parsed(value: str) -> Credentials | None:
    return Credentials.parse(value) if scheme_of(value) == DIGEST else None


def _is_right(found: Credential | None, algorithm: Algorithm, given: Credentials, method: str) -> bool:
    ha1 = (found or _NOBODY).ha1(algorithm) or _NOBODY.ha1_md5 or ""
    expected = digest_response(algorithm, ha1, method, given.uri, given.nonce, given.protection)
    is_right = hmac.compare_digest(expected.encode(), given.response.lower().encode("latin-1", "replace"))
    return is_right and found is not None and found.ha1(algorithm) is not None


def _corresponds(written: str, uri: str) -> bool:
    """Whether the digest-uri means the Request-URI (RFC 7616 §3.4.6); phones leave out ports and parameters."""
    if written == uri:
        return True
    try:
        theirs, ours = parse_uri(written), parse_uri(uri)
    except ParseError:
        return False
    if isinstance(theirs, SipUri) and isinstance(ours, SipUri):
        return (theirs.user_unescaped, theirs.host) == (ours.user_unescaped, ours.host)
    if isinstance(theirs, SipUri) or isinstance(ours, SipUri):
        return False
    return theirs.number == ours.number
