"""RFC 2782: by priority, and by lot among equals."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from strowger.sip.location.weighted import Draw, in_order, keyed_draw


class Choice(NamedTuple):
    name: str
    priority: int
    weight: int


def drawing(*numbers: float) -> Draw:
    left: Iterator[float] = iter(numbers)
    return lambda: next(left)


def names(choices: list[Choice], draw: Draw) -> str:
    return "".join(choice.name for choice in in_order(choices, draw))


def test_lower_priority_first_and_nothing_is_drawn_for_a_single_one() -> None:
    assert names([Choice("b", 20, 0), Choice("a", 10, 0), Choice("c", 30, 9)], drawing()) == "abc"


@pytest.mark.parametrize(
    ("numbers", "order"),
    [
        # weights z=0 a=1 b=3: drawn from 0 to 4, running sums z=0 a=1 b=4
        ((0.0, 0.0), "zab"),  # nothing but 0 itself reaches weight 0 first
        ((0.001, 0.001), "abz"),
        ((0.25, 0.0), "azb"),  # 1.0 is still reached by a
        ((0.26, 0.5), "baz"),
        ((0.99, 0.0), "bza"),
    ],
)
def test_the_first_running_sum_that_reaches_the_number(numbers: tuple[float, ...], order: str) -> None:
    assert names([Choice("a", 1, 1), Choice("z", 1, 0), Choice("b", 1, 3)], drawing(*numbers)) == order


def test_where_all_weights_are_0_all_are_equal() -> None:
    choices = [Choice("a", 1, 0), Choice("b", 1, 0)]
    assert (names(choices, lambda: 0.49), names(choices, lambda: 0.5)) == ("ab", "ba")


def test_equal_choices_are_all_there() -> None:
    assert names([Choice("a", 1, 1), Choice("a", 1, 1)], lambda: 0.5) == "aa"


def test_the_shares_are_those_of_the_weights() -> None:
    draw = random.Random(1).random
    choices = [Choice("a", 1, 10), Choice("b", 1, 30), Choice("c", 1, 60)]
    firsts = [names(choices, draw)[0] for _ in range(5_000)]
    for name, share in (("a", 0.1), ("b", 0.3), ("c", 0.6)):
        assert firsts.count(name) / 5_000 == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("weight", [0, 1])
def test_two_equal_choices_share_evenly(weight: int) -> None:
    draw = random.Random(2).random
    choices = [Choice("a", 1, weight), Choice("b", 1, weight)]
    firsts = [names(choices, draw)[0] for _ in range(5_000)]
    assert firsts.count("a") / 5_000 == pytest.approx(0.5, abs=0.03)


def test_keyed_chance_repeats_itself_for_the_same_call_only() -> None:
    def first_three(key: bytes, call: str) -> list[float]:
        draw = keyed_draw(key, call)
        return [draw() for _ in range(3)]

    same = first_three(b"secret", "call-1")
    assert first_three(b"secret", "call-1") == same
    assert first_three(b"secret", "call-2") != same
    assert first_three(b"other", "call-1") != same
    assert len(set(same)) == 3
    assert all(0 <= number < 1 for number in same)


def test_keyed_chance_is_spread_evenly() -> None:
    drawn = [keyed_draw(b"secret", f"call-{n}")() for n in range(2_000)]
    assert sum(drawn) / 2_000 == pytest.approx(0.5, abs=0.03)


def test_a_long_secret_is_no_obstacle() -> None:
    assert 0 <= keyed_draw(b"s" * 100, "call")() < 1
