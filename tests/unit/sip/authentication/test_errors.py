from strowger.sip.authentication.errors import AuthenticationError, ChallengeUnanswerable, CredentialInvalid


def test_one_tree():
    assert issubclass(CredentialInvalid, AuthenticationError)
    assert issubclass(CredentialInvalid, ValueError)
    assert issubclass(ChallengeUnanswerable, AuthenticationError)
