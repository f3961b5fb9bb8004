"""Signed requests as they arrive, verified by the package of Standard Webhooks: handshake and events, both schemas."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from strowger.events.signature import written
from tests.e2e.stage import Stage
from tests.e2e.test_looking import strowger
from tests.support.server import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

TODAY, TOMORROW = written(b"the secret of these tests"), written(bytes(range(40)))
SOON = 10.0


class Verifier:
    """An application that answers what was signed under its secret, and nothing else."""

    def __init__(self, secret: str) -> None:
        self.url = ""
        self.ids: dict[str, list[str]] = {"grid": [], "cloud": [], "validation": []}
        self.busy = 1
        """How many deliveries it sends back before it takes one, by schema."""
        self.refused = 0
        """Requests that it did not verify."""
        self._webhook = Webhook(secret)

    def move_to(self, secret: str) -> None:
        """Verify by this one from now on."""
        self._webhook = Webhook(secret)

    async def take(self, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": "*"})
        text = await request.text()
        try:
            self._webhook.verify(text, dict(request.headers), json_parse=False)
        except WebhookVerificationError:
            self.refused += 1
            raise
        message = request.headers["webhook-id"]
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            (event,) = json.loads(text)
            self.ids["validation"].append(message)
            return web.json_response({"validationResponse": event["data"]["validationCode"]})
        ids = self.ids[request.match_info["schema"]]
        ids.append(message)
        return web.Response(status=503 if len(ids) <= self.busy else 200)


@asynccontextmanager
async def running(verifier: Verifier) -> AsyncIterator[Verifier]:
    application = web.Application()
    application.router.add_route("*", "/{schema}", verifier.take)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        verifier.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield verifier
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("secret", [TODAY, TOMORROW])
async def test_either_of_two_secrets_verifies_everything(stage: Stage, secret: str) -> None:
    async with running(Verifier(secret)) as verifier:
        signing = {"signing_secrets": [TODAY, TOMORROW]}
        await stage.serve(
            subscriptions=[
                {"name": "grid", "endpoint": f"{verifier.url}/grid", **signing},
                {"name": "cloud", "endpoint": f"{verifier.url}/cloud", "schema": "cloudevents", **signing},
            ]
        )
        call = stage.call(await stage.caller())
        seen = await stage.application.event()
        ids = verifier.ids
        await until(lambda: len(ids["grid"]) + len(ids["cloud"]) == 4, SOON, "both arrived, again too")
        call.cancel()
        await call.final(SOON)
    assert ids["grid"] == ids["cloud"] == [seen.event_id] * 2
    assert len(ids["validation"]) == 1
    for text in (TODAY, TOMORROW):
        assert text not in stage.server.log
        assert text.removeprefix("whsec_") not in stage.server.log


async def test_a_secret_is_changed_for_another_while_calls_go_on(stage: Stage) -> None:
    """The new one beside the old one, then the application, then the old one goes: each event is verified."""
    async with running(Verifier(TODAY)) as verifier:
        verifier.busy = 0
        await stage.serve()
        rows = ("--set", f"signing_secrets={TODAY}")
        said = await strowger(stage, "subscription", "add", "grid", f"{verifier.url}/grid", "--resource", "main", *rows)
        assert "valid" in said
        caller = await stage.caller()

        async def is_verified(calls: int) -> None:
            call = stage.call(caller)
            await until(lambda: len(verifier.ids["grid"]) == calls, SOON, f"{calls} events")
            call.cancel()
            await call.final(SOON)

        await is_verified(1)
        await strowger(stage, "subscription", "update", "grid", "--set", f"signing_secrets={TODAY},{TOMORROW}")
        await is_verified(2)
        verifier.move_to(TOMORROW)
        await is_verified(3)
        await strowger(stage, "subscription", "update", "grid", "--set", f"signing_secrets={TOMORROW}")
        await is_verified(4)
        assert verifier.refused == 0
        verifier.move_to(TODAY)
        call = stage.call(caller)
        await until(lambda: verifier.refused, SOON, "the old one verifies nothing more")
        call.cancel()
        await call.final(SOON)
        assert len(verifier.ids["grid"]) == 4
        for text in (TODAY, TOMORROW):
            assert text not in await strowger(stage, "subscription", "show", "grid", "--json")
