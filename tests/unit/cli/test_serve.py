"""Serving, and the ports that must be free for it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from click.testing import CliRunner

from strowger import process
from strowger.cli import main
from strowger.cli.errors import Failed
from strowger.cli.serve import HINTS, require_free, serve_until_stopped
from strowger.server import StartError
from strowger.settings import Listen, Listener, Settings, SipListener

RUNNING = SimpleNamespace(
    api_addresses=["127.0.0.1:7443"],
    console_addresses=["127.0.0.1:7080"],
    sip_addresses=["udp:127.0.0.1:5060"],
    exchange=range(3),
    inspection=SimpleNamespace(subscribe=lambda watcher: None),
)


def run_at_once(settings: Settings, *, memory: bool, ready: Callable, draining: Callable) -> None:
    """A server that is asked to stop as soon as it is ready."""
    ready(RUNNING)
    draining(RUNNING)


@pytest.fixture(autouse=True)
def logging_as_before():
    yield
    structlog.reset_defaults()


def listening(kind: socket.SocketKind) -> socket.socket:
    taken = socket.socket(socket.AF_INET, kind)
    taken.bind(("127.0.0.1", 0))
    if kind is socket.SOCK_STREAM:
        taken.listen()
    return taken


def everywhere(port: int, sip: str = "udp") -> Settings:
    address = (Listener("127.0.0.1", port),)
    sip_listener = SipListener(sip, "127.0.0.1", port)  # type: ignore[arg-type]
    return Settings(listen=Listen(api=address, console=address, metrics=address, sip=(sip_listener,)))


def test_free_ports_are_no_trouble() -> None:
    require_free(everywhere(0), HINTS)


def test_every_taken_port_is_named_with_what_to_do() -> None:
    with listening(socket.SOCK_STREAM) as taken, pytest.raises(Failed) as failed:
        port = taken.getsockname()[1]
        require_free(everywhere(port, "tcp"), HINTS)
    assert failed.value.message.splitlines() == [
        f"127.0.0.1:{port}, for the API, is taken by another program: choose another in listen.api.",
        f"127.0.0.1:{port}, for the console, is taken by another program: choose another in listen.console.",
        f"127.0.0.1:{port}, for measurements, is taken by another program: choose another in listen.metrics.",
        f"tcp:127.0.0.1:{port}, for SIP, is taken by another program: choose another in listen.sip.",
    ]


def test_a_taken_udp_port() -> None:
    with listening(socket.SOCK_DGRAM) as taken, pytest.raises(Failed, match=r"^udp:127.0.0.1:\d+, for SIP, is taken"):
        listen = Listen(sip=(SipListener("udp", *taken.getsockname()),), api=(), console=(), metrics=())
        require_free(Settings(listen=listen), HINTS)


def test_an_address_of_somebody_else() -> None:
    listen = Listen(api=(Listener("192.0.2.1", 7443),), console=(), metrics=(), sip=())
    with pytest.raises(Failed, match="is not an address of this machine"):
        require_free(Settings(listen=listen), HINTS)


def test_a_port_that_needs_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(Failed, match="needs rights that you do not have"):
        require_free(everywhere(443), HINTS)


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings, **more: object) -> None:
        raise StartError("the disk is full")

    monkeypatch.setattr(process, "run", fail)
    with pytest.raises(Failed, match=r"^The server cannot start: the disk is full$"):
        serve_until_stopped(Settings(), ready=lambda server: None, draining=lambda live: None)


def test_serve_logs_when_it_is_ready_and_when_it_stops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "strowger.toml"
    path.write_text("[listen]\n" + "".join(f'{key} = ["127.0.0.1:0"]\n' for key in ("api", "console", "metrics")))
    monkeypatch.setattr(process, "run", run_at_once)
    environ = {"STROWGER__LISTEN__SIP": "udp:127.0.0.1:0"}
    result = CliRunner().invoke(main, ["serve", "--config", str(path)], env=environ)
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert [event["event"] for event in events] == ["ready", "draining", "stopped"]
    assert events[0]["api"] == ["127.0.0.1:7443"]
    assert events[1]["calls"] == 3


def test_serve_needs_a_file() -> None:
    assert CliRunner().invoke(main, ["serve"]).exit_code == 2
