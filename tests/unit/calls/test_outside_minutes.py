"""Talk of a day: what it adds up to, and what is forgotten."""

from __future__ import annotations

import pytest

from strowger.calls.outside_minutes import DAY_S, TalkTime


def test_talk_that_goes_on_is_counted_as_it_goes() -> None:
    talk = TalkTime()
    assert talk.used_s(5.0) == 0.0
    talk.begin(10.0)
    talk.begin(20.0)
    assert talk.used_s(30.0) == 30.0
    talk.end(10.0, 40.0)
    assert talk.used_s(50.0) == 60.0
    talk.end(20.0, 50.0)
    assert talk.used_s(1_000.0) == 60.0


@pytest.mark.parametrize("ended_at", [0.0, 359.0, 360.0, 50_000.5])
def test_what_ended_counts_for_a_day_and_at_most_a_tenth_of_an_hour_longer(ended_at: float) -> None:
    talk = TalkTime()
    talk.add(60.0, ended_at)
    assert talk.used_s(ended_at + DAY_S) == 60.0
    assert talk.used_s(ended_at + DAY_S + 720.0) == 0.0


def test_no_more_is_kept_than_the_tenths_of_a_day() -> None:
    talk = TalkTime()
    for number in range(100_000):
        talk.add(1.0, number * 10.0)
    assert len(talk._ended) <= DAY_S / 360.0 + 2
    assert talk.used_s(999_990.0) == pytest.approx(DAY_S / 10.0, abs=72)


def test_an_end_before_the_beginning_adds_nothing() -> None:
    talk = TalkTime()
    talk.begin(10.0)
    talk.end(10.0, 9.0)
    assert talk.used_s(20.0) == 0.0


def test_a_copy_goes_on_apart() -> None:
    talk = TalkTime()
    talk.begin(0.0)
    talk.add(60.0, 10.0)
    copy = talk.copy()
    copy.end(0.0, 20.0)
    assert (talk.used_s(100.0), copy.used_s(100.0)) == (160.0, 80.0)
