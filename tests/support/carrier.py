"""A carrier over UDP that does what it is told: answers OPTIONS, and lets its customer register by digest (MD5).

It computes the digest by itself, so that nothing of ours agrees with itself by mistake.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import cast

from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request, parse_message
from tests.support.server import HOST

REALM = "carrier.example"
USER, PASSWORD = "customer", "a secret"


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


class Carrier(asyncio.DatagramProtocol):
    """One carrier on a port of its own."""

    def __init__(self) -> None:
        self.options_status = 200
        self.expires_s = 3_600
        """For how long it registers."""
        self.requests: list[Request] = []
        self.bound = ""
        """The Contact that is registered; empty for none."""
        self._nonces = 0
        self._closed = asyncio.Event()
        self._transport: asyncio.DatagramTransport

    @classmethod
    async def open(cls) -> Carrier:
        _, carrier = await asyncio.get_running_loop().create_datagram_endpoint(cls, (HOST, 0))
        return carrier

    @property
    def uri(self) -> str:
        return f"sip:{HOST}:{self._transport.get_extra_info('sockname')[1]}"

    def count(self, method: str) -> int:
        """How many requests of a method came, repeats included."""
        return sum(request.method == method for request in self.requests)

    def send(self, payload: bytes, port: int) -> None:
        """Exactly these bytes, to a port of the server."""
        self._transport.sendto(payload, (HOST, port))

    async def close(self) -> None:
        self._transport.close()
        await self._closed.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # which asyncio's own does not derive from

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse_message(data)
        if not isinstance(message, Request):
            return
        self.requests.append(message)
        status, headers = self._answer(message)
        self._transport.sendto(response_to(message, status, to_tag="carrier", headers=headers).to_bytes(), addr)

    def _answer(self, request: Request) -> tuple[int, list[tuple[str, str]]]:
        if request.method == "OPTIONS":
            return self.options_status, []
        if request.method != "REGISTER":
            return 405, []
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.first("Authorization") or ""))
        if not given:
            self._nonces += 1
            return 401, [("WWW-Authenticate", f'Digest realm="{REALM}", nonce="n{self._nonces}", qop="auth"')]
        ha1, ha2 = _md5(USER, REALM, PASSWORD), _md5("REGISTER", given["uri"])
        if given["response"] != _md5(ha1, given["nonce"], given["nc"], given["cnonce"], "auth", ha2):
            return 403, []
        if request.first("Expires") == "0":
            self.bound = ""
            return 200, []
        self.bound = request.first("Contact") or ""
        return 200, [("Contact", f"{self.bound};expires={self.expires_s}")]
