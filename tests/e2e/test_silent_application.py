"""An application that is silent, down or not told: the default of the number holds, and the caller does not wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from strowger.phones.behaviours import Answer
from strowger.phones.incoming import LegState
from tests.e2e.stage import Stage
from tests.support.server import NUMBER, OUTSIDE, until, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
SILENT, DOWN, FAILING, UNTOLD = "silent", "down", "failing", "untold"


async def serve(stage: Stage, how: str, default: str, **tables: Any) -> None:
    """A number with a default, and an application that does nothing about it."""
    filters = {"subject_ends_with": "8:acs:nobody"} if how == UNTOLD else {}
    await stage.serve(number={"default": default, "default_after": "1s"}, filters=filters, **tables)
    if how == DOWN:
        await stage.application.close()
    if how == FAILING:
        stage.application.status = 500


@pytest.mark.parametrize("how", [SILENT, DOWN, FAILING, UNTOLD])
@pytest.mark.parametrize("where", ["outside", "user"])
async def test_the_call_is_redirected(stage: Stage, how: str, where: str) -> None:
    target = await stage.phone("target", Answer())
    if where == "user":
        await serve(stage, how, "redirect:bob", users={"bob": [target.uri]})
    else:
        await serve(stage, how, f"redirect:{OUTSIDE}", trunk=target.uri)
    began = asyncio.get_running_loop().time()
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 200
    waited_s = asyncio.get_running_loop().time() - began
    assert (waited_s >= 1.0) == (how != UNTOLD)
    await (await target.leg(timeout_s=SOON)).reached(LegState.CONFIRMED, SOON)
    assert await call.hang_up() == 200
    told = [event.to for event in stage.application.events]
    assert told == [f"4:{NUMBER}", *([user_id("bob")] if where == "user" else [])][: 0 if how != SILENT else None]


@pytest.mark.parametrize("how", [SILENT, DOWN, FAILING, UNTOLD])
@pytest.mark.parametrize("status", [480, 486, 603])
async def test_the_call_is_rejected(stage: Stage, how: str, status: int) -> None:
    await serve(stage, how, f"reject:{status}")
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == status
    rang = 180 in [response.status for response in call.responses]
    assert rang == (how != UNTOLD), "nobody rings for a call that is turned away at once"


async def test_a_default_that_leads_nowhere(stage: Stage) -> None:
    await serve(stage, SILENT, f"redirect:{OUTSIDE}")
    call = stage.call(await stage.caller())
    assert (await call.final(SOON)).status == 480
    await until(lambda: "refused: no route leads to" in stage.server.log, SOON, "the log says why")
