"""Phones that are closed after the test, and bare sockets to play a peer by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest_asyncio

from strowger.base.ids import SeededIds
from strowger.phones.phone import Phone
from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request, Response, parse_message
from strowger.sip.transaction.timers import Timings

FAST = Timings(t1=0.02, t2=0.08, t4=0.05)
"""Everything that waits for an answer has given up after 64·T1 = 1.28 s."""
TIMEOUT_S = 5.0

OpenPhone: TypeAlias = Callable[..., Awaitable[Phone]]
OpenWire: TypeAlias = Callable[[], Awaitable["Wire"]]


class Wire(asyncio.DatagramProtocol):
    """A UDP socket that a test reads and writes by itself."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.transport: Any = None
        self.peer: tuple[str, int] = ("127.0.0.1", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.arrived.put_nowait((data, addr))

    @property
    def port(self) -> int:
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    @property
    def address(self) -> str:
        return f"udp:127.0.0.1:{self.port}"

    def send(self, message: Request | Response | bytes, phone: Phone | None = None) -> None:
        """To `phone`, or to whom something came from last."""
        if phone is not None:
            self.peer = ("127.0.0.1", int(phone.address.rpartition(":")[2]))
        self.transport.sendto(message if isinstance(message, bytes) else message.to_bytes(), self.peer)

    async def receive(self) -> Request | Response:
        async with asyncio.timeout(TIMEOUT_S):
            data, self.peer = await self.arrived.get()
        return parse_message(data)

    async def request(self, method: str) -> Request:
        """The next request with this method, others passed over."""
        while True:
            message = await self.receive()
            if isinstance(message, Request) and message.method == method:
                return message

    async def response(self, status: int, method: str | None = None) -> Response:
        """The next response with this status (to this method), others passed over."""
        while True:
            message = await self.receive()
            if isinstance(message, Response) and message.status == status and method in {None, message.cseq.method}:
                return message

    def invite(self, phone: Phone, *, branch: str = "z9hG4bKone", call_id: str = "one", body: bytes = b"") -> Request:
        """An INVITE from here to `phone`."""
        return self.make("INVITE", phone, branch=branch, call_id=call_id, body=body)

    def make(
        self,
        method: str,
        phone: Phone,
        *,
        number: int = 1,
        branch: str = "z9hG4bKone",
        call_id: str = "one",
        to_tag: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Request:
        """Any request from here to `phone`."""
        own = (
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch}"),
            ("Max-Forwards", "70"),
            ("From", "<sip:wire@127.0.0.1>;tag=wire"),
            ("To", f"<sip:{phone.user}@127.0.0.1>" + (f";tag={to_tag}" if to_tag else "")),
            ("Call-ID", call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", f"<sip:wire@127.0.0.1:{self.port}>"),
        )
        return Request.make(method, phone.uri, (*own, *headers), body)

    def respond(
        self, request: Request, status: int, *, tag: str = "peer", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer a request of a phone; the Contact leads here."""
        contact = ("Contact", f"<sip:{tag}@127.0.0.1:{self.port}>")
        self.send(response_to(request, status, to_tag=tag, headers=(contact, *headers)))


@pytest_asyncio.fixture
async def open_phone() -> AsyncIterator[OpenPhone]:
    phones: list[Phone] = []

    async def open_one(address: str = "udp:127.0.0.1:0", **options: Any) -> Phone:
        options.setdefault("timings", FAST)
        options.setdefault("ids", SeededIds(len(phones)))
        phones.append(await Phone.open(address, **options))
        return phones[-1]

    yield open_one
    for phone in phones:
        await phone.close()


@pytest_asyncio.fixture
async def open_wire() -> AsyncIterator[OpenWire]:
    wires: list[Wire] = []

    async def open_one() -> Wire:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_datagram_endpoint(Wire, local_addr=("127.0.0.1", 0))
        wires.append(wire)
        return wire

    yield open_one
    for wire in wires:
        wire.transport.close()
