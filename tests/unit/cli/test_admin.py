"""The client of the admin API against the console itself."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web

from strowger.cli.admin import Admin, token_in
from strowger.cli.errors import Failed, Misconfigured
from strowger.console.listener import Listener
from strowger.console.views import view
from strowger.settings import Listen, Settings
from strowger.settings import Listener as Address
from strowger.settings import Server as ServerRows
from tests.support.console import TOKEN, Bench, a_call, a_redirected_call

pytestmark = pytest.mark.asyncio


def client(bench: Bench, token: str = TOKEN) -> Admin:
    return Admin(bench.url("/"), token)


async def test_calls_come_back_as_they_were(bench: Bench) -> None:
    bench.queries.known = [a_redirected_call()]
    async with client(bench) as admin:
        assert await admin.calls(5, "ended") == (view(a_redirected_call()),)
        assert await admin.call("7f3a") == view(a_redirected_call())
        assert (await admin.why("7f3a")).chain[0].startswith("1. +31201110001: ")


async def test_refusals_are_passed_on(bench: Bench) -> None:
    async with client(bench) as admin:
        with pytest.raises(Failed, match="No call, or more than one, has an id that begins with 'a/b"):
            await admin.call("a/b?c")
        with pytest.raises(Failed, match="state is live, ended or one of"):
            await admin.calls(5, "dead&limit=1")
    async with client(bench, "wrong") as admin:
        with pytest.raises(Failed, match="has another admin token"):
            await admin.calls(5)
        with pytest.raises(Failed, match="has another admin token"):
            await anext(admin.watch())


async def test_a_watch(bench: Bench) -> None:
    async with client(bench) as admin, aclosing(admin.watch()) as changes:
        assert (await anext(changes)).what == "watching"
        bench.queries.happens(a_call(), "hold")
        change = await anext(changes)
        assert (change.what, change.call) == ("hold", view(a_call()))


async def test_nobody_is_there() -> None:
    async with Admin("http://127.0.0.1:1", TOKEN) as admin:
        with pytest.raises(Failed, match=r"^No server answers at http://127.0.0.1:1 \(.*\): is it running\?$"):
            await admin.calls(5)
        with pytest.raises(Failed, match="No server answers"):
            await anext(admin.watch())


async def test_a_url_that_is_none() -> None:
    async with Admin("localhost", TOKEN) as admin:
        with pytest.raises(Failed, match="No server answers at localhost"):
            await admin.calls(5)


@pytest.mark.parametrize(("status", "said"), [(200, "no Strowger of this version"), (500, "it said 500")])
async def test_somebody_else_is_there(status: int, said: str) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text="<html>")

    listener = Listener(answer)
    async with Admin(f"http://127.0.0.1:{await listener.start('127.0.0.1', 0)}", TOKEN) as admin:
        with pytest.raises(Failed, match=said):
            await admin.calls(5)
    await listener.stop()


async def test_the_server_of_settings(tmp_path: Path) -> None:
    (tmp_path / "admin.token").write_text("abc\n")
    listen = Listen(console=(Address("0.0.0.0", 7080),))
    assert Admin.of(Settings(server=ServerRows(data_dir=tmp_path), listen=listen)).url == "http://127.0.0.1:7080"
    with pytest.raises(Misconfigured, match=r"listen\.console is empty"):
        Admin.of(Settings(listen=Listen(console=())))


async def test_tokens(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="There is no admin token in"):
        token_in(tmp_path / "admin.token")
    with pytest.raises(Failed, match="The admin token cannot be read"):
        token_in(tmp_path)
