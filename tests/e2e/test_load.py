"""A busy hour's rate for ten seconds: every call is announced, redirected, answered and hung up."""

from __future__ import annotations

import pytest

from tests.e2e.stage import Stage
from tests.support.server import NUMBER, free_ports
from tests.support.sipp import together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

CALLS = 200
PER_SECOND = 20


async def test_two_hundred_calls_at_twenty_a_second(stage: Stage) -> None:
    port, caller_port = free_ports(2)
    target = await stage.sipp("target", port=port, calls=CALLS, timeout_s=60)
    await stage.serve(trunk=f"sip:127.0.0.1:{port}")
    stage.application.on_call = stage.redirect
    caller = await stage.sipp(
        "caller",
        port=caller_port,
        remote=stage.server.sip_port,
        calls=CALLS,
        rate=PER_SECOND,
        timeout_s=60,
        keys={"dialled": NUMBER},
    )
    await together(caller, target, timeout_s=60)
    assert stage.application.failures == []
    assert len(stage.application.events) == CALLS
    assert int(caller.figures["FailedCall(C)"]) == 0
