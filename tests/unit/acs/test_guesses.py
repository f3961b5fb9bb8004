from __future__ import annotations

import pytest

from strowger.acs.auth import Principal
from strowger.acs.errors import GuessesSpent
from strowger.acs.guesses import PRINCIPALS_REMEMBERED, WINDOW_S, Guesses

NOW = 1_767_225_600.0
DEV = Principal("dev", signature=b"one")
ALICE = Principal("dev", "8:acs:dev_alice", ("voip",))


def wrong(guesses: Guesses, principal: Principal, times: int, now: float = NOW) -> None:
    for _ in range(times):
        guesses.require_few(principal, now)
        guesses.missed(principal, now)


def test_whoever_was_wrong_often_enough_is_not_heard_for_the_rest_of_the_minute() -> None:
    guesses = Guesses(3)
    wrong(guesses, DEV, 3)
    for now, left in ((NOW, "60"), (NOW + 0.5, "60"), (NOW + 59.5, "1")):
        with pytest.raises(GuessesSpent) as caught:
            guesses.require_few(Principal("dev", signature=b"another"), now)
        assert f"heard again in {left} s" in caught.value.message
        assert caught.value.headers == ()  # the SDKs would repeat what is wrong
        assert (caught.value.status, caught.value.code) == (429, "8516")
    wrong(guesses, DEV, 3, NOW + WINDOW_S)


def test_each_user_is_counted_alone() -> None:
    guesses = Guesses(1)
    wrong(guesses, ALICE, 1)
    wrong(guesses, DEV, 1)
    for each in (ALICE, DEV):
        with pytest.raises(GuessesSpent):
            guesses.require_few(each, NOW)
    wrong(guesses, Principal("other"), 1)


@pytest.mark.parametrize("jump_s", [-3_600.0, -0.1, 3_600.0])
def test_a_clock_that_is_set_locks_nobody_out(jump_s: float) -> None:
    guesses = Guesses(1)
    wrong(guesses, DEV, 1)
    wrong(guesses, DEV, 1, NOW + jump_s)


def test_only_so_many_are_remembered() -> None:
    guesses = Guesses(1)
    for number in range(PRINCIPALS_REMEMBERED + 1):
        guesses.missed(Principal("dev", str(number)), NOW)
    assert len(guesses) == PRINCIPALS_REMEMBERED
    guesses.require_few(Principal("dev", "0"), NOW)
    with pytest.raises(GuessesSpent):
        guesses.require_few(Principal("dev", "1"), NOW)
