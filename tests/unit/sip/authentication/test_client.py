"""Which challenges are answered, with what, and which never are."""

from __future__ import annotations

import pytest

from strowger.sip.authentication.authenticator import Authenticated, Authenticator, Challenge
from strowger.sip.authentication.challenge import ORIGIN, PROXY
from strowger.sip.authentication.client import MAX_ANSWERS, Account, DigestClient
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.errors import ChallengeUnanswerable
from strowger.sip.authentication.nonce import Nonces
from strowger.sip.message.message import Request, Response

REALM = "carrier.example"
HOSTS = frozenset(("sip.carrier.example", "203.0.113.5", "2001:db8::5"))
CARRIER = "sip.carrier.example"
URI = "sip:+31201110001@carrier.example"


def a_client(*, md5=True, user="4711", password="secret"):
    return DigestClient(Account(Credential.of_password(user, REALM, password, md5=md5), HOSTS), lambda: "cnonce")


def a_request(*headers):
    return Request.make("INVITE", URI, [("Call-ID", "c1"), *headers])


def challenged(*values, status=401, name="WWW-Authenticate"):
    return Response.make(status, "Who are you", [(name, value) for value in values])


def sha(nonce="n", realm=REALM, tail=', qop="auth"'):
    return f'Digest realm="{realm}", nonce="{nonce}", algorithm=SHA-256{tail}'


def md5(nonce="n", realm=REALM, tail=', qop="auth"'):
    return f'Digest realm="{realm}", nonce="{nonce}"{tail}'


def test_the_exact_answer():
    header = a_client().answer(a_request(), challenged(sha(tail=', qop="auth,auth-int", opaque="o\\"p"')), CARRIER)
    assert header == (
        "Authorization",
        'Digest username="4711", realm="carrier.example", nonce="n", uri="sip:+31201110001@carrier.example", '
        'response="9eb8a9e3ed01466a9b7a7cb750ec1a4fbb80c6c3027fe9640d2386a1149f4b9d", algorithm=SHA-256, '
        'cnonce="cnonce", qop=auth, nc=00000001, opaque="o\\"p"',
    )


def test_without_qop_by_the_rules_of_rfc_2069():
    name, value = a_client().answer(a_request(), challenged(md5(tail="")), CARRIER)
    assert name == "Authorization"
    assert "qop" not in value
    assert "cnonce" not in value


def test_a_proxy_is_answered_in_its_own_header():
    response = challenged(md5(), status=407, name="Proxy-Authenticate")
    assert a_client().answer(a_request(), response, CARRIER)[0] == "Proxy-Authorization"


@pytest.mark.parametrize(
    ("challenges", "chosen"),
    [
        ((md5("m"), sha("s")), "algorithm=SHA-256"),
        ((sha("s"), md5("m")), "algorithm=SHA-256"),
        ((md5("m"),), "algorithm=MD5"),
        ((sha("s", tail=""), md5("m")), "algorithm=MD5"),  # SHA-256 without a count is none
        ((sha("s", tail=', qop="auth-int"'), md5("m")), "algorithm=MD5"),
        (("Basic realm=x", sha("s", realm="other"), sha("s")), "algorithm=SHA-256"),
        ((sha("s").replace("SHA-256", "SHA-512-256"), md5("m")), "algorithm=MD5"),
    ],
)
def test_the_strongest_challenge_is_answered(challenges, chosen):
    assert chosen in a_client().answer(a_request(), challenged(*challenges), CARRIER)[1]


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("sip.carrier.example", True),
        ("SIP.Carrier.Example", True),
        ("203.0.113.5", True),
        ("[2001:db8::5]", True),
        ("203.0.113.6", False),
        ("evil.example", False),
        ("", False),
    ],
)
def test_only_the_carrier_gets_an_answer(host, answered):
    if answered:
        a_client().answer(a_request(), challenged(sha()), host)
        return
    with pytest.raises(ChallengeUnanswerable, match="not the carrier"):
        a_client().answer(a_request(), challenged(sha()), host)


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (challenged(sha(realm="evil.example")), "no Digest challenge for the realm 'carrier.example', but for 'evil"),
        (challenged("Basic realm=carrier.example"), "but for none"),
        (challenged(), "but for none"),
        (challenged(sha(nonce="")), "but for"),
        (challenged(sha(tail=', qop="auth-int"')), "no challenge of an algorithm"),
        (challenged(sha(), name="Proxy-Authenticate"), "but for none"),  # the header of the other status
        (challenged('Digest realm="x'), "malformed"),
        (challenged(sha(), status=403), "403 is no challenge"),
    ],
)
def test_what_is_not_answered(response, why):
    with pytest.raises(ChallengeUnanswerable, match=why):
        a_client().answer(a_request(), response, CARRIER)


def test_md5_is_refused_where_it_is_switched_off():
    with pytest.raises(ChallengeUnanswerable, match="no challenge of an algorithm"):
        a_client(md5=False).answer(a_request(), challenged(md5()), CARRIER)


def test_a_wrong_password_is_not_sent_twice():
    client = a_client()
    sent = a_request(client.answer(a_request(), challenged(sha("one")), CARRIER))
    with pytest.raises(ChallengeUnanswerable, match="does not accept"):
        client.answer(sent, challenged(sha("two")), CARRIER)


def test_a_stale_nonce_is_replaced():
    client = a_client()
    sent = a_request(client.answer(a_request(), challenged(sha("one")), CARRIER))
    stale = ', qop="auth", stale=true'
    assert 'nonce="two"' in client.answer(sent, challenged(sha("two", tail=stale)), CARRIER, answered=1)[1]
    with pytest.raises(ChallengeUnanswerable, match="the same one again"):
        client.answer(sent, challenged(sha("one", tail=stale)), CARRIER, answered=1)


def test_credentials_for_another_realm_are_no_answer_of_ours():
    other = ("Authorization", 'Digest username="x", realm="other", nonce="n", uri="sip:x", response="r"')
    a_client().answer(a_request(other, ("Authorization", "Basic x")), challenged(sha()), CARRIER)


def test_a_carrier_that_never_has_enough_gets_no_more():
    with pytest.raises(ChallengeUnanswerable, match="more than 3 times"):
        a_client().answer(a_request(), challenged(sha()), CARRIER, answered=MAX_ANSWERS)
    a_client().answer(a_request(), challenged(sha()), CARRIER, answered=MAX_ANSWERS - 1)


def test_the_count_goes_on_while_the_nonce_stays():
    client = a_client()
    counts = [client.answer(a_request(), challenged(sha(nonce)), CARRIER)[1].rpartition("nc=")[2] for nonce in "aabaa"]
    assert counts == ["00000001", "00000002", "00000001", "00000001", "00000002"]


@pytest.mark.parametrize("side", [ORIGIN, PROXY])
@pytest.mark.parametrize("user", ["4711", 'the "boss", \\ too', "jürgen"])
def test_our_own_authenticator_believes_it(side, user):
    found = Credential.of_password(user, REALM, "secret")
    authenticator = Authenticator(REALM, {user: found}.get, Nonces(bytes(32), REALM))
    request = a_request()
    decision = authenticator.decide("INVITE", URI, (), "192.0.2.1", 1.0, side=side)
    assert isinstance(decision, Challenge)
    response = Response.make(decision.status, "", decision.headers)
    name, value = a_client(user=user).answer(request, response, CARRIER)
    assert name == side.credentials
    request.set(name, value)
    assert authenticator.decide("INVITE", URI, request.all(name), "192.0.2.1", 1.0) == Authenticated(user)
