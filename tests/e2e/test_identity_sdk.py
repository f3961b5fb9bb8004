"""The official identity SDK, unmodified and over TLS, and what its users can do with what it gives them."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import ssl
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from azure.communication.callautomation import MicrosoftTeamsUserIdentifier
from azure.communication.identity import (
    CommunicationIdentityClient,
    CommunicationTokenScope,
    CommunicationUserIdentifier,
)
from azure.communication.identity.aio import CommunicationIdentityClient as AsyncCommunicationIdentityClient
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from joserfc import jwt
from joserfc.jwk import KeySet

from strowger.phones.behaviours import NoAnswer
from tests.e2e.stage import Stage, code
from tests.e2e.test_registration import register
from tests.e2e.test_tokens import post
from tests.support.server import (
    KEY,
    NUMBER,
    OTHER_KEY,
    RESOURCE_ID,
    TEAMS_APPLICATION,
    TEAMS_ISSUER,
    TEAMS_USER,
    Server,
    user_id,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

VOIP, CHAT = CommunicationTokenScope.VOIP, CommunicationTokenScope.CHAT
Ask = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def asking(server: Server, client: str, key: str = KEY, host: str = "127.0.0.1"):
    """Call a method of the synchronous or of the asynchronous client by its name."""
    where = f"endpoint=https://{host}:{server.api_port}/;accesskey={key}"
    options = {"connection_verify": str(server.authority), "retry_total": 0}
    kind = AsyncCommunicationIdentityClient if client == "aio" else CommunicationIdentityClient
    made: Any = kind.from_connection_string(where, **options)

    async def ask(method: str, *arguments: Any, **more: Any) -> Any:
        function = getattr(made, method)
        if inspect.iscoroutinefunction(function):
            return await function(*arguments, **more)
        return await asyncio.to_thread(function, *arguments, **more)

    if client == "aio":
        async with made:
            yield ask
    else:
        with made._identity_service_client:
            yield ask


async def published(server: Server) -> KeySet:
    """The keys that anybody can verify tokens by."""

    def read() -> bytes:
        context = ssl.create_default_context(cafile=str(server.authority))
        with urllib.request.urlopen(f"{server.api_origin}/.well-known/jwks.json", timeout=5, context=context) as reply:
            return reply.read()

    return KeySet.import_key_set(json.loads(await asyncio.to_thread(read)))


@pytest.mark.parametrize("client", ["sync", "aio"])
async def test_the_life_of_an_identity(stage: Stage, client: str) -> None:
    server = await stage.serve()
    async with asking(server, client) as ask:
        user = await ask("create_user")
        assert user.raw_id.startswith(f"8:acs:{RESOURCE_ID}_") and user.raw_id.count("_") == 1
        assert isinstance(user, CommunicationUserIdentifier)
        token = await ask("get_token", user, [CHAT, VOIP])
        claims = jwt.decode(token.token, await published(server), ["RS256"]).claims
        assert claims["skypeid"] == user.raw_id[2:]
        assert claims["acsScope"] == "chat,voip"
        await ask("revoke_tokens", user)
        again = await ask("get_token", user, ["voip.join"])
        assert again.token != token.token
        await ask("delete_user", user)
        await ask("delete_user", user)
        with pytest.raises(HttpResponseError) as refused:
            await ask("get_token", user, [VOIP])
        assert refused.value.status_code == 404


@pytest.mark.parametrize("client", ["sync", "aio"])
async def test_tokens_live_as_long_as_was_asked(stage: Stage, client: str) -> None:
    async with asking(await stage.serve(), client) as ask:
        user, _ = await ask("create_user_and_token", [CHAT])
        for hours in (None, 1, 24):
            more = {"token_expires_in": timedelta(hours=hours)} if hours else {}
            for given in (
                await ask("get_token", user, [VOIP], **more),
                (await ask("create_user_and_token", [VOIP], **more))[1],
            ):
                left = (datetime.fromisoformat(given.expires_on) - datetime.now(UTC)).total_seconds()
                assert left == pytest.approx((hours or 24) * 3_600, rel=0.05)


@pytest.mark.parametrize("client", ["sync", "aio"])
async def test_what_cannot_be_had(stage: Stage, client: str) -> None:
    server = await stage.serve()
    async with asking(server, client) as ask:
        user = await ask("create_user")
        for arguments, more in (
            ((user, [VOIP]), {"token_expires_in": timedelta(minutes=59)}),
            ((user, [VOIP]), {"token_expires_in": timedelta(minutes=1_441)}),
            ((user, ["fly"]), {}),
            ((user, []), {}),
        ):
            with pytest.raises(HttpResponseError) as refused:
                await ask("get_token", *arguments, **more)
            assert refused.value.status_code == 400
            if arguments[1]:
                with pytest.raises(HttpResponseError) as refused:
                    await ask("create_user_and_token", arguments[1], **more)
                assert refused.value.status_code == 400
        with pytest.raises(HttpResponseError) as refused:
            await ask("get_token_for_teams_user", "aad token", "client", "user")
        assert (refused.value.status_code, code(refused.value)) == (501, "8520")
        assert "no Microsoft tenant" in str(refused.value)
    async with asking(server, client, key=OTHER_KEY) as ask:
        with pytest.raises(ClientAuthenticationError):
            await ask("create_user")
    async with asking(server, client, key=OTHER_KEY, host="localhost") as ask:
        foreign: list[tuple[Any, ...]] = [("get_token", user, [VOIP]), ("revoke_tokens", user)]
        for each in foreign:
            with pytest.raises(HttpResponseError) as refused:
                await ask(*each)
            assert refused.value.status_code == 404, "a user of another resource does not exist"


async def test_a_user_of_the_settings_gets_tokens_too_and_stays(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []})
    bob = CommunicationUserIdentifier(user_id("bob"))
    async with asking(server, "sync") as ask:
        token = await ask("get_token", bob, [VOIP])
        assert jwt.decode(token.token, await published(server), ["RS256"]).claims["skypeid"] == user_id("bob")[2:]
        with pytest.raises(HttpResponseError, match=r"\[\[user\]\]"):
            await ask("delete_user", bob)


@pytest.mark.parametrize("end", ["kill", "terminate"])
async def test_a_restart_keeps_identities_and_keys(stage: Stage, end: str) -> None:
    server = await stage.serve()
    async with asking(server, "sync") as ask:
        (user, token), gone = await ask("create_user_and_token", [VOIP]), await ask("create_user")
        await ask("revoke_tokens", user)
        await ask("delete_user", gone)
        getattr(server, end)()
        await server.start()
        assert jwt.decode(token.token, await published(server), ["RS256"]).claims["skypeid"] == user.raw_id[2:]
        after = await ask("get_token", user, [VOIP])
        assert jwt.decode(after.token, await published(server), ["RS256"]).claims["issuedUnder"] > 0
        with pytest.raises(HttpResponseError):
            await ask("get_token", gone, [VOIP])


async def test_keys_change_and_the_tokens_of_old_ones_stay_good_until_they_are_revoked(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []}, limits={"token_key_age": "1s"})
    bob = CommunicationUserIdentifier(user_id("bob"))

    def kid(text: str) -> str:
        header, _, _ = text.partition(".")
        return str(json.loads(base64.urlsafe_b64decode(f"{header}=="))["kid"])

    async def answer(text: str) -> int:
        return (await post(server, "reject", text, "no context at all"))[0]

    async with asking(server, "sync") as ask:
        old = (await ask("get_token", bob, [VOIP])).token
        new = old
        while kid(new) == kid(old):
            new = (await ask("get_token", bob, [VOIP])).token
        for _ in range(2):
            assert [await answer(each) for each in (old, new)] == [400, 400], "believed, and the context is not"
            for each in (old, new):
                assert jwt.decode(each, await published(server), ["RS256"]).claims["skypeid"] == bob.raw_id[2:]
            server.kill()
            await server.start()
        await ask("revoke_tokens", bob)
        server.kill()
        await server.start()
        assert [await answer(each) for each in (old, new)] == [401, 401]
        assert await answer((await ask("get_token", bob, [VOIP])).token) == 400


async def test_a_call_is_redirected_to_a_user_that_was_just_created(stage: Stage) -> None:
    server = await stage.serve()
    async with asking(server, "sync") as ask:
        user = await ask("create_user")
        call = stage.call(await stage.caller())
        first = await stage.application.event(0)
        await stage.client.redirect_call(first.context, user)
        second = await stage.application.event(1)
        assert (second.to, second.correlation_id) == (user.raw_id, first.correlation_id)
        await ask("delete_user", user)
        await stage.client.reject_call(second.context)
        assert (await call.final(5.0)).status == 603
        late = stage.call(await stage.caller())
        third = await stage.application.event(2)
        with pytest.raises(HttpResponseError) as refused:
            await stage.client.redirect_call(third.context, user)
        assert (refused.value.status_code, code(refused.value)) == (400, "8523")
        await stage.client.reject_call(third.context)
        await late.final(5.0)


@pytest.mark.parametrize("client", ["sync", "aio"])
async def test_the_token_of_a_teams_user_is_exchanged(stage: Stage, client: str) -> None:
    server = await stage.serve(entra=[TEAMS_ISSUER])
    aad = await asyncio.to_thread(server.teams_token, TEAMS_USER, TEAMS_APPLICATION)
    teams_user = CommunicationUserIdentifier(f"8:orgid:{TEAMS_USER}")
    async with asking(server, client) as ask:
        given = await ask("get_token_for_teams_user", aad, TEAMS_APPLICATION, TEAMS_USER)
        left = (datetime.fromisoformat(given.expires_on) - datetime.now(UTC)).total_seconds()
        assert left == pytest.approx(3_600, rel=0.05)
        claims = jwt.decode(given.token, await published(server), ["RS256"]).claims
        assert (claims["skypeid"], claims["resourceId"]) == (f"orgid:{TEAMS_USER}", RESOURCE_ID)
        assert claims["acsScope"] == "voip,chat"
        for arguments, status in (
            ((aad[:-6] + "AAAAAA", TEAMS_APPLICATION, TEAMS_USER), 401),
            (("a token", TEAMS_APPLICATION, TEAMS_USER), 401),
            ((given.token, TEAMS_APPLICATION, TEAMS_USER), 401),
            ((await asyncio.to_thread(server.entra_token), TEAMS_APPLICATION, TEAMS_USER), 401),
            ((aad, "another", TEAMS_USER), 400),
            ((aad, TEAMS_APPLICATION, "another"), 400),
        ):
            with pytest.raises(HttpResponseError) as refused:
                await ask("get_token_for_teams_user", *arguments)
            assert refused.value.status_code == status
        with pytest.raises(HttpResponseError) as refused:
            await ask("get_token", teams_user, [VOIP])
        assert refused.value.status_code == 404, "a key alone makes no Teams users"
    async with asking(server, client, key=OTHER_KEY, host="localhost") as ask:
        with pytest.raises(HttpResponseError) as refused:
            await ask("get_token_for_teams_user", aad, TEAMS_APPLICATION, TEAMS_USER)
        assert refused.value.status_code == 501, "the other resource speaks for no tenant"
    assert aad not in server.log
    assert given.token not in server.log


async def test_what_a_teams_user_may_do_and_until_when(stage: Stage) -> None:
    phone = await stage.phone("target", NoAnswer())
    routes: list[tuple[str, str, str | list[str]]] = [("microsoftTeamsUser", "*", "trunk")]
    server = await stage.serve(
        trunk=phone.uri, routes=routes, entra=[TEAMS_ISSUER], users={"bob": []}, sip={"digest_md5": "on"}
    )
    aad = await asyncio.to_thread(server.teams_token, TEAMS_USER, TEAMS_APPLICATION)
    async with asking(server, "sync") as ask:
        first = (await ask("get_token_for_teams_user", aad, TEAMS_APPLICATION, TEAMS_USER)).token
        call = stage.call(await stage.caller())
        context = (await stage.application.event()).context
        assert (await post(server, "reject", first, context))[0] == 404, "it is not addressed to the Teams user"
        assert (await post(server, "answer", first, context, callbackUri="https://app.example/"))[0] == 403
        await stage.client.redirect_call(context, MicrosoftTeamsUserIdentifier(TEAMS_USER))
        await phone.leg(timeout_s=5.0)
        assert (await post(server, "reject", first, context))[0] == 409, "the hop of that context is decided"
        answer = register(server.sip_port, "sip:bob@127.0.0.1:9", first)
        assert answer.partition(" ")[2] == "401 Unauthorized"
        await ask("revoke_tokens", CommunicationUserIdentifier(f"8:orgid:{TEAMS_USER}"))
        for _ in range(2):
            assert (await post(server, "reject", first, context))[0] == 401
            again = (await ask("get_token_for_teams_user", aad, TEAMS_APPLICATION, TEAMS_USER)).token
            assert (await post(server, "reject", again, context))[0] == 409
            server.kill()
            await server.start()
        call.cancel()
        assert (await call.final(5.0)).status == 487


@pytest.mark.parametrize("way", ["wss", "ws"])
async def test_a_browser_phone_needs_nothing_but_a_token(stage: Stage, way: str) -> None:
    server = await stage.serve()
    async with asking(server, "sync") as ask:
        ann, anns = await ask("create_user_and_token", [VOIP])
        bob, bobs = await ask("create_user_and_token", [VOIP])
        names = {each.raw_id: each.raw_id.rpartition("_")[2] for each in (ann, bob)}
        at_ann = await stage.web_phone(names[ann.raw_id], "", way, token=anns.token)
        at_bob = await stage.web_phone(names[bob.raw_id], "", way, token=bobs.token)
        await at_ann.call(NUMBER)
        event = await stage.application.event(0)
        assert event.from_ == ann.raw_id
        await stage.client.redirect_call(event.context, bob)
        await at_bob.event("incoming")
        await at_bob.answer()
        await at_ann.event("confirmed")
        await at_ann.hang_up()
        await at_bob.event("ended")
        await ask("revoke_tokens", ann)
        revoked = await stage.new_web_phone(names[ann.raw_id], "", way, token=anns.token)
        assert "Error" in await revoked.event("registrationFailed")
        again = await ask("get_token", ann, [VOIP])
        await stage.web_phone(names[ann.raw_id], "", way, token=again.token)
    for token in (anns.token, bobs.token, again.token):
        assert token not in server.log


async def test_a_token_is_the_password_of_a_phone_until_it_is_revoked(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []}, sip={"digest_md5": "on"})
    bob, ports = CommunicationUserIdentifier(user_id("bob")), count(9)

    def answer(token: str) -> str:
        """What a new phone hears that registers with the token."""
        return register(server.sip_port, f"sip:bob@127.0.0.1:{next(ports)}", token).partition(" ")[2]

    async with asking(server, "sync") as ask:
        first, second = [await ask("get_token", bob, [scope]) for scope in (VOIP, CHAT)]
        assert answer(first.token) == "200 OK"
        assert answer(second.token) == "401 Unauthorized"
        server.kill()
        await server.start()
        assert answer(first.token) == "200 OK"
        await ask("revoke_tokens", bob)
        assert answer(first.token) == "401 Unauthorized"
        third = await ask("get_token", bob, [VOIP])
        server.terminate()
        await server.start()
        assert answer(first.token) == "401 Unauthorized"
        assert answer(third.token) == "200 OK"
