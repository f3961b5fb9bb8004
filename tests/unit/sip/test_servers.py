"""The locator, with an answer by callback."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from strowger.sip.location.limits import LocationLimits
from strowger.sip.location.locator import Locator
from strowger.sip.location.records import Answer, Kind, Question
from strowger.sip.location.resolve import Destination, Reach
from strowger.sip.servers import AVOIDED_S, Servers

pytestmark = pytest.mark.asyncio

ADDRESSES = ("192.0.2.1", "192.0.2.2", "192.0.2.3")


class Table:
    """Name servers that are a table."""

    async def ask(self, question: Question) -> Answer:
        return Answer(ADDRESSES, 60.0) if question == Question(Kind.A, "sbc.example") else Answer()


class Asker:
    def __init__(self) -> None:
        self.now, self.touched = 100.0, 0
        self.come = asyncio.Event()
        self.answers: list[tuple[list[str], str]] = []
        reach = Reach(("UDP",), (4,))
        locator = Locator(Table(), reach, monotonic=lambda: self.now, limits=LocationLimits())
        self.servers = Servers(locator, b"k" * 32, monotonic=lambda: self.now, touch=self._touch)

    def _touch(self) -> None:
        self.touched += 1

    def ask(self, uri: str = "sip:1@sbc.example:5060", what: str = "call") -> None:
        def told(found: Sequence[Destination], why: str) -> None:
            self.answers.append(([each.host for each in found], why))
            self.come.set()

        self.servers.locate(uri, what, told)

    async def answered(self) -> tuple[list[str], str]:
        async with asyncio.timeout(5):
            await self.come.wait()
        self.come.clear()
        return self.answers.pop()


async def test_what_needs_nobody_else_is_answered_at_once() -> None:
    asker = Asker()
    asker.ask("sip:1@192.0.2.7")
    assert asker.answers == [(["192.0.2.7"], "")]
    asker.ask("tel:+1")
    assert asker.answers[1][0] == []
    assert "tel URI" in asker.answers[1][1]
    assert asker.touched == 0


async def test_a_name_is_answered_later_and_from_memory_after_that() -> None:
    asker = Asker()
    asker.ask()
    assert asker.answers == []
    found, why = await asker.answered()
    assert (sorted(found), why, asker.touched) == (sorted(ADDRESSES), "", 1)
    asker.ask()
    assert asker.answers == [(found, "")], "the same call finds the same order"


async def test_other_calls_find_other_orders() -> None:
    asker = Asker()
    asker.ask()
    await asker.answered()
    for number in range(20):
        asker.ask(what=f"call {number}")
    assert len({found[0] for found, _ in asker.answers}) == 3


async def test_a_name_that_does_not_exist() -> None:
    asker = Asker()
    asker.ask("sip:1@nowhere.example:5060")
    found, why = await asker.answered()
    assert found == []
    assert "nowhere.example" in why


async def test_what_did_not_serve_comes_last_for_a_while() -> None:
    asker = Asker()
    asker.ask()
    (first, *_), _ = await asker.answered()
    asker.servers.avoid(Destination("UDP", first, 5060, "sbc.example"))
    asker.ask()
    assert asker.answers.pop()[0][-1] == first
    asker.now += AVOIDED_S
    asker.ask()
    assert asker.answers.pop()[0][0] == first
    asker.servers.stop()


async def test_what_is_known_is_told_without_asking() -> None:
    asker = Asker()
    assert [each.host for each in asker.servers.known("sip:1@192.0.2.7", "call")] == ["192.0.2.7"]
    assert asker.servers.known("sip:1@sbc.example:5060", "call") == ()
    asker.ask()
    await asker.answered()
    assert len(asker.servers.known("sip:1@sbc.example:5060", "call")) == 3
