from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from strowger.acs.authenticators.key_cache import FetchFailed
from strowger.acs.authenticators.key_fetch import MAX_BYTES, fetch_keys
from strowger.base.clock import SystemClock
from strowger.tls import create_dev_ca, server_context
from tests.support.issuer import KeyServer, published

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def server() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    await server.start()
    yield server
    await server.close()


async def test_keys_of_anybody_are_not_fetched_in_the_clear() -> None:
    with pytest.raises(FetchFailed, match="https only"):
        await fetch_keys("http://login.example/keys")


async def test_keys_and_how_long_they_may_be_kept(server: KeyServer) -> None:
    for header, expected in [
        ("", None),
        ("public, MAX-AGE=86400", 86_400.0),
        ('max-age="60"', 60.0),
        ("max-age=-1", None),
        ("max-age=" + "9" * 400, 999_999_999.0),
        ("max-age=60, no-store", 0.0),
        ("no-cache", 0.0),
    ]:
        server.headers = {"Cache-Control": header} if header else {}
        fetched = await fetch_keys(server.url)
        assert (sorted(fetched.keys), fetched.max_age_s) == (["ec", "rsa"], expected)


@pytest.mark.parametrize("status", [204, 301, 302, 404, 500])
async def test_only_an_answer_counts(server: KeyServer, status: int) -> None:
    server.status = status
    server.headers = {"Location": server.url}
    with pytest.raises(FetchFailed, match=f"status {status}"):
        await fetch_keys(server.url)
    assert server.asked == 1


async def test_the_longest_answer(server: KeyServer) -> None:
    server.body = published() + b" " * (MAX_BYTES - len(published()))
    await fetch_keys(server.url)
    server.body += b" "
    with pytest.raises(FetchFailed, match="longer than 262144 bytes"):
        await fetch_keys(server.url)


async def test_what_is_no_key_set(server: KeyServer) -> None:
    server.body = b"<html>"
    with pytest.raises(FetchFailed, match="no JSON Web Key Set"):
        await fetch_keys(server.url)
    server.headers = {"Content-Encoding": "gzip"}  # and nothing is unpacked
    with pytest.raises(FetchFailed):
        await fetch_keys(server.url)


async def test_who_does_not_answer_is_given_up() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    host, port = silent.sockets[0].getsockname()
    async with silent:
        with pytest.raises(FetchFailed, match="did not come within"):
            await fetch_keys(f"http://{host}:{port}/", timeout_s=0.05)
    with pytest.raises(FetchFailed):
        await fetch_keys(f"http://{host}:{port}/")


async def test_a_server_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    ours = create_dev_ca(tmp_path, now=SystemClock().wall())
    impostor = KeyServer()
    await impostor.start(server_context(ours.cert, ours.key))
    with pytest.raises(FetchFailed, match="certificate"):
        await fetch_keys(impostor.url)
    assert impostor.asked == 0
    await impostor.close()
