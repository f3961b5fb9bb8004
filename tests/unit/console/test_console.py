"""The console over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from aiohttp import web

from strowger.calls.errors import StoreUnavailable
from strowger.console.queries import RouteQuestion
from tests.support.console import TOKEN, Bench, a_call, a_phone, a_redirected_call, a_trunk

pytestmark = pytest.mark.asyncio

ID = "7f3a0000-0000-4000-8000-000000000001"
OTHER_ID = "8b000000-0000-4000-8000-000000000002"


async def test_health_needs_no_token(bench: Bench) -> None:
    status, headers, answer = await bench.get("/healthz", token=None)
    assert (status, answer) == (200, {"status": "ok"})
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "strowger"
    assert headers["Connection"] == "close"


async def test_ready_names_every_part(bench: Bench) -> None:
    assert (await bench.get("/readyz", token=None))[::2] == (200, {"status": "ready", "parts": {"store": "ok"}})
    bench.queries.parts["store"] = "the disk is full"
    expected = {"status": "not ready", "parts": {"store": "the disk is full"}}
    assert (await bench.get("/readyz", token=None))[::2] == (503, expected)


async def test_a_subscription_is_validated_by_its_code(bench: Bench) -> None:
    bench.queries.codes = {"c-1"}
    assert (await bench.get("/subscriptions/validate?code=c-1", token=None))[::2] == (200, {"status": "validated"})
    for path in ("?code=c-2", "?code=", ""):
        status, _, answer = await bench.get(f"/subscriptions/validate{path}", token=None)
        assert (status, answer["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["calls", f"calls/{ID}", "calls:watch", "registrations", "trunks", "routes:test", "simulate", "nothing"]
)
@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
async def test_admin_needs_the_token(bench: Bench, path: str, authorization: str) -> None:
    status, headers, answer = await bench.get(f"/admin/{path}", Authorization=authorization)
    assert (status, answer["error"]["code"]) == (401, "token_missing")
    assert headers["WWW-Authenticate"] == 'Bearer realm="strowger admin"'


async def test_a_token_with_octets_that_are_no_text_is_refused(bench: Bench) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    writer.write(b"GET /admin/calls HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
    writer.close()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7080", "127.0.0.1:1", "[::1]:7080", "console.test"])
async def test_names_of_ours_are_answered(bench: Bench, host: str) -> None:
    assert (await bench.get("/admin/calls", Host=host))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:7080", "[::2]:7080"])
async def test_a_name_that_is_not_ours_is_refused_on_loopback(bench: Bench, host: str) -> None:
    status, _, answer = await bench.get("/admin/calls", Host=host)
    assert (status, answer["error"]["code"]) == (421, "host_foreign")


async def test_calls_are_listed_newest_first(bench: Bench) -> None:
    bench.queries.known = [a_call(), a_redirected_call()]
    status, _, answer = await bench.get("/admin/calls?limit=1")
    assert status == 200
    assert [call["state"] for call in answer["calls"]] == ["held"]
    assert bench.queries.limits == [1]
    await bench.get("/admin/calls")
    assert bench.queries.limits == [1, 50]


@pytest.mark.parametrize(
    ("state", "found"), [("held", ["held"]), ("live", ["held"]), ("ended", ["answered"]), ("rejected", [])]
)
async def test_calls_are_filtered_by_state(bench: Bench, state: str, found: list[str]) -> None:
    bench.queries.known = [a_redirected_call(), a_call()]
    _, _, answer = await bench.get(f"/admin/calls?state={state}&limit=1")
    assert [call["state"] for call in answer["calls"]] == found


@pytest.mark.parametrize("limit", [1, 1000])
async def test_the_edges_of_the_limit(bench: Bench, limit: int) -> None:
    assert (await bench.get(f"/admin/calls?limit={limit}"))[0] == 200


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=1&limit=2", "state=dead", "page=2"]
)
async def test_a_query_that_means_nothing_is_refused(bench: Bench, query: str) -> None:
    status, _, answer = await bench.get(f"/admin/calls?{query}")
    assert (status, answer["error"]["code"]) == (400, "query_invalid")


async def test_one_call_by_the_beginning_of_its_id(bench: Bench) -> None:
    bench.queries.known = [a_redirected_call(), a_call(OTHER_ID)]
    status, _, answer = await bench.get("/admin/calls/7f3a")
    assert (status, answer["id"], answer["final_status"]) == (200, ID, 200)


@pytest.mark.parametrize(
    "path", ["/nothing", "/admin/x", "/admin/calls/9999", "/admin/calls/", "/admin/calls/a/b", "/admin/calls//why"]
)
async def test_what_is_not_there(bench: Bench, path: str) -> None:
    status, _, answer = await bench.get(path)
    assert (status, answer["error"]["code"]) == (404, "not_found")


async def test_whoever_is_lost_hears_what_is_there(bench: Bench) -> None:
    paths = "/admin/calls, calls:watch, registrations, trunks, routes:test, simulate, subscriptions and dead-letters"
    _, _, answer = await bench.get("/admin/x")
    assert answer["error"]["message"] == f"There is no such path; there are {paths}."
    _, _, answer = await bench.get("/", token=None)
    expected = f"There is no such path; there are /healthz, /readyz and, with the token, {paths}."
    assert answer["error"]["message"] == expected


async def test_why_in_sentences(bench: Bench) -> None:
    bench.queries.known = [a_redirected_call()]
    _, _, answer = await bench.get("/admin/calls/7f3a/why")
    assert answer["why"] == "The call ended after 2.31 s with 200: answered by sip:bob@127.0.0.1:5071."
    assert len(answer["chain"]) == 2


async def test_registrations(bench: Bench) -> None:
    assert (await bench.get("/admin/registrations"))[::2] == (200, {"registrations": [], "note": "nobody: "})
    bench.queries.phones = (a_phone(), a_phone(user="ann"))
    status, _, answer = await bench.get("/admin/registrations?user=8%3Aacs%3Ares_bob")
    assert (status, [phone["user"] for phone in answer["registrations"]]) == (200, ["bob", "ann"])
    status, _, answer = await bench.get("/admin/registrations?user=ghost")
    assert (status, answer["error"]["message"]) == (404, "No [[user]] has the name or the id 'ghost'.")
    assert (await bench.get("/admin/registrations?name=bob"))[0] == 400


async def test_trunks(bench: Bench) -> None:
    assert (await bench.get("/admin/trunks"))[::2] == (200, {"trunks": []})
    bench.queries.known_trunks = (a_trunk(),)
    assert [trunk["state"] for trunk in (await bench.get("/admin/trunks"))[2]["trunks"]] == ["up"]
    status, _, answer = await bench.get("/admin/trunks?name=x")
    assert (status, answer["error"]["message"]) == (400, "There is no parameter 'name', and no other.")


async def test_a_route(bench: Bench) -> None:
    status, _, answer = await bench.get("/admin/routes:test?target=%2B31612345678")
    assert (status, answer["outcome"], answer["ways"][0]["trunk"]) == (200, "outside", "carrier")
    await bench.get("/admin/routes:test?target=+316&kind=phoneNumber&from=+317&resource=dev")
    assert bench.queries.questions == [
        RouteQuestion("+31612345678"),
        RouteQuestion("+316", "phoneNumber", "+317", "dev"),
    ]


@pytest.mark.parametrize("query", ["", "?target=", "?kind=phoneNumber", "?target=1&number=2", "?target=1&kind=fax"])
async def test_a_route_that_cannot_be_asked_for(bench: Bench, query: str) -> None:
    status, _, answer = await bench.get(f"/admin/routes:test{query}")
    assert (status, answer["error"]["code"]) == (400, "query_invalid")


async def test_a_store_that_cannot_be_read_is_told(bench: Bench) -> None:
    bench.queries.fails_with = StoreUnavailable("the database cannot be read")
    status, _, answer = await bench.get("/admin/calls")
    assert (status, answer["error"]) == (503, {"code": "unavailable", "message": "the database cannot be read"})


async def test_nothing_can_be_changed(bench: Bench) -> None:
    status, headers, answer = await bench.get("/admin/calls", method="POST")
    assert (status, headers["Allow"], answer["error"]["code"]) == (405, "GET, HEAD", "method_not_allowed")
    assert (await bench.get("/healthz", method="HEAD"))[0] == 200
    assert (await bench.get("/admin/calls:watch", method="HEAD"))[0] == 405


async def read(response: aiohttp.ClientResponse) -> dict:
    return json.loads(await asyncio.wait_for(response.content.readline(), 5))


def watch(client: aiohttp.ClientSession, bench: Bench):
    return client.get(bench.url("/admin/calls:watch"), headers={"Authorization": f"Bearer {TOKEN}"})


async def test_a_watcher_is_told_of_every_change_and_of_the_end(bench: Bench) -> None:
    async with aiohttp.ClientSession() as client, watch(client, bench) as response:
        assert response.headers["Content-Type"] == "application/x-ndjson"
        assert await read(response) == {"what": "watching"}
        bench.queries.happens(a_call(), "hold")
        change = await read(response)
        assert (change["what"], change["call"]["id"], change["call"]["state"]) == ("hold", ID, "held")
        await bench.console.stop()
        assert await read(response) == {"what": "stopping", "message": "the server stops"}
    assert bench.queries.watchers == []


async def test_no_more_than_so_many_watch(bench: Bench) -> None:
    async with aiohttp.ClientSession() as client, watch(client, bench) as one, watch(client, bench) as two:
        assert await read(one) == await read(two) == {"what": "watching"}
        async with watch(client, bench) as third:
            assert (third.status, (await third.json())["error"]["code"]) == (503, "unavailable")


async def test_a_watcher_that_goes_away_is_forgotten(bench: Bench) -> None:
    async with aiohttp.ClientSession() as client, watch(client, bench) as response:
        assert await read(response) == {"what": "watching"}
        response.close()
        await asyncio.wait_for(bench.queries.left.wait(), 5)
    assert bench.queries.watchers == []


async def test_a_slow_watcher_is_dropped_with_a_last_line(bench: Bench) -> None:
    async with aiohttp.ClientSession() as client, watch(client, bench) as response:
        assert await read(response) == {"what": "watching"}
        for _ in range(4):  # in one turn of the loop, so that nothing is written in between; three may wait
            bench.queries.happens(a_call(), "hold")
        assert [(await read(response))["what"] for _ in range(3)] == ["hold"] * 3
        last = await read(response)
        assert last == {"what": "dropped", "message": "3 changes were waiting: this watcher reads too slowly"}
        assert await response.content.read() == b""


async def test_elsewhere_than_on_loopback_any_host_will_do(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strowger.console.console._came_over_loopback", lambda request: False)
    assert (await bench.get("/admin/calls", Host="strowger.example"))[0] == 200


async def test_phones_are_served_only_where_the_server_gives_them_a_websocket(bench: Bench) -> None:
    status, _, answer = await bench.get("/sip", token=None)
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert "console_websocket" in answer["error"]["message"]
    served: list[str] = []

    async def phones(request: web.BaseRequest) -> web.StreamResponse:
        served.append(request.path)
        return web.json_response({"served": True})

    bench.port = await bench.console.start("127.0.0.1", 0, phones)
    assert (await bench.get("/sip", token=None))[::2] == (200, {"served": True})
    assert (await bench.get("/sip", method="POST", token=None))[0] == 405
    assert (await bench.get("/healthz", token=None))[0] == 200
    assert served == ["/sip"]


async def test_an_application_may_consent_by_post(bench: Bench) -> None:
    bench.queries.codes = {"c-1"}
    answered = await bench.get("/subscriptions/validate?code=c-1", method="POST", token=None)
    assert answered[::2] == (200, {"status": "validated"})
    assert (await bench.get("/subscriptions/validate?code=c-2", method="POST", token=None))[0] == 404
    assert (await bench.get("/subscriptions/validate?code=c-1", method="DELETE", token=None))[0] == 405
