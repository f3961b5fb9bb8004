"""The worked examples of the RFCs, and what is no proper set of credentials."""

import pytest

from strowger.sip.authentication.digest import Algorithm, Credentials, Protection, digest_response, hash_of_identity
from strowger.sip.message.errors import ParseError

RFC_7616 = Protection("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
NONCE_7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
NONCE_2617 = "dcd98b7102dd2f0e8b11d0f600bfb0c093"


@pytest.mark.parametrize(
    ("algorithm", "realm", "password", "nonce", "protection", "response"),
    [
        (
            Algorithm.SHA_256, "http-auth@example.org", "Circle of Life", NONCE_7616, RFC_7616,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),  # RFC 7616 §3.9.1
        (
            Algorithm.MD5, "http-auth@example.org", "Circle of Life", NONCE_7616, RFC_7616,
            "8ca523f5e9506fed4657c9700eebdbec",
        ),  # RFC 7616 §3.9.1
        (
            Algorithm.MD5, "testrealm@host.com", "Circle Of Life", NONCE_2617, Protection("00000001", "0a4f113b"),
            "6629fae49393a05397450978507c4ef1",
        ),  # RFC 2617 §3.5
        (
            Algorithm.MD5, "testrealm@host.com", "CircleOfLife", NONCE_2617, None,
            "1949323746fe6a43ef61f9606e7febea",
        ),  # RFC 2069 §2.4, as corrected
    ],
)  # fmt: skip
def test_the_examples_of_the_rfcs(algorithm, realm, password, nonce, protection, response):
    ha1 = hash_of_identity(algorithm, "Mufasa", realm, password)
    assert digest_response(algorithm, ha1, "GET", "/dir/index.html", nonce, protection) == response


def test_text_outside_ascii_is_hashed_as_utf_8():
    assert hash_of_identity(Algorithm.MD5, "jürgen", "x", "geheim") == "3c5e4c402aca899fc9d1274d8687e537"
    user = "jürgen".encode().decode("latin-1")
    given = Credentials.parse(f'Digest username="{user}", realm="x", nonce="n", uri="sip:x", response="r"')
    assert given.user == "jürgen"
    latin = Credentials.parse('Digest username="j\xfcrgen", realm="x", nonce="n", uri="sip:x", response="r"')
    assert latin.user == "jürgen"


def test_credentials_are_read():
    value = (
        'Digest username="bob", realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'uri="sip:bob@biloxi.com", qop=auth, nc=0000000a, cnonce="0a4f113b", '
        'response="6629fae49393a05397450978507c4ef1", opaque="5ccc"'
    )
    given = Credentials.parse(value)
    assert given == Credentials(
        "bob", "biloxi.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "sip:bob@biloxi.com",
        "6629fae49393a05397450978507c4ef1", "MD5", Protection("0000000a", "0a4f113b"),
    )  # fmt: skip
    assert Protection("0000000a", "0a4f113b").count == 10
    assert given.known_algorithm is Algorithm.MD5


@pytest.mark.parametrize(
    ("written", "algorithm"),
    [("SHA-256", Algorithm.SHA_256), ('"sha-256"', Algorithm.SHA_256), ("md5", Algorithm.MD5), ("MD5-sess", None)],
)
def test_the_algorithm_is_read_in_any_case_and_with_quotes(written, algorithm):
    value = f'Digest username="b", realm="x", nonce="n", uri="sip:x", response="r", algorithm={written}'
    assert Credentials.parse(value).known_algorithm is algorithm


NEEDED = {"username": '"b"', "realm": '"x"', "nonce": '"n"', "uri": '"sip:x"', "response": '"r"'}


@pytest.mark.parametrize("missing", NEEDED)
def test_credentials_without_a_needed_parameter_are_refused(missing):
    value = "Digest " + ", ".join(f"{name}={text}" for name, text in NEEDED.items() if name != missing)
    with pytest.raises(ParseError, match=f"no {missing}"):
        Credentials.parse(value)


@pytest.mark.parametrize(
    "tail",
    [
        "qop=auth-int, nc=00000001, cnonce=c",
        "qop=auth, cnonce=c",
        "qop=auth, nc=00000001",
        "qop=auth, nc=00000000, cnonce=c",
        "qop=auth, nc=000000001, cnonce=c",
        "qop=auth, nc=0000000g, cnonce=c",
    ],
)
def test_a_protection_that_does_not_hold_is_refused(tail):
    head = "Digest " + ", ".join(f"{name}={text}" for name, text in NEEDED.items())
    with pytest.raises(ParseError) as caught:
        Credentials.parse(f"{head}, {tail}")
    assert caught.value.status == 400
