"""Dead letters through the admin API."""

from __future__ import annotations

import msgspec
import pytest

from strowger.calls.errors import StoreUnavailable
from strowger.console.errors import BodyInvalid, Conflict, NotThere
from tests.support.console import Bench, a_letter

pytestmark = pytest.mark.asyncio
PATH = "/admin/dead-letters"


async def test_they_are_listed(bench: Bench) -> None:
    bench.queries.dead_letters.kept = 7
    status, _, answer = await bench.get(PATH)
    assert (status, answer["kept"]) == (200, 7)
    assert answer["dead_letters"] == [msgspec.to_builtins(a_letter())]


async def test_one_is_shown_with_its_event(bench: Bench) -> None:
    status, _, answer = await bench.get(f"{PATH}/1e77")
    assert (status, answer["event"]) == (200, {"id": "e7e20000-0000", "data": {}})
    assert answer["letter"]["dead_letter_reason"] == "TimeToLiveExceeded"


@pytest.mark.parametrize(
    ("method", "path", "body", "asked"),
    [
        ("GET", "", None, ("newest", 50, "")),
        ("HEAD", "?limit=1000", None, ("newest", 1_000, "")),
        ("GET", "?limit=1&subscription=dev%2Fapp", None, ("newest", 1, "dev/app")),
        ("HEAD", "/1e77", None, ("one", "1e77")),
        ("DELETE", "/1e77", None, ("remove", "1e77")),
        ("POST", "/1e77/resend", None, ("resend", "1e77", None)),
        ("POST", "/1e77/resend", b"{}", ("resend", "1e77", None)),
        ("POST", "/1e77/resend", b'{"event":{"id":"1"}}', ("resend", "1e77", {"id": "1"})),
    ],
)
async def test_what_is_asked_of_the_server(
    bench: Bench, method: str, path: str, body: bytes | None, asked: tuple[object, ...]
) -> None:
    assert (await bench.get(f"{PATH}{path}", method=method, body=body))[0] == 200
    assert bench.queries.dead_letters.asked == [asked]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "?limit=0", None, 400),
        ("GET", "?limit=1001", None, 400),
        ("GET", "?limit=ten", None, 400),
        ("GET", "?limit=1&limit=2", None, 400),
        ("GET", "?name=app", None, 400),
        ("POST", "", None, 405),
        ("PUT", "/1e77", None, 405),
        ("GET", "/1e77/resend", None, 405),
        ("GET", "/", None, 404),
        ("POST", "/1e77/forward", None, 404),
        ("POST", "/1e77/resend", b'{"event":[]}', 400),
        ("POST", "/1e77/resend", b'{"body":{}}', 400),
        ("POST", "/1e77/resend", b"[]", 400),
        ("POST", "/1e77/resend", b"x" * 1_001, 413),
    ],
)
async def test_what_is_refused(bench: Bench, method: str, path: str, body: bytes | None, status: int) -> None:
    assert (await bench.get(f"{PATH}{path}", method=method, body=body))[0] == status
    assert bench.queries.dead_letters.asked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [(NotThere("none"), 404), (BodyInvalid("no"), 400), (Conflict("no"), 409), (StoreUnavailable("no"), 503)],
)
async def test_what_the_server_refuses(bench: Bench, error: Exception, status: int) -> None:
    bench.queries.dead_letters.fails_with = error
    assert (await bench.get(f"{PATH}/1e77/resend", method="POST"))[0] == status


async def test_nobody_sees_them_without_the_token(bench: Bench) -> None:
    assert (await bench.get(PATH, token=None))[0] == 401
    assert (await bench.get(f"{PATH}/1e77", method="DELETE", token="guess"))[0] == 401
    assert bench.queries.dead_letters.asked == []
