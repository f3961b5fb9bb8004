"""A phone that can be reached by the connection it opened and by no other way (RFC 5626).

SIPp cannot send a bare CRLF, nor register and be called on one connection; so the phone is written out here, and SIPp
is who calls it.
"""

from __future__ import annotations

import asyncio

import pytest

from strowger.sip.message.message import Request, Response, parse_message
from tests.e2e.stage import Stage
from tests.support.digest import credentials
from tests.support.peer import TcpPeer, next_message
from tests.support.server import HOST, free_ports, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
NOBODY = "127.9.9.9:9"
"""What the phone takes for its own address: nobody listens there."""
INSTANCE = "<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"


class Phone:
    """One connection of bob's phone."""

    def __init__(self, peer: TcpPeer) -> None:
        self.peer = peer
        self._cseq = 0

    @classmethod
    async def connected(cls, stage: Stage) -> Phone:
        return cls(TcpPeer(*await asyncio.open_connection(HOST, stage.server.sip_port)))

    async def register(self) -> Response:
        """The answer to the REGISTER with the password."""
        challenge = (await self._register("")).first("WWW-Authenticate") or ""
        proof = credentials(challenge, "s3cret", user="bob", method="REGISTER", uri=f"sip:{HOST}")
        return await self._register(f"Authorization: {proof}\r\n")

    async def _register(self, authorization: str) -> Response:
        self._cseq += 1
        await self.peer.send(
            (
                f"REGISTER sip:{HOST} SIP/2.0\r\n"
                f"Via: SIP/2.0/TCP {NOBODY};branch=z9hG4bK{id(self)}{self._cseq};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:bob@{HOST}>;tag=1\r\nTo: <sip:bob@{HOST}>\r\nCall-ID: {id(self)}\r\n"
                f"CSeq: {self._cseq} REGISTER\r\nSupported: path, outbound\r\n{authorization}"
                f'Contact: <sip:bob@{NOBODY};transport=tcp;ob>;reg-id=1;+sip.instance="{INSTANCE}"\r\n'
                "Content-Length: 0\r\n\r\n"
            ).encode()
        )
        answer = parse_message(await next_message(self.peer, lambda _: True, SOON))
        assert isinstance(answer, Response)
        return answer

    async def hears(self, method: str) -> Request:
        """The next request, which must be this one."""
        request = parse_message(await next_message(self.peer, lambda _: True, SOON))
        assert isinstance(request, Request)
        assert request.method == method
        return request

    async def says(self, request: Request, status: str) -> None:
        """Answer a request."""
        names = ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq")
        lines = [line for name in names for line in request.lines_of(name)]
        tagged = [line if request.to_tag or not line.startswith("To:") else f"{line};tag=bob" for line in lines]
        contact = f"Contact: <sip:bob@{NOBODY};transport=tcp;ob>"
        text = "\r\n".join([f"SIP/2.0 {status}", *tagged, contact, "Content-Length: 0", "", ""])
        await self.peer.send(text.encode("latin-1"))

    async def is_called(self) -> None:
        """A whole call, from INVITE to BYE."""
        invite = await self.hears("INVITE")
        await self.says(invite, "180 Ringing")
        await self.says(invite, "200 OK")
        await self.hears("ACK")
        await self.says(await self.hears("BYE"), "200 OK")


async def test_a_flow_is_kept_alive_and_carries_the_whole_call(stage: Stage) -> None:
    await stage.serve(users={"bob": []}, passwords={"bob": "s3cret"})
    phone = await Phone.connected(stage)
    answer = await phone.register()
    assert answer.status == 200
    assert "outbound" in answer.values("Require")
    await phone.peer.send(b"\r\n\r\n")
    await until(lambda: phone.peer.pongs == 1, SOON, "an answer to the keep-alive")
    await call(stage, phone)
    await phone.peer.close()


async def test_a_phone_that_came_back_is_called_where_it_is_now(stage: Stage) -> None:
    await stage.serve(users={"bob": []}, passwords={"bob": "s3cret"})
    before, now = await Phone.connected(stage), await Phone.connected(stage)
    for phone in (before, now):
        assert len((await phone.register()).all("Contact")) == 1
    await call(stage, now)
    assert before.peer.inbox.empty()
    for phone in (before, now):
        await phone.peer.close()


async def call(stage: Stage, phone: Phone) -> None:
    """Somebody calls bob."""
    (port,) = free_ports(1)
    caller = await stage.sipp("calling", port=port, remote=stage.server.sip_port, keys={"dialled": "bob"})
    await phone.is_called()
    await caller.succeeded(SOON)
