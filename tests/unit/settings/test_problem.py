"""How strowger.settings.problem tells what is wrong."""

from __future__ import annotations

from strowger.settings.problem import Problem, SettingsError


def test_a_problem_is_one_line() -> None:
    assert str(Problem("$.trunk[0].uri", "this is required", "a SIP URI")) == (
        "$.trunk[0].uri: this is required (a SIP URI)"
    )
    assert str(Problem("$", "nothing works")) == "$: nothing works"


def test_the_error_tells_all_of_them() -> None:
    error = SettingsError([Problem("$.a", "one"), Problem("$.b", "two", "do three")])
    assert error.problems == (Problem("$.a", "one"), Problem("$.b", "two", "do three"))
    assert str(error) == "$.a: one\n$.b: two (do three)"
