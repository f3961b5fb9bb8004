"""Our registration at a carrier, on a ladder: what is sent when, after which answer."""

from __future__ import annotations

import itertools

import pytest

from strowger.sip.authentication.client import Account, DigestClient
from strowger.sip.authentication.credentials import Credential
from strowger.sip.authentication.digest import Credentials
from strowger.sip.message.message import Request, Response
from strowger.sip.trunk.registering import (
    IMPOSSIBLE,
    LONGEST_WAIT_S,
    MIN_EXPIRES_CEILING_S,
    REFUSED_WAIT_S,
    RETRY_AFTER_CEILING_S,
    TABLE,
    Input,
    NotRegistered,
    Registered,
    Registering,
    RegisteringOutput,
    SendRegister,
    State,
    granted_s,
)
from strowger.sip.trunk.requests import Registration, Way, register
from strowger.sip.trunk.trunk import Trunk

TRUNK = Trunk("t", "sip:carrier.example", username="us")
WAY = Way("UDP", "192.0.2.1:5060")
OURS = "<sip:us@192.0.2.1:5060>"
CHALLENGE = ("WWW-Authenticate", 'Digest realm="carrier.example", nonce="n1", algorithm=SHA-256, qop="auth"')
STALE = ("WWW-Authenticate", 'Digest realm="carrier.example", nonce="n2", algorithm=SHA-256, qop="auth", stale=true')


class Ladder:
    """One registration; the REGISTER sent last is the one that is answered."""

    def __init__(self, expires_s: float = 3_600.0, spread: float = 0.0) -> None:
        credential = Credential.of_password("us", "carrier.example", "secret")
        client = DigestClient(Account(credential, frozenset({"carrier.example"})), lambda: "cnonce")
        self.now = 0.0
        self.machine = Registering(client, "carrier.example", expires_s, 0.0, lambda: spread)
        self.sent: list[SendRegister] = []
        self.requests: list[Request] = []

    def take(self, outputs: list[RegisteringOutput]) -> list[RegisteringOutput]:
        for output in outputs:
            if isinstance(output, SendRegister):
                common = Registration("call", "tag", output.number, output.expires_s, output.credentials)
                self.sent.append(output)
                self.requests.append(register(TRUNK, WAY, common, lambda: "token"))
        return [output for output in outputs if not isinstance(output, SendRegister)]

    def due(self) -> list[RegisteringOutput]:
        """Let time pass until something is due."""
        at = self.machine.next_deadline()
        assert at is not None
        self.now = at
        return self.take(self.machine.advance(at))

    def answer(self, status: int, *headers: tuple[str, str], reason: str = "Reason") -> list[RegisteringOutput]:
        response = Response.make(status, reason, headers)
        return self.take(self.machine.answered(self.sent[-1].number, self.requests[-1], response, self.now))

    def silence(self) -> list[RegisteringOutput]:
        return self.take(self.machine.failed(self.sent[-1].number, "nothing came back", self.now))

    def stop(self) -> list[RegisteringOutput]:
        return self.take(self.machine.stop(self.now))


def registered(expires_s: float = 3_600.0, spread: float = 0.0) -> Ladder:
    ladder = Ladder(expires_s, spread)
    ladder.due()
    ladder.answer(200)
    return ladder


def test_every_pair_is_a_row_or_impossible() -> None:
    assert set(TABLE) | IMPOSSIBLE == set(itertools.product(State, Input))
    assert not set(TABLE) & IMPOSSIBLE


def test_the_first_is_due_at_once() -> None:
    ladder = Ladder()
    assert ladder.machine.why == "not tried yet"
    assert ladder.due() == []
    assert (ladder.now, ladder.sent, ladder.machine.state) == (0.0, [SendRegister(1, 3600, ())], State.REGISTERING)
    assert ladder.machine.next_deadline() is None
    assert ladder.machine.advance(1.0) == []


def test_registered_until_it_ends() -> None:
    ladder = Ladder()
    ladder.due()
    assert ladder.answer(200, ("Contact", f"{OURS};expires=120")) == [Registered(120)]
    assert (ladder.machine.state, ladder.machine.why) == (State.REGISTERED, "it registered us for 120 s")
    assert ladder.machine.expires_at == 120.0
    assert (ladder.machine.is_registered(119.9), ladder.machine.is_registered(120.0)) == (True, False)


@pytest.mark.parametrize(
    ("expires_s", "spread", "at"),
    [(3_600, 0.0, 3_000.0), (1_200, 0.0, 600.0), (60, 0.0, 30.0), (60, 1.0, 27.0), (3_600, 1.0, 2_700.0)],
)
def test_it_is_renewed_well_before_it_ends(expires_s: int, spread: float, at: float) -> None:
    ladder = registered(expires_s, spread)
    assert ladder.due() == []
    assert ladder.now == pytest.approx(at)
    assert (ladder.sent[-1], ladder.machine.state) == (SendRegister(2, expires_s, ()), State.REFRESHING)
    assert ladder.answer(200) == [], "being registered still is no news"
    assert ladder.machine.expires_at == pytest.approx(at + expires_s)


def test_a_challenge_is_answered_once_for_each_attempt() -> None:
    ladder = Ladder()
    ladder.due()
    assert ladder.answer(401, CHALLENGE) == []
    ((name, value),) = ladder.sent[-1].credentials
    given = Credentials.parse(value)
    assert (ladder.sent[-1].number, name) == (2, "Authorization")
    assert (given.username, given.uri) == ("us", "sip:carrier.example")
    assert ladder.answer(200) == [Registered(3_600)]
    ladder.due()
    assert ladder.sent[-1] == SendRegister(3, 3_600, ())
    ladder.answer(401, CHALLENGE)
    assert "nc=00000002" in ladder.sent[-1].credentials[0][1], "the same nonce again, and counted"
    assert ladder.answer(200) == []


def test_a_proxy_and_the_registrar_may_both_challenge() -> None:
    ladder = Ladder()
    ladder.due()
    ladder.answer(407, ("Proxy-Authenticate", CHALLENGE[1]))
    ladder.answer(401, CHALLENGE)
    assert [name for name, _ in ladder.sent[-1].credentials] == ["Proxy-Authorization", "Authorization"]
    assert ladder.answer(200) == [Registered(3_600)]


def test_a_stale_nonce_is_answered_again() -> None:
    ladder = Ladder()
    ladder.due()
    ladder.answer(401, CHALLENGE)
    ladder.answer(401, STALE)
    assert 'nonce="n2"' in ladder.sent[-1].credentials[0][1]


def test_a_wrong_password_is_not_tried_again_for_an_hour() -> None:
    ladder = Ladder()
    ladder.due()
    ladder.answer(401, CHALLENGE)
    why = "the carrier does not accept this user and password"
    assert ladder.answer(401, CHALLENGE) == [NotRegistered(why, REFUSED_WAIT_S)]
    assert (ladder.machine.state, ladder.machine.why) == (State.REFUSED, why)
    ladder.due()
    assert (ladder.now, len(ladder.sent), ladder.machine.state) == (REFUSED_WAIT_S, 3, State.REGISTERING)


def test_a_challenge_for_another_realm_is_not_answered() -> None:
    ladder = Ladder()
    ladder.due()
    (said,) = ladder.answer(401, (CHALLENGE[0], CHALLENGE[1].replace("carrier.example", "elsewhere")))
    assert said == NotRegistered(
        "no Digest challenge for the realm 'carrier.example', but for 'elsewhere'", REFUSED_WAIT_S
    )


@pytest.mark.parametrize("status", [403, 404])
def test_a_user_it_does_not_want_waits_an_hour(status: int) -> None:
    ladder = Ladder()
    ladder.due()
    assert ladder.answer(status, reason="No\x7f") == [NotRegistered(f"it answered {status} No\\x7f", REFUSED_WAIT_S)]


def test_failures_are_repeated_ever_more_seldom() -> None:
    ladder, waits = Ladder(), []
    for _ in range(8):
        ladder.due()
        (said,) = ladder.silence()
        assert isinstance(said, NotRegistered)
        waits.append(said.retry_s)
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert (ladder.machine.state, ladder.machine.why) == (State.WAITING, "nothing came back")
    ladder.due()
    ladder.answer(200)
    ladder.due()
    assert ladder.answer(500) == [NotRegistered("it answered 500 Reason", 60.0)], "a success begins anew"


def test_waits_are_spread_downwards() -> None:
    ladder = Ladder(spread=1.0)
    ladder.due()
    assert ladder.silence() == [NotRegistered("nothing came back", 30.0)]


@pytest.mark.parametrize(
    ("status", "written", "wait_s"),
    [(503, "7", 7.0), (500, "7", 7.0), (403, "7", 7.0), (503, "999999", RETRY_AFTER_CEILING_S), (503, "0", 60.0)],
)
def test_retry_after_is_obeyed(status: int, written: str, wait_s: float) -> None:
    ladder = Ladder()
    ladder.due()
    assert ladder.answer(status, ("Retry-After", written)) == [NotRegistered(f"it answered {status} Reason", wait_s)]
    assert ladder.machine.next_deadline() == wait_s


def test_a_carrier_that_wants_longer_registrations_gets_them() -> None:
    ladder = Ladder(60)
    ladder.due()
    ladder.answer(401, CHALLENGE)
    assert ladder.answer(423, ("Min-Expires", "300")) == []
    assert ladder.sent[-1] == SendRegister(3, 300, ()), "credentials are good for one request"
    ladder.answer(401, CHALLENGE)
    assert ladder.answer(200) == [Registered(300)]
    ladder.due()
    assert ladder.sent[-1].expires_s == 300, "it is not asked for less again"


@pytest.mark.parametrize("least", [None, "60", "30", "soon", str(MIN_EXPIRES_CEILING_S + 1)])
def test_a_423_that_makes_no_sense_is_a_failure(least: str | None) -> None:
    ladder = Ladder(60)
    ladder.due()
    headers = [] if least is None else [("Min-Expires", least)]
    assert ladder.answer(423, *headers) == [NotRegistered("it answered 423 Reason", 60.0)]


def test_a_carrier_that_raises_its_minimum_each_time_is_not_followed() -> None:
    ladder = Ladder(60)
    ladder.due()
    ladder.answer(423, ("Min-Expires", "300"))
    assert ladder.answer(423, ("Min-Expires", "400")) == [NotRegistered("it answered 423 Reason", 60.0)]


def test_a_registration_for_no_time_is_none() -> None:
    ladder = Ladder()
    ladder.due()
    why = "it answered 200, but registered us for no time at all"
    assert ladder.answer(200, ("Expires", "0")) == [NotRegistered(why, 60.0)]


def test_after_a_failed_renewal_it_is_registered_until_it_ends() -> None:
    ladder = registered(3_600)
    ladder.due()
    ladder.silence()
    assert (ladder.machine.state, ladder.machine.is_registered(3_599.0)) == (State.WAITING, True)
    ladder.due()
    assert ladder.answer(200) == [Registered(3_600)]


def test_an_answer_to_an_earlier_one_is_nothing_new() -> None:
    ladder = Ladder()
    ladder.due()
    ladder.answer(401, CHALLENGE)
    late = Response.make(403, "Forbidden", ())
    assert ladder.machine.answered(1, ladder.requests[0], late, 1.0) == []
    assert ladder.machine.failed(1, "nothing came back", 1.0) == []
    ladder.answer(200)
    assert ladder.answer(403) == [], "nor is a second one to the same"
    assert ladder.machine.state is State.REGISTERED


# The end -------------------------------------------------------------------------------------------------------------


def test_it_is_taken_back() -> None:
    ladder = registered()
    assert ladder.stop() == []
    assert (ladder.sent[-1], ladder.machine.state) == (SendRegister(2, 0, ()), State.REMOVING)
    ladder.answer(401, CHALLENGE)
    assert (ladder.sent[-1].expires_s, len(ladder.sent[-1].credentials)) == (0, 1)
    assert ladder.answer(200) == []
    assert (ladder.machine.is_over, ladder.machine.next_deadline(), ladder.machine.expires_at) == (True, None, None)
    assert ladder.stop() == []


@pytest.mark.parametrize("status", [403, 423, 500])
def test_whatever_is_answered_to_that_it_is_over(status: int) -> None:
    ladder = registered()
    ladder.stop()
    assert ladder.stop() == []
    assert ladder.answer(status, ("Min-Expires", "7200")) == []
    assert ladder.machine.is_over


def test_nothing_is_taken_back_where_nothing_is() -> None:
    waiting, refused, lapsed = Ladder(), Ladder(), registered()
    refused.due()
    refused.answer(403)
    lapsed.now = 3_600.0
    for ladder in (waiting, refused, lapsed):
        sent = len(ladder.sent)
        assert (ladder.stop(), len(ladder.sent), ladder.machine.is_over) == ([], sent, True)


def test_what_may_be_registered_is_taken_back_too() -> None:
    registering, refreshing, failed, refused = Ladder(), registered(), registered(), registered()
    registering.due()
    for ladder in (refreshing, failed, refused):
        ladder.due()
    failed.silence()
    refused.answer(403)
    for ladder in (registering, refreshing, failed, refused):
        ladder.stop()
        assert (ladder.sent[-1].expires_s, ladder.machine.state) == (0, State.REMOVING)


# What was granted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 600),
        ([("Expires", "300")], 300),
        ([("Expires", "soon")], 600),
        ([("Expires", "7200")], 600),
        ([("Contact", f"{OURS};expires=60"), ("Expires", "300")], 60),
        ([("Contact", OURS), ("Expires", "300")], 300),
        ([("Contact", f"<sip:us@10.0.0.1>;expires=90, {OURS};expires=60")], 60),
        ([("Contact", "<sip:us@198.51.100.7:1024>;expires=90")], 90),
        ([("Contact", "<sip:us@10.0.0.1>;expires=90, <sip:us@10.0.0.2>;expires=80")], 600),
        ([("Contact", f"<tel:+31>;expires=5, {OURS};expires=60")], 60),
    ],
)
def test_for_how_long(headers: list[tuple[str, str]], seconds: int) -> None:
    request = register(TRUNK, WAY, Registration("c", "t", 1, 600), lambda: "token")
    assert granted_s(request, Response.make(200, "OK", headers), 600) == seconds
