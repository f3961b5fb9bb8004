"""The reader of events against the API itself, over a listener of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from strowger.acs.http import HttpListener
from strowger.acs.pull import PullApi
from strowger.calls.errors import StoreUnavailable
from strowger.calls.pull import Acknowledged
from strowger.cli.errors import Failed
from strowger.cli.event_reader import EventReader, Read, StreamLost
from tests.support.acs import ACCESS_KEY, Bench
from tests.support.pull import TYPE, ScriptedQueues

pytestmark = pytest.mark.asyncio


class Served:
    """An API with queues, and readers of it."""

    def __init__(self, queues: ScriptedQueues, bench: Bench, port: int) -> None:
        self.queues = queues
        self.bench = bench
        self.port = port

    def reader(self, subscription: str = "app", key: str = ACCESS_KEY) -> EventReader:
        return EventReader(f"http://127.0.0.1:{self.port}/", key, subscription, self.bench.clock.wall, None)


@asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    queues, bench = ScriptedQueues(), Bench()
    bench.api.pull = PullApi(queues)
    listener = HttpListener(bench.api.handle, wall=bench.clock.wall)
    try:
        yield Served(queues, bench, await listener.start("127.0.0.1", 0))
    finally:
        queues.stop()
        await listener.stop(1.0)


async def test_events_are_read_as_they_come_and_acknowledged() -> None:
    async with serving() as served, served.reader() as reader:
        assert not reader.has_begun
        served.queues.come(b'{"id":"e1"}')
        async with aclosing(reader.events()) as stream:
            first = await anext(stream)
            assert reader.has_begun
            assert first == Read(1, TYPE, b'{"id":"e1"}')
            assert first.event == {"id": "e1"}
            served.queues.come(b'{\n"id":"e2"}')
            assert await anext(stream) == Read(2, TYPE, b'{\n"id":"e2"}')
        await reader.acknowledge(2)
        assert served.queues.acknowledged == [Acknowledged(0, [2])]


async def test_a_stream_that_ended_is_begun_again_behind_its_last_event() -> None:
    async with serving() as served, served.reader() as reader:
        served.queues.come(b"{}")
        async with aclosing(reader.events()) as stream:
            await anext(stream)
            served.queues.stop()
            with pytest.raises(StreamLost, match="ended the stream"):
                await anext(stream)
        served.queues.come(b"[]")
        async with aclosing(reader.events()) as stream:
            assert (await anext(stream)).id == 2


async def test_a_server_that_can_give_nothing_for_now_is_asked_again_by_who_has_read_already() -> None:
    async with serving() as served, served.reader() as reader:
        served.queues.most_readers = 0
        with pytest.raises(Failed, match="No further reader"):
            await anext(reader.events())
        served.queues.most_readers = 1
        served.queues.come(b"{}")
        async with aclosing(reader.events()) as stream:
            await anext(stream)
        served.queues.fails_with = StoreUnavailable("the disk is full")
        with pytest.raises(StreamLost, match="cannot store"):
            await anext(reader.events())


async def test_names_are_signed_as_they_are_sent() -> None:
    async with serving() as served, served.reader("my app/ü") as reader:
        with pytest.raises(Failed, match="The resource dev has no subscription 'my app/ü'"):
            await anext(reader.events())


async def test_what_the_server_refuses_is_said() -> None:
    async with serving() as served, served.reader(key="c2VjcmV0LXNlY3JldC1zZWNyZXQ=") as reader:
        with pytest.raises(Failed, match="signature"):
            await anext(reader.events())
        with pytest.raises(Failed, match="signature"):
            await reader.acknowledge(1)


async def test_nobody_is_there() -> None:
    async with serving() as served:
        reader = served.reader()
    async with reader:
        with pytest.raises(StreamLost, match="does not answer"):
            await anext(reader.events())
        with pytest.raises(StreamLost, match="does not answer"):
            await reader.acknowledge(1)
        assert not reader.has_begun


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", b"nonsense\r\n\r\n"])
async def test_somebody_else_is_there(answer: bytes) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, EventReader(f"http://127.0.0.1:{port}", ACCESS_KEY, "app", lambda: 0.0, None) as reader:
        with pytest.raises((Failed, StreamLost), match=r"no Strowger: it said 404|does not answer"):
            await anext(reader.events())


async def test_a_body_that_is_no_event() -> None:
    with pytest.raises(Failed, match="is none"):
        assert Read(1, TYPE, b"[]").event
