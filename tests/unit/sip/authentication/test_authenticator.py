"""What is asked, what is believed, and what is met by silence."""

from __future__ import annotations

import pytest

from strowger.sip.authentication.auth_params import parse_auth_params
from strowger.sip.authentication.authenticator import (
    CREDENTIALS_TRIED,
    Authenticated,
    Authenticator,
    Challenge,
    Refused,
)
from strowger.sip.authentication.challenge import PROXY
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.digest import Algorithm, Protection, digest_response, hash_of_identity
from strowger.sip.authentication.errors import CredentialInvalid
from strowger.sip.authentication.failures import FAILURES_PER_USER, Failures
from strowger.sip.authentication.nonce import NONCE_LIFETIME_S, Nonces
from strowger.sip.message.errors import ParseError

REALM = "example.com"
URI = "sip:example.com"
PHONE = "192.0.2.7"
USERS = {
    "bob": Credential.of_password("bob", REALM, "secret", md5=True),
    "alice": Credential.of_password("alice", REALM, "secret"),
}


def an_authenticator(*algorithms, md5=False, **limits):
    offered = algorithms or (tuple(Algorithm) if md5 else (Algorithm.SHA_256,))
    failures = Failures(**limits) if limits else None
    return Authenticator(REALM, USERS.get, Nonces(bytes(range(32)), REALM), failures=failures, algorithms=offered)


def nonce_of(decision):
    assert isinstance(decision, Challenge)
    return parse_auth_params(decision.headers[0][1])["nonce"]


def ask(authenticator, now=10.0, source=PHONE):
    return nonce_of(authenticator.decide("REGISTER", URI, (), source, now))


def written(
    nonce,
    *,
    user="bob",
    password="secret",
    algorithm: Algorithm | str = Algorithm.SHA_256,
    count: int | None = 1,
    uri=URI,
    method="REGISTER",
    realm=REALM,
):
    """The header of a phone that knows what it does."""
    protection = Protection(f"{count:08x}", "0a4f113b") if count else None
    known = Algorithm(algorithm) if algorithm in tuple(Algorithm) else Algorithm.MD5
    ha1 = hash_of_identity(known, user, realm, password)
    response = digest_response(known, ha1, method, uri, nonce, protection)
    value = f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"'
    value += f", algorithm={algorithm}"
    return value + (f', cnonce="0a4f113b", qop=auth, nc={protection.nc}' if protection else "")


def decide(authenticator, *header, now=10.0, source=PHONE, method="REGISTER", uri=URI):
    return authenticator.decide(method, uri, header, source, now)


def test_without_credentials_they_are_asked_for():
    decision = an_authenticator().decide("REGISTER", URI, (), PHONE, 10.0)
    assert isinstance(decision, Challenge)
    assert (decision.status, decision.stale) == (401, False)
    nonce = nonce_of(decision)
    assert decision.headers == (
        ("WWW-Authenticate", f'Digest realm="example.com", algorithm=SHA-256, nonce="{nonce}", qop="auth"'),
    )


def test_a_source_is_proven_by_a_password_and_by_nothing_less():
    proven = []
    nonces = Nonces(bytes(range(32)), REALM)
    authenticator = Authenticator(REALM, USERS.get, nonces, proven=lambda *who: proven.append(who))
    nonce = ask(authenticator)
    decide(authenticator, written(nonce, password="wrong"))
    assert proven == []
    decide(authenticator, written(nonce), now=11.0)
    assert proven == [(PHONE, 11.0)]
    decide(authenticator, written(nonce), now=12.0)
    assert proven == [(PHONE, 11.0)], "a replay proves nothing"


def test_a_proxy_asks_in_its_own_words():
    decision = an_authenticator(md5=True).decide("INVITE", "sip:bob@example.com", (), PHONE, 10.0, side=PROXY)
    assert isinstance(decision, Challenge)
    assert decision.status == 407
    assert [name for name, _ in decision.headers] == ["Proxy-Authenticate"] * 2


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_the_right_password_is_believed(algorithm):
    authenticator = an_authenticator(md5=True)
    header = written(ask(authenticator), algorithm=Algorithm(algorithm))
    assert decide(authenticator, header) == Authenticated("bob")


def test_counting_on_under_one_nonce():
    authenticator = an_authenticator()
    nonce = ask(authenticator)
    for count in (1, 2, 7):
        assert decide(authenticator, written(nonce, count=count), now=60.0) == Authenticated("bob")


@pytest.mark.parametrize(
    "header",
    [
        "NoOneKnowsThisScheme opaque-data=here",  # RFC 4475 §3.3.7
        "Basic Ym9iOnNlY3JldA==",
        'Digest username="bob", realm="elsewhere", nonce="n", uri="sip:x", response="r"',
    ],
)
def test_what_is_for_somebody_else_is_as_good_as_nothing(header):
    decision = decide(an_authenticator(), header)
    assert isinstance(decision, Challenge)
    assert (decision.stale, decision.reason) == (False, "no credentials for this realm")


def test_credentials_for_this_realm_are_told_from_others():
    authenticator = an_authenticator()
    assert not authenticator.is_addressed(())
    assert not authenticator.is_addressed(["Basic x", written("n", realm="elsewhere")])
    assert authenticator.is_addressed(["Basic x", written("n")])
    with pytest.raises(ParseError):
        authenticator.is_addressed(["Digest realm"])


def test_ours_is_found_among_others():
    authenticator = an_authenticator()
    nonce = ask(authenticator)
    assert decide(authenticator, written(nonce, realm="elsewhere"), "Basic x", written(nonce)) == Authenticated("bob")
    nonce = ask(authenticator)
    both = (written(nonce, algorithm=Algorithm.MD5), written(nonce))
    assert decide(authenticator, *both) == Authenticated("bob")


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "guess"},
        {"user": "eve"},
        {"user": "Bob"},
        {"method": "INVITE"},
        {"algorithm": "MD5"},  # not switched on
        {"algorithm": "SHA-512-256"},
        {"count": None},  # only MD5 may come without a count
    ],
)
def test_what_proves_nothing_is_asked_again_in_the_same_words(changes):
    authenticator = an_authenticator()
    decision = decide(authenticator, written(ask(authenticator), **changes))
    assert isinstance(decision, Challenge)
    assert (decision.status, decision.stale) == (401, False)
    assert decision.reason == "unknown user, wrong password or an algorithm not admitted"


def test_no_downgrade_for_a_user_without_md5():
    authenticator = an_authenticator(md5=True)
    decision = decide(authenticator, written(ask(authenticator), user="alice", algorithm=Algorithm.MD5))
    assert isinstance(decision, Challenge)
    assert decide(authenticator, written(ask(authenticator), user="alice")) == Authenticated("alice")


def test_where_only_md5_is_offered_nothing_else_is_admitted():
    authenticator = an_authenticator(Algorithm.MD5)
    decision = authenticator.decide("REGISTER", URI, (), PHONE, 10.0)
    assert isinstance(decision, Challenge)
    assert [parse_auth_params(value)["algorithm"] for _, value in decision.headers] == ["MD5"]
    assert decide(authenticator, written(nonce_of(decision), algorithm=Algorithm.MD5)) == Authenticated("bob")
    assert isinstance(decide(authenticator, written(ask(authenticator))), Challenge)


@pytest.mark.parametrize("user", ["alice", "eve"])
def test_the_stand_in_has_no_password(user):
    authenticator = an_authenticator(md5=True)
    nonce = ask(authenticator)
    response = digest_response(Algorithm.MD5, "0" * 32, "REGISTER", URI, nonce, None)
    header = f'Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{URI}", response="{response}"'
    assert isinstance(decide(authenticator, header), Challenge)


def test_a_replay_is_refused_and_the_owner_may_go_on():
    authenticator = an_authenticator()
    header = written(ask(authenticator))
    assert decide(authenticator, header) == Authenticated("bob")
    decision = decide(authenticator, header)
    assert isinstance(decision, Challenge)
    assert decision.stale
    assert decide(authenticator, written(nonce_of(decision))) == Authenticated("bob")


def test_credentials_without_a_count_do_once():
    authenticator = an_authenticator(md5=True)
    nonce = ask(authenticator)
    header = written(nonce, algorithm=Algorithm.MD5, count=None)
    assert decide(authenticator, header) == Authenticated("bob")
    for again in (header, written(nonce, count=2), written(nonce, count=2**32 - 1)):
        decision = decide(authenticator, again)
        assert isinstance(decision, Challenge)
        assert decision.stale


@pytest.mark.parametrize(
    ("now", "source"), [(10.0 + NONCE_LIFETIME_S + 0.01, PHONE), (10.0, "192.0.2.8"), (10.0, "2001:db8::1")]
)
def test_an_old_nonce_or_one_of_another_address_is_stale(now, source):
    authenticator = an_authenticator()
    decision = decide(authenticator, written(ask(authenticator)), now=now, source=source)
    assert isinstance(decision, Challenge)
    assert decision.stale
    assert decision.headers[0][1].endswith(", stale=true")


@pytest.mark.parametrize(
    ("given", "uri", "believed"),
    [
        ("sip:example.com", "sip:example.com:5060;transport=tcp", True),
        ("sip:Example.com", "sip:example.com", True),
        ("sip:%62ob@example.com", "sip:bob@example.com", True),
        ("tel:+31-20-1110001", "tel:+31201110001", True),
        ("sip:example.com", "sip:example.net", False),
        ("sip:bob@example.com", "sip:carol@example.com", False),
        ("tel:+31201110001", "tel:+31201110002", False),
        ("tel:+31201110001", "sip:+31201110001@example.com", False),
        ("/dir/index.html", "sip:example.com", False),
    ],
)
def test_credentials_are_for_one_request_uri(given, uri, believed):
    authenticator = an_authenticator()
    decision = decide(authenticator, written(ask(authenticator), uri=given), uri=uri)
    if believed:
        assert decision == Authenticated("bob")
    else:
        assert decision == Refused(400, "The credentials are for another Request-URI")


def test_malformed_credentials_are_refused():
    decision = decide(an_authenticator(), 'Digest username="bob", realm="example.com"')
    assert decision == Refused(400, "The credentials have no nonce")


def test_guessing_ends_in_silence_and_begins_anew_after_a_minute():
    authenticator = an_authenticator()
    for n in range(FAILURES_PER_USER):
        assert isinstance(decide(authenticator, written(ask(authenticator), password=f"guess {n}")), Challenge)
    silent = Refused(None, "too many wrong passwords from this address within a minute")
    assert decide(authenticator, written(ask(authenticator), password="one more")) == silent
    assert decide(authenticator, written(ask(authenticator))) == silent
    assert decide(authenticator, written(ask(authenticator), user="alice")) == Authenticated("alice")
    assert decide(authenticator, written(ask(authenticator, 70.0)), now=70.0) == Authenticated("bob")


def test_names_that_are_none_are_counted_like_users():
    authenticator = an_authenticator(per_source=3)
    outcomes = [type(decide(authenticator, written(ask(authenticator), user=f"user{n}"))) for n in range(4)]
    assert outcomes == [Challenge, Challenge, Challenge, Refused]


def test_nobody_spends_the_tries_of_another_address():
    authenticator = an_authenticator()
    nonce = ask(authenticator, source="198.51.100.1")
    for n in range(20):
        assert isinstance(decide(authenticator, written(nonce, password=f"guess {n}")), Challenge)
    assert decide(authenticator, written(ask(authenticator))) == Authenticated("bob")


@pytest.mark.parametrize("response", ["ü", "", "0" * 64, "\xff" * 64])
def test_a_response_of_any_kind_is_compared(response):
    authenticator = an_authenticator()
    header = written(ask(authenticator))
    head, _, rest = header.partition('response="')
    header = f'{head}response="{response}"{rest.partition(chr(34))[2]}'
    assert isinstance(decide(authenticator, header), Challenge)


def test_capitals_in_a_response_are_forgiven():
    authenticator = an_authenticator()
    header = written(ask(authenticator))
    response = parse_auth_params(header)["response"]
    assert decide(authenticator, header.replace(response, response.upper())) == Authenticated("bob")


def test_a_realm_that_cannot_be_written_is_refused():
    with pytest.raises(CredentialInvalid):
        Authenticator("x\r\ny", USERS.get, Nonces(bytes(32), "x"))


def test_a_user_may_prove_itself_by_any_of_a_few_passwords_and_no_more():
    kept = [Credential.of_password("bob", REALM, f"token {number}") for number in range(CREDENTIALS_TRIED)]
    authenticator = Authenticator(
        REALM, USERS.get, Nonces(bytes(32), REALM), more=lambda user: kept if user == "bob" else ()
    )
    for count, password in enumerate(("secret", "token 0", f"token {CREDENTIALS_TRIED - 2}"), 1):
        nonce = ask(authenticator)
        assert decide(authenticator, written(nonce, password=password, count=count)) == Authenticated("bob")
    beyond = written(ask(authenticator), password=f"token {CREDENTIALS_TRIED - 1}")
    assert isinstance(decide(authenticator, beyond), Challenge)
    for user, password in (("alice", "token 0"), ("nobody", "token 0")):
        assert isinstance(decide(authenticator, written(ask(authenticator), user=user, password=password)), Challenge)
