from __future__ import annotations

import pytest

from strowger.calls.call import Branch, BranchReport, Call, GroupStep, Hop, State
from strowger.calls.identifier import Identifier, from_raw_id, phone_number
from strowger.calls.reports import is_between_users

ANN, BOB, NUMBER = from_raw_id("8:acs:r_ann"), from_raw_id("8:acs:r_bob"), phone_number("+1")


@pytest.mark.parametrize(
    ("caller", "to", "holds"),
    [(ANN, BOB, True), (NUMBER, BOB, False), (ANN, NUMBER, False), (ANN, from_raw_id("8:orgid:x"), False)],
)
def test_users_of_ours_on_both_sides(caller: Identifier, to: Identifier, *, holds: bool) -> None:
    hops = [Hop(NUMBER, 1.0, 2.0), Hop(to, 1.0, 2.0)]
    assert is_between_users(Call("id", "dev", caller, "", 0.5, hops, State.RINGING)) is holds


def test_a_member_of_a_group_answered_for_it() -> None:
    branches = (Branch("sip:e@b", member="8:acs:r_eve"), Branch("sip:1@t", "t", member="4:+1"))
    for number, holds in ((0, True), (1, False)):
        hop = Hop(BOB, 1.0, 2.0, group=GroupStep(branches), branch_reports=(BranchReport(number, 0.0, 1.0, 200),))
        assert is_between_users(Call("id", "dev", ANN, "", 0.5, [hop], State.RINGING)) is holds
