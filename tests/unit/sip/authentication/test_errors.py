from strowger.sip.authentication.errors import (
    AuthenticationError,
    ChallengeUnanswerable,
    CredentialInvalid,
    TokenInvalid,
)


def test_one_tree():
    assert issubclass(CredentialInvalid, AuthenticationError)
    assert issubclass(CredentialInvalid, ValueError)
    assert issubclass(TokenInvalid, AuthenticationError)
    assert issubclass(ChallengeUnanswerable, AuthenticationError)
