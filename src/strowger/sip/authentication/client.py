"""Answers the challenge of a carrier (RFC 3261 §22.2, §22.3, RFC 7616 §3.4, RFC 8760 §2.4).

A server that answers every challenge gives its credentials away: whoever is sent an INVITE can challenge it. So an
answer goes to a configured host about a configured realm and nowhere else. It leaves to others: sending the request
again with a new branch and the next CSeq.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from strowger.sip.authentication.auth_params import quoted, scheme_of
from strowger.sip.authentication.challenge import DIGEST, ORIGIN, PROXY, DigestChallenge, Side
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.digest import (
    QOP,
    Algorithm,
    Credentials,
    Protection,
    digest_response,
)
from strowger.sip.authentication.errors import ChallengeUnanswerable
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request, Response

MAX_CHALLENGES: Final = 8
"""Challenges of one response that are looked at."""
MAX_ANSWERS: Final = 3
"""Answers to challenges of one request: of a proxy, of the server behind it, and one more for a stale nonce."""

_SIDES: Final = {side.status: side for side in (ORIGIN, PROXY)}


class Account(Struct, frozen=True):
    """Our credentials at one carrier, and whom they may be shown to."""

    credential: Credential
    """Its realm is the one the carrier writes in its challenges; without a hash for MD5, MD5 is not answered."""
    hosts: frozenset[str]
    """Host names and numeric addresses of the carrier, lower case, IPv6 without brackets."""


class DigestClient:
    """One account in use. It counts the uses of the nonce it was given last."""

    def __init__(self, account: Account, cnonce: Callable[[], str]) -> None:
        """`cnonce` gives an unguessable token each time."""
        self._account = account
        self._cnonce = cnonce
        self._nonce = ""
        self._count = 0

    def answer(self, request: Request, response: Response, host: str, *, answered: int = 0) -> tuple[str, str]:
        """The header, name and value, with which to send `request` again after a 401 or 407 from `host`.

        It replaces one of its name in the request. `answered` is how many challenges this request has had answered
        already. Raises ChallengeUnanswerable.
        """
        if answered >= MAX_ANSWERS:
            raise ChallengeUnanswerable(f"the carrier challenged the same request more than {MAX_ANSWERS} times")
        if host.strip("[]").lower() not in self._account.hosts:
            raise ChallengeUnanswerable("a challenge from a host that is not the carrier of these credentials")
        side = _SIDES.get(response.status)
        if side is None:
            raise ChallengeUnanswerable(f"{response.status} is no challenge")
        try:
            challenge = self._choose(response, side)
            self._require_progress(request, side, challenge)
        except ParseError as error:
            raise ChallengeUnanswerable(f"the challenge is malformed: {error.reason}") from error
        return side.credentials, self._credentials(request, challenge)

    def _choose(self, response: Response, side: Side) -> DigestChallenge:
        """The strongest challenge for our realm that we know how to answer."""
        values = [value for value in response.all(side.challenge)[:MAX_CHALLENGES] if scheme_of(value) == DIGEST]
        challenges = [DigestChallenge.parse(value) for value in values]
        credential = self._account.credential
        ours = [each for each in challenges if each.realm == credential.realm and each.nonce]
        if not ours:
            realms = ", ".join(repr(each.realm) for each in challenges) or "none"
            raise ChallengeUnanswerable(f"no Digest challenge for the realm {credential.realm!r}, but for {realms}")
        for algorithm in Algorithm:
            for each in ours:
                if each.algorithm is algorithm and credential.ha1(algorithm) is not None and _can_be_met(each):
                    return each
        raise ChallengeUnanswerable("no challenge of an algorithm and protection that we answer")

    def _require_progress(self, request: Request, side: Side, challenge: DigestChallenge) -> None:
        """The same answer again would only be refused again (RFC 3261 §22.1)."""
        for value in request.all(side.credentials):
            if scheme_of(value) != DIGEST:
                continue
            given = Credentials.parse(value)
            if given.realm != challenge.realm:
                continue
            if not challenge.stale:
                raise ChallengeUnanswerable("the carrier does not accept this user and password")
            if given.nonce == challenge.nonce:
                raise ChallengeUnanswerable("the carrier calls a nonce stale and gives the same one again")

    def _credentials(self, request: Request, challenge: DigestChallenge) -> str:
        credential = self._account.credential
        algorithm = challenge.algorithm or Algorithm.MD5
        protection = self._protection(challenge)
        ha1 = credential.ha1(algorithm) or ""
        response = digest_response(algorithm, ha1, request.method, request.uri, challenge.nonce, protection)
        user = credential.user.encode().decode("latin-1")
        value = (
            f"Digest username={quoted(user)}, realm={quoted(credential.realm)}, nonce={quoted(challenge.nonce)}, "
            f'uri={quoted(request.uri)}, response="{response}", algorithm={algorithm}'
        )
        if protection is not None:
            value += f", cnonce={quoted(protection.cnonce)}, qop={QOP}, nc={protection.nc}"
        if challenge.opaque is not None:
            value += f", opaque={quoted(challenge.opaque)}"
        return value

    def _protection(self, challenge: DigestChallenge) -> Protection | None:
        if not challenge.is_counted:
            return None
        self._count = self._count + 1 if challenge.nonce == self._nonce else 1
        self._nonce = challenge.nonce
        return Protection(f"{self._count:08x}", self._cnonce())


def _can_be_met(challenge: DigestChallenge) -> bool:
    if challenge.algorithm is Algorithm.MD5:
        return challenge.is_offered
    return challenge.is_counted
