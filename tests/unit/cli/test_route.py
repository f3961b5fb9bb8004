"""`strowger route` against the console itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strowger.cli.asking import admin_of
from strowger.cli.route import story
from strowger.console.queries import RouteQuestion
from strowger.console.simulation import SimulationQuestion
from strowger.console.sip_views import OURS, REFUSED, MemberView, RouteView
from strowger.console.views import PartyView
from tests.support.console import Bench, a_route_test, a_simulation, a_way, invoke

pytestmark = pytest.mark.asyncio


async def test_what_is_asked(bench: Bench, token_file: Path) -> None:
    options = ["--kind", "phoneNumber", "--from", "anonymous", "--resource", "a&b"]
    assert (await invoke(bench, token_file, "route", "test", "+31612345678")).exit_code == 0
    assert (await invoke(bench, token_file, "route", "test", "+31612345678", *options)).exit_code == 0
    assert bench.queries.questions == [
        RouteQuestion("+31612345678"),
        RouteQuestion("+31612345678", "phoneNumber", "anonymous", "a&b"),
    ]


async def test_a_way_outside(bench: Bench, token_file: Path) -> None:
    assert (await invoke(bench, token_file, "route", "test", "+31612345678")).output.splitlines() == [
        "+31612345678 is outside.",
        "  route    phoneNumber +316 to carrier  decides: it matches most",
        "  1.       carrier  priority 10, weight 1",
        "           sip:+31612345678@sbc.test  (number_format e164)",
        "           caller shown as the caller's own number  (caller_id pass)",
    ]


async def test_several_trunks_and_one_that_is_left_out() -> None:
    routes = (RouteView("phoneNumber", "+316", ("a", "b")), RouteView("phoneNumber", "+31", ("c",)))
    ways = (
        a_way(trunk="a", weight=3, share=0.75, forwarded_as=("history-info", "diversion")),
        a_way(trunk="b", place=2, share=0.25),
        a_way(trunk="c", place=0, left_out="on hold for another 12 s: it answered 503"),
    )
    assert story(a_route_test(routes=routes, ways=ways, is_drawn=True))[1:] == [
        "  route    phoneNumber +316 to a, b  decides: it matches most",
        "  route    phoneNumber +31 to c  matches too, but less of it, or was written later",
        "  1.       a  priority 10, weight 3, before its equals in 75% of calls",
        "           sip:+31612345678@sbc.test  (number_format e164)",
        "           caller shown as the caller's own number  (caller_id pass); forwarded as history-info, diversion",
        "  2.       b  priority 10, weight 1, before its equals in 25% of calls",
        "           sip:+31612345678@sbc.test  (number_format e164)",
        "           caller shown as the caller's own number  (caller_id pass)",
        "  not now  c  on hold for another 12 s: it answered 503",
        "The order among trunks of one priority is drawn for each call; shown is the likeliest.",
    ]


async def test_a_user_of_ours() -> None:
    found = a_route_test(outcome=OURS, says="bob is a user.", ring=("sip:bob@127.0.0.1",), routes=(), ways=())
    assert story(found) == ["bob is a user.", "  rings    sip:bob@127.0.0.1"]


async def test_names_in_the_place_of_raw_ids_where_the_settings_are_at_hand(
    bench: Bench, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(**where: Any) -> tuple[Any, dict[str, str]]:
        return admin_of(**where)[0], {"8:acs:res_bob": "bob"}

    monkeypatch.setattr("strowger.cli.route.admin_of", known)
    bench.queries.route_test = a_route_test(outcome=OURS, says="8:acs:res_bob is a user.", routes=(), ways=())
    assert (await invoke(bench, token_file, "route", "test", "bob")).output == "bob is a user.\n"


@pytest.mark.parametrize("more", [(), ("--json",)])
async def test_what_would_be_refused_is_no_success(bench: Bench, token_file: Path, more: tuple[str, ...]) -> None:
    bench.queries.route_test = a_route_test(outcome=REFUSED, says="no route", code="8520", routes=(), ways=())
    result = await invoke(bench, token_file, "route", "test", "+49", *more)
    assert result.exit_code == 1
    assert (json.loads(result.output)["code"] if more else result.output) == ("8520" if more else "no route\n")


async def test_what_cannot_be_asked(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "route", "test", "+49", "--kind", "fax")
    assert (result.exit_code, result.output) == (1, "Error: There is no kind 'fax'.\n")


async def test_what_others_wrote_cannot_repaint_the_terminal() -> None:
    ways = (a_way(uri="\x1b", caller="\x1b"), a_way(place=0, left_out="\x1b"))
    assert "\x1b" not in "".join(story(a_route_test(says="\x1b[2J", ring=("\x1b",), ways=ways)))


async def test_a_group() -> None:
    members = (
        MemberView(PartyView("communicationUser", "8:acs:res_bob"), ("sip:bob@a", "sip:bob@b"), 20.0, ""),
        MemberView(PartyView("phoneNumber", "4:+31612345678"), ("sip:+31612345678@sbc.test",), 0.0, ""),
        MemberView(PartyView("communicationUser", "8:acs:res_ann"), (), 20.0, "no phone of this user is registered"),
    )
    assert story(a_route_test(outcome=OURS, routes=(), ways=(), members=members))[1:] == [
        "  rings    8:acs:res_bob  for 20 s  sip:bob@a, sip:bob@b",
        "  rings    +31612345678  sip:+31612345678@sbc.test",
        "  not now  8:acs:res_ann  no phone of this user is registered",
    ]


async def test_a_whole_call(bench: Bench, token_file: Path) -> None:
    options = ["--from", "+31612345678", "--to", "+31201110001", "--trunk", "carrier", "--display-name", "Ann"]
    result = await invoke(bench, token_file, "route", "test", *options, "--header", "X-A: b:c", "alice", "bob")
    assert (result.exit_code, result.output.splitlines()[0]) == (0, "It may call.")
    least = await invoke(bench, token_file, "route", "test", "--from", "1", "--to", "2", "--source", "::1", "--json")
    assert (least.exit_code, json.loads(least.output)["resource"]) == (0, "dev")
    assert bench.queries.simulations == [
        SimulationQuestion(
            "+31612345678", "+31201110001", ("alice", "bob"), "carrier", "", "", "Ann", (("X-A", "b:c"),)
        ),
        SimulationQuestion("1", "2", source="::1"),
    ]


async def test_a_call_that_would_be_refused(bench: Bench, token_file: Path) -> None:
    bench.queries.simulation = a_simulation(is_refused=True, refusals=("no",))
    assert (await invoke(bench, token_file, "route", "test", "--from", "1", "--to", "2")).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give one TARGET"),
        (["a", "b"], "Give one TARGET"),
        (["a", "--trunk", "carrier"], "Give one TARGET"),
        (["--to", "2"], "needs --from"),
        (["--to", "2", "--from", "1", "--kind", "phoneNumber"], "takes no --kind"),
        (["--to", "2", "--from", "1", "--header", "X-A"], "--header takes 'Name: value', and not 'X-A'."),
    ],
)
async def test_what_cannot_be_asked_together(bench: Bench, token_file: Path, arguments: list[str], said: str) -> None:
    result = await invoke(bench, token_file, "route", "test", *arguments)
    assert (result.exit_code, said in result.output) == (2, True)
