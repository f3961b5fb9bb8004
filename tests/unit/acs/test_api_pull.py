"""Who may fetch events, and what every reply of the API carries here as well."""

from __future__ import annotations

import json

import pytest

from strowger.acs.auth import Principal
from strowger.acs.message import Headers, Request
from strowger.acs.pull import PullApi
from strowger.calls.errors import StoreUnavailable
from tests.support.acs import Bench, error_of
from tests.support.pull import ScriptedQueues

EVENTS = "/strowger/subscriptions/app/events"
ACKNOWLEDGE = f"{EVENTS}:acknowledge"


class Known:
    """Everybody with this token is this principal."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        return self.principal if request.headers.first("authorization") == "Bearer token" else None


@pytest.fixture
def queues() -> ScriptedQueues:
    return ScriptedQueues()


@pytest.fixture
def bench(queues: ScriptedQueues) -> Bench:
    return pulling(Bench(), queues)


def pulling(bench: Bench, queues: ScriptedQueues) -> Bench:
    bench.api.pull = PullApi(queues)
    return bench


def bearer(method: str = "GET", target: str = EVENTS) -> Request:
    return Request(method, target, Headers([("Authorization", "Bearer token")]))


@pytest.mark.asyncio
async def test_the_owner_of_an_access_key_fetches_and_acknowledges(bench: Bench, queues: ScriptedQueues) -> None:
    queues.come(b'{"id":"e1"}')
    request = bench.request(b"", method="GET", target=f"{EVENTS}?after=0", x_ms_client_request_id="mine")
    reply = await bench.send(request)
    assert (reply.status, json.loads(reply.body)["last"]) == (200, 1)
    assert reply.header("MS-CV") == "AAAAAAAAAAAAAAAAAAAAAA.0"
    assert reply.header("x-ms-client-request-id") == "mine"
    assert (await bench.send(request)).status == 200, "to read once more is no replay of a decision"
    reply = await bench.send(bench.request(b'{"upTo":1}', target=ACKNOWLEDGE))
    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.asyncio
async def test_a_stream_goes_through(bench: Bench, queues: ScriptedQueues) -> None:
    queues.come(b"{}")
    reply = await bench.send(bench.request(b"", method="GET", target=EVENTS, Accept="text/event-stream"))
    assert reply.header("content-type") == "text/event-stream"
    assert reply.header("MS-CV") is not None
    assert reply.pieces is not None
    assert (await anext(reply.pieces)).startswith(b"id: 1\n")
    await reply.pieces.aclose()


@pytest.mark.asyncio
async def test_a_resource_by_a_token_and_only_its_own(queues: ScriptedQueues) -> None:
    queues.come(b"{}")
    dev = pulling(Bench(authenticators=[Known(Principal("dev"))]), queues)
    assert (await dev.send(bearer())).status == 200
    other = pulling(Bench(authenticators=[Known(Principal("other"))]), queues)
    assert error_of(await other.send(bearer()))["message"] == (
        "The resource other has no subscription 'app' with delivery = \"pull\"."
    )


@pytest.mark.asyncio
async def test_a_user_of_the_resource_may_not(queues: ScriptedQueues) -> None:
    user = pulling(Bench(authenticators=[Known(Principal("dev", "8:acs:1_bob", ("voip",)))]), queues)
    assert (await user.send(bearer())).status == 403


@pytest.mark.parametrize("target", [EVENTS, "/strowger/subscriptions/other/events"])
@pytest.mark.asyncio
async def test_nobody_else_learns_even_what_there_is(bench: Bench, target: str) -> None:
    reply = await bench.send(Request("GET", target, Headers([("Host", "127.0.0.1")])))
    assert (reply.status, error_of(reply)["code"]) == (401, "7509")
    assert reply.pieces is None


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/strowger/subscriptions", 404), ("PUT", EVENTS, 405), ("GET", ACKNOWLEDGE, 405)],
)
@pytest.mark.asyncio
async def test_paths_and_methods_are_no_secret(bench: Bench, method: str, target: str, status: int) -> None:
    reply = await bench.send(Request(method, target, Headers()))
    assert reply.status == status
    assert reply.header("x-ms-error-code") == str(status)


@pytest.mark.asyncio
async def test_bodies_that_are_refused(bench: Bench, queues: ScriptedQueues) -> None:
    long = b'{"ids":[' + b" " * bench.settings.request_body_bytes + b"1]}"
    assert (await bench.send(bench.request(long, target=ACKNOWLEDGE))).status == 413
    assert (await bench.send(bench.request(b"ids=1", target=ACKNOWLEDGE, Content_Type="text/plain"))).status == 415
    reply = await bench.send(bench.request(b'{"ids":[]}', target=ACKNOWLEDGE))
    assert (reply.status, error_of(reply)["code"], error_of(reply)["target"]) == (400, "8523", "upTo")
    assert queues.acknowledged == []


@pytest.mark.asyncio
async def test_a_store_that_fails_is_503_and_may_be_asked_again(bench: Bench, queues: ScriptedQueues) -> None:
    queues.fails_with = StoreUnavailable("full")
    reply = await bench.send(bench.request(b"", method="GET", target=EVENTS))
    assert (reply.status, reply.header("Retry-After")) == (503, "1")


@pytest.mark.asyncio
async def test_without_queues_there_is_no_such_path() -> None:
    bench = Bench()
    assert (await bench.send(bench.request(b"", method="GET", target=EVENTS))).status == 404
