"""Trunks, asked and registered with by the real server, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.e2e.stage import Stage
from tests.support.carrier import PASSWORD, REALM, USER, Carrier
from tests.support.server import HOST, NUMBER, Server, until

pytestmark = pytest.mark.e2e


async def seen(condition: Callable[[], object], server: Server) -> None:
    await until(condition, 10, lambda: server.log)


@pytest_asyncio.fixture
async def carrier() -> AsyncIterator[Carrier]:
    carrier = await Carrier.open()
    yield carrier
    await carrier.close()


@pytest.mark.asyncio
async def test_a_trunk_goes_down_and_comes_up_again_by_its_answers_to_options(stage: Stage, carrier: Carrier) -> None:
    rows = {"uri": carrier.uri, "options": "on", "options_interval": "100ms"}
    server = await stage.serve(trunks={"carrier": rows})
    await seen(lambda: carrier.count("OPTIONS") >= 3, server)
    asked = carrier.requests[0]
    assert asked.top_via.sent_by == f"{HOST}:{server.sip_port}"
    assert "does not serve" not in server.log
    carrier.options_status = 503
    before = carrier.count("OPTIONS")
    await seen(lambda: "a trunk does not serve" in server.log, server)
    assert carrier.count("OPTIONS") - before >= 3, "one failure is none"
    carrier.options_status = 200
    before = carrier.count("OPTIONS")
    await seen(lambda: "a trunk serves again" in server.log, server)
    assert carrier.count("OPTIONS") - before >= 2


@pytest.mark.asyncio
async def test_it_registers_renews_and_takes_back(stage: Stage, carrier: Carrier) -> None:
    carrier.expires_s = 1
    rows = {"uri": carrier.uri, "username": USER, "password": PASSWORD, "realm": REALM, "register": "on"}
    server = await stage.serve(trunks={"carrier": rows})
    await seen(lambda: carrier.bound, server)
    assert carrier.bound == f"<sip:{USER}@{HOST}:{server.sip_port}>"
    await seen(lambda: carrier.count("REGISTER") >= 4, server)
    assert {each.call_id for each in carrier.requests} == {carrier.requests[0].call_id}
    assert "registered with a trunk" in server.log
    await asyncio.to_thread(server.terminate)
    assert not carrier.bound


@pytest.mark.asyncio
async def test_a_call_to_what_was_registered_is_for_the_number_of_the_trunk(stage: Stage, carrier: Carrier) -> None:
    account = {"username": USER, "password": PASSWORD, "realm": REALM, "register": "on"}
    server = await stage.serve(trunks={"carrier": {"uri": carrier.uri, "from": [HOST], "number": NUMBER, **account}})
    await seen(lambda: carrier.bound, server)
    contact = carrier.bound.strip("<>")
    caller = await stage.phone("+31612345678")
    caller.call(contact, proxy=server.sip_address)
    assert (await stage.application.event()).to == f"4:{NUMBER}"


@pytest.mark.asyncio
async def test_a_wrong_password_is_tried_once(stage: Stage, carrier: Carrier) -> None:
    rows = {"uri": carrier.uri, "username": USER, "password": "wrong", "realm": REALM, "register": "on"}
    server = await stage.serve(trunks={"carrier": rows})
    await seen(lambda: "not registered with a trunk" in server.log, server)
    assert carrier.count("REGISTER") == 2
    assert '"why":"it answered 403 Forbidden","retry_s":3600' in server.log
