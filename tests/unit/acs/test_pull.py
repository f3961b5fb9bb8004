"""Fetching events, from a request to its reply."""

from __future__ import annotations

import asyncio
import json

import pytest

from strowger.acs.errors import ArgumentInvalid, MethodRefused, PathUnknown, ReadersTooMany
from strowger.acs.message import Headers, Reply, Request
from strowger.acs.pull import LARGEST_ID, MOST_ACKNOWLEDGED, MOST_EVENTS, Place, PullApi, PullSettings, place_of
from strowger.calls.errors import StoreUnavailable
from strowger.calls.pull import Acknowledged
from tests.support.pull import ScriptedQueues

EVENTS = "/strowger/subscriptions/app/events"
ACKNOWLEDGE = f"{EVENTS}:acknowledge"
STREAM = (("Accept", "text/event-stream"),)


class Bench:
    def __init__(self, settings: PullSettings | None = None) -> None:
        self.queues = ScriptedQueues()
        self.api = PullApi(self.queues, settings)
        self.gone: list = []

    async def get(self, query: str = "", *headers: tuple[str, str], path: str = EVENTS) -> Reply:
        target = f"{path}?{query}" if query else path
        request = Request("GET", target, Headers(headers), when_gone=self.gone.append)
        return await self.api.answer(place_of("GET", request.path), "dev", request)

    async def acknowledge(self, body: object) -> Reply:
        octets = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request("POST", ACKNOWLEDGE, Headers(), octets)
        return await self.api.answer(place_of("POST", request.path), "dev", request)

    async def poll(self, query: str = "", *headers: tuple[str, str]) -> object:
        return json.loads((await self.get(query, *headers)).body)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (EVENTS, Place("app", acknowledges=False)),
        ("/strowger/subscriptions/my%20app%2F1/events", Place("my app/1", acknowledges=False)),
    ],
)
def test_paths_of_events(path: str, place: Place) -> None:
    assert place_of("GET", path) == place


@pytest.mark.parametrize("path", [ACKNOWLEDGE, ACKNOWLEDGE.replace(":", "%3A"), ACKNOWLEDGE.replace(":", "%3a")])
def test_paths_of_acknowledgements(path: str) -> None:
    assert place_of("POST", path) == Place("app", acknowledges=True)


@pytest.mark.parametrize(
    "path", ["/strowger/", "/strowger/subscriptions", "/strowger/subscriptions//events", f"{EVENTS}/1", f"{EVENTS}:x"]
)
def test_other_paths(path: str) -> None:
    with pytest.raises(PathUnknown):
        place_of("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", EVENTS, "GET"), ("HEAD", EVENTS, "GET"), ("DELETE", EVENTS, "GET"), ("GET", ACKNOWLEDGE, "POST")],
)
def test_other_methods(method: str, path: str, allowed: str) -> None:
    with pytest.raises(MethodRefused) as refused:
        place_of(method, path)
    assert refused.value.headers == (("Allow", allowed),)


@pytest.mark.asyncio
async def test_what_waits_to_the_octet(bench: Bench) -> None:
    bench.queues.come(b'{"id":"e1"}', b'{"id":"e2"}')
    reply = await bench.get()
    assert reply == Reply(
        200,
        (("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store")),
        b'{"events":[{"id":1,"event":{"id":"e1"}},{"id":2,"event":{"id":"e2"}}],"last":2}',
    )


@pytest.mark.asyncio
async def test_nothing_waits(bench: Bench) -> None:
    assert await bench.poll() == {"events": [], "last": 0}
    bench.queues.come(b"{}")
    assert await bench.poll("after=1") == {"events": [], "last": 1}
    assert bench.gone == []


@pytest.mark.asyncio
async def test_reading_on_by_after_or_by_the_last_id_which_wins(bench: Bench) -> None:
    bench.queues.come(b"1", b"2", b"3")
    assert await bench.poll("after=2&limit=5") == {"events": [{"id": 3, "event": 3}], "last": 3}
    assert await bench.poll("after=0&limit=1", ("Last-Event-ID", "2")) == {"events": [{"id": 3, "event": 3}], "last": 3}
    assert await bench.poll("limit=1&api-version=2026-03-12") == {"events": [{"id": 1, "event": 1}], "last": 1}
    assert [limit for _, limit in bench.queues.asked] == [5, 1, 1]


@pytest.mark.asyncio
async def test_an_id_that_no_event_had_yet_is_of_a_lost_database_and_everything_is_given(bench: Bench) -> None:
    bench.queues.come(b"1")
    assert await bench.poll(f"after={LARGEST_ID}") == {"events": [{"id": 1, "event": 1}], "last": 1}


@pytest.mark.asyncio
async def test_a_long_poll_waits_for_the_next_event_and_leaves(bench: Bench) -> None:
    waiting = asyncio.ensure_future(bench.poll("wait=25s&limit=7"))
    await asyncio.sleep(0)
    bench.queues.come()  # for nothing: an event that is acknowledged already
    await asyncio.sleep(0)
    assert not waiting.done()
    bench.queues.come(b"1")
    assert await waiting == {"events": [{"id": 1, "event": 1}], "last": 1}
    assert bench.queues.readers == []
    assert bench.queues.asked == [(0, 7)] * 3


@pytest.mark.asyncio
async def test_a_long_poll_ends_empty_when_its_time_is_over_or_the_server_stops(bench: Bench) -> None:
    assert await bench.poll("wait=0.001") == {"events": [], "last": 0}
    waiting = asyncio.ensure_future(bench.poll("wait=60"))
    await asyncio.sleep(0)
    bench.queues.stop()
    assert await waiting == {"events": [], "last": 0}
    assert bench.queues.readers == []


@pytest.mark.parametrize("headers", [(), STREAM])
@pytest.mark.asyncio
async def test_a_client_that_leaves_gives_its_place_back(bench: Bench, headers: tuple[tuple[str, str], ...]) -> None:
    async def read() -> None:
        reply = await bench.get("wait=60", *headers)
        if reply.pieces is not None:
            assert [piece async for piece in reply.pieces] == []
            await reply.pieces.aclose()

    reading = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    assert len(bench.queues.readers) == 1
    (leave,) = bench.gone
    leave()
    await reading
    assert bench.queues.readers == []


@pytest.mark.asyncio
async def test_a_stream_begins_at_once_and_goes_on(bench: Bench) -> None:
    bench.queues.come(b"1", b"2")
    reply = await bench.get("after=1", ("Accept", "application/json, Text/Event-Stream;q=0.9"))
    assert (reply.status, reply.headers, reply.body) == (
        200,
        (("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")),
        b"retry: 1000\n\n",
    )
    assert reply.pieces is not None
    assert (await anext(reply.pieces)).startswith(b"id: 2\n")
    await reply.pieces.aclose()
    assert bench.queues.readers == []


@pytest.mark.asyncio
async def test_there_are_so_many_readers_and_no_more(bench: Bench) -> None:
    streams = [await bench.get("", *STREAM) for _ in range(bench.queues.most_readers)]
    for query, headers in (("", STREAM), ("wait=1", ())):
        with pytest.raises(ReadersTooMany) as refused:
            await bench.get(query, *headers)
        assert refused.value.headers == (("Retry-After", "1"),)
    assert await bench.poll() == {"events": [], "last": 0}, "who does not wait takes no place"
    for each in streams:
        assert each.pieces is not None
        await each.pieces.aclose()
    assert await bench.poll("wait=0.001") == {"events": [], "last": 0}


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=", "after"),
        ("after=%C2%B2", "after"),
        (f"after={LARGEST_ID + 1}", "after"),
        ("limit=0", "limit"),
        (f"limit={MOST_EVENTS + 1}", "limit"),
        ("limit=1.5", "limit"),
        ("wait=60.001", "wait"),
        ("wait=-1", "wait"),
        ("wait=2m", "wait"),
        ("wait=nan", "wait"),
        ("After=1", "After"),
        ("limit=1&limit=2", None),
        ("after=1&wait=1&limit=1&api-version=1&x=1", None),
    ],
)
@pytest.mark.asyncio
async def test_questions_that_are_refused(bench: Bench, query: str, target: str | None) -> None:
    for headers in ((), STREAM):
        with pytest.raises(ArgumentInvalid) as refused:
            await bench.get(query, *headers)
        assert refused.value.target == target


@pytest.mark.asyncio
async def test_a_last_id_that_is_none(bench: Bench) -> None:
    with pytest.raises(ArgumentInvalid, match="after, or Last-Event-ID, is a whole number from 0 to"):
        await bench.get("after=1", ("Last-Event-ID", "e1"))


@pytest.mark.parametrize("query", ["after=0", "limit=1", f"limit={MOST_EVENTS}", "wait=0", "wait=0s", "after=007"])
@pytest.mark.asyncio
async def test_questions_at_the_edge(bench: Bench, query: str) -> None:
    assert (await bench.get(query)).status == 200


@pytest.mark.asyncio
async def test_the_longest_wait_is_a_setting() -> None:
    bench = Bench(PullSettings(wait_s=0.001))
    assert await bench.poll("wait=0.001s") == {"events": [], "last": 0}
    with pytest.raises(ArgumentInvalid, match=r"wait is a number of seconds up to 0\.001, like 25s"):
        await bench.get("wait=0.002")


@pytest.mark.parametrize("path", ["/strowger/subscriptions/other/events", "/strowger/subscriptions/App/events"])
@pytest.mark.asyncio
async def test_subscriptions_that_there_are_not(bench: Bench, path: str) -> None:
    with pytest.raises(PathUnknown) as refused:
        await bench.get(path=path)
    name = path.split("/")[3]
    assert str(refused.value) == f"The resource dev has no subscription '{name}' with delivery = \"pull\"."


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"upTo": 2}, Acknowledged(2)),
        ({"ids": [1, 2]}, Acknowledged(0, [1, 2])),
        ({"upTo": 1, "ids": [2]}, Acknowledged(1, [2])),
        ({"ids": list(range(1, MOST_ACKNOWLEDGED + 1))}, Acknowledged(0, list(range(1, MOST_ACKNOWLEDGED + 1)))),
    ],
)
@pytest.mark.asyncio
async def test_acknowledging(bench: Bench, body: object, what: Acknowledged) -> None:
    bench.queues.come(b"1", b"2")
    assert await bench.acknowledge(body) == Reply(204)
    assert bench.queues.acknowledged == [what]


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "upTo"),
        ({"ids": []}, "upTo"),
        ({"upTo": 0}, "upTo"),
        ({"upTo": 3}, "upTo"),
        ({"upTo": LARGEST_ID + 1}, "upTo"),
        ({"upTo": "2"}, "upTo"),
        ({"upTo": 1.5}, "upTo"),
        ({"ids": [0]}, "ids[0]"),
        ({"ids": [1] * (MOST_ACKNOWLEDGED + 1)}, "ids"),
        ({"up_to": 1}, "up_to"),
        (b'{"upTo":1,"upTo":2}', "upTo"),
        (b"", None),
    ],
)
@pytest.mark.asyncio
async def test_acknowledgements_that_are_refused_change_nothing(bench: Bench, body: object, target: str | None) -> None:
    bench.queues.come(b"1", b"2")
    with pytest.raises(ArgumentInvalid) as refused:
        await bench.acknowledge(body)
    assert refused.value.target == target
    assert bench.queues.acknowledged == []


@pytest.mark.asyncio
async def test_a_store_that_fails_is_said_to(bench: Bench) -> None:
    bench.queues.come(b"1")
    bench.queues.fails_with = StoreUnavailable("full")
    for headers in ((), STREAM):
        with pytest.raises(StoreUnavailable):
            await bench.get("", *headers)
    with pytest.raises(StoreUnavailable):
        await bench.acknowledge({"ids": [1]})
    assert bench.queues.readers == []
