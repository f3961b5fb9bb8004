"""SIP by hand over one UDP socket, for what a well-behaved phone never sends."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType

from strowger.sip.message.message import Response, parse_message
from tests.support.server import HOST


class Wire:
    """A socket, and requests written out in full."""

    def __init__(self, server_port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self._server = (HOST, server_port)
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def request(
        self,
        method: str,
        user: str,
        *,
        call_id: str = "wire",
        to_tag: str = "",
        of: str = "",
        extra: str = "",
        caller: str = "+31687654321",
    ) -> bytes:
        """A request outside of any dialog, or with `to_tag` inside one; `of` is the method whose branch it shares,
        `caller` the user of From."""
        to = f"<sip:{user}@{HOST}>" + (f";tag={to_tag}" if to_tag else "")
        return (
            f"{method} sip:{user}@{HOST}:{self._server[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{self.port};branch=z9hG4bK-{call_id}-{of or method};rport\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: <sip:{caller}@{HOST}>;tag=from-{call_id}\r\n"
            f"To: {to}\r\n"
            f"Call-ID: {call_id}\r\n"
            f"CSeq: 1 {method}\r\n"
            f"Contact: <sip:wire@{HOST}:{self.port}>\r\n"
            f"{extra}"
            f"Content-Length: 0\r\n\r\n"
        ).encode()

    def send(self, payload: bytes) -> None:
        self._socket.sendto(payload, self._server)

    async def packet(self, timeout_s: float = 5.0) -> bytes | None:
        """The next packet, None when there is none in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.get_running_loop().sock_recv(self._socket, 65_535)
        except TimeoutError:
            return None

    async def response(self, *statuses: int, timeout_s: float = 5.0) -> Response:
        """The next response with one of these statuses; others are passed over."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = parse_message(await asyncio.get_running_loop().sock_recv(self._socket, 65_535))
                if isinstance(message, Response) and message.status in statuses:
                    return message
