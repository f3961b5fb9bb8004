"""The handshake machine: every pair of state and input, and its times."""

from __future__ import annotations

import pytest

from strowger.events.errors import UnexpectedInput
from strowger.events.handshake import (
    ADVICE,
    IMPOSSIBLE,
    POLICIES,
    TABLE,
    Handshake,
    Input,
    State,
)
from strowger.events.retry import Profile

CODE = "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
ECHO = f'{{"validationResponse":"{CODE}"}}'.encode()


def begun(profile: Profile = Profile.TELEPHONY, now: float = 0.0) -> Handshake:
    return Handshake(POLICIES[profile], CODE, now)


def in_flight(profile: Profile = Profile.TELEPHONY) -> Handshake:
    handshake = begun(profile)
    assert handshake.advance(0.0)
    return handshake


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("what", Input)
def test_every_pair_is_a_row_or_impossible(state, what):
    assert ((state, what) in TABLE) is not ((state, what) in IMPOSSIBLE)


@pytest.mark.parametrize(("pair", "row"), TABLE.items(), ids=str)
def test_rows(pair, row):
    handshake = in_flight()
    handshake.state = pair[0]
    handshake.handle(pair[1], 7.0, "why")
    assert handshake.state is row[0]


@pytest.mark.parametrize("pair", sorted(IMPOSSIBLE, key=str), ids=str)
def test_impossible_pairs_are_refused(pair):
    handshake = begun()
    handshake.state = pair[0]
    with pytest.raises(UnexpectedInput):
        handshake.handle(pair[1], 0.0)
    assert handshake.state is pair[0]


def test_every_state_has_advice():
    assert set(ADVICE) == set(State)


def test_the_first_attempt_is_at_once():
    handshake = begun(now=50.0)
    assert not handshake.advance(49.9)
    assert handshake.advance(50.0)
    assert (handshake.state, handshake.attempts, handshake.deadline) == (State.VALIDATING, 1, None)


def test_only_one_attempt_at_a_time():
    assert not in_flight().advance(1e9)


def test_the_echo_settles_it():
    handshake = in_flight()
    handshake.answered(200, ECHO, 1.0)
    assert handshake.state is State.VALID
    assert handshake.is_settled
    assert handshake.deadline is None


def test_telephony_asks_for_ever_ever_more_slowly():
    handshake, now, pauses = begun(), 0.0, []
    for _ in range(8):
        assert handshake.advance(now)
        handshake.unanswered("cannot connect", now)
        assert handshake.deadline is not None
        pauses.append(handshake.deadline - now)
        now = handshake.deadline
    assert pauses == [1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0]
    assert handshake.state is State.PENDING


def test_event_grid_asks_twice():
    handshake = in_flight(Profile.EVENT_GRID)
    handshake.unanswered("cannot connect", 30.0)
    assert (handshake.state, handshake.deadline) == (State.PENDING, 35.0)
    assert handshake.advance(35.0)
    handshake.unanswered("cannot connect", 65.0)
    assert (handshake.state, handshake.detail) == (State.FAILED, "cannot connect")
    assert handshake.deadline is None


@pytest.mark.parametrize("status", [201, 202, 204, 301, 400, 404, 500])
def test_only_200_consents(status):
    handshake = in_flight()
    handshake.answered(status, ECHO, 0.0)
    assert handshake.state is State.PENDING
    assert handshake.detail == f"answered {status} to the validation event instead of 200"


def test_another_code_does_not_consent():
    handshake = in_flight()
    handshake.answered(200, b'{"validationResponse":"other"}', 0.0)
    assert handshake.state is State.PENDING


@pytest.mark.parametrize("body", [b"", b"OK", b"{}", b"[]"])
def test_200_without_a_code_waits_for_the_url(body):
    handshake = in_flight()
    handshake.answered(200, body, 0.0)
    assert handshake.state is State.AWAITING_MANUAL
    assert handshake.confirm(4.0)
    assert handshake.state is State.VALID


def test_telephony_asks_again_while_it_waits_for_the_url():
    handshake = in_flight()
    handshake.answered(200, b"", 0.0)
    assert handshake.deadline == 5.0
    assert handshake.advance(5.0)
    handshake.answered(200, ECHO, 5.0)
    assert handshake.state is State.VALID


def test_event_grid_waits_ten_minutes_for_the_url():
    handshake = in_flight(Profile.EVENT_GRID)
    handshake.answered(200, b"", 0.0)
    assert not handshake.advance(599.9)
    assert handshake.state is State.AWAITING_MANUAL
    assert not handshake.advance(600.0)
    assert (handshake.state, handshake.detail) == (State.FAILED, "the validation URL was not opened in time")
    assert not handshake.confirm(601.0)
    assert handshake.state is State.FAILED


def test_an_endpoint_may_open_the_url_before_it_answers():
    handshake = in_flight()
    assert handshake.confirm(0.1)
    handshake.answered(200, b"", 0.2)
    assert (handshake.state, handshake.detail) == (State.VALID, "the validation URL was opened")
    assert handshake.confirm(0.3)


@pytest.mark.parametrize("status", [200, 204, 405, 503])
def test_an_allowed_origin_settles_it_whatever_the_status(status):
    handshake = in_flight()
    handshake.permitted(status, 1.0, is_allowed=True)
    assert (handshake.state, handshake.detail) == (State.VALID, "allowed our origin")


def test_an_allowed_rate_comes_with_consent():
    handshake = in_flight()
    handshake.permitted(200, 1.0, is_allowed=True, rate=120)
    assert (handshake.allowed_rate, handshake.detail) == (120, "allowed our origin, 120 requests a minute")
    refused = in_flight()
    refused.permitted(200, 1.0, is_allowed=False, rate=120)
    assert refused.allowed_rate == 0


@pytest.mark.parametrize(
    ("status", "state"),
    [(199, State.PENDING), (200, State.AWAITING_MANUAL), (299, State.AWAITING_MANUAL), (300, State.PENDING)],
)
def test_no_status_alone_is_consent_to_cloud_events(status, state):
    handshake = in_flight()
    handshake.permitted(status, 1.0, is_allowed=False)
    assert handshake.state is state
    assert handshake.detail.startswith(f"answered {status} to OPTIONS")
