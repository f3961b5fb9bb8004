"""The official SDK as its users have it: a connection string, TLS, and nothing of ours on its side."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from azure.communication.callautomation import (
    CallAutomationClient,
    CallRejectReason,
    CommunicationIdentifier,
    CommunicationUserIdentifier,
    MicrosoftTeamsAppIdentifier,
    MicrosoftTeamsUserIdentifier,
    PhoneNumberIdentifier,
    TeamsExtensionUserIdentifier,
    UnknownIdentifier,
)
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from strowger.phones.behaviours import Answer, NoAnswer
from strowger.phones.incoming import LegState
from tests.e2e.stage import Stage, code
from tests.support.application import sdk
from tests.support.server import (
    OTHER_KEY,
    OUTSIDE,
    RESOURCE_ID,
    SECOND_NUMBER,
    Server,
    user_id,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
TEAMS_USER = "7f1e2d3c-0000-4000-8000-00000000aaaa"
TEAMS_APP = "8a2b3c4d-0000-4000-8000-00000000bbbb"
TENANT = "9b3c4d5e-0000-4000-8000-00000000cccc"
UNHEARD_OF = "99:something/else?entirely"

Redirect = Callable[[str, CommunicationIdentifier], Awaitable[None]]

ALL_ROUTES = [
    (kind, "*", "trunk")
    for kind in ("phoneNumber", "microsoftTeamsUser", "microsoftTeamsApp", "teamsExtensionUser", "unknown")
]
OUTSIDERS = {
    "phone number": (PhoneNumberIdentifier(OUTSIDE), OUTSIDE),
    "Teams user": (MicrosoftTeamsUserIdentifier(TEAMS_USER), TEAMS_USER),
    "Teams app": (MicrosoftTeamsAppIdentifier(TEAMS_APP), TEAMS_APP),
    "Teams extension user": (
        TeamsExtensionUserIdentifier(user_id=TEAMS_USER, tenant_id=TENANT, resource_id=RESOURCE_ID),
        TEAMS_USER,
    ),
    "unknown": (UnknownIdentifier(UNHEARD_OF), quote(UNHEARD_OF, safe="?/")),
}


@asynccontextmanager
async def redirecting(server: Server, client: str):
    """Redirect by the synchronous or by the asynchronous client."""
    if client == "aio":
        async with sdk(server.connection_string, server.authority) as asynchronous:
            yield asynchronous.redirect_call
        return
    with CallAutomationClient.from_connection_string(
        server.connection_string, connection_verify=str(server.authority), retry_total=0
    ) as synchronous:

        async def redirect(context: str, target: CommunicationIdentifier) -> None:
            await asyncio.to_thread(synchronous.redirect_call, context, target)

        yield redirect


@pytest.mark.parametrize("client", ["sync", "aio"])
async def test_every_kind_of_target_outside_is_rung_through_its_trunk(stage: Stage, client: str) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri, routes=ALL_ROUTES)
    async with redirecting(stage.server, client) as redirect:
        for number, (to, dialled) in enumerate(OUTSIDERS.values()):
            call = stage.call(await stage.caller())
            await redirect((await stage.application.event(number)).context, to)
            assert (await call.final(SOON)).status == 200
            assert target.received[number].invite.uri == target.uri.replace("target@", f"{dialled}@")
            await call.hang_up()
    assert len(stage.application.events) == len(OUTSIDERS)  # nobody outside is announced


@pytest.mark.parametrize("client", ["sync", "aio"])
async def test_every_kind_of_target_of_ours_is_announced(stage: Stage, client: str) -> None:
    desk = await stage.phone("desk", NoAnswer())
    await stage.serve(users={"bob": [desk.uri]})
    async with redirecting(stage.server, client) as redirect:
        call = stage.call(await stage.caller())
        first = await stage.application.event(0)
        await redirect(first.context, PhoneNumberIdentifier(SECOND_NUMBER))
        second = await stage.application.event(1)
        assert second.data["to"]["phoneNumber"] == {"value": SECOND_NUMBER}
        await redirect(second.context, CommunicationUserIdentifier(user_id("bob")))
        third = await stage.application.event(2)
        assert third.data["to"]["communicationUser"] == {"id": user_id("bob")}
        leg = await desk.leg(timeout_s=SOON)
        await leg.reached(LegState.RINGING, SOON)
        leg.answer()
        assert (await call.final(SOON)).status == 200
    assert len({event.correlation_id for event in (first, second, third)}) == 1


@pytest.mark.parametrize("client", ["sync", "aio"])
async def test_refusals_name_their_reason_and_leave_the_call_as_it_is(stage: Stage, client: str) -> None:
    target = await stage.phone("target", NoAnswer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    somebody = PhoneNumberIdentifier(OUTSIDE)
    async with redirecting(stage.server, client) as redirect:
        assert await refused(redirect(context, PhoneNumberIdentifier("+18005550199"))) == (405, "8520")
        assert await refused(redirect(context, MicrosoftTeamsUserIdentifier(TEAMS_USER))) == (405, "8520")
        assert await refused(redirect(context, CommunicationUserIdentifier(user_id("nobody")))) == (400, "8523")
        assert await refused(redirect(context, PhoneNumberIdentifier("reception"))) == (400, "8523")
        for forged in (flipped(context, len(context) // 2), flipped(context, -2), "", "A" * 10_000):
            assert await refused(redirect(forged, somebody)) == (400, "8523")
        assert target.received == []
        await redirect(context, somebody)
        await target.leg(timeout_s=SOON)
        assert await refused(redirect(context, PhoneNumberIdentifier("+31600000001"))) == (409, "8519")
        call.cancel()
        assert (await call.final(SOON)).status == 487
        assert await refused(redirect(context, PhoneNumberIdentifier("+31600000002"))) == (404, "8522")
    assert len(target.received) == 1


async def test_nobody_else_decides(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    server = stage.server
    foreign = f"endpoint=https://localhost:{server.api_port}/;accesskey={OTHER_KEY}"
    async with sdk(foreign, server.authority) as other:
        assert await refused(other.redirect_call(context, PhoneNumberIdentifier(OUTSIDE))) == (403, "7507")
    wrong = f"endpoint={server.api_origin}/;accesskey={OTHER_KEY}"
    async with sdk(wrong, server.authority) as stranger:
        with pytest.raises(ClientAuthenticationError) as denied:
            await stranger.redirect_call(context, PhoneNumberIdentifier(OUTSIDE))
        assert (denied.value.status_code, code(denied.value)) == (401, "7509")
    await stage.redirect(context)
    assert (await call.final(SOON)).status == 200


@pytest.mark.parametrize(
    ("reason", "status"),
    [(None, 603), (CallRejectReason.NONE, 603), (CallRejectReason.BUSY, 486), (CallRejectReason.FORBIDDEN, 403)],
)
async def test_a_rejected_caller_hears_why(stage: Stage, reason: CallRejectReason | None, status: int) -> None:
    await stage.serve()
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    await stage.client.reject_call(context, **({"call_reject_reason": reason} if reason else {}))
    assert (await call.final(SOON)).status == status


async def test_what_is_not_there_is_refused_honestly(stage: Stage) -> None:
    await stage.serve()
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    assert (await refused(stage.client.answer_call(context, "https://app.example/callbacks")))[0] == 501
    call.cancel()
    assert (await call.final(SOON)).status == 487


USERS_PROGRAM = """
import asyncio, os
from azure.communication.callautomation import {name}Identifier as Target

def main():
    from azure.communication.callautomation import CallAutomationClient
    with CallAutomationClient.from_connection_string(os.environ["CONNECTION_STRING"]) as client:
        client.redirect_call(os.environ["CONTEXT"], Target(os.environ["TARGET"]))

async def amain():
    from azure.communication.callautomation.aio import CallAutomationClient
    async with CallAutomationClient.from_connection_string(os.environ["CONNECTION_STRING"]) as client:
        await client.redirect_call(os.environ["CONTEXT"], Target(os.environ["TARGET"]))

{run}
"""


@pytest.mark.parametrize(
    ("run", "trust"), [("main()", "REQUESTS_CA_BUNDLE"), ("asyncio.run(amain())", "SSL_CERT_FILE")], ids=["sync", "aio"]
)
async def test_an_unmodified_program_needs_two_variables_only(stage: Stage, run: str, trust: str) -> None:
    target = await stage.phone("target", Answer())
    await stage.serve(trunk=target.uri)
    call = stage.call(await stage.caller())
    environment = {
        **os.environ,
        "CONNECTION_STRING": stage.server.connection_string,
        "CONTEXT": (await stage.application.event()).context,
        "TARGET": OUTSIDE,
        trust: str(stage.server.authority),
    }
    program = [sys.executable, "-c", USERS_PROGRAM.format(name="PhoneNumber", run=run)]
    done = await asyncio.to_thread(
        subprocess.run, program, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (await call.final(SOON)).status == 200


async def refused(request: Awaitable[object]) -> tuple[int | None, str]:
    """Status and code of the exception that the SDK raises."""
    with pytest.raises(HttpResponseError) as error:
        await request
    return error.value.status_code, code(error.value)


def flipped(text: str, index: int) -> str:
    """The text with one character changed."""
    characters = list(text)
    characters[index] = "A" if characters[index] != "A" else "B"
    return "".join(characters)
