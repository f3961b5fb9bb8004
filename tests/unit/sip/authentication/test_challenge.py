import pytest

from strowger.sip.authentication.challenge import ORIGIN, PROXY, DigestChallenge, challenge_headers
from strowger.sip.authentication.digest import Algorithm
from strowger.sip.message.errors import ParseError


def test_sha_256_alone():
    assert challenge_headers(ORIGIN, "example.com", "abc", algorithms=(Algorithm.SHA_256,)) == (
        ("WWW-Authenticate", 'Digest realm="example.com", algorithm=SHA-256, nonce="abc", qop="auth"'),
    )


def test_md5_alone():
    assert challenge_headers(ORIGIN, "example.com", "abc", algorithms=(Algorithm.MD5,)) == (
        ("WWW-Authenticate", 'Digest realm="example.com", algorithm=MD5, nonce="abc", qop="auth"'),
    )


def test_of_both_md5_comes_second():
    assert challenge_headers(PROXY, 'a "b"', "abc", algorithms=Algorithm, stale=True) == (
        ("Proxy-Authenticate", r'Digest realm="a \"b\"", algorithm=SHA-256, nonce="abc", qop="auth", stale=true'),
        ("Proxy-Authenticate", r'Digest realm="a \"b\"", algorithm=MD5, nonce="abc", qop="auth", stale=true'),
    )


@pytest.mark.parametrize(
    ("value", "challenge"),
    [
        (
            'Digest realm="x", nonce="n", algorithm=SHA-256, qop="auth", opaque="o"',
            DigestChallenge("x", "n", Algorithm.SHA_256, "o", True, True, False),
        ),
        ('Digest realm="x", nonce="n"', DigestChallenge("x", "n", Algorithm.MD5, None, False, True, False)),
        (
            'Digest realm="x",nonce="n",qop="auth-int, AUTH",stale=TRUE,algorithm=md5',
            DigestChallenge("x", "n", Algorithm.MD5, None, True, True, True),
        ),
        (
            'Digest realm="x",nonce="n",qop="auth-int",stale="false",algorithm=SHA-512-256',
            DigestChallenge("x", "n", None, None, False, False, False),
        ),
        ("Digest", DigestChallenge("", "", Algorithm.MD5, None, False, True, False)),
    ],
)
def test_a_challenge_is_read(value, challenge):
    assert DigestChallenge.parse(value) == challenge


def test_what_we_write_we_read():
    for _, value in challenge_headers(ORIGIN, 'a "b\\', "n", algorithms=Algorithm, stale=True):
        challenge = DigestChallenge.parse(value)
        assert (challenge.realm, challenge.nonce, challenge.is_counted, challenge.stale) == ('a "b\\', "n", True, True)


def test_a_malformed_challenge_is_refused():
    with pytest.raises(ParseError):
        DigestChallenge.parse('Digest realm="x')
