"""Whatever a client sends: no fault of ours, no decision that was not asked for, no answer that is no answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from strowger.acs.errors import CommunicationErrorResponse
from strowger.acs.message import Headers, Reply, Request
from strowger.acs.operations.catalogue import CATALOGUE
from tests.support.acs import BODY, REDIRECT, REJECT, Bench, signed_headers

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    [
        "communicationUser",
        "phoneNumber",
        "microsoftTeamsUser",
        "microsoftTeamsApp",
        "teamsExtensionUser",
        "kind",
        "rawId",
    ]
)
FIELDS = st.sampled_from(
    ["id", "value", "userId", "appId", "tenantId", "resourceId", "cloud", "isAnonymous", "assertedId", "x"]
)
IDS = st.sampled_from(["4:+45", "8:acs:a_b", "8:acs:a_b_c", "28:zzz", "phoneNumber", "PUBLIC", "", "4:"]) | TEXT
TARGETS = st.dictionaries(MEMBERS, IDS | st.dictionaries(FIELDS, IDS | JSON, max_size=4), max_size=3)
BODIES = (
    st.fixed_dictionaries({"incomingCallContext": IDS | JSON, "target": TARGETS | JSON}, optional={"x": JSON}).map(
        lambda body: json.dumps(body).encode()
    )
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=200)
)
QUERIES = st.sampled_from(["", "?", "?api-version=2026-03-12", "?api-version=", "?api-version=2021-01-01&a=%zz"])
PATHS = st.sampled_from([operation.path for operation in CATALOGUE]) | TEXT.map(lambda text: "/" + text)
SPECIAL = st.sampled_from(
    [
        "authorization",
        "x-ms-date",
        "host",
        "x-ms-content-sha256",
        "content-type",
        "content-encoding",
        "repeatability-request-id",
        "repeatability-first-sent",
        "x-ms-client-request-id",
        "x-forwarded-host",
    ]
)
VALUES = TEXT | st.sampled_from(
    [
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=" + "A" * 43 + "=",
        "HMAC-SHA256 ",
        "Bearer x",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "5b0c4ba1-6b43-4b2a-9f63-3f0e2a3f9d10",
        "gzip",
        "\udcff",
        "a\x00b",
    ]
)
FAST = settings(max_examples=100, deadline=None)


def answer(bench: Bench, request: Request) -> Reply:
    reply = asyncio.run(bench.api.handle(request))
    for name, value in reply.headers:
        assert name.isascii() and value.isascii() and value.isprintable()
    if reply.status != 204:
        error = msgspec.json.decode(reply.body, type=CommunicationErrorResponse).error
        assert error.code and error.message.isprintable()
    return reply


@FAST
@given(st.sampled_from([REDIRECT, REJECT]), BODIES)
def test_any_body_of_a_known_application(target: str, body: bytes) -> None:
    bench = Bench()
    reply = answer(bench, bench.request(body, target=target))
    assert reply.status in (204, 400)
    assert len(bench.control.commands) == (reply.status == 204)


@FAST
@given(TEXT | st.sampled_from(["GET", "POST", "DELETE"]), PATHS, QUERIES, BODIES)
def test_any_operation_of_a_known_application(method: str, path: str, query: str, body: bytes) -> None:
    bench = Bench()
    headers = signed_headers(method, path + query, body, bench.date)
    reply = answer(bench, Request(method, path + query, Headers(headers.items()), body))
    assert reply.status < 500 or reply.status == 501
    assert len(bench.control.commands) == (reply.status == 204)


@FAST
@given(st.lists(st.tuples(SPECIAL | TEXT, VALUES), max_size=12), PATHS, QUERIES, st.binary(max_size=64))
def test_a_stranger_reaches_nobody(fields: list[tuple[str, str]], path: str, query: str, body: bytes) -> None:
    bench = Bench()
    reply = answer(bench, Request("POST", path + query, Headers(fields), body))
    assert reply.status in (401, 404, 405)
    assert bench.control.commands == []


@FAST
@given(st.dictionaries(SPECIAL, VALUES, max_size=4), st.lists(SPECIAL, max_size=2))
def test_any_headers_of_a_known_application(changed: dict[str, str], twice: list[str]) -> None:
    bench = Bench()
    headers: dict[str, Any] = {
        name.lower(): value for name, value in signed_headers("POST", REDIRECT, BODY, bench.date).items()
    }
    fields = [*(headers | changed).items(), *((name, headers.get(name, "x")) for name in twice)]
    reply = answer(bench, Request("POST", REDIRECT, Headers(fields), BODY))
    assert reply.status in (204, 400, 401, 412, 415)
    assert len(bench.control.commands) == (reply.status == 204)
