"""The errors of the authentication room. A request with bad credentials is none of them: that is a decision.

AuthenticationError
├── CredentialInvalid         our settings' fault: such a user or realm cannot be written in a header
├── TokenInvalid              the peer's fault: a token of nobody, or of somebody who has it no longer
└── ChallengeUnanswerable     the peer's fault: this challenge gets no credentials
"""

from __future__ import annotations


class AuthenticationError(Exception):
    """Root of the room."""


class CredentialInvalid(AuthenticationError, ValueError):
    """A user, realm or password that Digest cannot carry. No password is repeated in the reason."""


class TokenInvalid(AuthenticationError):
    """An access token that proves nothing; the text says why, for the log, and shows nothing of it."""


class ChallengeUnanswerable(AuthenticationError):
    """A challenge that we must not, cannot, or no longer answer; the request it was for has failed."""
