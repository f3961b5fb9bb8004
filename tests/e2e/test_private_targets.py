"""A server that posts events to public addresses and one private network only, and never where it is sent on to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from strowger.cli.admin import token_in
from strowger.console.secret_file import ADMIN_TOKEN
from tests.e2e.stage import Stage
from tests.support.server import HOST, Server, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

EVENTS = {"private_targets": "refuse", "private_networks": [f"{HOST}/32"]}
SOON = 10.0


@asynccontextmanager
async def admin_api(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    token = token_in(server.directory / "data" / ADMIN_TOKEN)
    async with aiohttp.ClientSession(
        f"http://{HOST}:{server.console_port}", headers={"Authorization": f"Bearer {token}"}
    ) as session:
        yield session


async def added(session: aiohttp.ClientSession, name: str, endpoint: str) -> tuple[int, dict[str, Any]]:
    """What becomes of one more subscription."""
    document = {"resource": "main", "name": name, "endpoint": endpoint}
    async with session.post("/admin/subscriptions", json=document) as response:
        return response.status, await response.json()


async def test_only_what_the_settings_allow_is_posted_to(stage: Stage) -> None:
    server = await stage.serve(events=EVENTS)
    call = stage.call(await stage.caller())
    await stage.application.event()
    async with admin_api(server) as session:
        for number, (endpoint, why) in enumerate(
            [
                ("http://169.254.169.254/latest/meta-data", "its address 169.254.169.254 is link-local"),
                ("http://2852039166/", "its address 169.254.169.254 is link-local"),
                ("http://0x7f.0.0.2:8080/", "its address 127.0.0.2 is loopback"),
                ("http://[::1]:8080/", "its address ::1 is loopback"),
                ("http://[::ffff:10.0.0.1]/", "stands for 10.0.0.1, which is private"),
                ("http://[64:ff9b::10.0.0.1]/", "stands for 10.0.0.1, which is private"),
                (f"http://{HOST}:22/", "its port 22 is for SSH"),
                ("gopher://app.example/", "is not an http or https URL"),
                ("file:///etc/passwd", "is not an http or https URL"),
                ("https://ann@app.example/", "a URL with a user name"),
            ]
        ):
            status, body = await added(session, f"no-{number}", endpoint)
            assert (endpoint, status) == (endpoint, 400)
            assert why in body["error"]["message"], body
        async with session.get("/admin/subscriptions") as response:
            assert [each["name"] for each in (await response.json())["subscriptions"]] == ["app"]
    call.cancel()
    await call.final(SOON)


async def test_an_endpoint_that_sends_us_on_is_not_followed(stage: Stage) -> None:
    asked: list[str] = []

    async def send_on(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/trap"}, body=b"x" * 200_000)

    application = web.Application()
    application.router.add_route("*", "/{any}", send_on)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        server = await stage.serve(events=EVENTS)
        async with admin_api(server) as session:
            status, _ = await added(session, "on", f"http://{HOST}:{runner.addresses[0][1]}/events")
            assert status == 201
            await until(lambda: len(asked) >= 2, SOON, "it was asked again")
            async with session.get("/admin/subscriptions/on") as response:
                view = await response.json()
    finally:
        await runner.cleanup()
    assert set(asked) == {"/events"}
    assert view["state"] in ("pending", "validating")
    assert view["why"] == "its answer is longer than 65536 bytes"
