"""A thousand calls while their application is down in every way that there is: each event arrives while its caller
still rings, under one id, by the schedule; and kill -9 of the server loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from strowger.events.retry import SCHEDULES, Profile
from tests.e2e.stage import Stage
from tests.support.outage import Failure, Outage
from tests.support.server import NUMBER, free_ports, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

CALLS = 1_000
PER_SECOND = 100
OUTAGE_S = 20.0
RING_S = 30.0
PAUSES = SCHEDULES[Profile.TELEPHONY].pauses_s
TOLERANCE = 0.1
"""Of a pause, as a part of it."""
MOST = 0.95
"""Of all pauses keep to it, and half of them to a tenth of it; while the machine stalls, everybody is late."""
LATE_S = 2.0
"""Nobody is later than that."""


@pytest_asyncio.fixture
async def outages(request: pytest.FixtureRequest) -> AsyncIterator[list[Outage]]:
    receivers = [Outage(failure) for failure in getattr(request, "param", Failure)]
    for receiver in receivers:
        await receiver.listen()
    yield receivers
    for receiver in receivers:
        await receiver.close()


async def serve(stage: Stage, receivers: list[Outage]) -> None:
    """Every call is told to each of them, and to nobody else; then they go down."""
    await stage.serve(
        filters={"paused": "on"},
        subscriptions=[{"name": each.failure.value, "endpoint": each.url} for each in receivers],
        limits={"event_attempts": CALLS},
    )
    await until(lambda: stage.log.count('"subscription valid"') >= len(receivers), 10.0, "the handshakes")
    for each in receivers:
        await each.go_down()


async def call(stage: Stage, per_second: int = PER_SECOND) -> None:
    (port,) = free_ports(1)
    await stage.sipp(
        "nobody_decides",
        port=port,
        remote=stage.server.sip_port,
        calls=CALLS,
        rate=per_second,
        timeout_s=100,
        keys={"dialled": NUMBER},
    )


async def all_arrive(receivers: list[Outage]) -> None:
    """Each of them gets every event, while its caller rings, and under the id that everybody else saw."""
    for each in receivers:
        await until(partial(each.has_taken, CALLS), RING_S, each.told)
    ids = {(attempt.call, attempt.event_id) for each in receivers for attempt in each.attempts}
    assert len(ids) == len({call for call, _ in ids}) == CALLS
    for each in receivers:
        assert len(each.taken) == CALLS
        assert max(attempt.age_s for attempt in each.taken.values()) < RING_S


@pytest.mark.parametrize(
    "outages",
    [(Failure.REFUSED, Failure.HUNG), (Failure.BUSY, Failure.RESET)],
    ids=["refused and hung", "503 and reset"],
    indirect=True,
)
async def test_a_thousand_calls_through_an_outage_of_twenty_seconds(stage: Stage, outages: list[Outage]) -> None:
    await serve(stage, outages)
    await call(stage)
    await asyncio.sleep(OUTAGE_S)  # the outage itself
    for each in outages:
        await each.come_back()
    await all_arrive(outages)
    for each in outages:
        assert_on_schedule(each)


def assert_on_schedule(outage: Outage) -> None:
    if outage.failure is Failure.REFUSED:  # nobody saw the attempts before: what is left of them is when one arrived
        measured = [(sum(map(pause_s, range(each.count))), each.age_s) for each in outage.taken.values()]
    else:
        measured = [(pause_s(number), seconds) for number, seconds in outage.pauses()]
        assert len(measured) >= 3 * CALLS
    off = sorted(abs(seconds - wanted) / wanted for wanted, seconds in measured)
    told = f"{outage.failure}: half by {off[len(off) // 2]:.2%}, {MOST:.0%} by {off[int(len(off) * MOST)]:.2%}"
    assert off[len(off) // 2] < TOLERANCE / 10, told
    assert off[int(len(off) * MOST)] < TOLERANCE, told
    assert max(seconds - wanted for wanted, seconds in measured) < LATE_S, told


def pause_s(number: int) -> float:
    """The pause after an attempt, counted from 0."""
    return PAUSES[min(number, len(PAUSES) - 1)]


async def test_a_server_that_is_killed_during_delivery_loses_no_event(stage: Stage, outages: list[Outage]) -> None:
    (busy,) = (each for each in outages if each.failure is Failure.BUSY)
    await serve(stage, outages)
    await call(stage, per_second=250)
    await until(lambda: len({each.call for each in busy.attempts}) >= CALLS, 20.0, "every event")
    stage.server.kill()
    await stage.server.start()
    for each in outages:
        await each.come_back()
    await until(lambda: len(busy.taken) >= CALLS // 4, 20.0, "some events")
    stage.server.kill()
    await stage.server.start()
    await all_arrive(outages)
