"""The tables [[group]], and how their members are written."""

from __future__ import annotations

import pytest

from strowger.settings import Group
from strowger.settings.group import MEMBER_LIST, STATUS_LIST, HasId, Named, found_by, named
from strowger.settings.reader import UnfitEntries


def test_the_defaults() -> None:
    row = Group(id="sales", members=("alice",))
    assert (row.mode, row.member_time, row.ends_on) == ("all", 20.0, (486, 603))


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("alice", Named("alice", None)),
        ("alice@20s", Named("alice", 20.0)),
        ("alice@500ms", Named("alice", 0.5)),
        ("alice@15", Named("alice", 15.0)),
        ("+31612345678@1m", Named("+31612345678", 60.0)),
        ("alice@home", Named("alice@home", None)),
        ("alice@home@5s", Named("alice@home", 5.0)),
        ("@5s", Named("@5s", None)),
        ("alice@", Named("alice@", None)),
        ("alice@0s", Named("alice@0s", None)),
    ],
)
def test_a_member_and_its_time(text: str, member: Named) -> None:
    assert named(text) == member


@pytest.mark.parametrize("number", [1, 25])
def test_so_many_members(number: int) -> None:
    assert len(MEMBER_LIST.read([f"u{n}" for n in range(number)])) == number


@pytest.mark.parametrize("number", [0, 26])
def test_not_so_many_members(number: int) -> None:
    with pytest.raises(ValueError, match="not between 1 and 25"):
        MEMBER_LIST.read([f"u{n}" for n in range(number)])


def test_final_responses() -> None:
    assert STATUS_LIST.read([300, 699]) == (300, 699)
    assert STATUS_LIST.read([]) == ()
    for status in (299, 700):
        with pytest.raises(UnfitEntries):
            STATUS_LIST.read([status])


def test_whom_a_word_means() -> None:
    users = found_by([("dev", "Alice", "8:acs:r_A1")])
    assert users == dict.fromkeys(("alice", "8:acs:r_a1", "a1"), HasId("dev", "8:acs:r_A1"))
