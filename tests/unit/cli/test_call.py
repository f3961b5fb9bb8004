"""`strowger call` against the console itself; the command runs in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strowger.calls.call import BranchReport, Opening, State
from strowger.cli import main
from strowger.cli.call import details
from strowger.cli.narration import Narrator
from strowger.console.views import view
from tests.support.console import Bench, a_call, a_redirected_call, invoke

pytestmark = pytest.mark.asyncio

HELD_ID = "8b000000-0000-4000-8000-000000000002"


async def call(bench: Bench, token_file: Path, *arguments: str) -> Result:
    return await invoke(bench, token_file, "call", *arguments)


async def test_list(bench: Bench, token_file: Path) -> None:
    bench.queries.known = [a_call(HELD_ID), a_redirected_call()]
    result = await call(bench, token_file, "list")
    assert result.exit_code == 0
    assert result.output == (
        "8b000000  00:00:00.000  held            +31612345678 -> +31201110001\n"
        "7f3a0000  00:00:00.000  answered 200    +31612345678 -> +31201110001 -> 8:acs:res_bob"
        "  answered by sip:bob@127.0.0.1:5071\n"
    )
    result = await call(bench, token_file, "list", "--json", "--state", "held")
    assert [each["id"] for each in json.loads(result.output)] == [HELD_ID]


async def test_no_calls(bench: Bench, token_file: Path) -> None:
    assert (await call(bench, token_file, "list")).output == "No calls.\n"
    assert (await call(bench, token_file, "list", "--json")).output == "[]\n"


async def test_show(bench: Bench, token_file: Path) -> None:
    bench.queries.known = [a_redirected_call(BranchReport(0, 1_767_225_600.2, 1_767_225_602.3, 200, "OK", 16))]
    result = await call(bench, token_file, "show", "7f3a")
    assert result.output.splitlines() == [
        "call 7f3a0000-0000-4000-8000-000000000001",
        "  answered with 200: answered by sip:bob@127.0.0.1:5071",
        "  from     +31612345678 Carol",
        "  resource dev",
        "  began    2026-01-01T00:00:00.000Z, lasted 2.31 s",
        "  hop 1    00:00:00.000  to +31201110001  4:+31201110001",
        "           00:00:00.000  --> IncomingCall  evt-1",
        "           00:00:00.070  redirect to 8:acs:res_bob",
        "  hop 2    00:00:00.070  to 8:acs:res_bob  8:acs:res_bob",
        "           00:00:00.070  ringing sip:bob@127.0.0.1:5071",
        "           00:00:00.070  --> IncomingCall  evt-2",
        "           00:00:00.200  sip:bob@127.0.0.1:5071 rings",
        "           00:00:02.300  sip:bob@127.0.0.1:5071: 200 OK (Q.850 cause 16)",
        "           00:00:02.310  answered by sip:bob@127.0.0.1:5071",
    ]
    assert json.loads((await call(bench, token_file, "show", "7f3a", "--json")).output)["final_status"] == 200


async def test_a_display_name_cannot_repaint_the_terminal() -> None:
    shown = a_call(state=State.HELD)
    shown.display_name = "\x1b[2J"
    assert "\x1b" not in "".join(details(view(shown), Narrator({})))


async def test_how_each_addressee_came_about() -> None:
    shown = a_redirected_call()
    for opening, how in ((Opening.REDIRECT, "redirect to"), (Opening.RETURNED, "returned to")):
        shown.hops[-1].opening = opening
        hops = [line for line in details(view(shown), Narrator({})) if line.startswith("  hop")]
        assert hops == [
            "  hop 1    00:00:00.000  to +31201110001  4:+31201110001",
            f"  hop 2    00:00:00.070  {how} 8:acs:res_bob  8:acs:res_bob",
        ]


async def test_one_story_in_the_order_of_time_told_once() -> None:
    refused, cancelled = (
        a_redirected_call(BranchReport(0, 1_767_225_600.2, at, status, reason))
        for at, status, reason in ((1_767_225_602.31, 486, "Busy Here"), (1_767_225_602.4, 487, "Request Terminated"))
    )
    refused.hops[-1].decision = "sip:bob@127.0.0.1:5071: 486 Busy Here"
    cancelled.hops[-1].decision = "nobody answered; redirect to 8:acs:res_bob"
    narrator = Narrator({"8:acs:res_bob": "bob"})
    assert details(view(refused), narrator)[-2:] == [
        "           00:00:00.200  sip:bob@127.0.0.1:5071 rings",
        "           00:00:02.310  sip:bob@127.0.0.1:5071: 486 Busy Here",
    ]
    assert details(view(cancelled), narrator)[-2:] == [
        "           00:00:02.310  nobody answered; redirect to bob",
        "           00:00:02.400  sip:bob@127.0.0.1:5071: 487 Request Terminated",
    ]


async def test_why(bench: Bench, token_file: Path) -> None:
    bench.queries.known = [a_redirected_call()]
    result = await call(bench, token_file, "why", "7f3a")
    first, *chain = result.output.splitlines()
    assert first == "The call ended after 2.31 s with 200: answered by sip:bob@127.0.0.1:5071."
    assert [sentence[:5] for sentence in chain] == ["  1. ", "  2. "]
    assert json.loads((await call(bench, token_file, "why", "7f3a", "--json")).output)["state"] == "answered"


async def test_custom_headers_and_what_is_left_out_of_the_event(bench: Bench, token_file: Path) -> None:
    left_out = ("X-MS-Custom-B: its value is longer than 256 characters",)
    bench.queries.known = [a_call(custom_headers={"X-MS-Custom-A": "gold\t"}, headers_left_out=left_out)]
    shown = (await call(bench, token_file, "show", "7f3a")).output.splitlines()
    assert "  header   X-MS-Custom-A: gold\\t" in shown
    assert f"  left out {left_out[0]}" in shown
    told = (await call(bench, token_file, "why", "7f3a")).output.splitlines()
    assert told[-1] == f"Left out of its events: {left_out[0]}."


async def test_a_call_that_is_not_there(bench: Bench, token_file: Path) -> None:
    result = await call(bench, token_file, "show", "7f3a")
    assert (result.exit_code, result.output) == (
        1,
        "Error: No call, or more than one, has an id that begins with '7f3a'.\n",
    )


async def until_watched(bench: Bench) -> None:
    async with asyncio.timeout(5):
        while not bench.queries.watchers:
            await bench.queries.came.wait()
            bench.queries.came.clear()


@pytest.mark.parametrize(("more", "line"), [((), "INVITE  +31612345678"), (("--json",), '"what":"hold"')])
async def test_watch_until_the_server_stops(bench: Bench, token_file: Path, more: tuple[str, ...], line: str) -> None:
    watching = asyncio.ensure_future(call(bench, token_file, "watch", *more))
    await until_watched(bench)
    bench.queries.happens(a_call(), "hold")
    await bench.console.stop()
    result = await asyncio.wait_for(watching, 5)
    assert result.exit_code == 0
    assert line in result.output
    assert "the server stops" in result.output


async def test_a_dropped_watch_is_a_failure(bench: Bench, token_file: Path) -> None:
    watching = asyncio.ensure_future(call(bench, token_file, "watch"))
    await until_watched(bench)
    for _ in range(1_001):
        bench.queries.happens(a_call(), "cancel")
    result = await asyncio.wait_for(watching, 10)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "Error: The watch was dropped; begin it again.")


async def test_ctrl_c_ends_a_watch(monkeypatch: pytest.MonkeyPatch, token_file: Path) -> None:
    def interrupt(*question: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("strowger.cli.call.ask", interrupt)
    command = ["call", "watch", "--console", "http://localhost:1", "--token-file", str(token_file)]
    assert CliRunner().invoke(main, command).exit_code == 0
