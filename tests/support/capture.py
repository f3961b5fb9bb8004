"""What goes over the wire between the server and a peer: a relay for datagrams that writes down each of them.

The server is given the address of the relay in place of the peer's. To the peer the relay looks like a NAT: responses
come back through it if the peer answers to where a request came from, and so does what the peer sends to there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from strowger.phones.waiting import Watch
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request, Response, parse_message

Address: TypeAlias = tuple[str, int]


class Direction(StrEnum):
    """Which way a datagram went."""

    OUT = "out"
    """To the peer."""
    BACK = "back"


class Datagram(NamedTuple):
    """One that passed, and when, in seconds of the loop's clock."""

    at: float
    direction: Direction
    payload: bytes
    message: Request | Response | None
    """None for what is no SIP, such as a keep-alive."""


class Capture:
    """The relay. It passes on every datagram as it is, and keeps it."""

    def __init__(self, peer: Address) -> None:
        self.datagrams: list[Datagram] = []
        self._peer = peer
        self._server: Address | None = None
        self._watch = Watch()
        self._near: asyncio.DatagramTransport
        self._far: asyncio.DatagramTransport

    @classmethod
    async def open(cls, host: str, port: int) -> Capture:
        """A relay to a peer, listening on the peer's host."""
        capture, loop = cls((host, port)), asyncio.get_running_loop()
        capture._near, _ = await loop.create_datagram_endpoint(lambda: _End(capture._out), (host, 0))
        capture._far, _ = await loop.create_datagram_endpoint(lambda: _End(capture._back), (host, 0))
        return capture

    def close(self) -> None:
        self._near.close()
        self._far.close()

    @property
    def uri(self) -> str:
        """What the server is to call the peer."""
        host, port = self._near.get_extra_info("sockname")
        return f"sip:{host}:{port}"

    def requests(self, method: str) -> list[Request]:
        """What the server asked of the peer, repeats included."""
        return [
            each.message
            for each in self.datagrams
            if each.direction is Direction.OUT and isinstance(each.message, Request) and each.message.method == method
        ]

    def responses(self, method: str) -> list[Response]:
        """What the peer answered to requests of a method."""
        return [
            each.message
            for each in self.datagrams
            if each.direction is Direction.BACK
            and isinstance(each.message, Response)
            and each.message.cseq.method == method
        ]

    async def request(self, method: str, number: int = 0, *, timeout_s: float = 5.0) -> Request:
        """The request of a method with this place among them, when it is there."""
        await self.until(lambda: len(self.requests(method)) > number, timeout_s)
        return self.requests(method)[number]

    async def until(self, holds: Callable[[], bool], timeout_s: float) -> None:
        """Wait until something holds of the capture."""
        try:
            await self._watch.until(lambda: holds() or None, timeout_s)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_s} s; what passed:\n{self.story}") from None

    @property
    def story(self) -> str:
        """The first lines of everything, for whoever looks at a failure."""
        return "\n".join(f"{each.at:.3f} {each.direction:4} {_first_line(each.payload)}" for each in self.datagrams)

    def _out(self, payload: bytes, source: Address) -> None:
        self._server = source
        self._keep(Direction.OUT, payload)
        self._far.sendto(payload, self._peer)

    def _back(self, payload: bytes, source: Address) -> None:
        self._keep(Direction.BACK, payload)
        if self._server is not None:
            self._near.sendto(payload, self._server)

    def _keep(self, direction: Direction, payload: bytes) -> None:
        try:
            message = parse_message(payload)
        except ParseError:
            message = None
        self.datagrams.append(Datagram(asyncio.get_running_loop().time(), direction, payload, message))
        self._watch.changed()


class _End(asyncio.DatagramProtocol):
    """One of the relay's two sockets."""

    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)

    def error_received(self, exc: Exception) -> None:
        """The peer's port is closed: whoever sent will notice by the silence, as behind any NAT."""


def _first_line(payload: bytes) -> str:
    return payload.partition(b"\r\n")[0].decode("utf-8", "replace")
