"""The locator asks once for all who wait, keeps its patience short, and answers from memory where it can."""

from __future__ import annotations

import asyncio

import pytest

from strowger.base.clock import VirtualClock
from strowger.base.tasks import running
from strowger.sip.location.errors import Unlocatable
from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.locator import Locator
from strowger.sip.location.records import Answer, Question, Srv
from strowger.sip.location.resolve import Destination, Reach

TRUNK = "sip:trunk.example;transport=udp"
FIRST = Destination("UDP", "192.0.2.1", 5060, "trunk.example")
SECOND = Destination("UDP", "192.0.2.2", 5060, "trunk.example")


class Table:
    """A DNS in which each question waits until it is answered, unless the answer was there before."""

    def __init__(self, answers: dict[str, Answer] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []
        self.waiting: dict[str, asyncio.Future[Answer]] = {}

    async def ask(self, question: Question) -> Answer:
        text = f"{question.kind} {question.name}"
        self.asked.append(text)
        if text in self.answers:
            return self.answers[text]
        self.waiting[text] = asyncio.get_running_loop().create_future()
        return await self.waiting[text]


def the_trunk() -> Table:
    return Table(
        {
            "SRV _sip._udp.trunk.example": Answer((Srv(1, 1, 5060, "a.example"), Srv(2, 1, 5060, "b.example")), 60.0),
            "A a.example": Answer(("192.0.2.1",), 60.0),
            "A b.example": Answer(("192.0.2.2",), 60.0),
        }
    )


def a_locator(table: Table, clock: VirtualClock | None = None, limits: LocationLimits | None = None) -> Locator:
    return Locator(table, Reach(("UDP",), (4,)), monotonic=(clock or VirtualClock()).monotonic, limits=limits)


def draw() -> float:
    return 0.0


async def settle() -> None:
    """Let every task run until it waits for something that has to come from outside."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_trunk_is_asked_for_once_and_then_known() -> None:
    table = the_trunk()
    locator = a_locator(table)
    assert locator.known(TRUNK, draw) is None
    assert table.asked == []
    assert await locator.locate(TRUNK, draw) == [FIRST, SECOND]
    assert locator.known(TRUNK, draw) == [FIRST, SECOND]
    assert await locator.locate(TRUNK, draw) == [FIRST, SECOND]
    assert table.asked == ["SRV _sip._udp.trunk.example", "A a.example", "A b.example"]


@pytest.mark.asyncio
async def test_a_numeric_host_is_known_at_once() -> None:
    assert a_locator(Table()).known("sip:192.0.2.1", draw) == [Destination("UDP", "192.0.2.1", 5060, "192.0.2.1")]


@pytest.mark.asyncio
async def test_what_cannot_be_located_names_the_uri() -> None:
    locator = a_locator(Table())
    with pytest.raises(Unlocatable, match=r"^sip:192\.0\.2\.1;transport=tcp: it wants TCP"):
        locator.known("sip:192.0.2.1;transport=tcp", draw)
    with pytest.raises(Unlocatable, match=r"^tel:112: a tel URI"):
        await locator.locate("tel:112", draw)


@pytest.mark.asyncio
async def test_it_is_asked_again_when_the_answers_are_old() -> None:
    table, clock = the_trunk(), VirtualClock()
    locator = a_locator(table, clock)
    await locator.locate(TRUNK, draw)
    clock.advance(60.0)
    assert locator.known(TRUNK, draw) is None
    table.answers["A a.example"] = Answer(("192.0.2.7",), 60.0)
    assert (await locator.locate(TRUNK, draw))[0].host == "192.0.2.7"


@pytest.mark.asyncio
async def test_the_last_good_answers_serve_while_the_name_servers_fail() -> None:
    table, clock = the_trunk(), VirtualClock()
    locator = a_locator(table, clock)
    await locator.locate(TRUNK, draw)
    table.answers = dict.fromkeys(table.answers, Answer(failure="SERVFAIL"))
    clock.advance(3_600.0)
    assert await locator.locate(TRUNK, draw) == [FIRST, SECOND]
    assert locator.known(TRUNK, draw) == [FIRST, SECOND]
    clock.advance(60.0)
    with pytest.raises(Unlocatable, match="SERVFAIL"):
        await locator.locate(TRUNK, draw)


@pytest.mark.asyncio
async def test_many_who_wait_ask_once() -> None:
    table = Table()
    locator = a_locator(table)
    calls = [asyncio.ensure_future(locator.locate("sip:a.example:5060", draw)) for _ in range(10)]
    await settle()
    table.waiting["A a.example"].set_result(Answer(("192.0.2.1",), 60.0))
    assert {(await call)[0].host for call in calls} == {"192.0.2.1"}
    assert table.asked == ["A a.example"]


@pytest.mark.asyncio
async def test_patience_ends_but_the_question_goes_on() -> None:
    table = Table()
    locator = a_locator(table, limits=LocationLimits(location_s=0.01))
    with pytest.raises(Unlocatable, match=r"no name server answered within 0\.01 s"):
        await locator.locate("sip:a.example:5060", draw)
    table.waiting["A a.example"].set_result(Answer(("192.0.2.1",), 60.0))
    await settle()
    assert running() == []
    assert locator.known("sip:a.example:5060", draw) is not None


@pytest.mark.asyncio
async def test_no_more_questions_at_once_than_allowed() -> None:
    locator = a_locator(Table(), limits=LocationLimits(location_s=0.01, pending=1))
    waiting = asyncio.ensure_future(locator.locate("sip:a.example:5060", draw))
    await settle()
    with pytest.raises(Unlocatable, match="1 other questions are under way"):
        await locator.locate("sip:b.example:5060", draw)
    with pytest.raises(Unlocatable):
        await waiting
    locator.stop()
    await settle()
    assert running() == []


@pytest.mark.asyncio
async def test_stopping_ends_the_questions() -> None:
    table = Table()
    locator = a_locator(table, limits=LocationLimits(location_s=5.0))
    waiting = asyncio.ensure_future(locator.locate("sip:a.example:5060", draw))
    await settle()
    locator.stop()
    with pytest.raises(Unlocatable, match="given up"):
        await waiting
    assert table.waiting["A a.example"].cancelled()


@pytest.mark.asyncio
async def test_a_destination_that_does_not_serve_goes_last() -> None:
    clock = VirtualClock()
    locator = a_locator(the_trunk(), clock)
    locator.avoidance.avoid(FIRST, clock.monotonic() + 30.0)
    assert await locator.locate(TRUNK, draw) == [SECOND, FIRST]
    assert locator.known(TRUNK, draw) == [SECOND, FIRST]
