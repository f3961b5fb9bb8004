"""kill -9 at the worst moments: no held call is lost, nobody is rung twice, nothing that was promised is forgotten."""

from __future__ import annotations

import asyncio

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from strowger.phones.behaviours import Answer, NoAnswer
from strowger.phones.incoming import LegState
from strowger.phones.phone import Phone
from tests.e2e.stage import Stage
from tests.support.application import IncomingCall
from tests.support.server import NUMBER, free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

HELD = 1_000
PER_SECOND = 250
AT_ONCE = 20
LOAD = 200
LOAD_PER_SECOND = 40
LOAD_S = 40.0
SOON = 5.0
AFTER_RESTART = 15.0
"""Room for what peers repeat every four seconds at the latest."""


async def test_a_thousand_held_calls_survive(stage: Stage) -> None:
    (caller_port,) = free_ports(1)
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri, limits={"hold": "120s"})
    caller = await stage.sipp(
        "caller",
        port=caller_port,
        remote=stage.server.sip_port,
        calls=HELD,
        rate=PER_SECOND,
        timeout_s=100,
        keys={"dialled": NUMBER},
    )
    await stage.application.heard(HELD, timeout_s=30)
    stage.server.kill()
    await stage.server.start()
    await redirect_all(stage, stage.application.events)
    await caller.succeeded(60)
    assert int(caller.figures["SuccessfulCall(C)"]) == HELD
    assert len(stage.application.events) == HELD
    rung = [(leg.invite.call_id, leg.invite.top_via.branch) for leg in target.received]
    assert len(rung) == len(set(rung)) == len({call_id for call_id, _ in rung}) == HELD


async def test_crashes_under_load_lose_nothing(stage: Stage) -> None:
    """Calls keep arriving, being decided and answered while the server is killed again and again."""
    target = await stage.phone("target", Answer(after_s=0.1))
    await stage.serve(trunk=target.uri)
    stage.application.on_call = lambda event: insist(stage, event)
    caller = await stage.caller()

    async def call_and_hang_up(number: int) -> None:
        await asyncio.sleep(number / LOAD_PER_SECOND)  # the rate of the load
        call = stage.call(caller)
        assert (await call.final(LOAD_S)).status == 200
        assert await call.hang_up() == 200

    async def crash() -> None:
        for heard in (LOAD // 4, LOAD // 2, LOAD * 3 // 4):
            await stage.application.heard(heard, timeout_s=LOAD_S)
            stage.server.kill()
            await stage.server.start()

    await asyncio.gather(crash(), *map(call_and_hang_up, range(LOAD)))
    assert stage.application.failures == []
    assert_rung_once(target, LOAD)


async def insist(stage: Stage, event: IncomingCall) -> None:
    """Decide, and decide again for as long as the server is away."""
    async with asyncio.timeout(LOAD_S):
        while True:
            try:
                await decide_again(stage, event)
            except (ServiceRequestError, ServiceResponseError):
                await asyncio.sleep(0.1)  # the server is away: as an application would, and not in a tight loop
            else:
                return


async def redirect_all(stage: Stage, events: list[IncomingCall]) -> None:
    """A few at a time, as an application does."""
    permits = asyncio.Semaphore(AT_ONCE)

    async def redirect(event: IncomingCall) -> None:
        async with permits:
            await stage.redirect(event)

    await asyncio.gather(*map(redirect, events))


@pytest.mark.parametrize("first_ms", [0, 10, 20])
async def test_a_crash_at_any_moment_of_a_redirect_rings_once(stage: Stage, first_ms: int) -> None:
    """Killed in steps of 2 ms around the decision: what was answered 204 rings, what was not can be decided again."""
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri)
    await stage.redirect_to_nobody()  # the client's connection is open
    for number, delay_ms in enumerate(range(first_ms, first_ms + 10, 2)):
        call = stage.call(await stage.caller())
        await call.wait_for(180, SOON)
        event = await stage.application.event(number)
        deciding = asyncio.create_task(stage.redirect(event))
        await asyncio.sleep(delay_ms / 1_000)  # not waiting for anything: the moment of the kill is what is varied
        stage.server.kill()
        (outcome,) = await asyncio.gather(deciding, return_exceptions=True)
        await stage.server.start()
        if outcome is not None:
            assert isinstance(outcome, ServiceRequestError | ServiceResponseError)
            await decide_again(stage, event)
        leg = await target.leg(number, timeout_s=AFTER_RESTART)
        await leg.reached(LegState.RINGING, SOON)
        leg.answer()
        assert (await call.final(AFTER_RESTART)).status == 200
        assert await call.hang_up() == 200
    assert_rung_once(target, 5)


async def decide_again(stage: Stage, event: IncomingCall) -> None:
    """The decision may have been taken before the crash, unknown to us: then it stands."""
    try:
        await stage.redirect(event)
    except HttpResponseError as error:
        assert error.status_code == 409


async def test_a_crash_right_after_the_answer_rings_once(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri)
    for number in range(5):
        call = stage.call(await stage.caller())
        await call.wait_for(180, SOON)
        await stage.redirect(await stage.application.event(number))
        stage.server.kill()
        await stage.server.start()
        leg = await target.leg(number, timeout_s=AFTER_RESTART)
        await leg.reached(LegState.RINGING, SOON)
        leg.answer()
        assert (await call.final(AFTER_RESTART)).status == 200
        assert await call.hang_up() == 200
    assert_rung_once(target, 5)


async def test_a_target_that_rang_before_the_crash_connects_after_it(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    stage.server.kill()
    await stage.server.start()
    leg.answer()
    assert (await call.final(AFTER_RESTART)).status == 200
    await leg.reached(LegState.CONFIRMED, AFTER_RESTART)
    assert_rung_once(target)


async def test_a_target_that_answers_during_the_outage_connects(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    stage.server.kill()
    leg.answer()
    await stage.server.start()
    assert (await call.final(AFTER_RESTART)).status == 200
    await leg.reached(LegState.CONFIRMED, AFTER_RESTART)
    assert_rung_once(target)


async def test_a_caller_that_gives_up_during_the_outage_is_let_go(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.RINGING, SOON)
    held = stage.call(await stage.caller())
    await held.wait_for(180, SOON)
    stage.server.kill()
    for each in (call, held):
        each.cancel()
    await stage.server.start()
    for each in (call, held):
        assert (await each.final(AFTER_RESTART)).status == 487
    await leg.reached(LegState.CANCELLED, AFTER_RESTART)
    assert_rung_once(target)


async def test_an_event_that_was_not_delivered_is_delivered_after_the_restart(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri)
    stage.application.status = 503
    call = stage.call(await stage.caller())
    await stage.application.asked(1)
    stage.server.kill()
    stage.application.status = 200
    await stage.server.start()
    await stage.redirect(await stage.application.event(timeout_s=AFTER_RESTART))
    assert (await call.final(AFTER_RESTART)).status == 200
    assert_rung_once(target)


async def test_an_ended_call_stays_ended(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri, sip={"record_route": "off"})
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 200
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    stage.server.kill()
    # Without Record-Route the two talk to each other: they do not need us to hang up.
    assert await call.hang_up() == 200
    await leg.reached(LegState.ENDED, SOON)
    await stage.server.start()
    another = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event(1))
    assert (await another.final(SOON)).status == 200
    assert len(target.received) == 2


@pytest.mark.parametrize("by", ["caller", "target"])
async def test_a_call_outside_that_is_hung_up_while_no_server_runs_ends_once_one_does(stage: Stage, by: str) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 200
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    stage.server.kill()
    hanging_up = asyncio.ensure_future(call.hang_up() if by == "caller" else leg.hang_up())
    await stage.server.start()
    assert await hanging_up == 200
    assert len(target.received) == 1


async def test_a_server_that_is_told_to_stop_lets_calls_end(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    event = await stage.application.event()
    stopping = asyncio.create_task(asyncio.to_thread(stage.server.terminate))
    await turned_away(stage)
    await stage.redirect(event)
    assert (await call.final(SOON)).status == 200
    assert await stopping == 0


async def turned_away(stage: Stage) -> None:
    """Call until a call is refused because the server is stopping."""
    caller = await stage.caller()
    async with asyncio.timeout(SOON):
        while True:
            call = stage.call(caller)
            if (await call.wait_for(lambda response: response.status > 100, SOON)).status == 503:
                return
            call.cancel()
            await call.final(SOON)


def assert_rung_once(target: Phone, calls: int = 1) -> None:
    """One INVITE transaction for each call; repeats of it are harmless."""
    assert [leg.rings for leg in target.received] == [1] * calls
    assert len({leg.invite.call_id for leg in target.received}) == calls
