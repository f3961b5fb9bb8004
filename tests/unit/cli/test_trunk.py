"""`strowger trunk` against the console itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strowger.cli.trunk import row
from tests.support.console import Bench, a_trunk, invoke

pytestmark = pytest.mark.asyncio

NEW_YEAR = 1_767_225_600.0


async def test_list(bench: Bench, token_file: Path) -> None:
    bench.queries.known_trunks = (a_trunk(), a_trunk(name="reserve", state="down"))
    result = await invoke(bench, token_file, "trunk", "list")
    assert result.exit_code == 0
    assert [line.split("  ")[:2] for line in result.output.splitlines()] == [
        ["carrier", "sip:sbc.test"],
        ["reserve", "sip:sbc.test"],
    ]
    shown = json.loads((await invoke(bench, token_file, "trunk", "list", "--json")).output)
    assert [trunk["state"] for trunk in shown] == ["up", "down"]


async def test_none(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "trunk", "list")
    said = "No trunks: nothing outside can be rung until there is a [[trunk]] and a [[route]] to it.\n"
    assert (result.exit_code, result.output) == (0, said)
    assert (await invoke(bench, token_file, "trunk", "list", "--json")).output == "[]\n"


async def test_one_trunk_on_one_line() -> None:
    assert row(a_trunk(), NEW_YEAR + 62) == (
        "carrier  sip:sbc.test  up for 1 min 2 s: it answered 200 to OPTIONS  priority 10, weight 1"
    )
    held = a_trunk(state="held", why="it answered 503", held_for_s=12, calls=1)
    assert row(held, NEW_YEAR - 1) == (
        "carrier  sip:sbc.test  held for 0 s, 12 s to go: it answered 503  priority 10, weight 1  1 call rings there"
    )
    there = a_trunk(registration="refreshing", registered_for_s=61)
    assert row(there, NEW_YEAR).endswith("  we are registered for another 1 min 1 s")
    not_there = a_trunk(registration="refused", registration_why="it answered 403 Forbidden")
    assert row(not_there, NEW_YEAR).endswith("  we are not registered (refused): it answered 403 Forbidden")
    assert row(a_trunk(is_asked=False), NEW_YEAR).endswith("  not asked by OPTIONS")
    assert row(a_trunk(calls=2), NEW_YEAR).endswith("  2 calls ring there")


async def test_what_a_trunk_said_cannot_repaint_the_terminal() -> None:
    wild = a_trunk(why="\x1b[2J", registration="\x1b", registration_why="\x1b", uri="sip:\x1b")
    assert "\x1b" not in row(wild, NEW_YEAR)
