"""A whole redirected call between two SIPp, over each transport, with and without the server in the path afterwards."""

from __future__ import annotations

import pytest

from tests.e2e.stage import Stage
from tests.support.server import NUMBER, free_ports
from tests.support.sipp import together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

CALLS = 5


@pytest.mark.parametrize("record_route", ["off", "on"])
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
