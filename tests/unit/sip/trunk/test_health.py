"""The health of a trunk: slow to change its mind, quick to obey Retry-After."""

from __future__ import annotations

import itertools

import pytest

from strowger.sip.trunk.health import (
    IMPOSSIBLE,
    OUT_OF_SERVICE,
    TABLE,
    Health,
    HealthOutput,
    HealthPolicy,
    Input,
    SendOptions,
    State,
    WentDown,
    WentUp,
)


def a_trunk(policy: HealthPolicy | None = None, spread: float = 0.0) -> Health:
    return Health(policy or HealthPolicy(), 0.0, lambda: spread)


class Ladder:
    """A trunk and its far side: `alive` answers every OPTIONS at once, a dead one never."""

    def __init__(self, policy: HealthPolicy | None = None, spread: float = 0.0) -> None:
        self.health = a_trunk(policy, spread)
        self.alive = True
        self.log: list[tuple[float, str]] = []

    def until(self, end: float) -> list[tuple[float, str]]:
        """What happened up to `end`, and when."""
        self.log.clear()
        while (now := self.health.next_deadline()) is not None and now <= end:
            self._take(self.health.advance(now), now)
        return self.log

    def _take(self, outputs: list[HealthOutput], now: float) -> None:
        for output in outputs:
            self.log.append((round(now, 3), type(output).__name__))
            if isinstance(output, SendOptions) and self.alive:
                self._take(self.health.options_answered(output.number, 200, None, now), now)


def test_every_pair_is_a_row_or_impossible() -> None:
    assert set(TABLE) | IMPOSSIBLE == set(itertools.product(State, Input))
    assert not set(TABLE) & IMPOSSIBLE


def test_it_is_asked_at_once_and_then_every_interval() -> None:
    ladder = Ladder()
    assert ladder.until(31.0) == [(0.0, "SendOptions"), (15.0, "SendOptions"), (30.0, "SendOptions")]
    assert ladder.health.state is State.UP
    assert ladder.health.why == "it answered 200 to OPTIONS"


def test_intervals_are_spread_but_never_longer() -> None:
    assert Ladder(spread=1.0).until(14.0) == [(0.0, "SendOptions"), (13.5, "SendOptions")]


def test_a_trunk_that_dies_right_after_an_answer_is_down_within_half_a_minute() -> None:
    ladder = Ladder()
    ladder.until(0.0)
    ladder.alive = False
    assert ladder.until(30.0) == [
        (15.0, "SendOptions"),
        (20.0, "SendOptions"),
        (25.0, "SendOptions"),
        (28.0, "WentDown"),
    ]
    assert ladder.health.why == "it did not answer OPTIONS within 3 s"


def test_a_down_trunk_comes_up_after_two_answers() -> None:
    ladder = Ladder()
    ladder.alive = False
    ladder.until(13.0)
    assert ladder.health.state is State.DOWN
    ladder.alive = True
    assert ladder.until(45.0) == [
        (28.0, "SendOptions"),
        (30.0, "SendOptions"),
        (30.0, "WentUp"),
        (45.0, "SendOptions"),
    ]


def test_a_relapse_while_recovering_begins_again() -> None:
    ladder = Ladder()
    ladder.alive = False
    ladder.until(13.0)
    ladder.alive = True
    ladder.until(28.0)
    assert ladder.health.state is State.RECOVERING
    ladder.alive = False
    assert ladder.until(40.0) == [(30.0, "SendOptions")]
    assert ladder.health.state is State.DOWN
    ladder.until(70.0)
    assert ladder.health.state is State.DOWN


def test_one_success_clears_a_suspicion() -> None:
    health = a_trunk()
    health.call_failed("silence", 1.0)
    health.call_failed("silence", 2.0)
    assert health.state is State.SUSPECT
    assert health.is_usable
    health.call_answered(180, None, 3.0)
    assert health.state is State.UP
    health.call_failed("silence", 4.0)
    assert health.state is State.SUSPECT


def test_failed_calls_count() -> None:
    health = a_trunk()
    assert health.call_failed("no answer to INVITE", 1.0) == []
    assert health.call_answered(503, None, 1.0) == []
    assert health.call_failed("connection refused", 1.0) == [WentDown("connection refused")]


@pytest.mark.parametrize("status", [180, 183, 200, 302, 404, 408, 480, 486, 500, 502, 504, 603])
def test_any_other_answer_to_a_call_shows_life(status: int) -> None:
    health = a_trunk()
    health.call_failed("silence", 1.0)
    health.call_answered(status, None, 2.0)
    assert health.state is State.UP


@pytest.mark.parametrize("status", [200, 401, 404, 405, 481, 483, 500, 501, *OUT_OF_SERVICE])
def test_which_answers_to_options_show_life(status: int) -> None:
    health = a_trunk()
    health.advance(0.0)
    health.options_answered(1, status, None, 1.0)
    assert (health.state is State.SUSPECT) == (status in OUT_OF_SERVICE)


def test_retry_after_silences_everything_until_it_is_over() -> None:
    health = a_trunk()
    health.advance(0.0)
    down = health.call_answered(503, 40.0, 1.0)
    assert down == [WentDown("it answered 503 and wants to be left alone for 40 s")]
    assert not health.is_usable
    assert health.held_until == health.next_deadline() == 41.0
    assert health.options_answered(1, 200, None, 2.0) == []
    assert health.call_answered(200, None, 2.0) == []
    assert health.call_failed("silence", 2.0) == []
    assert health.advance(40.9) == []
    assert health.advance(41.0) == [WentUp("the time it wanted to be left alone is over"), SendOptions(2)]
    assert health.state is State.SUSPECT
    assert health.held_until is None


def test_an_answer_to_options_may_ask_for_it_too() -> None:
    health = a_trunk()
    health.advance(0.0)
    health.options_answered(1, 503, 10.0, 1.0)
    assert health.held_until == 11.0


def test_a_longer_hold_counts_and_a_shorter_does_not() -> None:
    health = a_trunk()
    health.call_answered(503, 40.0, 0.0)
    assert health.call_answered(503, 10.0, 1.0) == []
    assert health.held_until == 40.0
    assert health.call_answered(503, 60.0, 1.0) == []
    assert health.held_until == 61.0


def test_nobody_is_left_alone_for_a_day() -> None:
    health = a_trunk()
    health.call_answered(503, 86_400.0, 0.0)
    assert health.held_until == 300.0


def test_retry_after_0_is_a_plain_failure() -> None:
    health = a_trunk()
    health.call_answered(503, 0.0, 0.0)
    assert health.state is State.SUSPECT


def test_failures_before_a_hold_are_forgotten_after_it() -> None:
    health = a_trunk()
    health.call_failed("silence", 0.0)
    health.call_failed("silence", 0.0)
    health.call_answered(503, 10.0, 0.0)
    health.advance(10.0)
    assert health.call_failed("silence", 11.0) == []


def test_a_down_trunk_can_be_put_on_hold() -> None:
    health = a_trunk(HealthPolicy(failures_to_go_down=1))
    assert health.call_failed("silence", 0.0) == [WentDown("silence")]
    health.advance(0.0)
    assert health.options_answered(1, 503, 10.0, 1.0) == []
    assert health.state is State.HELD


def test_late_and_foreign_outcomes_are_nothing_new() -> None:
    health = a_trunk()
    assert health.advance(0.0) == [SendOptions(1)]
    health.advance(3.0)
    assert health.state is State.SUSPECT
    assert health.options_answered(1, 200, None, 4.0) == []
    assert health.options_failed(1, "timed out", 32.0) == []
    assert health.options_failed(7, "timed out", 32.0) == []
    assert health.state is State.SUSPECT


def test_options_that_cannot_be_sent_are_a_failure() -> None:
    health = a_trunk(HealthPolicy(failures_to_go_down=1))
    health.advance(0.0)
    assert health.options_failed(1, "no address", 0.0) == [WentDown("no address")]


def test_with_single_thresholds_it_goes_straight_down_and_up() -> None:
    health = a_trunk(HealthPolicy(failures_to_go_down=1, successes_to_come_up=1))
    health.call_failed("silence", 0.0)
    assert health.state is State.DOWN
    health.call_answered(200, None, 1.0)
    assert health.state is State.UP


def test_only_one_options_at_a_time() -> None:
    health = a_trunk()
    health.advance(0.0)
    health.call_failed("silence", 1.0)
    assert health.next_deadline() == 3.0
    assert health.advance(3.0) == []
    assert health.next_deadline() == 5.0


def test_without_asking_a_trunk_is_never_down_but_may_be_on_hold() -> None:
    health = a_trunk(HealthPolicy(asks=False))
    assert health.next_deadline() is None
    for _ in range(10):
        assert health.call_failed("silence", 0.0) == []
    assert health.state is State.UP
    health.call_answered(503, 10.0, 0.0)
    assert not health.is_usable
    assert health.advance(10.0) == [WentUp("the time it wanted to be left alone is over")]
    assert health.next_deadline() is None
    health.call_answered(200, None, 11.0)
    assert health.state is State.UP


def test_what_we_could_not_ask_is_no_fault_of_the_trunk() -> None:
    health = Health(HealthPolicy(), 0.0, lambda: 0.0)
    assert health.advance(0.0) == [SendOptions(1)]
    health.not_asked(1, 0.0)
    health.not_asked(1, 1.0)
    assert (health.state, health.why, health.next_deadline()) == (State.UP, "not heard of yet", 15.0)
    assert health.advance(15.0) == [SendOptions(2)]
    health.not_asked(1, 15.0)
    assert health.next_deadline() == 18.0, "only the one under way counts"


@pytest.mark.parametrize("asks", [True, False])
def test_it_says_whether_it_is_asked(asks: bool) -> None:
    assert Health(HealthPolicy(asks=asks), 0.0, lambda: 0.0).is_asked is asks
