"""Kamailio as the carrier that goes down and comes back, noticed by OPTIONS and shown to the operator."""

from __future__ import annotations

import asyncio

import pytest
from azure.core.exceptions import HttpResponseError

from tests.e2e.carrier import newest, redirected
from tests.e2e.stage import Stage, code
from tests.e2e.test_looking import read, strowger
from tests.support.server import OUTSIDE

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
LOOKS = 20


async def seen(stage: Stage, **states: str) -> None:
    """Wait until `strowger trunk list` shows these states."""
    shown: dict[str, str] = {}
    for _ in range(LOOKS):
        shown = {each["name"]: each["state"] for each in await read(stage, "trunk", "list")}
        if shown == states:
            return
        await asyncio.sleep(0.1)  # each look is a process of its own: not in a tight loop
    raise AssertionError(f"the trunks are {shown} and not {states}")


async def test_a_carrier_goes_down_and_comes_back(stage: Stage) -> None:
    """Over TCP, where a closed port is told from a silent one; calls are refused, so that it shows who was asked."""
    a = await stage.kamailio(host="127.0.0.21", refuses=486)
    b = await stage.kamailio(host="127.0.0.22", refuses=603)
    usual = {"options": "on", "options_interval": "100ms"}
    trunks = {
        "a": {"uri": f"{a.uri};transport=tcp", "priority": 1, **usual},
        "b": {"uri": f"{b.uri};transport=tcp", "priority": 2, **usual},
    }
    await stage.serve(trunks=trunks)
    assert (await (await redirected(stage)).final(SOON)).status == 486

    a.stop()
    await seen(stage, a="down", b="up")
    assert (await (await redirected(stage)).final(SOON)).status == 603
    assert (await newest(stage)).hops[-1].via == "b"
    shown = await strowger(stage, "trunk", "list")
    assert "down" in shown and a.uri in shown
    explained = await strowger(stage, "route", "test", OUTSIDE)
    assert "a" in explained and "b" in explained

    b.stop()
    await seen(stage, a="down", b="down")
    call = stage.call(await stage.caller())
    event = await stage.application.event(2)
    with pytest.raises(HttpResponseError) as refused:
        await stage.redirect(event)
    assert code(refused.value)
    assert "a: " in str(refused.value) and "b: " in str(refused.value)
    call.cancel()
    assert (await call.final(SOON)).status == 487

    await a.start()
    await seen(stage, a="up", b="down")
    assert (await (await redirected(stage)).final(SOON)).status == 486
