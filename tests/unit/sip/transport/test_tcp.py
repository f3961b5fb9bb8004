"""Accepting connections, and what happens when the system has no more of something."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator

import pytest

from strowger.sip.transport.flow import ListenAddress
from strowger.sip.transport.tcp import TcpListener
from strowger.sip.transport.trouble import Counters, Troubles

pytestmark = pytest.mark.asyncio


class FaultySocket(socket.socket):
    """A listening socket whose next calls of accept fail."""

    errors: Iterator[OSError] = iter(())
    calls = 0

    def accept(self):
        self.calls += 1
        for error in self.errors:
            raise error
        return super().accept()


@pytest.fixture
def listening():
    made = FaultySocket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    made.bind(("127.0.0.1", 0))
    made.listen()
    yield made
    made.close()


def accepting(made: FaultySocket) -> tuple[TcpListener, asyncio.Queue[tuple[str, int, int]], Counters]:
    queue: asyncio.Queue[tuple[str, int, int]] = asyncio.Queue()
    counters = Counters()

    def accepted(connection: socket.socket, host: str, port: int, listener: int) -> None:
        connection.close()
        queue.put_nowait((host, port, listener))

    address = ListenAddress("TCP", *made.getsockname())
    return TcpListener(made, address, 3, accepted=accepted, troubles=Troubles(counters, lambda: 0.0)), queue, counters


async def test_an_accepted_connection_is_handed_over_with_the_peer_and_the_listener(listening):
    listener, queue, _ = accepting(listening)
    with socket.create_connection(listening.getsockname()) as peer:
        assert await asyncio.wait_for(queue.get(), 5) == (*peer.getsockname(), 3)
    listener.close()
    listener.close()


async def test_without_file_descriptors_it_pauses_instead_of_spinning_and_then_goes_on(listening, monkeypatch):
    monkeypatch.setattr("strowger.sip.transport.tcp.PAUSE_S", 0.02)
    listener, queue, counters = accepting(listening)
    listening.errors = iter([OSError(errno.EMFILE, "Too many open files")] * 3)
    with socket.create_connection(listening.getsockname()):
        await asyncio.wait_for(queue.get(), 5)
    assert counters.troubles["files exhausted"] == 3
    assert listening.calls <= 5
    listener.close()


async def test_closing_during_the_pause_ends_it(listening):
    listener, queue, counters = accepting(listening)
    seen = asyncio.Event()

    def exhausted() -> Iterator[OSError]:
        seen.set()
        yield OSError(errno.ENFILE, "Too many open files in system")

    listening.errors = exhausted()
    with socket.create_connection(listening.getsockname()):
        await asyncio.wait_for(seen.wait(), 5)
    listener.close()
    assert queue.empty()
    assert counters.troubles["files exhausted"] == 1


async def test_a_peer_that_left_before_it_was_accepted_is_no_trouble(listening):
    listener, queue, counters = accepting(listening)
    listening.errors = iter([ConnectionAbortedError(errno.ECONNABORTED, "gone")])
    with socket.create_connection(listening.getsockname()):
        await asyncio.wait_for(queue.get(), 5)
    assert sum(counters.troubles.values()) == 0
    listener.close()
