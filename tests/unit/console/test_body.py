"""How a body is read, through the console."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.support.console import TOKEN, Bench

pytestmark = pytest.mark.asyncio
PATH = "/admin/subscriptions"


def object_of(octets: int) -> bytes:
    """A JSON object of so many octets."""
    return json.dumps({"a": "x" * (octets - len('{"a": ""}'))}).encode()


@pytest.mark.parametrize(("octets", "status"), [(1_000, 201), (1_001, 413)])
async def test_the_edge_of_what_is_read(bench: Bench, octets: int, status: int) -> None:
    assert (await bench.get(PATH, method="POST", body=object_of(octets)))[0] == status
    assert len(bench.queries.subscriptions.asked) == (status == 201)


async def test_a_body_of_unknown_length_is_bounded_too(bench: Bench) -> None:
    async def pieces():
        for _ in range(4):
            yield b" " * 300

    status, _, answer = await bench.get(PATH, method="POST", body=pieces())
    assert (status, answer["error"]["code"]) == (413, "body_too_large")
    assert answer["error"]["message"] == "The body is larger than 1000 octets."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is not JSON: Input data was truncated."),
        (b"{", "The body is not JSON: Input data was truncated."),
        (b"[]", "The body is JSON, but no object: { … } is wanted."),
        (b'"a"', "The body is JSON, but no object: { … } is wanted."),
        (b'{"a":' * 160, "The body is not JSON: Input data was truncated."),
        (b'{"a": 1e999}', "The body is not JSON: Number out of range - at `$[...]`."),
        (b'{"a": 1, "b": 2, "a": 1}', "The body has 'a' more than once in one object."),
        (b'{"a": [{"b": 1, "\\u0062": 1}]}', "The body has 'b' more than once in one object."),
        (b'{"a": ' + b"[" * 32 + b"]" * 32 + b"}", "The body is nested more than 32 deep."),
    ],
)
async def test_a_body_that_is_no_object(bench: Bench, body: bytes, message: str) -> None:
    status, _, answer = await bench.get(PATH, method="POST", body=body)
    assert (status, answer["error"]["code"], answer["error"]["message"]) == (400, "body_invalid", message)
    assert bench.queries.subscriptions.asked == []


async def test_the_edge_of_nesting(bench: Bench) -> None:
    body = b'{"a": ' + b"[" * 31 + b"]" * 31 + b"}"
    assert (await bench.get(PATH, method="POST", body=body))[0] == 201



async def test_text_that_is_no_unicode(bench: Bench) -> None:
    status, _, answer = await bench.get(PATH, method="POST", body=b'{"a":"\xff"}')
    assert (status, answer["error"]["code"]) == (400, "body_invalid")


async def test_a_body_that_does_not_come(bench: Bench) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 10\r\n\r\n{{"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert b" 408 " in answer.partition(b"\r\n")[0]
    assert b"The body did not come within 0.05 s." in answer
