"""What a user answers to."""

from __future__ import annotations

import pytest

from strowger.calls.spelling import spellings, user_part


@pytest.mark.parametrize(
    ("raw_id", "part"), [("8:acs:r1_0-2", "0-2"), ("8:acs:r_1_Bob", "Bob"), ("bob", "bob"), ("8:acs:r1_", "")]
)
def test_the_user_part_follows_the_last_underscore(raw_id: str, part: str) -> None:
    assert user_part(raw_id) == part


def test_a_user_answers_to_name_id_and_user_part_each_once() -> None:
    assert spellings("bob", "8:acs:r1_0-2") == ("bob", "8:acs:r1_0-2", "0-2")
    assert spellings("bob", "8:acs:r1_bob") == ("bob", "8:acs:r1_bob")
    assert spellings("bob", "8:acs:r1_") == ("bob", "8:acs:r1_")
