"""Groups that contradict themselves or each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strowger.settings import Group, Number, Resource, Route, Settings, Trunk, User
from strowger.settings.check import check

KEYS = ("c3Ryb3dnZXItc2VjcmV0LWtleQ==",)
ALICE = User(resource="dev", name="alice", id="8:acs:1b5c_1")
BOB = User(resource="dev", name="bob", id="8:acs:1b5c_2")
EVE = User(resource="prod", name="eve", id="8:acs:2c6d_9")
GOOD = Settings(
    resources=(
        Resource(name="dev", id="1b5c", hosts=("localhost",), keys=KEYS),
        Resource(name="prod", id="2c6d", hosts=("acs.example.test",), keys=KEYS),
    ),
    numbers=(Number(resource="dev", e164="+31201110001"), Number(resource="dev", e164="+31201110002")),
    users=(ALICE, BOB, EVE),
    trunks=(Trunk(name="carrier", uri="sip:sbc.example"),),
    routes=(Route(kind="phoneNumber", match="+316*", to=("carrier",)),),
)
SALES = Group(id="+31201110001", mode="in-order", members=("alice", "BOB@5s", "+31612345678@25s"))


def problems(*groups: Group) -> list[str]:
    return [str(each) for each in check(replace(GOOD, groups=groups))]


def test_groups_that_are_good() -> None:
    own = Group(id="Alice", members=("alice", "bob", "+31612345678"))
    assert problems(SALES, own, Group(id=BOB.id, members=("alice", BOB.id))) == []


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (
            (replace(SALES, id="+31201110009"),),
            '$.group[0].id: there is no user and no number of ours called "+31201110009" '
            "(name a [[user]] by its name or id, or a [[number]] in E.164 form)",
        ),
        (
            (SALES, replace(SALES, mode="all", members=("bob",))),
            '$.group[1].id: "+31201110001" has a group already at $.group[0] (join the two)',
        ),
        (
            (Group(id="alice", members=("alice",)), Group(id=ALICE.id, members=("bob",))),
            f'$.group[1].id: "{ALICE.id}" has a group already at $.group[0] (join the two)',
        ),
        (
            (replace(SALES, members=("alice", "carol")),),
            '$.group[0].members[1]: there is no user called "carol" '
            "(name a [[user]] by its name or id, or a number outside in E.164 form)",
        ),
        (
            (replace(SALES, members=("alice@soon",)),),
            '$.group[0].members[0]: "soon" is no time that a member can ring (write it as in "alice@20s")',
        ),
        (
            (replace(SALES, members=("alice", "+31612345678@0s")),),
            '$.group[0].members[1]: "0s" is no time that a member can ring (write it as in "+31612345678@20s")',
        ),
        (
            (replace(SALES, members=("eve",)),),
            '$.group[0].members[0]: "eve" is a user of prod (name users of dev)',
        ),
        (
            (replace(SALES, members=("+31201110002",)),),
            "$.group[0].members[0]: +31201110002 is a number of ours, at which nobody is rung "
            "(name users and numbers outside)",
        ),
        (
            (replace(SALES, members=("+31201110001",)),),
            "$.group[0].members[0]: +31201110001 is a number of ours, at which nobody is rung "
            "(name users and numbers outside)",
        ),
        (
            (replace(SALES, members=("+4911",)),),
            '$.group[0].members[0]: no route leads to +4911 (add a [[route]] with kind = "phoneNumber")',
        ),
        (
            (replace(SALES, members=("alice", "8:acs:1b5c_1@5s")),),
            '$.group[0].members[1]: "8:acs:1b5c_1" is already at $.group[0].members[0] (a member is rung once)',
        ),
        (
            (Group(id="+31201110001", members=("alice@5s", "bob")),),
            '$.group[0].members[0]: nobody has a time of its own in mode "all" (all ring for limits.ring)',
        ),
        (
            (Group(id="alice", members=("bob",)), replace(SALES, members=("alice",))),
            '$.group[1].members[0]: "alice" is the group $.group[0], which has no phones of its own '
            "(a group does not contain another: name the members of that one)",
        ),
    ],
)
def test_groups_that_are_not(groups: tuple[Group, ...], expected: str) -> None:
    (problem,) = problems(*groups)
    assert problem == expected


def test_two_groups_do_not_ring_each_other() -> None:
    assert len(problems(Group(id="alice", members=("bob",)), Group(id="bob", members=("alice",)))) == 2


def test_blanks_were_refused_before_and_are_passed_over() -> None:
    assert problems(Group(id="", members=("alice",)), Group(id="alice", members=())) == []
