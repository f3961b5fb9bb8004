"""Somebody has the access key and an open call, and wants to spend our money. And an ordinary day's limits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from azure.communication.callautomation import PhoneNumberIdentifier, UnknownIdentifier
from azure.core.exceptions import HttpResponseError

from strowger.phones.behaviours import Answer, NoAnswer
from strowger.phones.incoming import LegState
from strowger.phones.outgoing import OutgoingCall
from tests.e2e.stage import Stage, code
from tests.support.server import OUTSIDE, UNLIMITED, Server, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
ALERT_S = 10.0
NUMBERS = 1_000
MOST_PLACED = 20
CALLS_HELD = 25
DEFAULTS: dict[str, object] = {}


async def several_calls(stage: Stage, number: int) -> list[OutgoingCall]:
    """Calls that wait for a decision, each from another number."""
    calls = []
    for caller in range(number):
        calls.append(stage.call(await stage.phone(f"+3168765{caller:04d}")))
        await stage.application.event(caller)
    return calls


async def attempt(stage: Stage, call: int, target: str) -> str:
    """Redirect a call that waits: the status and code of the answer."""
    event = await stage.application.event(call)
    try:
        await stage.redirect(event, PhoneNumberIdentifier(target))
    except HttpResponseError as error:
        return f"{error.status_code} {code(error)}"
    return "204"


def alerts(stage: Stage) -> float:
    return sum(value for name, value in stage.server.metrics.items() if name.startswith("strowger_alerts_total"))


async def test_a_stolen_key_places_few_calls_and_raises_the_alert(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    server = await stage.serve(trunk=target.uri, users={"bob": []}, outside=DEFAULTS, limits={"hold": "120s"})
    await several_calls(stage, CALLS_HELD)
    outcomes: Counter[str] = Counter()
    for number in range(NUMBERS):
        # Each number by a call that still waits: whoever is refused tries the next one with it.
        outcomes[await attempt(stage, min(outcomes["204"], CALLS_HELD - 1), f"+3161{number:07d}")] += 1
        if outcomes.total() == 2 * MOST_PLACED:
            await until(lambda: alerts(stage) > 0, ALERT_S, "the alert")
    assert outcomes.total() == NUMBERS
    assert 0 < outcomes["204"] <= MOST_PLACED
    assert set(outcomes) == {"204", "429 8516"}
    assert len(target.received) == outcomes["204"]
    assert alerts(stage) == server.log.count('"event":"a call to the outside is refused"') == NUMBERS - outcomes["204"]
    assert server.metrics['strowger_alerts_total{reason="calls_per_minute"}'] == alerts(stage)
    assert "Traceback" not in server.log
    left = await stage.application.event(CALLS_HELD - 1)
    await stage.redirect(left, "bob")  # whoever has the key may still do what costs nothing


async def test_numbers_that_nobody_should_be_redirected_to(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    routes: list[tuple[str, str, str | list[str]]] = [("phoneNumber", "*", "trunk"), ("unknown", "*", "trunk")]
    outside = {**UNLIMITED, "deny": ["+3165"], "allow": ["+", "00", "112"]}
    server = await stage.serve(trunk=target.uri, routes=routes, outside=outside)
    call = stage.call(await stage.caller())
    event = await stage.application.event()
    for number, reason in (
        ("+31900123456", "premium"),
        ("+88216123456", "satellite"),
        ("0088216123456", "satellite"),
        ("+883123456789", "networks"),
        ("112", "emergency"),
        ("+31112", "emergency"),
        ("0201110001", "not_allowed"),
        ("+31651234567", "denied"),
    ):
        before = server.metrics[f'strowger_alerts_total{{reason="{reason}"}}']
        assert await attempt(stage, 0, number) == "405 8520", number
        assert server.metrics[f'strowger_alerts_total{{reason="{reason}"}}'] == before + 1
    with pytest.raises(HttpResponseError) as refused:
        await stage.redirect(event, UnknownIdentifier("tel:+88216123456;ext=1"))
    assert (refused.value.status_code, code(refused.value)) == (405, "8520")
    assert target.received == []
    await stage.redirect(event, OUTSIDE)
    await target.leg(timeout_s=SOON)
    call.cancel()
    assert (await call.final(SOON)).status == 487


@pytest.mark.parametrize("by", ["caller", "target"])
async def test_an_answered_call_counts_until_it_is_hung_up(stage: Stage, by: str) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, outside={**UNLIMITED, "caller_calls": 1, "calls": 1})
    talking, _ = await several_calls(stage, 2)
    assert await attempt(stage, 0, OUTSIDE) == "204"
    assert (await talking.final(SOON)).status == 200
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    assert await attempt(stage, 1, "+31612000001") == "429 8530"
    assert await (talking.hang_up() if by == "caller" else leg.hang_up()) == 200
    await until(
        lambda: 'strowger_outside_calls{resource="main"}' not in server.metrics, SOON, "the call is no longer outside"
    )
    assert await attempt(stage, 1, "+31612000002") == "204"


async def test_an_answered_call_whose_end_we_do_not_see_counts_for_a_time_that_is_assumed(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    outside = {**UNLIMITED, "calls": 1, "assumed_call": "2s"}
    await stage.serve(trunk=target.uri, outside=outside, sip={"record_route": "off"})
    talking, _ = await several_calls(stage, 2)
    assert await attempt(stage, 0, OUTSIDE) == "204"
    assert (await talking.final(SOON)).status == 200
    assert await attempt(stage, 1, "+31612000001") == "429 8530"
    await until_placed(stage, 1)


def is_written(server: Server, state: str) -> bool:
    """Whether the store has a call in this state: an answer is written a moment after it was passed on."""
    database = server.directory / "data" / "strowger.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
        return bool(reader.execute("SELECT 1 FROM calls WHERE state = ?", (state,)).fetchall())


async def until_placed(stage: Stage, call: int) -> None:
    """Until a call may leave that was refused."""
    for number in range(10, 60):
        if await attempt(stage, call, f"+31612{number:06d}") == "204":
            return
        await asyncio.sleep(0.1)
    pytest.fail("it was refused until the end")


@pytest.mark.parametrize("by", ["caller", "target"])
async def test_an_answered_call_is_counted_after_a_crash_and_hung_up_all_the_same(stage: Stage, by: str) -> None:
    target = await stage.phone("target", Answer())
    outside = {**UNLIMITED, "calls": 1, "calls_per_day": 2, "assumed_call": "4s"}
    server = await stage.serve(trunk=target.uri, outside=outside)
    talking, _ = await several_calls(stage, 2)
    assert await attempt(stage, 0, OUTSIDE) == "204"
    assert (await talking.final(SOON)).status == 200
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    await until(lambda: is_written(server, "answered"), SOON, "the answer in the store")
    server.kill()
    await server.start()
    assert server.metrics['strowger_outside_calls{resource="main"}'] == 1
    assert await attempt(stage, 1, "+31612000001") == "429 8530"
    assert await (talking.hang_up() if by == "caller" else leg.hang_up()) == 200
    await until_placed(stage, 1)
    third = stage.call(await stage.phone("+31687651111"))
    await stage.application.event(2)
    assert await attempt(stage, 2, "+31612000003") in ("429 8529", "429 8530"), "two left in these 24 hours"
    third.cancel()


async def test_a_caller_from_outside_goes_nowhere_outside_where_that_is_refused(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, outside={**UNLIMITED, "hairpin": "refuse"})
    await several_calls(stage, 1)
    assert await attempt(stage, 0, OUTSIDE) == "405 8520"
    assert server.metrics['strowger_alerts_total{reason="hairpin"}'] == 1
    assert target.received == []


async def test_a_call_outside_counts_until_it_ends_even_over_a_crash(stage: Stage) -> None:
    target = await stage.phone("target", NoAnswer())
    server = await stage.serve(trunk=target.uri, outside={**UNLIMITED, "calls": 1})
    ringing, _ = await several_calls(stage, 2)
    assert await attempt(stage, 0, OUTSIDE) == "204"
    await target.leg(timeout_s=SOON)
    assert await attempt(stage, 1, "+31612000001") == "429 8530"
    server.kill()
    await server.start()
    assert server.metrics['strowger_outside_calls{resource="main"}'] == 1
    assert await attempt(stage, 1, "+31612000002") == "429 8530"
    ringing.cancel()
    assert (await ringing.final(SOON)).status == 487
    await until(
        lambda: 'strowger_outside_calls{resource="main"}' not in server.metrics, SOON, "the call is no longer outside"
    )
    assert await attempt(stage, 1, "+31612000003") == "204"
