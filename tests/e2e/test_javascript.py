"""The official SDKs for JavaScript as their users have them: run by Node.js, over TLS, told of our authority only by
NODE_EXTRA_CA_CERTS."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from strowger.base.clock import SystemClock
from strowger.console.views import seconds
from strowger.phones.behaviours import Answer
from tests.e2e.stage import Stage
from tests.support.server import (
    DEV_ISSUER,
    KEY,
    OTHER_KEY,
    OUTSIDE,
    RESOURCE_ID,
    TEAMS_APPLICATION,
    TEAMS_ISSUER,
    TEAMS_USER,
    user_id,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

PROGRAM = Path(__file__).resolve().parents[1] / "javascript" / "application.mjs"
GLOBAL_CRYPTO = "--experimental-global-webcrypto"
"""The SDKs take what Node.js has from 19 on by itself; Debian 12 has 18, which has it when asked."""
SOON = 5.0
NODE_S = 30.0


async def program(stage: Stage, action: str, **variables: str) -> dict[str, Any]:
    """Run the program, and return what it says."""
    server = stage.server
    environ = {
        "PATH": os.environ["PATH"],
        "NODE_EXTRA_CA_CERTS": str(server.authority),
        "CONNECTION_STRING": server.connection_string,
        "ENDPOINT": server.api_origin,
        "KEY": KEY,
        **variables,
    }
    pipe = asyncio.subprocess.PIPE
    node = await asyncio.create_subprocess_exec(
        "node", GLOBAL_CRYPTO, str(PROGRAM), action, env=environ, stdout=pipe, stderr=pipe
    )
    try:
        out, err = await asyncio.wait_for(node.communicate(), NODE_S)
    finally:
        if node.returncode is None:
            node.kill()
    assert (node.returncode, err.decode()) == (0, "")
    told: dict[str, Any] = json.loads(out)
    return told


@pytest.mark.parametrize("action", ["redirect", "redirect-by-key"])
@pytest.mark.parametrize("target", ["number", "user"])
async def test_a_call_is_redirected(stage: Stage, action: str, target: str) -> None:
    phone = await stage.phone("target", Answer())
    await stage.serve(trunk=phone.uri, users={"bob": [phone.uri]})
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    dialled = {"number": OUTSIDE, "user": user_id("bob")}[target]
    assert await program(stage, action, CONTEXT=context, TARGET=dialled) == {"redirected": True}
    assert (await call.final(SOON)).status == 200
    assert len(phone.received) == 1


async def test_a_token_credential_redirects(stage: Stage) -> None:
    phone = await stage.phone("target", Answer())
    server = await stage.serve(trunk=phone.uri, entra=[DEV_ISSUER])
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    token = await asyncio.to_thread(server.entra_token)
    asked = {"CONTEXT": context, "TARGET": OUTSIDE}
    forged = token[:-6] + "AAAAAA"
    refused = (await program(stage, "redirect-by-token", TOKEN=forged, **asked))["refused"]
    assert (refused["status"], refused["code"]) == (401, "7501")
    assert await program(stage, "redirect-by-token", TOKEN=token, **asked) == {"redirected": True}
    assert (await call.final(SOON)).status == 200


async def test_refusals_have_their_published_codes(stage: Stage) -> None:
    await stage.serve()
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    wrong = f"endpoint={stage.server.api_origin}/;accesskey={OTHER_KEY}"
    for variables, status, code in (
        ({"CONTEXT": "no context at all"}, 400, "8523"),
        ({"CONTEXT": context}, 405, "8520"),  # no route leads there
        ({"CONTEXT": context, "CONNECTION_STRING": wrong}, 401, "7509"),
    ):
        refused = (await program(stage, "redirect", TARGET=OUTSIDE, **variables))["refused"]
        assert (refused["name"], refused["status"], refused["code"]) == ("RestError", status, code)
    call.cancel()
    assert (await call.final(SOON)).status == 487


async def test_a_user_and_its_tokens_live_and_end(stage: Stage) -> None:
    await stage.serve()
    begun = SystemClock().wall()
    told = await program(stage, "identities")
    user, other = told["user"]["communicationUserId"], told["both"]["user"]["communicationUserId"]
    assert user.startswith(f"8:acs:{RESOURCE_ID}_")
    assert other.startswith(f"8:acs:{RESOURCE_ID}_")
    assert user != other
    assert seconds(told["token"]["expiresOn"]) - begun == pytest.approx(86_400, rel=0.05)
    assert seconds(told["both"]["expiresOn"]) - begun == pytest.approx(3_600, rel=0.05)
    assert len({told["token"]["token"], told["second"]["token"], told["both"]["token"]}) == 3
    assert told["statuses"] == [400, 401, 400, 401]
    assert told["deleted"]["refused"]["status"] == 404


async def test_the_token_of_a_teams_user_is_exchanged(stage: Stage) -> None:
    server = await stage.serve(entra=[TEAMS_ISSUER])
    token = await asyncio.to_thread(server.teams_token, TEAMS_USER, TEAMS_APPLICATION)
    asked = {"TOKEN": token, "APP_ID": TEAMS_APPLICATION, "USER_ID": TEAMS_USER}
    given = await program(stage, "teams", **asked)
    assert seconds(given["expiresOn"]) - SystemClock().wall() == pytest.approx(3_600, rel=0.05)
    for wrong, status in (
        ({"TOKEN": token[:-6] + "AAAAAA"}, 401),
        ({"APP_ID": "another"}, 400),
        ({"USER_ID": "another"}, 400),
    ):
        assert (await program(stage, "teams", **(asked | wrong)))["refused"]["status"] == status


async def test_an_exchange_with_teams_is_refused_honestly_where_no_tenant_is_set(stage: Stage) -> None:
    await stage.serve()
    asked = {"TOKEN": "a token", "APP_ID": "app", "USER_ID": "object"}
    assert (await program(stage, "teams", **asked))["refused"]["status"] == 501
