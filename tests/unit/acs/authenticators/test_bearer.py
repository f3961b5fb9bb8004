from __future__ import annotations

import pytest

from strowger.acs.authenticators.bearer import MAX_KEY_ID_CHARACTERS, bearer_text, read_token
from strowger.acs.errors import TokenRefused
from strowger.acs.json_web_token import MAX_TOKEN_CHARACTERS
from strowger.acs.message import Headers
from tests.support.issuer import claims, encoded, token

HEADER = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}


def forged(header: object = None, payload: object = None, signature: str = "c2ln") -> str:
    return f"{encoded(HEADER if header is None else header)}.{encoded({} if payload is None else payload)}.{signature}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Bearer a.b.c", "a.b.c"), ("bEARER  a ", "a"), ("Bearer", ""), ("HMAC-SHA256 a", None), ("a.b.c", None)],
)
def test_the_token_of_a_request(value: str, expected: str | None) -> None:
    assert bearer_text(Headers([("Authorization", value)])) == expected
    assert bearer_text(Headers()) is None


def test_what_a_token_says() -> None:
    text = token()
    read = read_token(text)
    assert (read.text, read.algorithm, read.key_id, read.claims) == (text, "RS256", "rsa", claims())
    assert read_token(forged({"alg": "RS256"})).key_id == ""
    assert read_token(forged({"alg": "ES256", "typ": "at+JWT"})).algorithm == "ES256"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "malformed: it has not three parts"),
        (forged(signature=""), "malformed: it is not signed"),
        (forged(payload=b'{"iss":"a","\\u0069ss":"b"}'), "malformed: a part of it gives a member twice"),
        (forged(header=b'{"alg":"RS256","alg":"none"}'), "malformed: a part of it gives a member twice"),
        (forged(payload={"a": "b" * MAX_TOKEN_CHARACTERS}), "malformed: it is longer than 8192 characters"),
        (forged(HEADER | {"crit": ["exp"]}), "member crit"),
        (forged(HEADER | {"typ": "JOSE"}), "another type"),
        (forged(HEADER | {"typ": 1}), "another type"),
        (forged({"kid": "a"}), "names no algorithm"),
        (forged({"alg": ["RS256"]}), "names no algorithm"),
        (forged(HEADER | {"kid": ["rsa"]}), "kid that is no text"),
        (forged(HEADER | {"kid": "k" * (MAX_KEY_ID_CHARACTERS + 1)}), "or too long"),
    ],
)
def test_what_is_not_clearly_a_token(text: str, message: str) -> None:
    with pytest.raises(TokenRefused, match=message) as caught:
        read_token(text)
    assert (caught.value.status, caught.value.code, caught.value.target) == (401, "7501", "Authorization")
