"""A token in the place of a password: shown where nobody reads along, and to us alone."""

from __future__ import annotations

import pytest

from strowger.sip.authentication.authenticator import Authenticated, Authenticator, Challenge
from strowger.sip.authentication.bearer import Bearer, TokenUse, remove_tokens, token_of, tokens
from strowger.sip.authentication.challenge import ORIGIN, PROXY
from strowger.sip.authentication.errors import TokenInvalid
from strowger.sip.authentication.nonce import Nonces
from strowger.sip.flow import Flow
from strowger.sip.message.message import Request

BOB = "8:acs:r1_bob"
REALM = "example.com"
AUTHORITY = "https://calls.example:7443"
OFFER = f'Bearer realm="{REALM}", authz_server="{AUTHORITY}", scope="voip"'


def verify(token: str) -> str:
    if token != "good.token":
        raise TokenInvalid("The token has expired.")
    return BOB


def authenticator(told: list[str] | None = None) -> Authenticator:
    heard = told if told is not None else []
    return Authenticator(
        REALM,
        lambda user: None,
        Nonces(bytes(32), REALM),
        bearer=Bearer(REALM, verify, AUTHORITY),
        proven=lambda source, now: heard.append(source),
    )


def decide(*header: str, use: TokenUse = TokenUse.OFFERED, told: list[str] | None = None, side=ORIGIN):
    return authenticator(told).decide(
        "REGISTER", "sip:example.com", header, "192.0.2.7", 10.0, side=side, tokens=use
    )


@pytest.mark.parametrize("written", ["Bearer good.token", "BEARER  good.token", "bearer good.token "])
def test_a_token_proves_whose_it_is(written: str) -> None:
    told: list[str] = []
    assert decide(written, told=told) == Authenticated(BOB)
    assert told == ["192.0.2.7"]


@pytest.mark.parametrize("written", ["Bearer bad", "Bearer ", "Bearer", "Bearer good.token, x=y", "Bearer good"])
def test_a_bad_token_gets_a_challenge_that_says_so(written: str) -> None:
    told: list[str] = []
    decision = decide(written, told=told)
    assert isinstance(decision, Challenge)
    assert (decision.status, decision.reason, told) == (401, "The token has expired.", [])
    bearer, digest = decision.headers
    assert digest[1].startswith("Digest ")
    assert bearer == ("WWW-Authenticate", f'{OFFER}, error="invalid_token"')


def test_a_token_is_offered_first_and_by_a_proxy_under_its_name() -> None:
    decision = decide(side=PROXY)
    assert isinstance(decision, Challenge)
    assert [name for name, _ in decision.headers] == ["Proxy-Authenticate"] * 2
    assert decision.headers[0][1] == OFFER


def test_where_others_read_along_no_token_is_asked_for_or_looked_at() -> None:
    for header in ((), ("Bearer good.token",)):
        decision = decide(*header, use=TokenUse.IGNORED)
        assert isinstance(decision, Challenge)
        assert [value.partition(" ")[0] for _, value in decision.headers] == ["Digest"]


def test_a_token_is_taken_but_not_asked_for_where_phones_do_not_know_them() -> None:
    decision = decide(use=TokenUse.TAKEN)
    assert isinstance(decision, Challenge)
    assert [value.partition(" ")[0] for _, value in decision.headers] == ["Digest"]
    assert decide("Bearer good.token", use=TokenUse.TAKEN) == Authenticated(BOB)


@pytest.mark.parametrize(
    ("transport", "host", "use"),
    [
        ("WSS", "192.0.2.9", TokenUse.OFFERED),
        ("WS", "127.0.0.1", TokenUse.OFFERED),
        ("TLS", "192.0.2.9", TokenUse.TAKEN),
        ("UDP", "::1", TokenUse.TAKEN),
        ("WS", "192.0.2.9", TokenUse.IGNORED),
        ("TCP", "10.0.0.1", TokenUse.IGNORED),
    ],
)
def test_where_tokens_are_asked_for_and_taken(transport: str, host: str, use: TokenUse) -> None:
    assert TokenUse.on(Flow(transport, host, 5060, 0)) is use


def test_a_token_counts_as_addressed_to_us_only_where_it_is_looked_at() -> None:
    asked = authenticator()
    assert asked.is_addressed(["Bearer x"], tokens=TokenUse.TAKEN)
    assert not asked.is_addressed(["Bearer x"])
    assert not asked.is_addressed([], tokens=TokenUse.TAKEN)


def test_a_token_comes_before_a_password() -> None:
    assert decide('Digest realm="example.com"', "Bearer good.token") == Authenticated(BOB)


def test_an_authority_without_https_is_not_named() -> None:
    assert Bearer(REALM, verify, "http://calls.example").challenge(ORIGIN, is_refused=False) == (
        "WWW-Authenticate",
        f'Bearer realm="{REALM}", scope="voip"',
    )


def test_the_first_token_of_several_values() -> None:
    values = ['Digest realm="x"', "Bearer a", "bearer b"]
    assert (tokens(values), token_of(values), token_of(["Basic x"])) == (["Bearer a", "bearer b"], "a", None)


def test_tokens_are_taken_away_wherever_they_are_and_nothing_else() -> None:
    kept = [("Authorization", 'Digest realm="x", nonce="1"'), ("Proxy-Authorization", "Basic x")]
    request = Request.make("BYE", "sip:x", kept)
    before = request.to_bytes()
    for name in ("Authorization", "Proxy-Authorization"):
        request.append(name, "BEARER a.b.c")
        request.prepend(name, "Bearer d")
    remove_tokens(request)
    assert request.to_bytes() == before
