"""Both schemas of events, read and consented to by the official JavaScript SDKs, and by the Python ones beside them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, SystemEventNames

from tests.e2e.stage import Stage
from tests.support.server import NUMBER, free_ports, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

PROGRAM = Path(__file__).resolve().parents[1] / "javascript" / "receiver.mjs"
GLOBAL_CRYPTO = "--experimental-global-webcrypto"
SHAPES = Path(__file__).resolve().parents[1] / "conformance" / "eventgrid" / "shapes"
INCOMING_CALL = "Microsoft.Communication.IncomingCall"
SOON = 10.0


class Receiver:
    """The program, running."""

    def __init__(self, node: asyncio.subprocess.Process) -> None:
        self._node = node
        self.port = 0

    async def says(self) -> dict[str, Any]:
        """The next thing it says."""
        assert self._node.stdout is not None
        line = await asyncio.wait_for(self._node.stdout.readline(), SOON)
        said: dict[str, Any] = json.loads(line)
        return said

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def running_receiver(port: int = 0) -> AsyncIterator[Receiver]:
    node = await asyncio.create_subprocess_exec(
        "node",
        GLOBAL_CRYPTO,
        str(PROGRAM),
        str(port),
        env={"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    receiver = Receiver(node)
    try:
        receiver.port = (await receiver.says())["port"]
        yield receiver
    finally:
        if node.returncode is None:
            node.kill()
        await node.wait()


async def test_the_javascript_sdks_consent_to_both_schemas_and_read_them(stage: Stage) -> None:
    async with running_receiver() as receiver:
        await stage.serve(
            subscriptions=[
                {"name": "grid", "endpoint": receiver.url("/event-grid?code=a%2Fb==")},
                {
                    "name": "cloud",
                    "endpoint": receiver.url("/cloudevents?code=a%2Fb=="),
                    "schema": "cloudevents",
                    "headers": ["X-Key: s3cret"],
                    "headers_from": ["X-Type: type", "X-To: data.to.rawId"],
                },
            ]
        )
        call = stage.call(await stage.caller())
        seen = await stage.application.event()
        said = {each["schema"]: each for each in [await receiver.says(), await receiver.says()]}
        call.cancel()
        await call.final(SOON)
    grid, cloud = said["event-grid"]["event"], said["cloudevents"]["event"]
    assert (grid["eventType"], cloud["type"]) == (INCOMING_CALL, INCOMING_CALL)
    assert grid["id"] == cloud["id"] == seen.event_id
    assert (grid["topic"], grid["subject"]) == (cloud["source"], cloud["subject"])
    assert grid["data"]["incomingCallContext"] == cloud["data"]["incomingCallContext"] == seen.context
    assert grid["data"]["to"]["phoneNumber"]["value"] == cloud["data"]["to"]["phoneNumber"]["value"] == NUMBER
    assert headers(said["event-grid"]) == {
        "content-type": "application/json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "GRID",
        "aeg-data-version": "1.0",
        "aeg-metadata-version": "1",
        "aeg-delivery-count": "0",
        "aeg-output-event-id": seen.event_id,
    }
    assert headers(said["cloudevents"]) == {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "CLOUD",
        "aeg-metadata-version": "1.0",
        "aeg-delivery-count": "0",
        "aeg-output-event-id": seen.event_id,
        "webhook-request-origin": "eventgrid.azure.net",
        "x-key": "s3cret",
        "x-type": INCOMING_CALL,
        "x-to": f"4:{NUMBER}",
    }
    assert "s3cret" not in stage.server.log


async def test_the_sdks_read_a_batch_of_either_schema(stage: Stage) -> None:
    """What waited for an endpoint that comes up late goes together."""
    (port,) = free_ports(1)
    origin, schemas = f"http://127.0.0.1:{port}", ("event-grid", "cloudevents")
    await stage.serve(
        subscriptions=[
            {"name": each, "endpoint": f"{origin}/{each}?batch", "schema": each, "batch_events": 3} for each in schemas
        ]
    )
    calls = [stage.call(await stage.caller()) for _ in range(5)]
    await stage.application.heard(len(calls))
    seen = {event.event_id: event.data for event in stage.application.events}
    async with running_receiver(port) as receiver:
        said = [await receiver.says() for _ in range(4)]
        for call in calls:
            call.cancel()
            await call.final(SOON)
    of_schema = {schema: [each for each in said if each["schema"] == schema] for schema in schemas}
    for of_each in of_schema.values():
        assert sorted(len(each["events"]) for each in of_each) == [2, 3]
        assert {event["id"]: event["data"] for each in of_each for event in each["events"]} == seen
        assert all("aeg-output-event-id" not in each["headers"] for each in of_each)
    assert {each["headers"]["content-type"] for each in of_schema["event-grid"]} == {"application/json; charset=utf-8"}
    assert {each["headers"]["content-type"] for each in of_schema["cloudevents"]} == {
        "application/cloudevents-batch+json; charset=utf-8"
    }
    grid = [EventGridEvent.from_dict(event) for each in of_schema["event-grid"] for event in json.loads(each["text"])]
    assert {event.id: event.data for event in grid} == seen
    cloud: list[CloudEvent[Any]] = [
        CloudEvent.from_dict(event) for each in of_schema["cloudevents"] for event in json.loads(each["text"])
    ]
    assert {event.id: event.data for event in cloud} == seen


def headers(said: dict[str, Any]) -> dict[str, str]:
    """What is ours of the headers."""
    return {name: value for name, value in said["headers"].items() if name not in ("host", "content-length")}


def bodies(directory: Path) -> dict[str, bytes]:
    """What we are held to post, by name."""
    return {file.stem: file.read_bytes() for file in sorted(directory.glob("*.json"))}


@pytest.mark.parametrize(
    ("path", "shapes"), [("/event-grid", bodies(SHAPES)), ("/cloudevents", bodies(SHAPES / "cloudevents"))]
)
async def test_the_javascript_deserializer_accepts_every_shape(path: str, shapes: dict[str, bytes]) -> None:
    async with running_receiver() as receiver, aiohttp.ClientSession() as client:
        assert len(shapes) >= 5
        for name, body in shapes.items():
            async with client.post(receiver.url(path), data=body) as response:
                assert (name, response.status) == (name, 200)
                consent = await response.text()
            if name == "subscription_validation":
                assert json.loads(consent) == {"validationResponse": json.loads(body)[0]["data"]["validationCode"]}
            else:
                posted = json.loads(body)
                event = posted if path == "/cloudevents" else posted[0]
                said = (await receiver.says())["event"]
                assert (said["id"], said["eventType" if path == "/event-grid" else "type"]) == (
                    event["id"],
                    event["eventType" if path == "/event-grid" else "type"],
                )
                assert said["data"].get("correlationId") == event["data"].get("correlationId")


async def test_the_python_sdks_read_both_schemas(stage: Stage) -> None:
    posted: dict[str, str] = {}
    attempts: dict[str, list[dict[str, str]]] = {"/grid": [], "/cloud": [{}]}

    async def take(request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": "*"})
        text = await request.text()
        attempts[request.path].append(dict(request.headers))
        if request.path == "/grid":
            (event,) = map(EventGridEvent.from_dict, json.loads(text))
            if event.event_type == SystemEventNames.EventGridSubscriptionValidationEventName:
                return web.json_response({"validationResponse": event.data["validationCode"]})
        if len(attempts[request.path]) == 2:  # the first of the event, on either path
            return web.Response(status=503)
        posted[request.path] = text
        return web.Response()

    application = web.Application()
    application.router.add_route("*", "/{schema}", take)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await stage.serve(
            subscriptions=[
                {"name": "grid", "endpoint": f"{origin}/grid"},
                {"name": "cloud", "endpoint": f"{origin}/cloud", "schema": "cloudevents"},
            ]
        )
        call = stage.call(await stage.caller())
        seen = await stage.application.event()
        await until(lambda: len(posted) == 2, SOON, "both schemas were posted")
        call.cancel()
        await call.final(SOON)
    finally:
        await runner.cleanup()
    (grid,) = json.loads(posted["/grid"])
    event = EventGridEvent.from_dict(grid)
    cloud: CloudEvent[dict[str, Any]] = CloudEvent.from_json(posted["/cloud"])
    assert (event.event_type, cloud.type) == (INCOMING_CALL, INCOMING_CALL)
    assert (event.id, event.event_time) == (cloud.id, cloud.time)
    assert event.id == seen.event_id
    assert event.data == cloud.data == seen.data
    assert [each["aeg-event-type"] for each in attempts["/grid"]] == ["SubscriptionValidation", *["Notification"] * 2]
    for path, of_schema in (("/grid", {"aeg-data-version"}), ("/cloud", {"WebHook-Request-Origin"})):
        first, second = attempts[path][1:]
        assert first.keys() == second.keys() >= of_schema
        assert (first.pop("aeg-delivery-count"), second.pop("aeg-delivery-count")) == ("0", "1")
        assert first == second
        assert first["aeg-output-event-id"] == event.id
