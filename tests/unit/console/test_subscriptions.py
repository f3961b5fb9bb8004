"""Subscriptions through the admin API."""

from __future__ import annotations

import pytest

from strowger.calls.errors import StoreUnavailable
from strowger.console.errors import BodyInvalid, Conflict, Detail, NotThere
from tests.support.console import Bench, a_subscription

pytestmark = pytest.mark.asyncio
PATH = "/admin/subscriptions"


async def test_they_are_listed(bench: Bench) -> None:
    bench.queries.subscriptions.known.append(a_subscription(name="other", state="pending", waiting=3))
    status, _, answer = await bench.get(PATH)
    assert (status, [each["name"] for each in answer["subscriptions"]]) == (200, ["app", "other"])
    assert answer["subscriptions"][0] == {
        "name": "app",
        "resource": "dev",
        "endpoint": "http://127.0.0.1:8080/events",
        "origin": "admin",
        "is_paused": False,
        "state": "valid",
        "why": "echoed the code",
        "validation_url": "",
        "failover": "",
        "waiting": 0,
        "created_at": "2026-01-01T00:00:00.000Z",
        "rows": {"resource": "dev", "name": "app", "endpoint": "http://127.0.0.1:8080/events"},
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "asked"),
    [
        ("GET", "/app", None, 200, ("one", "app")),
        ("HEAD", "/app", None, 200, ("one", "app")),
        ("POST", "", b'{"name":"a"}', 201, ("add", {"name": "a"})),
        ("PUT", "/app", b"{}", 200, ("put", "app", {})),
        ("PATCH", "/app", b'{"headers":null}', 200, ("patch", "app", {"headers": None})),
        ("DELETE", "/app", None, 200, ("remove", "app")),
        ("POST", "/app/pause", None, 200, ("pause", "app")),
        ("POST", "/app/resume", None, 200, ("resume", "app")),
        ("POST", "/app/validate", None, 200, ("validate", "app")),
        ("POST", "/app/test", None, 200, ("test", "app")),
        ("POST", "/a%2Fb%20c/pause", None, 200, ("pause", "a/b c")),
        ("DELETE", "/pause", None, 200, ("remove", "pause")),
    ],
)
async def test_what_is_asked_of_the_server(
    bench: Bench, method: str, path: str, body: bytes | None, status: int, asked: tuple[object, ...]
) -> None:
    assert (await bench.get(f"{PATH}{path}", method=method, body=body))[0] == status
    assert bench.queries.subscriptions.asked == [asked]


async def test_what_the_server_says(bench: Bench) -> None:
    assert (await bench.get(f"{PATH}/app", method="DELETE"))[2] == {"name": "app", "dropped": 2, "is_told": True}
    assert (await bench.get(f"{PATH}/app/test", method="POST"))[2] == {
        "name": "app",
        "event_id": "test-1",
        "status": 200,
        "is_delivered": True,
        "took_ms": 1.5,
        "answer_octets": 2,
        "why": "answered 200",
    }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "", "GET, HEAD, POST"),
        ("PUT", "", "GET, HEAD, POST"),
        ("POST", "/app", "DELETE, GET, HEAD, PATCH, PUT"),
        ("GET", "/app/pause", "POST"),
        ("DELETE", "/app/test", "POST"),
    ],
)
async def test_a_method_that_is_not_there(bench: Bench, method: str, path: str, allowed: str) -> None:
    status, headers, answer = await bench.get(f"{PATH}{path}", method=method, body=b"{}")
    assert (status, headers["Allow"], answer["error"]["code"]) == (405, allowed, "method_not_allowed")
    assert answer["error"]["message"] == f"{PATH}{path} takes {allowed}."
    assert bench.queries.subscriptions.asked == []


@pytest.mark.parametrize("path", ["/", "/app/", "/app/stop", "/app/pause/now", "x"])
async def test_a_path_that_is_not_there(bench: Bench, path: str) -> None:
    assert (await bench.get(f"{PATH}{path}", method="POST"))[0] == 404
    assert bench.queries.subscriptions.asked == []


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", "/app"), ("POST", "/app/test")])
async def test_the_token_is_needed(bench: Bench, method: str, path: str) -> None:
    assert (await bench.get(f"{PATH}{path}", method=method, token="guess"))[0] == 401
    assert (await bench.get(f"{PATH}{path}", method=method, Host="evil.example"))[0] == 421
    assert bench.queries.subscriptions.asked == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotThere("There is none."), 404, "not_found"),
        (Conflict("It is there."), 409, "conflict"),
        (StoreUnavailable("the store is closed"), 503, "unavailable"),
        (BodyInvalid("Not so.", [Detail("$.endpoint", "this is required")]), 400, "body_invalid"),
    ],
)
async def test_a_refusal_of_the_server(bench: Bench, error: Exception, status: int, code: str) -> None:
    bench.queries.subscriptions.fails_with = error
    found, _, answer = await bench.get(f"{PATH}/app", method="PUT", body=b"{}")
    assert (found, answer["error"]["code"], answer["error"]["message"]) == (status, code, str(error))
    if status == 400:
        assert answer["error"]["details"] == [{"path": "$.endpoint", "message": "this is required", "hint": ""}]
