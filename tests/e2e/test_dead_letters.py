"""Events that are not over with their call: those of the profile event-grid, and those that were given up, which an
operator sends again by the command. Both are kept over a crash.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from strowger.phones.behaviours import Answer
from tests.e2e.stage import Stage
from tests.e2e.test_looking import read, strowger
from tests.support.server import NUMBER, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]


async def test_an_event_that_was_refused_is_edited_and_sent_again(stage: Stage) -> None:
    await stage.serve(number={"default": "reject:603", "default_after": "2s"})
    assert "No dead letters" in await strowger(stage, "dead-letter", "list")
    stage.application.status = 400
    call = stage.call(await stage.caller())
    await stage.application.asked(1)
    assert (await call.final(10.0)).status == 603
    await until(lambda: stage.server.metrics['strowger_dead_letters'] == 1, 5.0, "the dead letter")
    assert stage.server.metrics['strowger_events_given_up_total{reason="EndpointRefused"}'] == 1
    stage.server.kill()
    stage.application.status = 200
    await stage.server.start()
    (letter,) = await read(stage, "dead-letter", "list")
    assert (letter["dead_letter_reason"], letter["last_delivery_outcome"]) == ("EndpointRefused", "BadRequest")
    assert (letter["delivery_attempts"], letter["why"]) == (1, "answered 400")
    event = (await read(stage, "dead-letter", "show", letter["letter_id"][:8]))["event"]
    event["data"]["callerDisplayName"] = "edited"
    path = stage.directory / "event.json"
    await asyncio.to_thread(path.write_text, json.dumps(event))
    await strowger(stage, "dead-letter", "edit", letter["letter_id"], "--file", str(path))
    received = await stage.application.event()
    assert (received.event_id, received.whole) == (letter["event_id"], event)
    assert "No dead letters" in await strowger(stage, "dead-letter", "list")


async def test_an_event_that_is_sent_again_while_its_call_is_held_decides_it(stage: Stage) -> None:
    """An application that refused it by mistake, and whose operator is quicker than the caller loses patience."""
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri)
    stage.application.status = 403
    call = stage.call(await stage.caller())
    await until(lambda: stage.server.metrics["strowger_dead_letters"] == 1, 5.0, "the dead letter")
    (letter,) = await read(stage, "dead-letter", "list")
    assert (letter["dead_letter_reason"], letter["last_delivery_outcome"]) == ("EndpointRefused", "Forbidden")
    stage.application.status = 200
    await strowger(stage, "dead-letter", "resend", letter["letter_id"])
    event = await stage.application.event()
    assert event.event_id == letter["event_id"]
    await stage.redirect(event)
    assert (await call.final(5.0)).status == 200
    assert await call.hang_up() == 200
    assert await read(stage, "dead-letter", "list") == []


async def test_the_event_of_a_call_that_nobody_decided_in_time_is_kept_and_that_of_one_given_up_is_not(
    stage: Stage,
) -> None:
    await stage.serve(limits={"hold": "2s"})
    stage.application.status = 503
    cancelled = stage.call(await stage.caller())
    await stage.application.asked(1)
    cancelled.cancel()
    assert (await cancelled.final(5.0)).status == 487
    held = stage.call(await stage.caller())
    assert (await held.final(10.0)).status == 480
    await until(lambda: stage.server.metrics['strowger_dead_letters'] >= 1, 5.0, "the dead letter")
    (letter,) = await read(stage, "dead-letter", "list")
    assert (letter["dead_letter_reason"], letter["last_delivery_outcome"]) == ("TimeToLiveExceeded", "Busy")
    await strowger(stage, "dead-letter", "remove", letter["letter_id"])
    assert await read(stage, "dead-letter", "list") == []


async def test_an_event_of_the_event_grid_profile_outlives_its_call_and_a_crash(stage: Stage) -> None:
    await stage.serve(filters={"profile": "event-grid"})
    stage.application.status = 500
    call = stage.call(await stage.caller())
    await stage.application.asked(1)
    call.cancel()
    assert (await call.final(5.0)).status == 487
    stage.server.kill()
    stage.application.status = 200
    await stage.server.start()
    received = await stage.application.event(timeout_s=20.0)  # the first pause is of ten seconds
    assert received.to == f"4:{NUMBER}"
    assert stage.application.posts == 2
    assert await read(stage, "dead-letter", "list") == []
