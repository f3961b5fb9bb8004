"""What is a token at all. Everything else is refused before a key is looked for."""

from __future__ import annotations

import json

import pytest

from strowger.acs.json_web_token import MAX_DEPTH, MAX_TOKEN_CHARACTERS, TokenMalformed, Unverified, encode, read

HEADER = '{"alg":"RS256"}'


def token(header: str | bytes = HEADER, claims: str | bytes = "{}", signature: bytes = b"x") -> str:
    parts = [each.encode() if isinstance(each, str) else each for each in (header, claims)]
    return ".".join(encode(each) for each in (*parts, signature))


def test_what_a_token_says():
    assert read(token(claims='{"a":[1,{"b":null}]}')) == Unverified({"alg": "RS256"}, {"a": [1, {"b": None}]})


def test_the_longest_token():
    room = MAX_TOKEN_CHARACTERS - len(token(signature=b""))
    assert read(token(signature=b"x" * (room * 3 // 4)))
    with pytest.raises(TokenMalformed, match="longer than 8192"):
        read(token(signature=b"x" * (room * 3 // 4 + 3)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "e30.e30",
        "e30.e30.",
        "e30..eA",
        ".e30.eA",
        "e30.e30.eA.eA",
        "e30.e30.eA.eA.eA",
        " e30.e30.eA",
        "e30.e30.eA ",
        "e30.e30.eA\n",
        "e30.e30.eA==",
        "e30=.e30.eA",
        "e30.e31.eA",
        "e30.e30.eB",
        "e30.e30.e",
        "e30.e30.+/+/",
        "e30.e30.e\u00c4",
        "\ud800.e30.eA",
    ],
)
def test_what_has_not_the_form(text):
    with pytest.raises(TokenMalformed):
        read(text)


@pytest.mark.parametrize(
    "part",
    [
        "",
        "null",
        "[]",
        '"a"',
        "7",
        "{",
        "{}{}",
        "{'a':1}",
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        b'{"a":"\xff"}',
        b"\xff\xfe{\x00}\x00",
        '{"alg":"RS256","alg":"none"}',
        '{"alg":"RS256","\\u0061lg":"none"}',
        '{"a":{"b":1,"b":1}}',
        '{"a":' + "9" * 5_000 + "}",
        '{"a":' + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "}",
    ],
)
def test_what_says_nothing_or_two_things(part):
    with pytest.raises(TokenMalformed):
        read(token(header=part))
    with pytest.raises(TokenMalformed):
        read(token(claims=part))


def test_a_reason_shows_nothing_of_the_token():
    with pytest.raises(TokenMalformed) as refused:
        read(token(claims='{"password":1,"password":2}'))
    assert str(refused.value) == "a part of it gives a member twice"


def test_base64url_has_no_padding():
    assert encode(b"\xfb\xff\xfe\xfd") == "-__-_Q"
    assert json.loads('"-__-_Q"') == encode(b"\xfb\xff\xfe\xfd")
