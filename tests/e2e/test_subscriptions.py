"""Subscriptions that are added, paused, tried and removed while the server runs: the commands, as they are typed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from azure.core.exceptions import HttpResponseError

from strowger.phones.behaviours import Answer
from tests.e2e.stage import Stage, code
from tests.e2e.test_looking import read, strowger
from tests.support.server import STROWGER, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
VALIDATION = "SubscriptionValidation"


class Receiver:
    """An endpoint that remembers every request, and consents unless it is told not to."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        """The aeg-event-type, the event and the headers of each."""
        self.consents = True
        self.status = 200
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/more", self._receive)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/more"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def kinds(self) -> list[str]:
        return [kind for kind, *_ in self.received]

    def events(self) -> list[dict[str, Any]]:
        return [event for kind, event, _ in self.received if kind == "Notification"]

    async def _receive(self, request: web.Request) -> web.Response:
        (event,) = await request.json()
        kind = request.headers["aeg-event-type"]
        self.received.append((kind, event, dict(request.headers)))
        if kind != VALIDATION:
            return web.Response(status=self.status, text="thanks")
        return web.json_response({"validationResponse": event["data"]["validationCode"]} if self.consents else {})


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.close()


async def add(stage: Stage, receiver: Receiver, *more: str) -> str:
    return await strowger(stage, "subscription", "add", "more", receiver.url, "--resource", "main", *more)


async def test_the_life_of_a_subscription(stage: Stage, receiver: Receiver) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri)
    caller = await stage.caller()
    said = await add(stage, receiver, "--header", "X-Key: s3cret")
    assert said == f"more  main  {receiver.url}  valid: echoed the code  added at run time\n"
    assert receiver.received[0][2]["X-Key"] == "s3cret"
    listed = await strowger(stage, "subscription", "list")
    assert [line.split("  ")[0] for line in listed.splitlines()] == ["app", "more"]
    assert "s3cret" not in listed + await strowger(stage, "subscription", "show", "more", "--json")

    call = stage.call(caller)
    first = await stage.application.event()
    await until(receiver.events, SOON, "both are told")
    assert receiver.events()[0]["id"] == first.event_id
    assert receiver.received[-1][2]["X-Key"] == "s3cret"
    await stage.redirect(receiver.events()[0]["data"]["incomingCallContext"])
    assert (await call.final(SOON)).status == 200
    await call.hang_up()

    for name in ("app", "more"):
        assert "  paused  " in await strowger(stage, "subscription", "pause", name)
    untold = stage.call(caller)
    assert (await untold.final(SOON)).status == 480, "at once: there is nobody to wait for"
    await strowger(stage, "subscription", "resume", "more")
    told = stage.call(caller)
    await until(lambda: len(receiver.events()) == 2, SOON, "the one that was resumed is told")
    assert len(stage.application.events) == 1, "the other is paused yet"
    await stage.redirect(receiver.events()[1]["data"]["incomingCallContext"])
    assert (await told.final(SOON)).status == 200
    await told.hang_up()

    assert await strowger(stage, "subscription", "remove", "more") == "more is removed; its endpoint is told.\n"
    await until(lambda: receiver.kinds()[-1] == "SubscriptionDeletion", SOON, "it is told of its end")
    assert receiver.received[-1][1]["eventType"] == "Microsoft.EventGrid.SubscriptionDeletedEvent"
    last = stage.call(caller)
    assert (await last.final(SOON)).status == 480
    (left,) = await read(stage, "subscription", "list")
    assert (left["name"], left["is_paused"]) == ("app", True)


async def test_what_was_said_outlasts_a_crash(stage: Stage, receiver: Receiver) -> None:
    await stage.serve()
    await add(stage, receiver, "--header", "X-Key: s3cret")
    await strowger(stage, "subscription", "pause", "app")
    stage.server.kill()
    await stage.server.start()
    await until(lambda: receiver.kinds() == [VALIDATION, VALIDATION], SOON, "it is asked again")
    states = {each["name"]: (each["is_paused"], each["origin"]) for each in await read(stage, "subscription", "list")}
    assert states == {"app": (True, "settings"), "more": (False, "admin")}
    call = stage.call(await stage.caller())
    await until(receiver.events, SOON, "it is told")
    assert receiver.received[-1][2]["X-Key"] == "s3cret"
    assert stage.application.events == []

    await strowger(stage, "subscription", "remove", "more")
    stage.server.kill()
    await stage.server.start()
    assert [each["name"] for each in await read(stage, "subscription", "list")] == ["app"]
    call.cancel()


@pytest.mark.parametrize("crash", [False, True])
async def test_what_waits_while_a_subscription_is_paused_is_sent_when_it_is_resumed(
    stage: Stage, receiver: Receiver, *, crash: bool
) -> None:
    await stage.serve(subscriptions=[{"name": "more", "endpoint": receiver.url}])
    await strowger(stage, "subscription", "pause", "app")
    await until(lambda: receiver.kinds() == [VALIDATION], SOON, "it consents")
    receiver.status = 503
    call = stage.call(await stage.caller())
    await until(receiver.events, SOON, "it is asked")
    await strowger(stage, "subscription", "pause", "more")
    asked = len(receiver.events())
    receiver.status = 200
    if crash:
        stage.server.kill()
        await stage.server.start()
        await until(lambda: receiver.kinds().count(VALIDATION) == 2, SOON, "it consents again")
    (more,) = [each for each in await read(stage, "subscription", "list") if each["name"] == "more"]
    assert (more["is_paused"], more["waiting"]) == (True, 1)
    await call.wait_for(180, SOON)
    assert len(receiver.events()) <= asked + 1, "an attempt may have been on its way"
    await strowger(stage, "subscription", "resume", "more")
    await until(lambda: len(receiver.events()) > asked, SOON, "what waited is sent")
    assert len({event["id"] for event in receiver.events()}) == 1
    await stage.client.reject_call(receiver.events()[-1]["data"]["incomingCallContext"])
    assert (await call.final(SOON)).status == 603


async def test_an_endpoint_is_tried(stage: Stage, receiver: Receiver) -> None:
    await stage.serve(subscriptions=[{"name": "more", "endpoint": receiver.url, "paused": "on"}])
    await until(lambda: receiver.kinds() == [VALIDATION], SOON, "it consents")
    tried = await read(stage, "subscription", "test", "more")
    (event,) = receiver.events()
    assert (tried["event_id"], tried["status"], tried["answer_octets"]) == (event["id"], 200, len("thanks"))
    assert event["id"].startswith("test-")
    with pytest.raises(HttpResponseError) as refused:
        await stage.redirect(event["data"]["incomingCallContext"])
    assert (refused.value.status_code, code(refused.value)) == (404, "8522")
    receiver.status = 503
    told = await strowger(stage, "subscription", "test", "more", exit_code=1)
    assert "  not delivered in " in told
    assert told.endswith(": answered 503, with 6 octets\n")
    (_, more) = await read(stage, "subscription", "list")
    assert (more["is_paused"], more["state"], more["waiting"]) == (True, "valid", 0)


async def test_a_handshake_that_failed_is_begun_anew(stage: Stage, receiver: Receiver) -> None:
    await stage.serve()
    receiver.consents = False
    first, second = (await add(stage, receiver, "--set", "profile=event-grid")).splitlines()
    assert "  awaiting manual action: answered 200 without a validationResponse  " in first
    url = second.partition("open ")[2]
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        assert await answer.json() == {"status": "validated"}
    (_, more) = await read(stage, "subscription", "list")
    assert (more["state"], more["validation_url"]) == ("valid", "")

    other = receiver.url.replace("/more", "/nowhere")
    said = await strowger(stage, "subscription", "update", "more", "--set", f"endpoint={other}")
    assert "  pending: answered 404 to the validation event instead of 200  " in said
    await until(lambda: "subscription failed" in stage.log, 15.0, "the second attempt fails too")
    assert "  failed: " in await strowger(stage, "subscription", "list")
    receiver.consents = True
    said = await strowger(stage, "subscription", "update", "more", "--set", f"endpoint={receiver.url}")
    assert "  valid: echoed the code  " in said
    call = stage.call(await stage.caller())
    await until(receiver.events, SOON, "it is told")
    call.cancel()


async def test_what_is_refused_is_told_in_full(stage: Stage, receiver: Receiver) -> None:
    await stage.serve()
    where = ("--config", str(stage.directory / "strowger.toml"))

    async def refused(*arguments: str) -> str:
        command = ["subscription", *arguments, *where]
        process = await asyncio.create_subprocess_exec(
            str(STROWGER), *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, said = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        return said.decode()

    said = await refused("add", "more", "nowhere", "--resource", "none", "--set", "shema=cloudevents")
    assert said.splitlines()[0].startswith("Error: This is no subscription: $.shema: there is no such setting")
    assert len(said.splitlines()) == 4
    said = await refused("add", "app", receiver.url, "--resource", "main")
    assert said == "Error: A subscription called app is written in the settings: choose another name.\n"
    said = await refused("remove", "app")
    assert said.startswith("Error: app is written in the settings: change or remove it there")
    assert await refused("pause", "none") == "Error: There is no subscription called 'none'.\n"
    assert receiver.received == []




