"""`strowger registration` against the console itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strowger.cli.registration import row
from tests.support.console import Bench, a_phone, invoke

pytestmark = pytest.mark.asyncio


async def test_list(bench: Bench, token_file: Path) -> None:
    bench.queries.phones = (
        a_phone(),
        a_phone(
            contact="sip:bob@fx.invalid;transport=ws",
            expires_in_s=59,
            q=0.25,
            transport="ws",
            source="[2001:db8::7]:40000",
            is_bound_to_flow=True,
            path=("<sip:edge.test;lr>",),
            user_agent="JsSIP 3.10",
        ),
    )
    result = await invoke(bench, token_file, "registration", "list")
    assert result.exit_code == 0
    assert result.output == (
        "bob  sip:bob@127.0.0.1:5071  59 min left  udp from 127.0.0.1:5071\n"
        "bob  sip:bob@fx.invalid;transport=ws  59 s left  ws from [2001:db8::7]:40000  q=0.25"
        "  path <sip:edge.test;lr>  reached only by the way it registered  JsSIP 3.10\n"
    )
    shown = json.loads((await invoke(bench, token_file, "registration", "list", "--json")).output)
    assert [(phone["user"], phone["q"]) for phone in shown] == [("bob", 1.0), ("bob", 0.25)]


async def test_nobody(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "registration", "list", "--user", "8:acs:res_bob&x=1")
    assert (result.exit_code, result.output) == (0, "nobody: 8:acs:res_bob&x=1\n")
    assert (await invoke(bench, token_file, "registration", "list", "--json")).output == "[]\n"


async def test_a_user_that_does_not_exist(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "registration", "list", "--user", "ghost")
    assert (result.exit_code, result.output) == (1, "Error: No [[user]] has the name or the id 'ghost'.\n")


async def test_what_a_phone_says_of_itself_cannot_repaint_the_terminal() -> None:
    assert "\x1b" not in row(a_phone(user_agent="\x1b[2J", contact="sip:\x1b@a", path=("\x1b",)))
