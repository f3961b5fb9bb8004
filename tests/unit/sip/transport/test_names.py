"""Host names, with a resolver and a clock of the test's own."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from strowger.base.clock import VirtualClock
from strowger.sip.transport.errors import Unresolved
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.names import Names, system_resolver
from strowger.sip.transport.trouble import Counters

pytestmark = pytest.mark.asyncio
LIMITS = TransportLimits(resolve_timeout_s=0.01)


class Zone:
    """A name server."""

    def __init__(self) -> None:
        self.records: dict[str, list[str] | OSError] = {}
        self.silent: asyncio.Event | None = None
        self.asked: list[tuple[str, int]] = []

    async def resolve(self, host: str, family: int) -> list[str]:
        self.asked.append((host, family))
        if self.silent is not None:
            await self.silent.wait()
        found = self.records.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(found, OSError):
            raise found
        return found


def built(zone: Zone, limits: TransportLimits = LIMITS) -> tuple[Names, VirtualClock]:
    clock = VirtualClock()
    return Names(zone.resolve, limits, 60.0, clock.monotonic, Counters()), clock


async def test_an_address_is_asked_for_once_while_it_is_fresh():
    zone = Zone()
    zone.records["a.test"] = ["192.0.2.1", "192.0.2.2"]
    names, clock = built(zone)
    assert names.known("a.test", 4) is None
    assert await names.look_up("a.test", 4) == "192.0.2.1"
    clock.advance(59.9)
    assert names.known("a.test", 4) == "192.0.2.1"
    clock.advance(0.1)
    assert names.known("a.test", 4) is None
    assert zone.asked == [("a.test", 4)]


async def test_many_callers_share_one_question():
    zone = Zone()
    zone.records["a.test"] = ["192.0.2.1"]
    names, _ = built(zone)
    assert await asyncio.gather(*(names.look_up("a.test", 4) for _ in range(9))) == ["192.0.2.1"] * 9
    assert len(zone.asked) == 1


async def test_a_failure_is_remembered_for_a_while():
    zone = Zone()
    names, clock = built(zone)
    with pytest.raises(Unresolved, match=r"^b\.test cannot be resolved: Name or service not known$"):
        await names.look_up("b.test", 4)
    with pytest.raises(Unresolved):
        names.known("b.test", 4)
    clock.advance(LIMITS.resolve_retry_s)
    assert names.known("b.test", 4) is None


async def test_the_last_good_address_outlives_the_name_server_for_an_hour():
    zone = Zone()
    zone.records["a.test"] = ["192.0.2.1"]
    names, clock = built(zone)
    await names.look_up("a.test", 4)
    zone.records["a.test"] = OSError("gone")
    clock.advance(3_599)
    assert await names.look_up("a.test", 4) == "192.0.2.1"
    assert names.known("a.test", 4) == "192.0.2.1"
    clock.advance(5)
    with pytest.raises(Unresolved, match="gone"):
        await names.look_up("a.test", 4)


async def test_a_silent_server_costs_one_hanging_question_and_a_bounded_wait():
    zone = Zone()
    zone.silent = asyncio.Event()
    zone.records["a.test"] = ["192.0.2.1"]
    names, clock = built(zone)
    for _ in range(3):
        with pytest.raises(Unresolved, match="got no answer"):
            await names.look_up("a.test", 4)
        clock.advance(LIMITS.resolve_retry_s)
    assert len(zone.asked) == 1
    zone.silent.set()
    assert await names.look_up("a.test", 4) == "192.0.2.1"


async def test_questions_at_once_are_bounded():
    zone = Zone()
    zone.silent = asyncio.Event()
    names, _ = built(zone, replace(LIMITS, resolve_pending=2))
    waiting = [asyncio.create_task(names.look_up(f"{each}.test", 4)) for each in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unresolved, match=r"2 other names .*resolve_pending"):
        await names.look_up("2.test", 4)
    zone.silent.set()
    assert all(isinstance(each, Unresolved) for each in await asyncio.gather(*waiting, return_exceptions=True))


async def test_remembered_names_are_bounded_and_the_oldest_leaves():
    zone = Zone()
    zone.records = {f"{each}.test": [f"192.0.2.{each}"] for each in (1, 2, 3)}
    names, _ = built(zone, replace(LIMITS, resolve_names=2))
    for each in (1, 2, 3):
        await names.look_up(f"{each}.test", 4)
    assert [names.known(f"{each}.test", 4) for each in (1, 2, 3)] == [None, "192.0.2.2", "192.0.2.3"]


@pytest.mark.parametrize("found", [[], ["::1"], ["0.0.0.0"], ["224.0.0.1"], ["no address"]])
async def test_answers_that_cannot_be_sent_to_are_none(found):
    zone = Zone()
    zone.records["a.test"] = found
    names, _ = built(zone)
    with pytest.raises(Unresolved, match="has no usable IPv4 address"):
        await names.look_up("a.test", 4)


async def test_stopping_ends_the_waiting():
    zone = Zone()
    zone.silent = asyncio.Event()
    names, _ = built(zone, TransportLimits())
    waiting = asyncio.create_task(names.look_up("a.test", 4))
    await asyncio.sleep(0)
    names.stop()
    with pytest.raises(Unresolved, match="was given up"):
        await asyncio.wait_for(waiting, 5)


async def test_the_system_knows_localhost():
    assert "127.0.0.1" in await system_resolver("localhost", 4)


async def test_the_system_refuses_what_is_no_name():
    with pytest.raises(OSError, match="no host name"):
        await system_resolver("x" * 64 + ".test", 4)
