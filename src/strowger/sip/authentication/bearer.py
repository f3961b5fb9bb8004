"""Access tokens in the place of a password (RFC 8898, RFC 6750): who shows one is the user it was given to.

A token is good for whoever reads it. So it is looked at only where nobody could read along on the way, and it goes no
further than here. It is asked for only over WebSocket, where browsers are: baresip 1.0 gives up at a challenge that it
does not know, though it could answer the one beside it. What is in a token, and whether it is true, is for others to
say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from strowger.sip.authentication.auth_params import quoted, scheme_of
from strowger.sip.authentication.challenge import ORIGIN, PROXY, Side
from strowger.sip.flow import Flow
from strowger.sip.message.grammar import BLANK
from strowger.sip.message.message import Request

BEARER: Final = "bearer"
"""The scheme, lower case."""

Verify = Callable[[str], str]
"""Gives the user of a token, by raw id in lower case. Raises TokenInvalid."""


class TokenUse(Enum):
    """What becomes of tokens on a flow."""

    IGNORED = "ignored"
    TAKEN = "taken"
    OFFERED = "offered"
    """Taken, and asked for."""

    @classmethod
    def on(cls, flow: Flow) -> TokenUse:
        """What becomes of them on this one."""
        if not flow.is_confidential:
            return cls.IGNORED
        return cls.OFFERED if flow.transport in ("WS", "WSS") else cls.TAKEN


class Bearer:
    """The tokens of one authority, for one realm."""

    def __init__(self, realm: str, verify: Verify, authority: str = "") -> None:
        """`authority` is the https URI where tokens are had; empty: the challenge names none."""
        self.verify: Final = verify
        named = f", authz_server={quoted(authority)}" if authority.startswith("https://") else ""
        self._challenge: Final = f'Bearer realm={quoted(realm)}{named}, scope="voip"'

    def challenge(self, side: Side, *, is_refused: bool) -> tuple[str, str]:
        """The header that asks for a token, or for another one (RFC 8898 §4, RFC 6750 §3.1)."""
        return side.challenge, f'{self._challenge}, error="invalid_token"' if is_refused else self._challenge


def tokens(header: Iterable[str]) -> list[str]:
    """The values of (Proxy-)Authorization that hold a token."""
    return [value for value in header if scheme_of(value) == BEARER]


def token_of(header: Iterable[str]) -> str | None:
    """The first token in these values."""
    found = tokens(header)
    return found[0].partition(" ")[2].strip(BLANK) if found else None


def remove_tokens(request: Request) -> None:
    """Take every token away. Some phones write theirs in Authorization whatever it is that they ask for."""
    for side in (ORIGIN, PROXY):
        if request.has(side.credentials):
            request.remove_where(side.credentials, lambda value: scheme_of(value) == BEARER)
