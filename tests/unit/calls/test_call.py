"""A call as plain data: what it derives, and that it survives being stored."""

from __future__ import annotations

import base64

import msgspec
import pytest

from strowger.calls.call import FINAL_STATES, Branch, BranchReport, Call, Failure, GroupStep, Hop, Opening, State
from strowger.calls.identifier import from_raw_id, phone_number


def a_call(state: State = State.HELD) -> Call:
    hops = [Hop(phone_number("+1"), 1.0, 2.0, "e0"), Hop(phone_number("+2"), 3.0, 4.0, ring=("sip:a@b",), via="trunk")]
    return Call("id", "dev", phone_number("+3"), "Ann", 0.5, hops, state)


def test_the_current_hop_is_the_last() -> None:
    assert (a_call().hop.to.number, a_call().hop_index) == ("+2", 1)


@pytest.mark.parametrize("state", State)
def test_final_states_are_over(state: State) -> None:
    assert a_call(state).is_over == (state in FINAL_STATES)


def test_the_server_call_id_is_base64_of_a_url() -> None:
    assert base64.b64decode(a_call().server_call_id).decode().endswith("/conv/id")


def test_a_stored_call_reads_back_the_same() -> None:
    assert msgspec.json.decode(msgspec.json.encode(a_call()), type=Call) == a_call()


def a_chain(*openings: Opening) -> Call:
    hops = [Hop(phone_number("+1"), 1.0, 2.0, opening=opening) for opening in openings]
    return Call("id", "dev", phone_number("+3"), "Ann", 0.5, hops, State.RINGING)


@pytest.mark.parametrize(
    ("later", "redirects"),
    [
        ((), 0),
        ((Opening.REDIRECT,), 1),
        ((Opening.DEFAULT,), 1),
        ((Opening.HUNT, Opening.HUNT), 0),
        ((Opening.REDIRECT, Opening.RETURNED, Opening.REDIRECT, Opening.HUNT), 2),
        ((Opening.ARRIVAL,), 1),  # as a call was stored before hops said how they were opened
    ],
)
def test_only_redirects_are_counted(later: tuple[Opening, ...], redirects: int) -> None:
    assert a_chain(Opening.ARRIVAL, *later).redirects == redirects


@pytest.mark.parametrize(
    ("later", "are_open"),
    [
        ((), [True]),
        ((Opening.REDIRECT,), [False, True]),
        ((Opening.HUNT, Opening.HUNT), [True, True, True]),
        ((Opening.REDIRECT, Opening.HUNT), [False, True, True]),
        ((Opening.HUNT, Opening.RETURNED), [False, False, True]),
    ],
)
def test_a_hop_stays_open_while_its_addressee_is_hunted(later: tuple[Opening, ...], are_open: list[bool]) -> None:
    call = a_chain(Opening.ARRIVAL, *later)
    assert [call.is_open(hop) for hop in range(len(call.hops))] == are_open
    assert not call.is_open(len(call.hops))
    assert not call.is_open(-1)


def test_how_a_hop_was_opened_is_stored_with_it() -> None:
    call = a_call()
    call.hops[1].opening, call.hops[1].failure = Opening.RETURNED, Failure("4:+1", 486, "Busy Here", "busy", 17)
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call
    assert b"opening" not in msgspec.json.encode(a_call())


def a_hop(**changes: object) -> Hop:
    return msgspec.structs.replace(Hop(phone_number("+1"), 1.0, 2.0), **changes)


def test_the_branches_of_a_group_come_before_those_that_joined() -> None:
    members = (Branch("sip:a@1", member="8:acs:r_a"), Branch("sip:+2@t", "t", member="4:+2"))
    joined = Branch("sip:a@2", member="8:acs:r_a")
    hop = a_hop(group=GroupStep(members, users=("8:acs:r_a",)), joined=(joined,))
    assert hop.branches == (*members, joined)
    assert hop.users == ("8:acs:r_a",)


def test_whose_phones_a_hop_rings() -> None:
    assert a_hop().users == ()
    assert a_hop(to=from_raw_id("8:acs:R_a")).users == ("8:acs:r_a",)


def test_the_trunks_that_a_hop_rings_through_now() -> None:
    replaced = Branch("sip:2@u", "u", replaces=0)
    assert a_hop(ring=("sip:2@t",), via="t").trunks == ("t",)
    assert a_hop(ring=("sip:2@t",), via="t", joined=(replaced,)).trunks == ("u",)
    group = GroupStep((Branch("sip:2@t", "t"), Branch("sip:a@1"), Branch("sip:3@u", "u"), Branch("sip:4@u", "u")))
    assert a_hop(group=group).trunks == ("t", "u")


@pytest.mark.parametrize(("group", "until"), [(None, 2.0), (GroupStep(), 2.0), (GroupStep(until=9.0), 9.0)])
def test_until_when_an_addressee_is_there(group: GroupStep | None, until: float) -> None:
    assert a_hop(group=group).open_until == until


def test_a_hop_without_a_group_is_stored_as_it_always_was() -> None:
    assert "group" not in msgspec.json.decode(msgspec.json.encode(a_call()))["hops"][0]


def test_the_branch_that_answered_first() -> None:
    reports = (BranchReport(0, 0.0, 6.0, 200), BranchReport(1, 0.0, 5.0, 202), BranchReport(2, 0.0, 4.0, 486))
    assert Hop(phone_number("+1"), 1.0, 2.0, branch_reports=reports).answered_branch == 1
    assert Hop(phone_number("+1"), 1.0, 2.0, branch_reports=reports[2:]).answered_branch == -1


def test_for_whom_a_branch_is_rung_and_who_answered() -> None:
    members = (Branch("sip:a@1", member="8:acs:r_a"), Branch("sip:+2@t", "t", member="4:+2"))
    answer = (BranchReport(1, 0.0, 5.0, 200),)
    hop = a_hop(group=GroupStep(members), joined=(Branch("sip:x@y"),), branch_reports=answer)
    assert [hop.rung_for(number).raw_id for number in (0, 1, 2, -1)] == ["8:acs:r_a", "4:+2", "4:+1", "4:+1"]
    assert hop.answered_by == phone_number("+2")
    assert a_hop().answered_by == phone_number("+1")


@pytest.mark.parametrize(
    ("status", "refused"),
    [(200, {}), (302, {0: 302}), (408, {}), (486, {0: 486}), (500, {}), (503, {}), (603, {0: 603})],
)
def test_who_has_refused(status: int, refused: dict[int, int]) -> None:
    reports = (BranchReport(0, 1.0, 2.0, status), BranchReport(1, 1.0))
    assert a_hop(ring=("sip:a", "sip:b"), branch_reports=reports).refused == refused


@pytest.mark.parametrize(
    ("ended", "joined", "rings_on"),
    [
        ((), (), True),
        ((0,), (), True),
        ((0, 1), (), False),
        ((0, 1), (Branch("sip:c"),), True),
        ((0,), (Branch("sip:c", replaces=1),), True),
        ((0, 2), (Branch("sip:c", replaces=1),), False),
    ],
)
def test_whether_anybody_rings_on(ended: tuple[int, ...], joined: tuple[Branch, ...], *, rings_on: bool) -> None:
    reports = tuple(BranchReport(number, 1.0, 2.0, 486) for number in ended)
    assert a_hop(ring=("sip:a", "sip:b"), joined=joined, branch_reports=reports).rings_on is rings_on
