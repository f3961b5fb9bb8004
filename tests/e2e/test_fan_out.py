"""Several subscriptions of one resource: each that matches is told, and one that hangs, fails or refuses costs neither
the others nor a call anything.
"""

from __future__ import annotations

import asyncio

import pytest

from strowger.phones.behaviours import Answer
from tests.e2e.stage import Stage
from tests.e2e.test_looking import read
from tests.support.outage import Failure, Outage
from tests.support.server import SECOND_NUMBER, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

CALLS = 12
SOON = 10.0


async def test_each_that_matches_is_told_whatever_becomes_of_the_others(stage: Stage) -> None:
    """By counts: all calls are told of once, redirected, answered and over while one endpoint hangs in its first
    attempts, which may last half a minute.
    """
    outages = {failure: Outage(failure) for failure in (Failure.HUNG, Failure.REFUSED, Failure.BUSY)}
    quiet = Outage(Failure.BUSY)  # it is well, and asks for calls to another number only
    for each in (*outages.values(), quiet):
        await each.listen()
    target = await stage.phone("target", Answer())
    await stage.serve(
        trunk=target.uri,
        subscriptions=[
            *({"name": each.failure.value, "endpoint": each.url, "profile": "event-grid"} for each in outages.values()),
            {"name": "quiet", "endpoint": quiet.url, "subject_ends_with": SECOND_NUMBER},
        ],
        limits={"event_attempts": 2},
    )
    await until(lambda: stage.log.count('"subscription valid"') >= 5, SOON, "the handshakes")
    for each in outages.values():
        await each.go_down()
    stage.application.on_call = stage.redirect
    try:
        calls = [stage.call(await stage.caller()) for _ in range(CALLS)]
        finals = await asyncio.gather(*(call.final(SOON) for call in calls))
        assert [final.status for final in finals] == [200] * CALLS
        assert [await call.hang_up() for call in calls] == [200] * CALLS
        assert (len(stage.application.events), stage.application.posts) == (CALLS, CALLS)
        assert stage.application.failures == []
        hung = outages[Failure.HUNG]
        assert [attempt.ended_at for attempt in hung.attempts] == [0.0] * 2, "both of its attempts still hang"
        assert quiet.attempts == []
        listed = await read(stage, "subscription", "list")
        waits = {each["name"]: each["waiting"] for each in listed}
        assert waits == {"app": 0, "quiet": 0, "hung": CALLS, "refused": CALLS, "503": CALLS}
    finally:
        for each in (*outages.values(), quiet):
            await each.close()
