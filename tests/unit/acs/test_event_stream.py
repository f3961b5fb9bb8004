"""Streams of events, piece by piece. The event loop measures how long they wait, so each wait here ends at once."""

from __future__ import annotations

import asyncio

import pytest

from strowger.acs.event_stream import BEGINNING, EVENTS_AT_ONCE, KEEP_ALIVE, EventStream, Reading, frame
from strowger.calls.errors import StoreUnavailable
from strowger.calls.pull import PulledEvent, Reader
from tests.support.pull import TYPE, ScriptedQueues

LONG_S = 60.0


def stream(queues: ScriptedQueues, after: int = 0, *, keep_alive_s: float = LONG_S, lasts_s: float = LONG_S):
    reading = Reading()
    assert queues.join("dev/app", reading)
    return EventStream(queues, "dev/app", after, reading, keep_alive_s=keep_alive_s, lasts_s=lasts_s)


async def asked(pieces: EventStream) -> asyncio.Task[bytes]:
    """A piece that is asked for, and waits."""
    task = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0)
    assert not task.done()
    return task


def test_an_event_to_the_octet() -> None:
    assert frame(PulledEvent(12, TYPE, b'{"id":"e"}')) == (
        b'id: 12\nevent: Microsoft.Communication.IncomingCall\ndata: {"id":"e"}\n\n'
    )


def test_an_event_of_several_lines_stays_one_event() -> None:
    lines = b'{\n"a":1,\r\n"b":2}'
    assert frame(PulledEvent(1, "t", lines)) == b'id: 1\nevent: t\ndata: {\ndata: "a":1,\ndata: "b":2}\n\n'


def test_a_type_stays_on_its_line() -> None:
    assert frame(PulledEvent(1, "a\ndata: b\r\n", b"{}")) == b"id: 1\nevent: adata:b\ndata: {}\n\n"


def test_what_a_stream_says_besides() -> None:
    assert BEGINNING == b"retry: 1000\n\n"
    assert KEEP_ALIVE == b":\n\n"


@pytest.mark.asyncio
async def test_what_waits_comes_at_once_and_what_comes_later_when_it_comes() -> None:
    queues = ScriptedQueues()
    queues.come(b"1", b"2")
    pieces = stream(queues)
    assert await anext(pieces) == frame(queues.events[0]) + frame(queues.events[1])
    next_piece = await asked(pieces)
    queues.come(b"3")
    assert await next_piece == frame(queues.events[2])


@pytest.mark.asyncio
async def test_it_begins_after_the_last_id_of_the_reader() -> None:
    queues = ScriptedQueues()
    queues.come(b"1", b"2")
    assert await anext(stream(queues, 1)) == frame(queues.events[1])


@pytest.mark.asyncio
async def test_a_piece_holds_so_many_events_and_no_more() -> None:
    queues = ScriptedQueues()
    queues.come(*[b"x"] * (EVENTS_AT_ONCE + 1))
    pieces = stream(queues)
    assert (await anext(pieces)).count(b"id: ") == EVENTS_AT_ONCE
    assert (await anext(pieces)).count(b"id: ") == 1
    assert queues.asked == [(0, EVENTS_AT_ONCE), (EVENTS_AT_ONCE, EVENTS_AT_ONCE)]


@pytest.mark.asyncio
async def test_a_wake_for_nothing_sends_nothing() -> None:
    queues = ScriptedQueues()
    pieces = stream(queues)
    next_piece = await asked(pieces)
    queues.come()
    await asyncio.sleep(0)
    assert not next_piece.done()
    queues.come(b"1")
    assert await next_piece == frame(queues.events[0])


@pytest.mark.asyncio
async def test_silence_is_broken_by_a_comment() -> None:
    pieces = stream(ScriptedQueues(), keep_alive_s=0.0)
    assert await anext(pieces) == KEEP_ALIVE
    assert await anext(pieces) == KEEP_ALIVE


@pytest.mark.asyncio
async def test_it_ends_when_its_time_is_over() -> None:
    queues = ScriptedQueues()
    queues.come(b"1")
    assert [piece async for piece in stream(queues, lasts_s=0.0)] == []


@pytest.mark.asyncio
async def test_it_ends_when_nothing_more_will_come() -> None:
    queues = ScriptedQueues()
    pieces = stream(queues)
    next_piece = await asked(pieces)
    queues.stop()
    with pytest.raises(StopAsyncIteration):
        await next_piece


@pytest.mark.asyncio
async def test_a_store_that_fails_ends_it() -> None:
    queues = ScriptedQueues()
    queues.fails_with = StoreUnavailable("gone")
    with pytest.raises(StoreUnavailable):
        await anext(stream(queues))


@pytest.mark.asyncio
async def test_its_place_is_free_once_it_is_closed_read_or_not() -> None:
    queues = ScriptedQueues()
    pieces = stream(queues)
    assert len(queues.readers) == 1
    await pieces.aclose()
    await pieces.aclose()
    assert queues.readers == []
    assert [piece async for piece in pieces] == []


@pytest.mark.asyncio
async def test_a_reader_waits_no_longer_than_it_wants() -> None:
    reading = Reading()
    reader: Reader = reading
    assert not await reading.woken(0.0)
    reader.wake()
    assert await reading.woken(LONG_S)
    assert not await reading.woken(0.0)
    assert not reading.is_over
    reader.end()
    assert await reading.woken(LONG_S)
    assert reading.is_over
