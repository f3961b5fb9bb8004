"""Applications that nobody can call: they fetch their events, by a stream or by asking again and again."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from azure.communication.callautomation._shared.policy import HMACCredentialsPolicy
from azure.core import PipelineClient
from azure.core.rest import HttpRequest

from strowger.acs.http import HttpListener
from strowger.acs.http_limits import HttpLimits
from strowger.acs.message import Reply, Request
from strowger.acs.pull import PullApi, place_of
from strowger.base.clock import SystemClock
from strowger.calls.ports import OutboxEntry
from strowger.events.pull import Pull, PullLimits
from strowger.events.subscription import DeliveryMode, Subscription
from strowger.phones.behaviours import Answer
from strowger.storage.memory import MemoryStore
from strowger.storage.retention import Retention
from tests.e2e.stage import Stage
from tests.support.server import DEV_ISSUER, HOST, KEY, NUMBER, OTHER_KEY, OUTSIDE, SECOND_NUMBER, STROWGER, until
from tests.support.sse import EventSource, signed, streaming
from tests.support.storage import a_commit, commit

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

PULL = {"delivery": "pull", "endpoint": ""}
EXAMPLE = Path(__file__).resolve().parents[2] / "examples/pull_app.py"
PATH = "/strowger/subscriptions/app/events"
INCOMING_CALL = "Microsoft.Communication.IncomingCall"
AFTER_RESTART = 15.0
LONG = {"hold": "60s"}
LARGE_EVENTS = 600


def trust(stage: Stage) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(stage.server.authority))


def reading(stage: Stage, source: EventSource | None = None, query: str = "") -> Any:
    url = f"{stage.server.api_origin}{PATH}{query}"
    return streaming(url, signed("GET", url, KEY), ssl=trust(stage), source=source)


def ask(stage: Stage, query: str = "", *, key: str = KEY) -> dict[str, Any]:
    """One poll, by nothing but the standard library."""
    url = f"{stage.server.api_origin}{PATH}{query}"
    request = urllib.request.Request(url, headers=signed("GET", url, key))
    with urllib.request.urlopen(request, timeout=30, context=trust(stage)) as response:
        decoded = json.loads(response.read())
    assert isinstance(decoded, dict)
    return decoded


def acknowledge(stage: Stage, **what: Any) -> int:
    url, body = f"{stage.server.api_origin}{PATH}:acknowledge", json.dumps(what).encode()
    headers = signed("POST", url, KEY, body) | {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=10, context=trust(stage)) as response:
        return int(response.status)


def contexts(events: dict[str, Any]) -> list[str]:
    return [each["event"]["data"]["incomingCallContext"] for each in events["events"]]


async def test_a_call_is_redirected_by_who_only_reads_a_stream(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri, filters=PULL)
    async with reading(stage) as stream:
        call = stage.call(await stage.caller())
        event = await stream.next()
        assert (event.type, event.event["eventType"]) == (INCOMING_CALL, INCOMING_CALL)
        assert event.event["data"]["to"]["rawId"] == f"4:{NUMBER}"
        await stage.redirect(event.event["data"]["incomingCallContext"], OUTSIDE)
        assert (await call.final(5.0)).status == 200
        assert stream.source.retry_ms == 1_000
    assert stage.application.posts == 0
    assert await asyncio.to_thread(ask, stage) == {"events": [], "last": 0}, "its hop is closed"


async def test_a_call_is_redirected_by_who_only_polls(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri, filters=PULL | {"schema": "cloudevents"})
    waiting = asyncio.create_task(asyncio.to_thread(ask, stage, "?wait=20s&limit=1"))
    await until(lambda: "1 waiting for more" in stage.server.subscription("app"), 5.0, "somebody waits")
    call = stage.call(await stage.caller())
    events = await waiting
    (shown,) = events["events"]
    assert (shown["id"], events["last"]) == (1, 1)
    assert (shown["event"]["specversion"], shown["event"]["type"]) == ("1.0", INCOMING_CALL)
    await stage.redirect(contexts(events)[0], OUTSIDE)
    assert (await call.final(5.0)).status == 200


async def test_a_resource_reads_by_a_token_of_entra_and_the_outcomes_too(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    outcomes = {"name": "outcomes", "channel": "outcomes", "delivery": "pull"}
    server = await stage.serve(trunk=target.uri, filters=PULL, subscriptions=[outcomes], entra=[DEV_ISSUER])
    bearer = {"Authorization": f"Bearer {await asyncio.to_thread(server.entra_token)}"}
    url = f"{server.api_origin}{PATH}"
    async with (
        streaming(url, bearer, ssl=trust(stage)) as calls,
        streaming(url.replace("/app/", "/outcomes/"), bearer, ssl=trust(stage)) as results,
    ):
        call = stage.call(await stage.caller())
        await stage.redirect((await calls.next()).event["data"]["incomingCallContext"], OUTSIDE)
        assert (await call.final(5.0)).status == 200
        told = [(await results.next()) for _ in range(2)]
    assert {each.type for each in told} == {"Strowger.Redirect.Ringing", "Strowger.Redirect.Answered"}


async def test_the_example_redirects_and_listens_nowhere(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, filters=PULL)
    trusted = {name: str(server.authority) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(EXAMPLE), "app", NUMBER, OUTSIDE),
        env={**os.environ, **trusted, "CONNECTION_STRING": server.connection_string},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"Waiting for calls.\n"
        for _ in range(2):
            assert (await stage.call(await stage.caller()).final(10.0)).status == 200
            told = f"IncomingCall to 4:{NUMBER}: redirecting it to {OUTSIDE}.\nRedirected.\n"
            assert await process.stdout.readexactly(len(told)) == told.encode()
    finally:
        process.kill()
        await process.wait()


async def test_the_command_follows_what_comes(stage: Stage) -> None:
    server = await stage.serve(filters=PULL, limits=LONG)
    call = stage.call(await stage.caller())
    command = [str(STROWGER), "events", "follow", "--config", str(server.config), "--json", "--limit", "1"]
    process = await asyncio.create_subprocess_exec(*command, "--acknowledge", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    shown = json.loads(output)
    assert (process.returncode, shown["event"]["data"]["to"]["rawId"]) == (0, f"4:{NUMBER}")
    assert await asyncio.to_thread(ask, stage) == {"events": [], "last": 0}
    call.cancel()


async def test_the_sdk_signs_what_fetches_events(stage: Stage) -> None:
    await stage.serve(filters=PULL, limits=LONG)
    call = stage.call(await stage.caller())
    url = f"{stage.server.api_origin}{PATH}"
    policy = HMACCredentialsPolicy(stage.server.api_origin, KEY)
    authority = str(stage.server.authority)
    client: PipelineClient[Any, Any] = PipelineClient(url, policies=[policy], connection_verify=authority)
    response = await asyncio.to_thread(client.send_request, HttpRequest("GET", f"{url}?wait=10s&after=0"))
    assert response.status_code == 200
    (shown,) = response.json()["events"]
    request = HttpRequest("POST", f"{url}:acknowledge", json={"ids": [shown["id"]]})
    assert (await asyncio.to_thread(client.send_request, request)).status_code == 204
    assert await asyncio.to_thread(ask, stage) == {"events": [], "last": 0}
    call.cancel()


async def test_who_lost_its_stream_goes_on_behind_its_last_event_over_a_kill(stage: Stage) -> None:
    await stage.serve(filters=PULL, limits=LONG)
    caller, source = await stage.caller(), EventSource()
    calls = [stage.call(caller)]
    async with reading(stage, source) as stream:
        first = await stream.next()
    calls.append(stage.call(caller, SECOND_NUMBER))
    await until(lambda: len(ask(stage)["events"]) == 2, 5.0, "the second call is announced")
    stage.server.kill()
    await stage.server.start()
    async with reading(stage, source) as stream:
        second = await stream.next(AFTER_RESTART)
        calls.append(stage.call(caller))
        third = await stream.next()
    ids = [int(each.last_event_id) for each in (first, second, third)]
    assert ids == sorted(set(ids))
    assert [each.event["data"]["to"]["rawId"] for each in (first, second)] == [f"4:{NUMBER}", f"4:{SECOND_NUMBER}"]
    assert len({each.event["id"] for each in (first, second, third)}) == 3
    for call in calls:
        call.cancel()


async def test_what_was_acknowledged_before_a_kill_is_not_given_again_and_all_else_is(stage: Stage) -> None:
    await stage.serve(filters=PULL, limits=LONG)
    caller = await stage.caller()
    calls = [stage.call(caller) for _ in range(3)]
    await until(lambda: len(ask(stage)["events"]) == 3, 5.0, "all calls are announced")
    before = ask(stage)
    assert acknowledge(stage, ids=[before["events"][1]["id"]]) == 204
    stage.server.kill()
    await stage.server.start()
    after = ask(stage)
    assert [each["id"] for each in after["events"]] == [before["events"][0]["id"], before["events"][2]["id"]]
    assert contexts(after) == [contexts(before)[0], contexts(before)[2]]
    assert acknowledge(stage, upTo=after["last"]) == 204
    assert ask(stage)["events"] == []
    calls.append(stage.call(caller))
    later = await asyncio.to_thread(ask, stage, "?wait=10s")
    assert [each["id"] > before["last"] for each in later["events"]] == [True]
    for call in calls:
        call.cancel()


async def test_both_of_two_readers_are_given_everything_and_one_decision_holds(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri, filters=PULL)
    async with reading(stage) as one, reading(stage) as two:
        call = stage.call(await stage.caller())
        first, second = await asyncio.gather(one.next(), two.next())
        assert first == second
        await stage.redirect(first.event["data"]["incomingCallContext"], OUTSIDE)
        assert (await call.final(5.0)).status == 200


async def test_a_reader_that_does_not_read_is_cut_off_and_loses_nothing() -> None:
    """More than the system keeps for a connection waits, in a listener of this process."""
    store = MemoryStore(asyncio.get_running_loop().call_soon, Retention())
    queues = Pull(store.pull, SystemClock(), PullLimits(), lambda events: None)
    queues.serve(Subscription("dev", "app", "", "/topic", delivery=DeliveryMode.PULL))
    api, later = PullApi(queues), SystemClock().wall() + 60.0
    filler = "x" * 30_000
    for number in range(LARGE_EVENTS):
        body = json.dumps({"id": str(number), "eventType": INCOMING_CALL, "data": filler}).encode()
        entry = OutboxEntry(f"event {number}", "dev/app", "call", body, 0.0, later)
        await commit(store, a_commit(f"call {number}", events=(entry,)))

    async def answer(request: Request) -> Reply:
        return await api.answer(place_of(request.method, request.path), "dev", request)

    listener = HttpListener(answer, wall=SystemClock().wall, limits=HttpLimits(write_s=0.1))
    port = await listener.start(HOST, 0)
    with socket.create_connection((HOST, port)) as client:
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/event-stream\r\n\r\n".encode())
        await until(lambda: "1 waiting" in queues.state("dev/app"), 5.0, "it reads")
        await until(lambda: "nobody waiting" in queues.state("dev/app"), 5.0, "it is cut off")
        await until(lambda: not listener.open_connections, 5.0, "its connection is gone")
    async with streaming(f"http://{HOST}:{port}{PATH}", {}, ssl=False) as stream:
        read = [await stream.next() for _ in range(LARGE_EVENTS)]
    assert [each.event["id"] for each in read] == [str(number) for number in range(LARGE_EVENTS)]
    await listener.stop(1.0)
    store.close()


async def test_a_server_that_stops_sends_its_readers_away(stage: Stage) -> None:
    await stage.serve(filters=PULL)
    async with reading(stage) as stream:
        waiting = asyncio.create_task(asyncio.to_thread(ask, stage, "?wait=30s"))
        await until(lambda: "2 waiting for more" in stage.server.subscription("app"), 5.0, "both wait")
        stopping = asyncio.create_task(asyncio.to_thread(stage.server.terminate))
        with pytest.raises(EOFError):
            await stream.next()
        assert await waiting == {"events": [], "last": 0}
    assert await stopping == 0


async def test_nobody_fetches_without_the_key_of_the_resource(stage: Stage) -> None:
    await stage.serve(filters=PULL)
    for key, status in ((OTHER_KEY, 401), (None, 401)):
        url = f"{stage.server.api_origin}{PATH}"
        request = urllib.request.Request(url, headers=signed("GET", url, key) if key else {})
        with pytest.raises(urllib.error.HTTPError) as refused:
            await asyncio.to_thread(urllib.request.urlopen, request, timeout=10, context=trust(stage))
        assert refused.value.code == status
        refused.value.close()
