"""`strowger events follow` against the API itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from strowger.acs.api import Api
from strowger.acs.auth import Resource
from strowger.acs.http import HttpListener
from strowger.acs.pull import PullApi
from strowger.base.clock import SystemClock
from strowger.calls.pull import Acknowledged
from strowger.cli.event_reader import Read
from strowger.cli.events import line
from strowger.cli.program import main
from tests.support.acs import ACCESS_KEY, KEY, ReceiptStore, ScriptedControl
from tests.support.pull import TYPE, ScriptedQueues

pytestmark = pytest.mark.asyncio

EVENT = json.dumps(
    {"eventTime": "2026-01-01T00:00:01.2345678Z", "subject": "/caller/4:+31612345678/recipient/4:+31201110001"}
).encode()
SHOWN = "00:00:01.234  IncomingCall  /caller/4:+31612345678/recipient/4:+31201110001"


class Served:
    """A server's API, and its settings file."""

    def __init__(self, config: Path) -> None:
        self.queues = ScriptedQueues()
        self.config = config

    async def follow(self, *arguments: str) -> Result:
        """The command, in a thread with a loop of its own."""
        command = ["events", "follow", "--config", str(self.config), *arguments]
        return await asyncio.to_thread(CliRunner().invoke, main, command)


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    made = Served(tmp_path / "strowger.toml")
    clock = SystemClock()
    resource = Resource("dev", ("127.0.0.1",), (KEY,))
    api = Api(ScriptedControl(), ReceiptStore(), [resource], clock=clock, token=lambda: "AAAAAAAAAAAAAAAAAAAAAA")
    api.pull = PullApi(made.queues)
    listener = HttpListener(api.handle, wall=clock.wall)
    port = await listener.start("127.0.0.1", 0)
    made.config.write_text(settings(port, tmp_path))
    yield made
    made.queues.stop()
    await listener.stop(1.0)


def settings(port: int, directory: Path, *, mode: str = "pull") -> str:
    endpoint = 'endpoint = "https://app.example/"' if mode == "push" else ""
    return f"""
        [server]
        data_dir = "{directory}"
        public_url = "http://127.0.0.1:{port}"
        [tls]
        mode = "off"
        [[resource]]
        name = "dev"
        id = "r1"
        hosts = ["127.0.0.1"]
        keys = ["{ACCESS_KEY}"]
        [[subscription]]
        resource = "dev"
        name = "app"
        delivery = "{mode}"
        {endpoint}
        """


async def test_events_are_shown_a_line_each_and_left_where_they_are(served: Served) -> None:
    served.queues.come(EVENT, EVENT)
    result = await served.follow("--limit", "2")
    assert (result.exit_code, result.output) == (0, f"1  {SHOWN}\n2  {SHOWN}\n")
    assert served.queues.acknowledged == []


async def test_as_json_and_acknowledged(served: Served) -> None:
    served.queues.come(b'{"a":1}', b'{"a":2}')
    result = await served.follow("--json", "--limit", "2", "--acknowledge", "--subscription", "app")
    assert (result.exit_code, result.output) == (0, '{"id":1,"event":{"a":1}}\n{"id":2,"event":{"a":2}}\n')
    assert served.queues.acknowledged == [Acknowledged(0, [1]), Acknowledged(0, [2])]


async def test_a_stream_that_ended_is_begun_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strowger.cli.events.AGAIN_S", 0.0)
    served.queues.come(EVENT)
    following = asyncio.ensure_future(served.follow("--limit", "2"))
    await served.queues.idle.wait()
    served.queues.stop()
    served.queues.come(EVENT)
    result = await following
    assert result.exit_code == 0
    assert result.stdout == f"1  {SHOWN}\n2  {SHOWN}\n"
    assert "ended the stream: trying again." in result.stderr


async def test_what_the_server_does_not_have(served: Served) -> None:
    result = await served.follow("--subscription", "added")
    assert (result.exit_code, result.stderr) == (
        1, "Error: The resource dev has no subscription 'added' with delivery = \"pull\".\n",
    )  # fmt: skip


async def test_no_server(served: Served, tmp_path: Path) -> None:
    served.config.write_text(settings(9, tmp_path))
    result = await served.follow()
    assert result.exit_code == 1
    assert "http://127.0.0.1:9 does not answer" in result.stderr
    assert "Is the server running?" in result.stderr


async def test_whose_events_are_posted(served: Served, tmp_path: Path) -> None:
    served.config.write_text(settings(9, tmp_path, mode="push"))
    result = await served.follow()
    assert (result.exit_code, result.stderr) == (
        2, 'Error: No [[subscription]] has delivery = "pull"; name one that was added by --subscription.\n',
    )  # fmt: skip
    result = await served.follow("--subscription", "app")
    assert (result.exit_code, result.stderr) == (
        2, "Error: The events of 'app' are posted to its endpoint: it needs delivery = \"pull\".\n",
    )  # fmt: skip


async def test_an_event_on_one_line_cannot_repaint_the_terminal() -> None:
    wild = Read(7, "Microsoft.Communication.\x1b[2J", EVENT.replace(b"/caller", b"\\u001b[2J"))
    assert "\x1b" not in line(wild)
    cloud = {"time": "2026-01-01T12:00:00.0000000Z", "subject": "s"}
    assert line(Read(8, TYPE, json.dumps(cloud).encode())) == "8  12:00:00.000  IncomingCall  s"
    outcome = {"eventTime": "2026-01-01T12:00:00.0000000Z"}
    assert line(Read(9, "Strowger.Redirect.Failed", json.dumps(outcome).encode())) == (
        "9  12:00:00.000  Strowger.Redirect.Failed"
    )
