"""Answers are fresh for their time, stale for an hour more, and a failure is not repeated at every call."""

from __future__ import annotations

import pytest

from strowger.sip.location.cache import AnswerCache
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.records import Answer, Kind, Question

HOST = Question(Kind.A, "a.example")
GOOD = Answer(("192.0.2.1",), 60.0)
FAILED = Answer(failure="SERVFAIL")


def a_cache(**limits: float) -> AnswerCache:
    return AnswerCache(LocationLimits(**limits))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "fresh_s"),
    [
        (GOOD, 60.0),
        (Answer(("192.0.2.1",), 0.0), 5.0),
        (Answer(("192.0.2.1",), 86_400.0), 3_600.0),
        (Answer((), 60.0), 60.0),
        (Answer((), 86_400.0), 300.0),
        (Answer((), 0.0), 5.0),
    ],
)
def test_how_long_an_answer_is_fresh(answer: Answer, fresh_s: float) -> None:
    cache = a_cache()
    assert cache.remember(HOST, answer, 100.0) == answer
    assert cache.fresh(HOST, 100.0 + fresh_s - 0.001) == answer
    assert cache.fresh(HOST, 100.0 + fresh_s) is None


def test_the_last_good_answer_stands_in_for_a_failure_for_an_hour() -> None:
    cache = a_cache()
    cache.remember(HOST, GOOD, 0.0)
    assert cache.remember(HOST, FAILED, 61.0) == GOOD
    assert cache.fresh(HOST, 62.0) == GOOD
    assert cache.last(HOST, 3_659.9, "too late") == GOOD
    assert cache.last(HOST, 3_660.0, "too late") == Answer(failure="too late")
    assert cache.remember(HOST, FAILED, 3_660.0) == FAILED


def test_stale_answers_are_not_called_fresh_beyond_their_hour() -> None:
    cache = a_cache()
    cache.remember(HOST, GOOD, 0.0)
    cache.remember(HOST, FAILED, 3_659.0)
    assert cache.fresh(HOST, 3_659.9) == GOOD
    assert cache.fresh(HOST, 3_660.0) is None


def test_that_there_is_no_such_record_is_a_good_answer_too() -> None:
    cache = a_cache()
    cache.remember(HOST, Answer((), 60.0), 0.0)
    assert cache.remember(HOST, FAILED, 61.0) == Answer((), 60.0)


def test_a_failed_question_rests_longer_each_time() -> None:
    cache, now, rests = a_cache(), 0.0, []
    for _ in range(6):
        cache.remember(HOST, FAILED, now)
        rest = next(s for s in range(1, 100) if cache.fresh(HOST, now + s) is None)
        rests.append(rest)
        now += rest
    assert rests == [5, 10, 20, 40, 60, 60]


def test_a_success_forgives() -> None:
    cache = a_cache()
    cache.remember(HOST, FAILED, 0.0)
    cache.remember(HOST, FAILED, 5.0)
    cache.remember(HOST, GOOD, 20.0)
    cache.remember(HOST, FAILED, 100.0)
    assert cache.fresh(HOST, 104.9) == GOOD
    assert cache.fresh(HOST, 105.0) is None


def test_an_unknown_question_has_no_last_answer() -> None:
    assert a_cache().last(HOST, 0.0, "nobody knows") == Answer(failure="nobody knows")


def test_the_oldest_answer_makes_room() -> None:
    cache = a_cache(names=2)
    for name in "abc":
        cache.remember(Question(Kind.A, name), GOOD, 0.0)
    assert len(cache) == 2
    assert cache.fresh(Question(Kind.A, "a"), 1.0) is None
    assert cache.fresh(Question(Kind.A, "c"), 1.0) == GOOD


def test_asking_again_makes_an_answer_young() -> None:
    cache = a_cache(names=2)
    for name in "aba":
        cache.remember(Question(Kind.A, name), GOOD, 0.0)
    cache.remember(Question(Kind.A, "c"), GOOD, 0.0)
    assert cache.fresh(Question(Kind.A, "a"), 1.0) == GOOD
