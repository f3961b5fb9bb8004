"""Who sent an INVITE: by proof, by address, or nobody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strowger.sip.admission import Admission
from strowger.sip.authentication.failures import FAILURES_PER_USER
from strowger.sip.flow import Flow
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.message import Request
from strowger.sip.registration import Silence
from strowger.sip.sender import STRANGER, TRUSTED, Sender
from tests.support.admission import CARRIER, PASSWORDS, REALM, URI, USERS, an_admission, an_invite
from tests.support.digest import credentials

FAR = Flow("UDP", "198.51.100.7", 5062, 0, 0)
NEAR = Flow("UDP", "10.1.2.3", 5062, 0, 0)
FROM_CARRIER = Flow("UDP", "192.0.2.9", 5060, 0, 0)
NOW = 10.0
BOB = Sender(USERS["bob"])


def refusal(admission: Admission, invite: Request, flow: Flow = FAR) -> Refusal:
    with pytest.raises(Refusal) as refused:
        admission.sender_of(invite, flow, NOW)
    return refused.value


def signed(
    admission: Admission, user: str, caller: str = "", password: str = "", flow: Flow = FAR, count: int = 1
) -> Request:
    """The INVITE of somebody who was challenged at `flow`."""
    [(name, challenge)] = refusal(admission, an_invite(), FAR).headers if flow == FAR else _challenge(admission, flow)
    assert name == "Proxy-Authenticate"
    value = credentials(
        challenge, password or PASSWORDS.get(user, "?"), user=user, method="INVITE", uri=URI, count=count
    )
    return an_invite(caller or user.lower(), value, n=2)


def _challenge(admission: Admission, flow: Flow) -> tuple[tuple[str, str], ...]:
    """Whoever is known by address is challenged once it shows credentials that are none of ours any more."""
    stale = f'Digest username="x", realm="{REALM}", nonce="old", uri="{URI}", response="0"'
    return refusal(admission, an_invite("x", stale), flow).headers


def test_anybody_is_asked_who_it_is() -> None:
    refused = refusal(an_admission(), an_invite())
    assert refused.status == 407
    [(name, value)] = refused.headers
    assert name == "Proxy-Authenticate"
    assert value.startswith(f'Digest realm="{REALM}", algorithm=SHA-256, nonce="')


def test_anybody_is_a_stranger_where_those_are_taken() -> None:
    assert an_admission(takes_strangers=True).sender_of(an_invite(), FAR, NOW) == STRANGER


@pytest.mark.parametrize("transport", ["WS", "WSS"])
@pytest.mark.parametrize("flow", [NEAR, FROM_CARRIER])
def test_a_web_page_is_not_the_machine_it_is_shown_on(flow: Flow, transport: str) -> None:
    page = flow._replace(transport=transport)
    assert refusal(an_admission(), an_invite(), page).status == 407
    assert an_admission(takes_strangers=True).sender_of(an_invite(), page, NOW) == STRANGER


def test_a_source_is_trusted_or_a_trunk() -> None:
    admission = an_admission()
    assert admission.sender_of(an_invite(), NEAR, NOW) == TRUSTED
    assert admission.sender_of(an_invite(), FROM_CARRIER, NOW) == Sender(trunk=CARRIER)
    both = an_admission(origins=("10.1.2.3",))
    assert both.sender_of(an_invite(), NEAR, NOW) == Sender(trunk=CARRIER)


@pytest.mark.parametrize(
    ("user", "caller", "sender"),
    [
        ("bob", "bob", BOB),
        ("bob", "BOB", BOB),
        ("bob", USERS["bob"].replace(":", "%3A"), BOB),
        ("Carrier", "+31612345678", Sender(trunk=CARRIER)),
        ("Carrier", "bob", Sender(trunk=CARRIER)),
    ],
)
@pytest.mark.parametrize("flow", [FAR, NEAR])
def test_whoever_knows_the_password_is_who_it_says(user: str, caller: str, sender: Sender, flow: Flow) -> None:
    admission = an_admission()
    assert admission.sender_of(signed(admission, user, caller, flow=flow), flow, NOW) == sender


@pytest.mark.parametrize("caller", ["alice", "nobody", "+31612345678", "Carrier"])
@pytest.mark.parametrize("flow", [FAR, NEAR, FROM_CARRIER])
def test_a_user_does_not_speak_as_another(caller: str, flow: Flow) -> None:
    admission = an_admission()
    refused = refusal(admission, signed(admission, "bob", caller, flow=flow), flow)
    assert (refused.status, refused.reason, refused.headers) == (403, "Forbidden", ())


def test_a_user_may_come_by_a_trunk() -> None:
    admission = an_admission()
    invite = signed(admission, "bob", flow=FROM_CARRIER)
    assert admission.sender_of(invite, FROM_CARRIER, NOW) == Sender(USERS["bob"], CARRIER)


@pytest.mark.parametrize("flow", [FAR, NEAR, FROM_CARRIER])
@pytest.mark.parametrize(
    ("user", "password"), [("bob", "guess"), ("nobody", "his"), ("BOB", "his"), ("carrier", "theirs")]
)
def test_a_wrong_password_is_refused_from_everywhere(user: str, password: str, flow: Flow) -> None:
    admission = an_admission(takes_strangers=True)
    [(_, challenge)] = _challenge(admission, flow)
    wrong = credentials(challenge, password, user=user, method="INVITE", uri=URI)
    assert refusal(admission, an_invite("bob", wrong), flow).status == 407


def test_after_many_wrong_passwords_there_is_silence() -> None:
    admission = an_admission()
    for _ in range(FAILURES_PER_USER):
        assert refusal(admission, signed(admission, "bob", password="guess")).status == 407
    right = signed(admission, "bob")
    with pytest.raises(Silence, match="too many wrong passwords"):
        admission.sender_of(right, FAR, NOW)


def test_the_same_count_is_not_taken_twice_and_the_next_is() -> None:
    admission = an_admission()
    [(_, challenge)] = refusal(admission, an_invite()).headers
    first, second = (
        an_invite("bob", credentials(challenge, "his", user="bob", method="INVITE", uri=URI, count=count))
        for count in (1, 2)
    )
    assert admission.sender_of(first, FAR, NOW) == BOB
    again = refusal(admission, first)
    assert again.status == 407
    assert "stale=true" in again.headers[0][1]
    assert admission.sender_of(second, FAR, NOW) == BOB


def test_a_nonce_is_of_no_use_to_another_source() -> None:
    admission = an_admission()
    invite = signed(admission, "bob")
    assert refusal(admission, invite, FAR._replace(host="198.51.100.8")).status == 407


def test_credentials_for_others_prove_nothing_and_hinder_nothing() -> None:
    admission = an_admission()
    foreign = 'Digest username="bob", realm="elsewhere", nonce="n", uri="sip:x", response="r"'
    assert admission.sender_of(an_invite("bob", foreign), NEAR, NOW) == TRUSTED
    assert refusal(admission, an_invite("bob", foreign)).status == 407


def test_credentials_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ParseError):
        an_admission().sender_of(an_invite("bob", "Digest username"), NEAR, NOW)
    assert refusal(an_admission(), an_invite("bob", "Digest username")).status == 400


@pytest.mark.parametrize(
    ("sender", "left"),
    [
        (TRUSTED, []),
        (STRANGER, []),
        (BOB, []),
        (Sender(trunk=CARRIER), []),
        (Sender(trunk=replace(CARRIER, is_trusted=True)), ["P-Asserted-Identity", "Remote-Party-ID"]),
    ],
)
def test_an_identity_is_asserted_by_those_we_trust_alone(sender: Sender, left: list[str]) -> None:
    ours, theirs = (f'Digest realm="{realm}", nonce="n"' for realm in (REALM, "elsewhere"))
    invite = an_invite("bob", theirs)
    plain = invite.to_bytes()
    for name in ("P-Asserted-Identity", "Remote-Party-ID"):
        invite.append(name, "<sip:ceo@example.com>")
    invite.append("Proxy-Authorization", ours)
    an_admission().keep_to_ourselves(invite, sender)
    assert [name for name in ("P-Asserted-Identity", "Remote-Party-ID") if invite.has(name)] == left
    for name in left:
        invite.remove(name)
    assert invite.to_bytes() == plain


WEB = Flow("WSS", "198.51.100.7", 40_000, 1, 3)


def with_token(token: str, caller: str, header: str = "Proxy-Authorization") -> Request:
    invite = an_invite(caller)
    invite.append(header, f"Bearer {token}")
    return invite


@pytest.mark.parametrize("header", ["Proxy-Authorization", "Authorization"])
def test_a_user_calls_by_its_token_and_nobody_behind_us_sees_it(header: str) -> None:
    admission, invite = an_admission(takes_tokens=True), with_token("token of bob", "bob", header)
    sender = admission.sender_of(invite, WEB, NOW)
    assert sender == BOB
    admission.keep_to_ourselves(invite, sender)
    assert b"token of bob" not in invite.to_bytes()


@pytest.mark.parametrize(("token", "caller", "status"), [("token of bob", "alice", 403), ("old", "bob", 407)])
def test_a_token_is_good_for_its_own_user_and_while_it_is_good(token: str, caller: str, status: int) -> None:
    assert refusal(an_admission(takes_tokens=True), with_token(token, caller), WEB).status == status


def test_a_token_is_checked_though_the_address_would_do_and_not_where_others_read_along() -> None:
    admission, near = an_admission(takes_tokens=True), NEAR._replace(transport="TLS")
    assert refusal(admission, with_token("old", "bob"), near).status == 407
    assert admission.sender_of(with_token("token of bob", "bob"), near, NOW) == BOB
    in_the_clear = with_token("token of bob", "bob")
    assert admission.sender_of(in_the_clear, NEAR, NOW) == TRUSTED
    admission.keep_to_ourselves(in_the_clear, TRUSTED)
    assert b"token of bob" not in in_the_clear.to_bytes()
    assert refusal(admission, with_token("token of bob", "bob"), FAR).status == 407
