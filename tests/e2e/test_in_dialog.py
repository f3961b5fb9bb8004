"""What happens within an answered call whose requests come by us, when we crash in the middle of it.

Nothing is kept of such a call: the way is in its Record-Route alone. Both sides are written out here, because what
counts is which message comes out where.
"""

from __future__ import annotations

import pytest

from strowger.phones.behaviours import Answer
from strowger.phones.incoming import LegState
from strowger.sip.message.message import Message, Request, Response, parse_message
from tests.e2e.stage import Stage
from tests.support.digest import credentials
from tests.support.peer import Peer, next_message, peer_over
from tests.support.server import HOST

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
NOBODY = "127.9.9.9:9"
"""What the phone takes for its own address: nobody listens there."""


class Party:
    """One side of a call: what it says is written in full."""

    def __init__(self, peer: Peer, transport: str, user: str, contact: str) -> None:
        self.peer = peer
        self.contact = f"<sip:{user}@{contact};transport={transport}>"
        self._user = user
        self._via = f"SIP/2.0/{transport.upper()} {contact.partition(';')[0]}"
        self._cseq = 0

    async def registers(self, password: str) -> None:
        """Bind this way to the user."""
        to = f"<sip:{self._user}@{HOST}>"
        await self.requests("REGISTER", f"sip:{HOST}", call_id="r", own=f"{to};tag=r", other=to)
        # Over WebSocket a token is asked for as well, and first.
        challenge = (await self.hears_response(401)).all("WWW-Authenticate")[-1]
        proof = credentials(challenge, password, user=self._user, method="REGISTER", uri=f"sip:{HOST}")
        more = (f"Authorization: {proof}",)
        await self.requests("REGISTER", f"sip:{HOST}", call_id="r", own=f"{to};tag=r", other=to, more=more)
        await self.hears_response(200)

    async def requests(
        self, method: str, uri: str, *, call_id: str, own: str, other: str, more: tuple[str, ...] = ()
    ) -> None:
        """Send a request; an ACK has the number of the INVITE."""
        self._cseq += method != "ACK"
        lines = (
            f"{method} {uri} SIP/2.0",
            f"Via: {self._via};branch=z9hG4bK{self._user}{self._cseq}{method};rport",
            "Max-Forwards: 70",
            f"From: {own}",
            f"To: {other}",
            f"Call-ID: {call_id}",
            f"CSeq: {self._cseq} {method}",
            f"Contact: {self.contact}",
            *more,
            "Content-Length: 0",
        )
        await self.peer.send("\r\n".join((*lines, "", "")).encode("latin-1"))

    async def answers(self, request: Request, status: str) -> None:
        """Answer a request."""
        names = ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq")
        lines = [line for name in names for line in request.lines_of(name)]
        tagged = [line if request.to_tag or not line.startswith("To:") else f"{line};tag=answered" for line in lines]
        text = "\r\n".join([f"SIP/2.0 {status}", *tagged, f"Contact: {self.contact}", "Content-Length: 0", "", ""])
        await self.peer.send(text.encode("latin-1"))

    async def hears(self, method: str) -> Request:
        """The next request of this method."""
        start = f"{method} ".encode()
        message = parse_message(await next_message(self.peer, lambda octets: octets.startswith(start), SOON))
        assert isinstance(message, Request)
        return message

    async def hears_response(self, status: int) -> Response:
        """The next response with this status."""
        start = f"SIP/2.0 {status} ".encode()
        message = parse_message(await next_message(self.peer, lambda octets: octets.startswith(start), SOON))
        assert isinstance(message, Response)
        return message


class Dialog:
    """An answered call as one side knows it (RFC 3261 §12.1)."""

    def __init__(self, message: Message, *, is_caller: bool) -> None:
        answered = message.first("To") or ""
        answered = answered if message.to_tag else f"{answered};tag=answered"
        ends = (message.first("From") or "", answered)
        self.own, self.other = ends if is_caller else ends[::-1]
        routes = message.values("Record-Route")
        self.routes = tuple(f"Route: {value}" for value in (routes[::-1] if is_caller else routes))
        self.target = message.values("Contact")[0].partition("<")[2].partition(">")[0]
        self.call_id = message.call_id

    async def requests(self, party: Party, method: str) -> None:
        """A request within it."""
        await party.requests(
            method, self.target, call_id=self.call_id, own=self.own, other=self.other, more=self.routes
        )


async def answered_call(stage: Stage, caller: Party, phone: Party) -> tuple[Dialog, Dialog]:
    """Bob's phone answers; the call as the caller and as the phone know it."""
    own, uri = f"<sip:+31687654321@{HOST}>;tag=calls", f"sip:bob@{HOST}:{stage.server.sip_port}"
    await caller.requests("INVITE", uri, call_id="c", own=own, other=f"<{uri}>")
    invite = await phone.hears("INVITE")
    await phone.answers(invite, "200 OK")
    dialog = Dialog(await caller.hears_response(200), is_caller=True)
    await dialog.requests(caller, "ACK")
    await phone.hears("ACK")
    return dialog, Dialog(invite, is_caller=False)


async def passes(dialog: Dialog, asks: Party, method: str, answers: Party) -> None:
    """A request within the call gets to the other side, and its answer back."""
    await dialog.requests(asks, method)
    await answers.answers(await answers.hears(method), "200 OK")
    await asks.hears_response(200)


async def party(stage: Stage, transport: str, user: str, contact: str = "") -> Party:
    peer = await peer_over(transport, stage.server)
    return Party(peer, transport, user, contact or f"{HOST}:{getattr(peer, 'port', 0)}")


@pytest.mark.parametrize("which", ["outside", "on"])
@pytest.mark.parametrize("by", ["caller", "target"])
async def test_a_call_that_we_stay_in_the_path_of_is_hung_up_after_a_crash(stage: Stage, by: str, which: str) -> None:
    target = await stage.phone("target", Answer())
    server = await stage.serve(trunk=target.uri, sip={"record_route": which})
    call = stage.call(await stage.caller())
    await call.wait_for(180, SOON)
    await stage.redirect(await stage.application.event())
    assert (await call.final(SOON)).status == 200
    leg = await target.leg(timeout_s=SOON)
    await leg.reached(LegState.CONFIRMED, SOON)
    server.kill()
    await server.start()
    assert await (call.hang_up() if by == "caller" else leg.hang_up()) == 200
    assert "Traceback" not in server.log


async def test_a_phone_behind_a_nat_is_reached_after_a_crash(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []}, passwords={"bob": "s3cret"})
    caller, phone = await party(stage, "udp", "caller"), await party(stage, "udp", "bob", NOBODY)
    await phone.registers("s3cret")
    from_caller, from_phone = await answered_call(stage, caller, phone)
    server.kill()
    await server.start()
    await passes(from_phone, phone, "INVITE", caller)
    await from_phone.requests(phone, "ACK")
    await caller.hears("ACK")
    await passes(from_caller, caller, "INVITE", phone)
    await from_caller.requests(caller, "ACK")
    await phone.hears("ACK")
    await passes(from_caller, caller, "BYE", phone)
    for each in (caller, phone):
        await each.peer.close()


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_a_phone_whose_connection_a_crash_has_cut(stage: Stage, transport: str) -> None:
    """It cannot be reached, which the other side hears at once. It reaches the other side as soon as it is back, and is
    reached again when it has registered.
    """
    server = await stage.serve(users={"bob": []}, passwords={"bob": "s3cret"})
    caller, phone = await party(stage, "udp", "caller"), await party(stage, transport, "bob", f"{NOBODY};ob")
    await phone.registers("s3cret")
    from_caller, from_phone = await answered_call(stage, caller, phone)
    server.kill()
    await server.start()
    await from_caller.requests(caller, "INVITE")
    await caller.hears_response(430)
    cut, phone.peer = phone.peer, await peer_over(transport, server)
    await passes(from_phone, phone, "INVITE", caller)
    await from_phone.requests(phone, "ACK")
    await caller.hears("ACK")
    await from_caller.requests(caller, "OPTIONS")
    await caller.hears_response(430)
    await phone.registers("s3cret")
    await passes(from_caller, caller, "INVITE", phone)
    await from_caller.requests(caller, "ACK")
    await phone.hears("ACK")
    await passes(from_caller, caller, "BYE", phone)
    for each in (caller.peer, phone.peer, cut):
        await each.close()
