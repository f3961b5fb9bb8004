"""The retry table, by exact times."""

from __future__ import annotations

import itertools

import pytest

from strowger.events.retry import DELIVERED, NOT_RETRIED, SCHEDULES, GiveUp, Profile, Reason, RetryAt, decide
from strowger.events.terms import MOST_ATTEMPTS


def times(profile: Profile, deadline: float, attempt_s: float = 0.0, status: int = 500) -> list[float]:
    """When attempts start, if each fails after `attempt_s`."""
    now, starts = 0.0, [0.0]
    while True:
        decision = decide(
            SCHEDULES[profile], attempts=len(starts), status=status, now=now + attempt_s, deadline=deadline
        )
        if isinstance(decision, GiveUp):
            assert decision.reason is Reason.EXPIRED
            return starts
        now = decision.at
        starts.append(now)


def test_telephony_fits_the_ring_window():
    assert SCHEDULES[Profile.TELEPHONY].timeout_s == 3.0
    assert times(Profile.TELEPHONY, 30.0) == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5]


def test_what_only_reports_is_tried_for_all_of_its_hour():
    starts = times(Profile.TELEPHONY, 3_600.0)
    assert starts[13:21] == [51.5, 59.5, 74.5, 104.5, 164.5, 284.5, 584.5, 884.5]
    assert len(starts) <= MOST_ATTEMPTS


def test_telephony_with_an_endpoint_that_hangs():
    assert times(Profile.TELEPHONY, 30.0, attempt_s=3.0) == [0.0, 3.5, 7.5, 12.5, 19.5, 26.5]


def test_event_grid_steps():
    steps = [10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 21_600.0, 43_200.0, 43_200.0]
    starts = times(Profile.EVENT_GRID, 10 * 86_400.0)
    assert SCHEDULES[Profile.EVENT_GRID].timeout_s == 30.0
    assert [later - earlier for earlier, later in itertools.pairwise(starts)][: len(steps)] == steps


def test_event_grid_gets_one_retry_into_a_ring_window():
    assert times(Profile.EVENT_GRID, 30.0) == [0.0, 10.0]
    assert times(Profile.EVENT_GRID, 30.0, attempt_s=30.0) == [0.0]


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_refusals_are_not_retried(status):
    decision = decide(SCHEDULES[Profile.TELEPHONY], attempts=1, status=status, now=0.0, deadline=30.0)
    assert decision == GiveUp(Reason.REFUSED)


@pytest.mark.parametrize("status", [None, 100, 205, 206, 301, 302, 307, 404, 408, 410, 429, 500, 502, 503, 504])
def test_everything_else_is_retried(status):
    decision = decide(SCHEDULES[Profile.TELEPHONY], attempts=1, status=status, now=0.0, deadline=30.0)
    assert decision == RetryAt(0.5)


def test_the_refusals_are_a_setting():
    schedule = SCHEDULES[Profile.TELEPHONY]
    retried = decide(schedule, attempts=1, status=400, now=0.0, deadline=9.0, not_retried=frozenset({410}))
    given_up = decide(schedule, attempts=1, status=410, now=0.0, deadline=9.0, not_retried=frozenset({410}))
    assert (retried, given_up) == (RetryAt(0.5), GiveUp(Reason.REFUSED))


def test_the_deadline_itself_is_too_late():
    schedule = SCHEDULES[Profile.TELEPHONY]
    assert decide(schedule, attempts=1, status=None, now=1.0, deadline=1.5) == GiveUp(Reason.EXPIRED)
    assert decide(schedule, attempts=1, status=None, now=1.0, deadline=1.5001) == RetryAt(1.5)


@pytest.mark.parametrize(("attempts", "is_last"), [(1, False), (2, False), (3, True), (4, True), (30, True)])
def test_the_last_attempt_is_the_last_even_if_there_should_have_been_fewer(attempts, is_last):
    decision = decide(
        SCHEDULES[Profile.EVENT_GRID], attempts=attempts, status=500, now=0.0, deadline=1e6, most_attempts=3
    )
    assert isinstance(decision, GiveUp) == is_last
    assert not is_last or decision == GiveUp(Reason.EXHAUSTED)


def test_success_and_refusal_do_not_meet():
    assert sorted(DELIVERED) == [200, 201, 202, 203, 204]
    assert not DELIVERED & NOT_RETRIED


@pytest.mark.parametrize(
    ("status", "first", "second"), [(None, 10.0, 30.0), (500, 10.0, 30.0), (503, 30.0, 30.0), (408, 120.0, 120.0)]
)
def test_event_grid_waits_longer_after_some_statuses(status, first, second):
    schedule = SCHEDULES[Profile.EVENT_GRID]
    assert (schedule.pause_s(1, status), schedule.pause_s(2, status)) == (first, second)
    assert (schedule.pause_s(1, 404), schedule.pause_s(5, 404)) == (300.0, 600.0)


@pytest.mark.parametrize(
    ("profile", "asked_s", "pause_s"),
    [
        (Profile.TELEPHONY, 0.0, 0.5),
        (Profile.TELEPHONY, 0.4, 0.5),
        (Profile.TELEPHONY, 3.0, 3.0),
        (Profile.TELEPHONY, 8.0, 8.0),
        (Profile.TELEPHONY, 9.0, 8.0),
        (Profile.TELEPHONY, 1e9, 8.0),
        (Profile.EVENT_GRID, 9.0, 10.0),
        (Profile.EVENT_GRID, 3_600.0, 3_600.0),
        (Profile.EVENT_GRID, 3_601.0, 3_600.0),
    ],
)
def test_an_endpoint_may_ask_for_time_within_bounds(profile, asked_s, pause_s):
    decision = decide(SCHEDULES[profile], attempts=1, status=429, now=100.0, deadline=1e6, asked_s=asked_s)
    assert decision == RetryAt(100.0 + pause_s)


def test_what_an_endpoint_asks_for_ends_at_the_deadline():
    schedule = SCHEDULES[Profile.TELEPHONY]
    assert decide(schedule, attempts=1, status=503, now=25.0, deadline=30.0, asked_s=5.0) == GiveUp(Reason.EXPIRED)


def test_the_number_of_attempts_may_be_bounded():
    schedule = SCHEDULES[Profile.EVENT_GRID]
    again = decide(schedule, attempts=1, status=500, now=0.0, deadline=1e6, most_attempts=2)
    over = decide(schedule, attempts=2, status=500, now=0.0, deadline=1e6, most_attempts=2)
    assert (again, over) == (RetryAt(10.0), GiveUp(Reason.EXHAUSTED))


def test_only_event_grid_outlives_the_hop():
    assert [profile for profile in Profile if SCHEDULES[profile].outlives_hop] == [Profile.EVENT_GRID]
