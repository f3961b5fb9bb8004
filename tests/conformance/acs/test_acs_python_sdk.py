"""The official, unmodified Python SDK against the listener, over loopback: synchronous and asyncio clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from azure.communication.callautomation import (
    CallAutomationClient,
    CallRejectReason,
    CommunicationIdentifier,
    CommunicationUserIdentifier,
    MicrosoftTeamsAppIdentifier,
    MicrosoftTeamsUserIdentifier,
    PhoneNumberIdentifier,
    UnknownIdentifier,
)
from azure.communication.callautomation._shared.models import TeamsExtensionUserIdentifier, identifier_from_raw_id
from azure.communication.callautomation.aio import CallAutomationClient as AioCallAutomationClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)

from strowger.acs.api import Api
from strowger.acs.http import HttpListener
from strowger.base.clock import SystemClock
from strowger.calls.decision import RedirectCall, RejectCall, RejectReason
from strowger.calls.errors import CallError, CallOver, ContextForeign, ContextMalformed, HopClosed, StoreUnavailable
from strowger.calls.identifier import Identifier, Kind
from tests.support.acs import ACCESS_KEY, Bench

USER = "8:acs:1bdaa2b9-9507-4542-bb64-a7b22c00a8d4_00000018-a316-d36f-655d-573a0d008dde"
TARGETS: list[tuple[CommunicationIdentifier, Kind, str]] = [
    (CommunicationUserIdentifier(USER), Kind.COMMUNICATION_USER, USER),
    (PhoneNumberIdentifier("+4512345678"), Kind.PHONE_NUMBER, "4:+4512345678"),
    (identifier_from_raw_id("4:+4512345678_xyz"), Kind.PHONE_NUMBER, "4:+4512345678_xyz"),
    (identifier_from_raw_id("4:anonymous"), Kind.PHONE_NUMBER, "4:anonymous"),
    (MicrosoftTeamsUserIdentifier("u"), Kind.MICROSOFT_TEAMS_USER, "8:orgid:u"),
    (MicrosoftTeamsUserIdentifier("u", cloud="GCCH"), Kind.MICROSOFT_TEAMS_USER, "8:gcch:u"),
    (MicrosoftTeamsUserIdentifier("u", is_anonymous=True), Kind.MICROSOFT_TEAMS_USER, "8:teamsvisitor:u"),
    (MicrosoftTeamsAppIdentifier("a", cloud="DOD"), Kind.MICROSOFT_TEAMS_APP, "28:dod:a"),
    (
        TeamsExtensionUserIdentifier(user_id="u", tenant_id="t", resource_id="r"),
        Kind.TEAMS_EXTENSION_USER,
        "8:acs:r_t_u",
    ),
    (UnknownIdentifier("28:zzz"), Kind.UNKNOWN, "28:zzz"),
]


class Served:
    """A bench behind a listener, with the real clock: the SDK signs with it."""

    def __init__(self, port: int, bench: Bench) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.bench = bench

    def sync_client(self, endpoint: str | None = None) -> CallAutomationClient:
        return CallAutomationClient(endpoint or self.endpoint, AzureKeyCredential(ACCESS_KEY), retry_total=0)

    def aio_client(self, **more: Any) -> AioCallAutomationClient:
        return AioCallAutomationClient(self.endpoint, AzureKeyCredential(ACCESS_KEY), **{"retry_total": 0, **more})


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    bench = Bench()
    api = Api(bench.control, bench.store, bench.resources, clock=SystemClock(), token=lambda: "A" * 22)
    listener = HttpListener(api.handle, wall=time.time)
    try:
        yield Served(await listener.start("127.0.0.1", 0), bench)
    finally:
        await listener.stop(1.0)


@pytest.mark.parametrize(("target", "kind", "raw_id"), TARGETS)
@pytest.mark.asyncio
async def test_redirect_to_every_kind(target: CommunicationIdentifier, kind: Kind, raw_id: str) -> None:
    async with served() as server, server.aio_client() as aio:
        with server.sync_client() as client:
            await asyncio.to_thread(client.redirect_call, "CTX-SYNC", target)
        await aio.redirect_call("CTX", target)
        commands = server.bench.control.commands
        assert [type(command) for command in commands] == [RedirectCall, RedirectCall]
        for command in commands:
            assert isinstance(command, RedirectCall)
            assert command.target == Identifier(kind, raw_id)
            assert command.receipt is not None
        assert len(server.bench.store.receipts) == 2


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, RejectReason.NONE),
        (CallRejectReason.NONE, RejectReason.NONE),
        (CallRejectReason.BUSY, RejectReason.BUSY),
        (CallRejectReason.FORBIDDEN, RejectReason.FORBIDDEN),
    ],
)
@pytest.mark.asyncio
async def test_reject_with_every_reason(reason: CallRejectReason | None, expected: RejectReason) -> None:
    more = {} if reason is None else {"call_reject_reason": reason}
    async with served() as server, server.aio_client() as aio:
        with server.sync_client() as client:
            await asyncio.to_thread(client.reject_call, "CTX-SYNC", **more)
        await aio.reject_call("CTX", **more)
        for command in server.bench.control.commands:
            assert isinstance(command, RejectCall)
            assert command.reason is expected


@pytest.mark.parametrize(
    ("refusal", "exception", "status", "code"),
    [
        (ContextMalformed("why"), HttpResponseError, 400, "8523"),
        (ContextForeign("why"), HttpResponseError, 403, "7507"),
        (CallOver("why"), ResourceNotFoundError, 404, "8522"),
        (HopClosed("why"), ResourceExistsError, 409, "8519"),
    ],
)
@pytest.mark.asyncio
async def test_errors_become_the_exceptions_of_the_sdk(
    refusal: CallError, exception: type[HttpResponseError], status: int, code: str
) -> None:
    async with served() as server, server.aio_client() as client:
        server.bench.control.answer = refusal
        with pytest.raises(exception) as caught:
            await client.redirect_call("CTX", PhoneNumberIdentifier("+45"))
        assert caught.value.status_code == status
        assert caught.value.error is not None
        assert (caught.value.error.code, caught.value.error.message) == (code, "why")


@pytest.mark.asyncio
async def test_a_wrong_key_is_an_authentication_error() -> None:
    async with served() as server:
        async with AioCallAutomationClient(server.endpoint, AzureKeyCredential("AAAA"), retry_total=0) as client:
            with pytest.raises(ClientAuthenticationError, match="The signature differs"):
                await client.redirect_call("CTX", PhoneNumberIdentifier("+45"))
        assert server.bench.control.commands == []


@pytest.mark.asyncio
async def test_an_endpoint_with_a_slash() -> None:
    async with served() as server:
        with server.sync_client(server.endpoint + "/") as client:
            await asyncio.to_thread(client.redirect_call, "CTX", PhoneNumberIdentifier("+45"))
        assert len(server.bench.control.commands) == 1


@pytest.mark.slow
@pytest.mark.asyncio
async def test_the_retries_of_the_sdk_redirect_once() -> None:
    async with served() as server, server.aio_client(retry_total=3, retry_backoff_factor=0.001) as client:
        control = server.bench.control
        accepted, control.answer = control.answer, StoreUnavailable("disk full")

        def recover() -> None:
            control.answer = accepted

        asyncio.get_running_loop().call_later(0.02, recover)
        await client.redirect_call("CTX", PhoneNumberIdentifier("+45"))
        assert len({command.receipt.request_id for command in control.commands if command.receipt}) == 1
        assert len(server.bench.store.receipts) == 1


@pytest.mark.asyncio
async def test_an_application_may_repeat_by_itself() -> None:
    async with served() as server, server.aio_client() as client:
        request_id = "5b0c4ba1-6b43-4b2a-9f63-3f0e2a3f9d10"
        for _ in range(2):
            headers = {"Repeatability-Request-ID": request_id}
            await client.redirect_call("CTX", PhoneNumberIdentifier("+45"), headers=headers)
        assert len(server.bench.control.commands) == 1


UNIMPLEMENTED: list[Callable[[AioCallAutomationClient], Any]] = [
    lambda client: client.answer_call("CTX", "https://127.0.0.1/"),
    lambda client: client.get_call_connection("x").get_call_properties(),
    lambda client: client.get_call_connection("x").get_participant(PhoneNumberIdentifier("+4512345678")),
    lambda client: client.get_call_connection("x").get_participant(CommunicationUserIdentifier(USER)),
    lambda client: client.get_call_connection("a b/c").hang_up(is_for_everyone=False),
    lambda client: client.get_recording_properties("x"),
]


@pytest.mark.parametrize("ask", UNIMPLEMENTED)
@pytest.mark.asyncio
async def test_what_is_not_implemented_says_so(ask: Callable[[AioCallAutomationClient], Any]) -> None:
    async with served() as server, server.aio_client() as client:
        with pytest.raises(HttpResponseError, match="is not implemented by this server") as caught:
            await ask(client)
        assert caught.value.status_code == 501
