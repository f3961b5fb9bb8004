"""The shapes of the admin API, member by member."""

from __future__ import annotations

import msgspec
import pytest

from strowger.calls.call import Branch, BranchReport, GroupStep, Hop, State
from strowger.calls.identifier import phone_number
from strowger.console.views import CallView, ChangeView, GroupView, iso, seconds, view
from tests.support.console import a_call, a_redirected_call


def test_a_live_call() -> None:
    assert msgspec.to_builtins(view(a_call(custom_headers={"X-MS-Custom-Tier": "gold"}))) == {
        "id": "7f3a0000-0000-4000-8000-000000000001",
        "resource": "dev",
        "state": "held",
        "from": {"kind": "phoneNumber", "raw_id": "4:+31612345678"},
        "display_name": "Carol",
        "created_at": "2026-01-01T00:00:00.000Z",
        "ended_at": None,
        "final_status": None,
        "why": "",
        "custom_headers": {"X-MS-Custom-Tier": "gold"},
        "headers_left_out": (),
        "came_by": "",
        "hops": (
            {
                "to": {"kind": "phoneNumber", "raw_id": "4:+31201110001"},
                "event_id": "evt-1",
                "ring": (),
                "via": "",
                "opened_at": "2026-01-01T00:00:00.000Z",
                "expires_at": "2026-01-01T00:00:30.000Z",
                "closed_at": None,
                "decision": "",
                "branches": (),
                "group": None,
                "opening": "",
                "failure": "",
            },
        ),
    }


def test_an_ended_call() -> None:
    shown = view(a_redirected_call())
    assert (shown.state, shown.final_status, shown.ended_at) == ("answered", 200, "2026-01-01T00:00:02.310Z")
    assert shown.hops[0].decision == "redirect to 8:acs:res_bob"
    assert shown.hops[1].ring == ("sip:bob@127.0.0.1:5071",)


def test_what_is_written_can_be_read() -> None:
    shown = view(a_redirected_call())
    assert msgspec.json.decode(msgspec.json.encode(shown), type=CallView) == shown


def test_a_line_without_a_call_is_short() -> None:
    assert msgspec.json.encode(ChangeView("watching")) == b'{"what":"watching"}'


def test_a_call_that_never_came_to_be() -> None:
    assert view(a_call(state=State.ARRIVED, hops=[])).hops == ()


@pytest.mark.parametrize("at", [0.0, 1_767_225_600.0, 1_767_225_600.5, 1_767_225_600.999])
def test_times_come_back_to_the_millisecond(at: float) -> None:
    assert seconds(iso(at)) == pytest.approx(at, abs=0.0011)


def test_what_came_of_a_branch() -> None:
    silent, ended = (
        view(a_redirected_call(*reports)).hops[1].branches[0]
        for reports in ((), (BranchReport(0, 1_767_225_600.2, 1_767_225_602.3, 486, "Busy Here", 17),))
    )
    assert (silent.rang_at, silent.ended_at, silent.status, silent.reason, silent.cause) == (None, None, None, "", None)
    assert (ended.rang_at, ended.ended_at) == ("2026-01-01T00:00:00.200Z", "2026-01-01T00:00:02.300Z")
    assert (ended.status, ended.reason, ended.cause) == (486, "Busy Here", 17)


def test_who_of_a_group_is_rung() -> None:
    bob = Branch("sip:bob@127.0.0.1:5071", member="8:acs:res_bob")
    both = (GroupStep((bob,), left_out=("4:+45: no",), members=2), GroupStep((bob,), position=1, members=2))
    ring, hunt = (view(a_call(hops=[Hop(phone_number("+31"), 0.0, 1.0, group=step)])).hops[0] for step in both)
    assert ring.group == GroupView(None, 2, ("4:+45: no",))
    assert hunt.group == GroupView(1, 2, ())
    assert (hunt.ring, hunt.branches[0].member) == (("sip:bob@127.0.0.1:5071",), "8:acs:res_bob")
