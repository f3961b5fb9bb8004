"""What becomes of a message that is sent to a running server, seen from outside."""

from __future__ import annotations

from collections.abc import Iterable

from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import parse_message
from tests.e2e.stage import Stage
from tests.support.peer import Peer, next_message, peer_over
from tests.support.server import NUMBER

SOON = 5.0
HELD, DROPPED = "held", "dropped"
"""100 and 180 come, and the application is told; not a word comes."""
Outcome = int | str
"""One of the above, or the status of the one answer."""
OWED = {401: "WWW-Authenticate", 405: "Allow", 420: "Unsupported", 200: "Allow"}
"""The header that an answer of this status owes."""


class House:
    """The server, and one way to it."""

    def __init__(self, stage: Stage, transport: str, host: str, ports: Iterable[int]) -> None:
        """`host` is the address of the server, and over UDP ours too; `ports` are those we listen on there."""
        self.stage = stage
        self.transport = transport
        self._host = host
        self._ports = tuple(ports)
        self._probes = 0

    async def peer(self) -> Peer:
        return await peer_over(self.transport, self.stage.server, self._host, self._ports)

    async def alive(self, peer: Peer) -> list[bytes]:
        """What the server had to say before it answered our OPTIONS, which it does; nothing surprised it."""
        self._probes += 1
        await peer.send(options(f"probe-{self._probes}"))
        said = []
        while f"probe-{self._probes}".encode() not in (message := await next_message(peer, lambda _: True, SOON)):
            said.append(message)
        assert message.startswith(b"SIP/2.0 200 "), message
        assert self.stage.server.is_running
        assert "Traceback" not in self.stage.server.log
        return said


def options(call_id: str) -> bytes:
    return (
        f"OPTIONS sip:{NUMBER}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP probe.invalid;rport;branch=z9hG4bK{call_id}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:{NUMBER}@127.0.0.1>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def is_answer_to(request: bytes, answer: bytes) -> bool:
    """Whether it carries the Call-ID of the request; without one, its CSeq."""
    try:
        sent = parse_message(request)
    except ParseError as error:
        assert error.request is not None
        sent = error.request
    name = "Call-ID" if sent.has("Call-ID") else "CSeq"
    return parse_message(answer).first(name) == sent.first(name)


async def is_treated(house: House, peer: Peer, data: bytes, outcome: Outcome) -> None:
    """Answered, held or dropped; the peer is heard afterwards."""
    if outcome == HELD:
        for status in (b"100", b"180"):
            answer = await next_message(peer, lambda message: is_answer_to(data, message), SOON)
            assert answer.startswith(b"SIP/2.0 " + status)
    said = [message for message in await house.alive(peer) if is_answer_to(data, message)]
    if outcome in (HELD, DROPPED):
        assert said == []
        return
    assert [message[8:11].decode() for message in said] == [str(outcome)]
    response = parse_message(said[0])
    assert response.has(OWED.get(int(outcome), "Via"))
    assert not response.has("To") or response.to_tag
