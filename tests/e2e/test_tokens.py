"""Tokens instead of access keys, as the official SDK sends them: over TLS, from a credential that holds one."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.communication.callautomation import (
    CallAutomationClient,
    CommunicationUserIdentifier,
    PhoneNumberIdentifier,
)
from azure.communication.callautomation.aio import CallAutomationClient as AsyncCallAutomationClient
from azure.communication.identity import CommunicationUserIdentifier as Identity
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from joserfc import jws
from joserfc.jwk import RSAKey

from strowger.phones.behaviours import Answer, NoAnswer
from tests.e2e.stage import Stage, code
from tests.support.issuer import APPLICATION, FOREIGN, ISSUER, RSA, KeyServer, claims, published, token
from tests.support.server import DEV_ISSUER, HOST, KEY, OUTSIDE, Document, Server, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
SCOPE = "https://communication.azure.com//.default"


class StaticToken:
    """A credential that was given its token; both kinds of client take it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self.text, int(time.time()) + 3_600)


class AsyncStaticToken(StaticToken):
    """The same for the asynchronous client."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # type: ignore[override]
        return super().get_token(*scopes, **options)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> AsyncStaticToken:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass


@asynccontextmanager
async def with_token(server: Server, text: str, host: str = HOST) -> AsyncIterator[AsyncCallAutomationClient]:
    """The asynchronous client of somebody with this token."""
    endpoint = f"https://{host}:{server.api_port}"
    client = AsyncCallAutomationClient(
        endpoint, AsyncStaticToken(text), connection_verify=str(server.authority), retry_total=0
    )
    async with client:
        yield client


async def refused(client: AsyncCallAutomationClient, context: str) -> tuple[int | None, str]:
    with pytest.raises(HttpResponseError) as error:
        await client.redirect_call(context, PhoneNumberIdentifier(OUTSIDE))
    return error.value.status_code, code(error.value)


def trusted(resource: str, url: str, **more: Any) -> Document:
    return {"resource": resource, "issuer": ISSUER, "jwks_url": url, "allowed": [APPLICATION], **more}


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    await server.start()
    yield server
    await server.close()


@pytest.mark.parametrize("client", ["sync", "aio"])
async def test_a_token_credential_redirects(stage: Stage, client: str) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, entra=[DEV_ISSUER])
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    text = await asyncio.to_thread(server.entra_token)
    if client == "aio":
        async with with_token(server, text) as asynchronous:
            await asynchronous.redirect_call(context, PhoneNumberIdentifier(OUTSIDE))
    else:
        credential = StaticToken(text)
        with CallAutomationClient(
            server.api_origin, credential, connection_verify=str(server.authority), retry_total=0
        ) as synchronous:
            await asyncio.to_thread(synchronous.redirect_call, context, PhoneNumberIdentifier(OUTSIDE))
        assert credential.scopes == [SCOPE]
    assert (await call.final(SOON)).status == 200
    assert text not in stage.log


async def test_the_development_issuer_survives_a_restart_and_prints_json(stage: Stage) -> None:
    server = await stage.serve(entra=[DEV_ISSUER])
    said = json.loads(await asyncio.to_thread(server.entra_token, "--json"))
    assert said["resource"] == "main"
    server.kill()
    await server.start()
    call = stage.call(await stage.caller())
    async with with_token(server, said["token"]) as client:
        await client.reject_call((await stage.application.event()).context)
    assert (await call.final(SOON)).status == 603


async def test_an_issuer_is_asked_once_and_believed_while_it_is_down(stage: Stage, issuer: KeyServer) -> None:
    server = await stage.serve(entra=[trusted("main", issuer.url)])
    for number in range(3):
        call = stage.call(await stage.caller())
        context = (await stage.application.event(number)).context
        async with with_token(server, token(claims(time.time()))) as client:
            await client.reject_call(context)
        assert (await call.final(SOON)).status == 603
        if number == 0:
            assert issuer.asked == 1
            await issuer.close()


async def test_without_keys_nothing_is_done_and_it_can_be_repeated(stage: Stage, issuer: KeyServer) -> None:
    issuer.status = 500
    server = await stage.serve(entra=[trusted("main", issuer.url)])
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    async with with_token(server, token(claims(time.time()))) as client:
        assert await refused(client, context) == (503, "503")
        assert await refused(client, context) == (503, "503")
    assert issuer.asked == 1
    assert "the keys of an issuer cannot be fetched" in server.log
    await stage.client.reject_call(context)
    assert (await call.final(SOON)).status == 603


async def test_forged_tokens_are_refused(stage: Stage, issuer: KeyServer) -> None:
    issuer.body = published(RSA)
    server = await stage.serve(entra=[trusted("main", issuer.url)])
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    now = time.time()
    good = token(claims(now))
    forged = [
        token(claims(now), key=FOREIGN),
        token(claims(now), header={"kid": "../../dev/null"}),
        token(claims(now, exp=int(now) - 61)),
        token(claims(now, aud="https://graph.microsoft.com")),
        token(claims(now, iss="https://evil.example")),
        good[:-6] + "AAAAAA",
        "eyJhbGciOiJub25lIn0." + good.split(".")[1] + ".",
    ]
    for text in forged:
        async with with_token(server, text) as client:
            assert await refused(client, context) == (401, "7501")
    async with with_token(server, token(claims(now, appid="somebody-else"))) as client:
        assert await refused(client, context) == (403, "7504")
    async with with_token(server, good) as client:
        await client.reject_call(context)
    assert (await call.final(SOON)).status == 603
    assert issuer.asked <= 2


async def test_an_application_of_another_resource_decides_nothing_here(stage: Stage, issuer: KeyServer) -> None:
    server = await stage.serve(entra=[trusted("other", issuer.url)])
    call = stage.call(await stage.caller())
    context = (await stage.application.event()).context
    text = token(claims(time.time()))
    async with with_token(server, text) as client:
        assert await refused(client, context) == (403, "7504")  # it may not act for the resource of this host
    async with with_token(server, text, host="localhost") as client:
        assert await refused(client, context) == (403, "7507")  # it may for the other, whose context this is not
    await stage.client.reject_call(context)
    assert (await call.final(SOON)).status == 603


async def user_token(server: Server, user: str, *scopes: str) -> str:
    """What the identity service gives for a user."""
    where = f"endpoint={server.api_origin}/;accesskey={KEY}"
    async with CommunicationIdentityClient.from_connection_string(
        where, connection_verify=str(server.authority), retry_total=0
    ) as identities:
        given = await identities.get_token(Identity(user_id(user)), list(scopes))
    return given.token


async def post(server: Server, verb: str, text: str, context: str, **members: Any) -> tuple[int, dict[str, Any]]:
    """A request made by hand: no client of ACS sends user tokens here."""
    trust = ssl.create_default_context(cafile=str(server.authority))
    url = f"{server.api_origin}/calling/callConnections:{verb}?api-version=2026-03-12"
    body = {"incomingCallContext": context, **members}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers={"Authorization": f"Bearer {text}"}, ssl=trust) as answer,
    ):
        error = (await answer.json())["error"] if answer.status >= 400 else {}
        return answer.status, error


async def test_a_user_redirects_a_call_to_itself_and_sees_no_other(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    desk = await stage.phone("desk", NoAnswer())
    server = await stage.serve(users={"bob": [desk.uri], "eve": [desk.uri]}, trunk=target.uri)
    call = stage.call(await stage.caller(), "bob")
    context = (await stage.application.event(0)).context
    bob, eve = await user_token(server, "bob", "voip"), await user_token(server, "eve", "chat", "voip")
    chatting = await user_token(server, "bob", "chat", "voip.join")
    out = {"target": {"phoneNumber": {"value": OUTSIDE}}}

    status, unseen = await post(server, "redirect", eve, context, **out)
    assert (status, unseen["code"]) == (404, "8522")
    assert await post(server, "reject", eve, context) == (404, unseen)
    assert (await post(server, "redirect", chatting, context, **out))[0] == 403
    assert (await post(server, "redirect", bob[:-6] + "AAAAAA", context, **out))[0] == 401
    assert target.received == []
    assert await post(server, "redirect", bob, context, **out) == (204, {})
    assert (await call.final(SOON)).status == 200
    assert await post(server, "redirect", bob, context, **out) == (404, unseen)  # as for a call that never was
    assert bob not in stage.log


async def test_a_user_does_not_decide_about_a_call_to_a_number(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []})
    call = stage.call(await stage.caller())
    context = (await stage.application.event(0)).context
    bob = await user_token(server, "bob", "voip")
    assert (await post(server, "reject", bob, context))[0] == 404
    status, error = await post(server, "answer", bob, context, callbackUri="https://app.example/")
    assert (status, error["code"]) == (403, "7504")
    await stage.client.redirect_call(context, CommunicationUserIdentifier(user_id("bob")))
    mine = (await stage.application.event(1)).context
    assert await post(server, "reject", bob, mine, callRejectReason="busy") == (204, {})
    assert (await call.final(SOON)).status == 486


async def test_a_revoked_token_decides_nothing(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []})
    stage.call(await stage.caller(), "bob")
    context = (await stage.application.event(0)).context
    bob = await user_token(server, "bob", "voip")
    where = f"endpoint={server.api_origin}/;accesskey={KEY}"
    async with CommunicationIdentityClient.from_connection_string(
        where, connection_verify=str(server.authority), retry_total=0
    ) as identities:
        await identities.revoke_tokens(Identity(user_id("bob")))
    status, error = await post(server, "reject", bob, context)
    assert (status, error["code"]) == (401, "7501")
    server.kill()
    await server.start()
    assert (await post(server, "reject", bob, context))[0] == 401
    again = await user_token(server, "bob", "voip")
    assert await post(server, "reject", again, context) == (204, {})


async def test_an_application_gives_tokens_to_users_and_a_user_does_not(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []}, entra=[DEV_ISSUER])
    application = AsyncStaticToken(await asyncio.to_thread(server.entra_token))
    bob = AsyncStaticToken(await user_token(server, "bob", "voip"))
    options = {"connection_verify": str(server.authority), "retry_total": 0}
    async with CommunicationIdentityClient(server.api_origin, application, **options) as identities:
        user, given = await identities.create_user_and_token(["voip"])
        assert given.token.count(".") == 2
        await identities.delete_user(user)
    async with CommunicationIdentityClient(server.api_origin, bob, **options) as identities:
        with pytest.raises(HttpResponseError) as error:
            await identities.create_user()
    assert (error.value.status_code, code(error.value)) == (403, "7504")


def by_the_servers_key(server: Server, good: str, **changes: int) -> str:
    """A user token as the server would have made it at another time."""
    database = server.directory / "data" / "strowger.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
        [(private,)] = reader.execute("SELECT private FROM signing_keys").fetchall()
    header, payload, _ = (base64.urlsafe_b64decode(f"{part}==") for part in good.split("."))
    told = json.dumps(json.loads(payload) | changes)
    return jws.serialize_compact(json.loads(header), told, RSAKey.import_key(private), ["RS256"])


async def test_a_clock_that_was_wrong_by_an_hour_admits_nobody_and_locks_nobody_out(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []})
    call = stage.call(await stage.caller(), "bob")
    context = (await stage.application.event()).context
    good, now = await user_token(server, "bob", "voip"), int(time.time())
    for ended in (now - 3_600, now - 62):
        status, error = await post(server, "reject", by_the_servers_key(server, good, exp=ended), context)
        assert (status, error["code"], error["message"]) == (401, "7501", "The token has expired.")
    status, error = await post(server, "reject", by_the_servers_key(server, good, nbf=now + 3_600), context)
    assert (status, error["code"], error["message"]) == (401, "7501", "The token is not valid yet.")
    # Given out while the clock was an hour ahead; it was set back since.
    early = by_the_servers_key(server, good, iat=now + 3_600, exp=now + 7_200)
    assert await post(server, "reject", early, context) == (204, {})
    assert (await call.final(SOON)).status == 603
