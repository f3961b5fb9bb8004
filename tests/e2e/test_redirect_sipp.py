"""A whole redirected call between two SIPp, over each transport, with and without the server in the path afterwards."""

from __future__ import annotations

import pytest

from tests.e2e.stage import Stage
from tests.support.server import NUMBER, UNLIMITED, free_ports, until
from tests.support.sipp import together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

CALLS = 5


@pytest.mark.parametrize("record_route", ["off", "outside", "on"])
@pytest.mark.parametrize(("calling", "called"), [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp")])
async def test_held_redirected_answered_and_hung_up(stage: Stage, calling: str, called: str, record_route: str) -> None:
    port, caller_port = free_ports(2)
    target = await stage.sipp("target", port=port, transport=called, calls=CALLS)
    await stage.serve(trunk=f"sip:127.0.0.1:{port};transport={called}", sip={"record_route": record_route})
    keys = {"dialled": NUMBER}
    remote = stage.server.sip_port
    caller = await stage.sipp(
        "caller", port=caller_port, transport=calling, remote=remote, calls=CALLS, rate=20, keys=keys
    )
    for number in range(CALLS):
        event = await stage.application.event(number)
        assert event.to == f"4:{NUMBER}"
        assert target.is_running  # nobody was rung for this one so far
        await stage.redirect(event)
    await together(caller, target, timeout_s=20)
    assert len(stage.application.events) == CALLS


@pytest.mark.parametrize("hangs_up", ["caller", "target"])
async def test_whoever_hangs_up_a_call_outside_its_end_comes_by_us_and_is_counted(stage: Stage, hangs_up: str) -> None:
    port, caller_port = free_ports(2)
    caller_does, target_does = {
        "caller": ("caller", "target"),
        "target": ("caller_hung_up", "target_hanging_up"),
    }[hangs_up]
    target = await stage.sipp(target_does, port=port, calls=CALLS)
    server = await stage.serve(trunk=f"sip:127.0.0.1:{port}", outside={**UNLIMITED, "calls": CALLS})
    keys = {"dialled": NUMBER}
    caller = await stage.sipp(caller_does, port=caller_port, remote=server.sip_port, calls=CALLS, rate=20, keys=keys)
    for number in range(CALLS):
        await stage.redirect(await stage.application.event(number))
    await together(caller, target, timeout_s=20)
    await until(lambda: 'strowger_outside_calls{resource="main"}' not in server.metrics, 5.0, "no call is outside")
