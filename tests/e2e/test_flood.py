"""Floods of REGISTERs with wrong passwords, and of calls: calls of others succeed, memory stays, and it can be seen."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal

import pytest

from strowger.sip.driver import LONGEST_SLEEP_S
from tests.e2e.stage import Stage
from tests.e2e.wire import Wire
from tests.support import register_flood
from tests.support.server import HOST, NUMBER, free_ports
from tests.support.sipp import together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

FLOOD_S = 4
PER_SECOND = 5_000
CALLS = 40
MOST_GROWTH = 16 << 20
"""Octets. The transactions of the calls, which last 32 s, and the tables of sources take less; a flood of which one KiB
of each REGISTER stayed would take more."""


@pytest.mark.parametrize(("sources", "reason"), [(1, "messages_per_source"), (250, "strangers_per_second")])
async def test_a_flood_of_registers_harms_no_call(stage: Stage, sources: int, reason: str) -> None:
    target_port, caller_port = free_ports(2)
    target = await stage.sipp("target", port=target_port, calls=CALLS, timeout_s=60)
    server = await stage.serve(
        users={"bob": []}, passwords={"bob": "s3cret"}, trunk=f"sip:{HOST}:{target_port}", sip={"trusted": [HOST]}
    )
    stage.application.on_call = stage.redirect
    before = server.resident_bytes
    flooding = register_flood.start(server.sip_port, rate=PER_SECOND, seconds=FLOOD_S, sources=sources)
    try:
        keys = {"dialled": NUMBER}
        caller = await stage.sipp(
            "caller", port=caller_port, remote=server.sip_port, calls=CALLS, rate=CALLS // FLOOD_S, keys=keys
        )
        await together(caller, target, timeout_s=60)
        told = await asyncio.to_thread(register_flood.report, flooding)
    finally:
        flooding.kill()
    assert stage.application.failures == []
    assert int(caller.figures["FailedCall(C)"]) == 0
    assert server.resident_bytes - before <= MOST_GROWTH
    refused = server.metrics[f'strowger_sip_refused_total{{reason="{reason}"}}']
    granted = sum(told["heard"].values())
    assert refused > told["sent"] / 2
    assert 0 < granted < told["sent"] / 2
    assert set(told["heard"]) <= {"401", "503"}
    assert '"event":"a source is refused"' in server.log
    assert f'"limit":"limits.{reason}"' in server.log
    assert "Traceback" not in server.log


async def test_calls_above_the_rate_of_their_source_are_asked_to_come_back(stage: Stage) -> None:
    server = await stage.serve(
        sip={"trusted": ["127.0.0.9"], "strangers": "accept"}, limits={"calls_per_source": 1, "hold": "30s"}
    )
    with Wire(server.sip_port) as wire:
        for number in range(2):
            wire.send(wire.request("INVITE", NUMBER, call_id=f"good{number}"))
            await wire.response(180)
        wire.send(wire.request("INVITE", NUMBER, call_id="bad"))
        refused = await wire.response(503)
        assert refused.call_id == "bad"
        assert 1 <= int(refused.first("Retry-After") or 0) <= 10
        wire.send(wire.request("INVITE", NUMBER, call_id="good1"))
        assert (await wire.response(180, 503)).status == 180, "a repeat belongs to a call in progress"
        wire.send(wire.request("CANCEL", NUMBER, call_id="good1", of="INVITE"))
        assert (await wire.response(487)).call_id == "good1"
    assert server.metrics['strowger_sip_refused_total{reason="calls_per_source"}'] == 1


async def test_a_server_that_was_held_up_takes_no_new_calls_until_it_has_caught_up(stage: Stage) -> None:
    server = await stage.serve()
    with Wire(server.sip_port) as wire:
        wire.send(wire.request("INVITE", NUMBER, call_id="held"))
        await wire.response(180)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            wire.send(wire.request("OPTIONS", NUMBER))
            with pytest.raises(TimeoutError):
                await wire.response(200, timeout_s=2 * LONGEST_SLEEP_S)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await wire.response(200)
        assert await called(wire, until=503) >= 1
        assert "overload: new calls and registrations get 503" in server.log
        assert server.metrics['strowger_overload{reason="loop_lag"}'] == 1
        await called(wire, until=180)
        assert server.metrics['strowger_overload{reason="loop_lag"}'] == 0
        wire.send(wire.request("CANCEL", NUMBER, call_id="held", of="INVITE"))
        assert (await wire.response(487)).call_id == "held"


async def called(wire: Wire, until: int) -> int:
    """Call until a call gets this answer; how many were made. 503 says when to call again, we are impatient."""
    async with asyncio.timeout(10):
        for number in itertools.count(1):
            wire.send(wire.request("INVITE", NUMBER, call_id=f"{until}-{number}"))
            status = (await wire.response(180, 503)).status
            if status == until:
                return number
            await asyncio.sleep(0.1)  # the server is to catch up, and not to be held up by these calls
    raise AssertionError("unreachable")
