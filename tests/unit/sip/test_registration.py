"""Who may bind a phone to a user, and the way to a phone that is bound."""

from __future__ import annotations

import pytest

from strowger.calls.errors import StoreUnavailable
from strowger.sip.authentication.auth_params import parse_auth_params
from strowger.sip.authentication.authenticator import Authenticator
from strowger.sip.authentication.bearer import Bearer
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.digest import Algorithm, Protection, digest_response, hash_of_identity
from strowger.sip.authentication.errors import TokenInvalid
from strowger.sip.authentication.failures import FAILURES_PER_USER
from strowger.sip.authentication.nonce import Nonces
from strowger.sip.flow import Flow
from strowger.sip.message.errors import Refusal
from strowger.sip.message.message import Request
from strowger.sip.registrar.location_service import LocationService
from strowger.sip.registrar.registrar import Outcome
from strowger.sip.registration import Registration, Silence, Way
from tests.support.registrar import BOB, FLOW, NOW, a_register
from tests.unit.sip.registrar.test_location_service import HandStore

REALM = "example.com"
URI = "sip:example.com"
BOB_ID = "8:acs:r1_bob"
USERS = {"bob": BOB_ID, "ann": "8:acs:r1_ann", BOB_ID: BOB_ID}
CARRIER = "carrier"
"""Somebody with a password who is no user."""

STANDING = "sip:bob@desk.example"


class Desk:
    """A registration of two users, both with the password `secret`, and its store."""

    def __init__(self, store: HandStore | None = None) -> None:
        self.store = store or HandStore()
        self.answers: list[Outcome] = []
        passwords = {name: Credential.of_password(name, REALM, "secret") for name in (*USERS, CARRIER)}
        authenticator = Authenticator(REALM, passwords.get, Nonces(bytes(32), REALM))
        self.registration = Registration(
            authenticator, LocationService(self.store), USERS, wall=lambda: NOW, standing={STANDING}
        )

    def refusal(self, request: Request) -> Refusal:
        with pytest.raises(Refusal) as refused:
            self.registration.require_allowed(request, FLOW, 0.0)
        return refused.value

    def signed(self, user: str = "bob", password: str = "secret", to: str = "bob") -> Request:
        challenge = self.refusal(a_register(BOB)).headers[0][1]
        nonce = parse_auth_params(challenge)["nonce"]
        protection = Protection("00000001", "abc")
        ha1 = hash_of_identity(Algorithm.SHA_256, user, REALM, password)
        response = digest_response(Algorithm.SHA_256, ha1, "REGISTER", URI, nonce, protection)
        header = (
            f'Authorization: Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{URI}",'
            f' response="{response}", algorithm=SHA-256, cnonce="abc", qop=auth, nc=00000001'
        )
        return a_register(BOB, headers=(header,), to=f"<sip:{to}@example.com>")

    def register(self, request: Request, flow: Flow = FLOW) -> None:
        self.registration.require_allowed(request, FLOW, 0.0)
        self.registration.register(request, flow, self.answers.append)


def test_a_stranger_is_asked_who_it_is() -> None:
    refusal = Desk().refusal(a_register(BOB))
    assert refusal.status == 401
    assert refusal.headers[0][0] == "WWW-Authenticate"


def test_what_nobody_can_register_is_refused_before_anybody_is_asked_who_it_is() -> None:
    assert Desk().refusal(a_register(BOB, to="isbn:2983792873")).status == 400


def test_the_phone_of_a_user_is_bound_once_that_is_stored() -> None:
    desk = Desk()
    desk.register(desk.signed())
    assert desk.answers == []
    desk.store.settle()
    assert [outcome.status for outcome in desk.answers] == [200]
    assert desk.registration.contacts(BOB_ID.upper()) == (BOB,)
    assert [(user, [each.contact for each in bound]) for user, bound in desk.registration.all()] == [(BOB_ID, [BOB])]
    assert desk.registration.addresses(BOB_ID) == {"192.0.2.7"}
    assert desk.registration.way(BOB_ID, BOB) == Way((), (), source="192.0.2.7")
    assert desk.registration.way(BOB_ID, STANDING) is None


def test_the_phone_of_another_user_with_the_same_contact_is_another_phone() -> None:
    desk, contact, eve = Desk(), "sip:b0b@phone.invalid;transport=ws", Flow("WS", "192.0.2.66", 40_000, 1, 4)
    bob = Flow("WS", "192.0.2.7", 40_000, 1, 3)
    desk.registration.register(a_register(f"<{contact}>"), bob, desk.answers.append)
    desk.registration.register(a_register(f"<{contact}>", to="<sip:ann@example.com>"), eve, desk.answers.append)
    assert desk.registration.way(BOB_ID, contact) == Way((bob,), ())
    assert desk.registration.way(USERS["ann"], contact) == Way((eve,), ())


@pytest.mark.parametrize("to", ["ann", "nobody"])
def test_nobody_registers_for_somebody_else_or_learns_who_exists(to: str) -> None:
    desk = Desk()
    refusal = desk.refusal(desk.signed(to=to))
    assert (refusal.status, refusal.reason, refusal.headers) == (403, "Forbidden", ())
    assert desk.registration.contacts("8:acs:r1_ann") == ()


@pytest.mark.parametrize("to", ["ann", "nobody", CARRIER])
def test_whoever_is_no_user_registers_nothing(to: str) -> None:
    desk = Desk()
    assert desk.refusal(desk.signed(CARRIER, to=to)).status == 403


@pytest.mark.parametrize(("user", "to"), [(BOB_ID, "bob"), ("bob", "8%3AACS%3Ar1_bob")])
def test_a_user_registers_by_whatever_it_answers_to(user: str, to: str) -> None:
    desk = Desk()
    desk.register(desk.signed(user, to=to))
    desk.store.settle()
    assert desk.registration.contacts(BOB_ID) == (BOB,)


def test_a_wrong_password_binds_nothing() -> None:
    desk = Desk()
    assert desk.refusal(desk.signed(password="guess")).status == 401
    assert desk.registration.contacts(BOB_ID) == ()


def test_after_many_guesses_there_is_silence() -> None:
    desk = Desk()
    guess = desk.signed(password="guess")
    for _ in range(FAILURES_PER_USER):
        assert desk.refusal(guess).status == 401
    with pytest.raises(Silence, match="too many wrong passwords"):
        desk.registration.require_allowed(guess, FLOW, 0.0)


@pytest.mark.parametrize(
    ("contact", "flow", "by_flow"),
    [
        (BOB, FLOW, False),
        ("sip:bob@phone.example", FLOW, False),
        ("sip:bob@10.0.0.7", FLOW, True),  # behind a NAT
        (f"{BOB};ob", FLOW, True),
        ("sip:bob@x.invalid;transport=ws", Flow("WS", "192.0.2.7", 40_000, 1, 3), True),
        (BOB, Flow("TLS", "192.0.2.7", 40_000, 1, 3), True),
        (BOB, Flow("TCP", "192.0.2.7", 40_000, 1, 3), False),
    ],
)
def test_the_way_to_a_phone_is_its_contact_unless_only_its_flow_leads_there(
    contact: str, flow: Flow, *, by_flow: bool
) -> None:
    desk = Desk()
    desk.registration.register(a_register(f"<{contact}>"), flow, desk.answers.append)
    assert desk.registration.way(BOB_ID, contact) == Way(
        (flow,) if by_flow else (), (), by_flow and flow.transport == "UDP", "" if by_flow else "192.0.2.7"
    )


def test_a_path_leads_to_the_proxy_of_the_phone() -> None:
    desk = Desk()
    request = a_register("<sip:bob@10.0.0.7>", headers=("Supported: path", "Path: <sip:edge.example;lr>"), vias=2)
    desk.registration.register(request, FLOW, desk.answers.append)
    assert desk.registration.way(BOB_ID, "sip:bob@10.0.0.7") == Way(
        (), ("<sip:edge.example;lr>",), source=FLOW.received
    )


def test_what_could_not_be_stored_is_taken_back() -> None:
    desk = Desk()
    desk.register(desk.signed())
    desk.store.settle(StoreUnavailable("no disk"))
    assert [outcome.status for outcome in desk.answers] == [500]
    assert desk.registration.contacts(BOB_ID) == ()
    assert desk.registration.way(BOB_ID, BOB) == Way((), ()), "from nowhere we know, and so not to a trunk"


def test_bindings_survive_a_restart() -> None:
    before = Desk()
    before.register(before.signed())
    before.store.settle()
    after = Desk(HandStore(*before.store.kept.values()))
    assert after.registration.restore() == []
    assert after.registration.way(BOB_ID, BOB) == Way((), (), source="192.0.2.7")


def test_a_phone_that_has_registered_by_another_connection_is_found_by_its_former_one() -> None:
    desk = Desk()
    before, now = Flow("WS", "192.0.2.7", 40_000, 0, 5), Flow("WS", "192.0.2.7", 40_001, 0, 6)
    for cseq, flow in enumerate((before, now)):
        request = a_register(f"<{BOB};transport=ws>", cseq=cseq)
        desk.registration.register(request, flow, desk.answers.append)
    assert desk.registration.flow_since(before, f"{BOB};transport=ws;ob") == now
    assert desk.registration.flow_since(before, "sip:ann@192.0.2.7") is None
    assert desk.registration.flow_since(before, "tel:+31201110001") is None


def token_desk() -> Desk:
    """The same where a token will do; that of bob is `bob`."""
    desk = Desk()

    def verify(token: str) -> str:
        if token not in USERS:
            raise TokenInvalid("The token was revoked.")
        return USERS[token]

    authenticator = Authenticator(REALM, lambda user: None, Nonces(bytes(32), REALM), bearer=Bearer(REALM, verify))
    desk.registration = Registration(authenticator, LocationService(desk.store), USERS, wall=lambda: NOW)
    return desk


def with_token(token: str, to: str = "bob") -> Request:
    return a_register(BOB, headers=(f"Authorization: Bearer {token}",), to=f"<sip:{to}@example.com>")


def test_the_phone_of_a_user_needs_nothing_but_a_token_over_tls() -> None:
    desk, flow = token_desk(), Flow("WSS", "192.0.2.7", 40_000, 1, 3)
    request = with_token("bob")
    desk.registration.require_allowed(request, flow, 0.0)
    desk.registration.register(request, flow, desk.answers.append)
    desk.store.settle()
    assert desk.registration.contacts(BOB_ID) == (BOB,)


@pytest.mark.parametrize(("token", "to", "status"), [("bob", "ann", 403), ("bob", "nobody", 403), ("old", "bob", 401)])
def test_a_token_is_good_for_its_own_user_and_while_it_is_good(token: str, to: str, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        token_desk().registration.require_allowed(with_token(token, to), Flow("TLS", "192.0.2.7", 40_000, 1, 3), 0.0)
    assert refused.value.status == status


def test_a_token_in_the_clear_is_not_looked_at() -> None:
    with pytest.raises(Refusal) as refused:
        token_desk().registration.require_allowed(with_token("bob"), FLOW, 0.0)
    assert [value.partition(" ")[0] for _, value in refused.value.headers] == ["Digest"]


def test_a_user_whose_phones_are_forgotten_has_none() -> None:
    desk = Desk()
    desk.register(desk.signed())
    desk.store.settle()
    desk.registration.forget(BOB_ID)
    assert (desk.registration.contacts(BOB_ID), list(desk.registration.all())) == ((), [])
