"""What an operator sees of a running server's SIP side: the commands, as they are typed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest

from strowger.phones.behaviours import Answer, NoAnswer
from strowger.phones.incoming import LegState
from tests.e2e.stage import Stage
from tests.e2e.test_registration import register
from tests.support.server import NUMBER, OUTSIDE, STROWGER, UNLIMITED, free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]


async def strowger(stage: Stage, *arguments: str, exit_code: int = 0) -> str:
    """What a command says about the server of the stage."""
    command = [str(STROWGER), *arguments, "--config", str(stage.directory / "strowger.toml")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


async def read(stage: Stage, *arguments: str) -> Any:
    return json.loads(await strowger(stage, *arguments, "--json"))


@pytest.mark.parametrize("crash", [False, True])
async def test_who_is_registered(stage: Stage, *, crash: bool) -> None:
    await stage.serve(users={"bob": [], "ann": []}, passwords={"bob": "s3cret"}, sip={"digest_md5": "on"})
    assert await strowger(stage, "registration", "list") == "No phone is registered.\n"
    assert await strowger(stage, "registration", "list", "--user", "ann") == (
        "No phone can register as ann: its [[user]] has no password for it.\n"
    )
    status = await asyncio.to_thread(register, stage.server.sip_port, "sip:bob@127.0.0.1:5071", "s3cret")
    assert status == "SIP/2.0 200 OK"
    if crash:
        stage.server.kill()
        await stage.server.start()
    (phone,) = await read(stage, "registration", "list")
    assert (phone["user"], phone["contact"], phone["transport"]) == ("bob", "sip:bob@127.0.0.1:5071", "udp")
    assert 0 < phone["expires_in_s"] <= 3_600
    shown = await strowger(stage, "registration", "list", "--user", "bob")
    assert shown.startswith("bob  sip:bob@127.0.0.1:5071  ")
    assert f"  udp from {phone['source']}" in shown


def trunks(near: str, dead_port: int) -> dict[str, dict[str, Any]]:
    """One that serves, and one where nobody is."""
    asked = {"options": "on", "options_interval": "200ms"}
    own = {"caller_id": "trunk", "number": "+31201110009", "forwarded_as": ["history-info"]}
    national = {"number_format": "national", "country_code": "31"}
    return {
        "near": {"uri": near, "priority": 20, **asked, **own, **national},
        "dead": {"uri": f"sip:127.0.0.1:{dead_port}", "priority": 10, **asked},
    }


async def test_trunks_and_the_way_a_call_takes(stage: Stage) -> None:
    near = await stage.phone("near", Answer())
    (dead_port,) = free_ports(1)
    await stage.serve(
        users={"bob": []},
        trunks=trunks(near.uri, dead_port),
        routes=[("phoneNumber", "+316", ["dead", "near"]), ("phoneNumber", "+31", "near")],
    )
    await until_states(stage, {"near": "up", "dead": "down"})
    near_line, dead_line = (await strowger(stage, "trunk", "list")).splitlines()
    assert near_line.startswith(f"near  {near.uri}  up for ")
    assert "it answered 200 to OPTIONS" in near_line
    assert dead_line.startswith(f"dead  sip:127.0.0.1:{dead_port}  down for ")

    told = await strowger(stage, "route", "test", OUTSIDE, "--from", "+31687654321")
    first, *lines = told.splitlines()
    assert first == f"{OUTSIDE} is outside: it is rung through near."
    assert lines[0] == "  route    phoneNumber +316 to dead, near  decides: it matches most"
    assert lines[1].startswith("  route    phoneNumber +31 to near  ")
    assert any(line.startswith("  not now  dead  it does not serve: ") for line in lines)

    shown = await read(stage, "route", "test", OUTSIDE)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(0))
    assert (await call.final(10.0)).status == 200
    (leg,) = near.received
    assert leg.invite.uri == shown["ways"][0]["uri"]
    assert leg.invite.uri.startswith("sip:0612345678@")
    assert f"<sip:{shown['ways'][0]['caller']}@" in leg.invite.lines_of("From")[0]
    assert leg.invite.has("History-Info")


async def test_a_target_that_a_redirect_would_be_refused_for(stage: Stage) -> None:
    await stage.serve(users={"bob": []})
    assert await strowger(stage, "trunk", "list") == (
        "No trunks: nothing outside can be rung until there is a [[trunk]] and a [[route]] to it.\n"
    )
    told = await strowger(stage, "route", "test", OUTSIDE, exit_code=1)
    assert told.startswith(f"no route leads to {OUTSIDE}: add a [[route]] with kind = ")
    assert await strowger(stage, "route", "test", NUMBER) == (
        f"{NUMBER} is a number of main: it is announced to main, which decides anew.\n"
    )
    assert (await strowger(stage, "route", "test", "bob")).endswith(
        " is a user of main without a phone just now: it is announced to main.\n"
    )


async def test_what_the_rules_for_the_outside_make_of_a_number(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri, outside={**UNLIMITED, "deny": ["+3165"], "calls": 1})
    told = await strowger(stage, "route", "test", "+31651234567", exit_code=1)
    first, *lines = told.splitlines()
    assert first == "main may not redirect to +31651234567: see [[outside]] deny"
    assert lines[0] == "  route    phoneNumber +316* to trunk  decides: it matches most"
    assert (await strowger(stage, "route", "test", OUTSIDE)).startswith(f"{OUTSIDE} is outside")
    stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    await target.leg(timeout_s=5.0)
    told = await strowger(stage, "route", "test", OUTSIDE, exit_code=1)
    assert told.startswith("main may have no further call to the outside at one time ([[outside]] calls = 1): ")


async def until_states(stage: Stage, expected: dict[str, str]) -> None:
    """Wait until the trunks are as expected."""
    states: dict[str, str] = {}
    async with asyncio.timeout(30):
        while states != expected:
            states = {trunk["name"]: trunk["state"] for trunk in await read(stage, "trunk", "list")}


async def test_the_branches_of_a_call_while_it_rings_and_after_its_end(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    event = await stage.application.event()
    await stage.redirect(event)
    leg = await target.leg(timeout_s=5.0)
    await call.wait_for(180, 5.0)
    await leg.reached(LegState.RINGING, 5.0)

    async def branch() -> dict[str, Any]:
        shown = await read(stage, "call", "show", event.correlation_id[:8])
        (only,) = shown["hops"][1]["branches"]
        return dict(only)

    live = await branch()
    assert live["rung_at"] < live["rang_at"]
    assert (live["ended_at"], live["status"], live["cause"]) == (None, None, None)
    leg.reject(486, headers=(("Reason", 'Q.850;cause=17;text="User busy"'),))
    assert (await call.final(5.0)).status == 486
    ended = await branch()
    assert ended["rang_at"] == live["rang_at"] < ended["ended_at"]
    assert (ended["status"], ended["reason"], ended["cause"]) == (486, "Busy Here", 17)
    shown = await strowger(stage, "call", "show", event.correlation_id)
    assert f"{ended['uri']} rings\n" in shown
    assert f"{ended['uri']}: 486 Busy Here (Q.850 cause 17)\n" in shown
