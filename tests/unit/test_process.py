"""The life of a server as a process, with a server that does nothing."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from strowger import process
from strowger.server import StartError
from strowger.settings import Settings


class Idle:
    """Notes what becomes of it; it drains when it is told to, or never."""

    said: list[str]
    drains = True
    starts = True

    def __init__(self, settings: Settings, *, memory: bool) -> None:
        self.settings = settings
        self.said = []

    async def start(self) -> None:
        if not self.starts:
            raise StartError("the disk is full")
        self.said.append("started")

    async def drain(self, at_most_s: float) -> None:
        self.said.append(f"draining for {at_most_s:g} s")
        if self.drains:
            self.said.append("drained")
        else:
            await asyncio.Event().wait()

    async def stop(self) -> None:
        self.said.append("stopped")


def signalled(server: Idle) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def lives_of(monkeypatch: pytest.MonkeyPatch, **changes: bool) -> list[str]:
    """What becomes of a server that is asked to stop when it is ready, and once more when it drains."""
    said: list[str] = []
    monkeypatch.setattr("sys.setswitchinterval", lambda seconds: None)
    monkeypatch.setattr(process, "Server", type("Changed", (Idle,), changes))

    def ready(server: object) -> None:
        assert isinstance(server, Idle)
        server.said = said
        signalled(server)

    def draining(server: object) -> None:
        assert isinstance(server, Idle)
        said.append("asked")
        if not server.drains:
            signalled(server)

    process.run(Settings(), ready=ready, draining=draining)
    return said


def test_it_drains_at_a_signal_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lives_of(monkeypatch) == ["asked", "draining for 35 s", "drained", "stopped"]


def test_a_second_signal_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lives_of(monkeypatch, drains=False) == ["asked", "draining for 35 s", "stopped"]


def test_a_server_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StartError, match="the disk is full"):
        lives_of(monkeypatch, starts=False)
