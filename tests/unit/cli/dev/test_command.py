"""`strowger dev` with a server that stops as soon as it is ready."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from click.testing import CliRunner, Result

from strowger import process
from strowger.cli import main
from strowger.cli.dev.command import parse_phones, sip_listeners
from strowger.cli.dev.directory import DevDirectory
from strowger.cli.errors import Misconfigured
from strowger.settings import Settings
from strowger.settings.dev import RESOURCE_ID
from strowger.storage.lock import DirectoryLock
from tests.support.console import ScriptedQueries, a_call


class Started:
    """What the command asked for, and a server that tells of one call."""

    def __init__(self) -> None:
        self.settings: Settings
        self.memory = False
        self.live = 0

    def run(self, settings: Settings, *, memory: bool, ready: Callable, draining: Callable) -> None:
        self.settings, self.memory = settings, memory
        queries = ScriptedQueries()
        running = SimpleNamespace(
            api_addresses=["127.0.0.1:41443"],
            console_addresses=["127.0.0.1:41080"],
            sip_addresses=["udp:127.0.0.1:41060"],
            inspection=queries,
            exchange=range(self.live),
        )
        ready(running)
        queries.happens(a_call(), "hold")
        draining(running)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch):
    started = Started()
    monkeypatch.setattr(process, "run", started.run)
    yield started
    structlog.reset_defaults()


def dev(tmp_path: Path, *arguments: str) -> Result:
    ports = ("--api-port", "0", "--console-port", "0", "--sip-port", "0")
    return CliRunner().invoke(main, ["dev", "--data-dir", str(tmp_path), *ports, *arguments])


def test_it_says_where_everything_is_and_tells_of_calls(started: Started, tmp_path: Path) -> None:
    started.live = 2
    result = dev(tmp_path, "--app", "http://localhost:8080/x", "--phone", "bob=sip:bob@127.0.0.1:5071")
    assert result.exit_code == 0, result.output
    assert "  API      https://localhost:41443 " in result.stdout
    assert "  SIP      udp:127.0.0.1:41060\n" in result.stdout
    assert result.stdout.splitlines()[-3:] == [
        "00:00:00.000  call 7f3a0000  INVITE  +31612345678 -> +31201110001",
        "00:00:00.000  call 7f3a0000  --> IncomingCall  evt-1",
        "Stopping once 2 calls have ended; Ctrl-C again stops at once.",
    ]
    assert started.settings.subscriptions[0].endpoint == "http://localhost:8080/x"


def test_the_other_commands_find_it(started: Started, tmp_path: Path) -> None:
    dev(tmp_path, "--phone", "bob=sip:bob@127.0.0.1:5071")
    start = DevDirectory(tmp_path).last_start()
    assert (start.api, start.console, start.sip) == (["127.0.0.1:41443"], ["127.0.0.1:41080"], ["udp:127.0.0.1:41060"])
    assert start.contacts == {"bob": ["sip:bob@127.0.0.1:5071"]}
    assert "endpoint=https://localhost:41443/;" in CliRunner().invoke(main, ["env", "--data-dir", str(tmp_path)]).stdout


def test_memory(started: Started, tmp_path: Path) -> None:
    dev(tmp_path, "--memory")
    assert started.memory is True


def test_reset_makes_new_keys(started: Started, tmp_path: Path) -> None:
    dev(tmp_path)
    before = (tmp_path / "keys" / f"{RESOURCE_ID}.json").read_text()
    dev(tmp_path)
    assert (tmp_path / "keys" / f"{RESOURCE_ID}.json").read_text() == before
    dev(tmp_path, "--reset")
    assert (tmp_path / "keys" / f"{RESOURCE_ID}.json").read_text() != before


def test_reset_of_a_directory_in_use(started: Started, tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    result = dev(tmp_path, "--reset")
    lock.release()
    assert result.exit_code == 1
    assert "is in use by process" in result.stderr


def test_a_directory_that_cannot_be_used(started: Started, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["dev", "--data-dir", str(tmp_path / "file" / "x")])
    assert (result.exit_code, "cannot be used" in result.stderr) == (1, True)


def test_an_application_that_is_no_url(started: Started, tmp_path: Path) -> None:
    result = dev(tmp_path, "--app", "localhost:8080")
    assert (result.exit_code, "$.subscription[0].endpoint" in result.stderr) == (2, True)


def test_phones() -> None:
    texts = ("bob=sip:bob@127.0.0.1:5071", "carol=sip:carol@pbx.test;a=b", "bob=sip:bob@127.0.0.1:5072")
    assert parse_phones(texts) == {
        "bob": ["sip:bob@127.0.0.1:5071", "sip:bob@127.0.0.1:5072"],
        "carol": ["sip:carol@pbx.test;a=b"],
    }


@pytest.mark.parametrize("text", ["bob", "=sip:bob@x", "bob=", "bob=tel:+31"])
def test_a_phone_that_is_none(text: str) -> None:
    with pytest.raises(Misconfigured, match="must be a user, = and a SIP URI"):
        parse_phones((text,))


def test_sip_addresses() -> None:
    both = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
    assert sip_listeners(None, {}, has_ipv6=False) == both
    assert sip_listeners(None, {}, has_ipv6=True) == [*both, "udp:[::1]:5060"]
    assert sip_listeners(7, {"STROWGER__LISTEN__SIP": "x"}, has_ipv6=False) == ["udp:127.0.0.1:7", "tcp:127.0.0.1:7"]
    assert sip_listeners(None, {"STROWGER__LISTEN__SIP": "x"}) == []
    assert sip_listeners(0, {})[:2] == ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
