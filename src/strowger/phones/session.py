"""An answered call as one end sees it: what happens inside its dialog (RFC 3261 §12.2, §13.3.1.4, §14.2, §15).

Both ends use it. Becoming answered is left to `outgoing` and `incoming`.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from strowger.phones.acknowledgement import Acknowledgement
from strowger.phones.address import Peer
from strowger.phones.agent import Agent
from strowger.phones.dialog import Dialog
from strowger.phones.errors import AddressInvalid
from strowger.phones.sdp import CONTENT_TYPE
from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request, Response
from strowger.sip.transaction.errors import TransactionLimit

ALLOW: Final = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")
"""The methods of a scripted phone. RFC 3261 §20.5"""
ACCEPT: Final = ("Accept", CONTENT_TYPE)


class DialogUser(Protocol):
    """What a phone finds under the id of a dialog."""

    def in_dialog(self, key: str, request: Request) -> None:
        """An INVITE, a BYE or an OPTIONS inside the dialog."""
        ...

    def ack_arrived(self, ack: Request) -> None:
        """An ACK inside the dialog."""
        ...

    def drop(self) -> None:
        """The phone closes."""
        ...


class Owner(Protocol):
    """The call that a session belongs to."""

    def confirmed(self) -> None:
        """The ACK of our 2xx is there."""
        ...

    def over(self) -> None:
        """One side has hung up."""
        ...


class Reply:
    """The final status of a request whose response is of no further interest."""

    __slots__ = ("status",)

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def response_arrived(self, response: Response) -> None:
        """Wait for the final one."""
        if response.status >= 200:
            self.no_response(response.status)

    def no_response(self, status: int) -> None:
        """There is a status now; the first one counts."""
        if not self.status.done():
            self.status.set_result(status)


class Session:
    """One confirmed dialog and the end that we are of it."""

    def __init__(
        self, agent: Agent, dialog: Dialog, owner: Owner, *, description: bytes, contact: str, way: Peer
    ) -> None:
        """`description` is our SDP, `contact` our Contact, `way` where the INVITE went or came from: requests go that
        way when the peer's Contact or Record-Route leads nowhere that a phone can reach."""
        self.dialog = dialog
        self.byes = 0
        """BYE requests that arrived."""
        self.is_over = False
        self._agent = agent
        self._owner = owner
        self._description = description
        self._contact = contact
        self._way = way
        self._acknowledgement: Acknowledgement | None = None
        self._bye: Reply | None = None

    def next_hop(self) -> Peer:
        """Where our requests are sent."""
        try:
            return self.dialog.next_hop()
        except AddressInvalid:
            return self._way

    # We are the callee of an INVITE.

    def accept(self, key: str, invite: Request) -> None:
        """Answer the first INVITE, or a later one, with 200 and the same description each time. RFC 3261 §13.3.1.4"""
        if self._acknowledgement is not None:
            self._acknowledgement.stop()
        headers = [("Record-Route", value) for value in invite.all("Record-Route")]
        headers += [("Contact", self._contact), ALLOW]
        if self._description:
            headers.append(("Content-Type", CONTENT_TYPE))
        _, tag = self.dialog.id[:2]
        response = response_to(invite, 200, to_tag=tag, headers=headers, body=self._description)
        self._acknowledgement = Acknowledgement(self._agent, key, response, self._never_acknowledged)

    def ack_arrived(self, ack: Request) -> None:
        """Stop repeating the 2xx, and hang up now if that had to wait."""
        waiting = self._acknowledgement
        if waiting is None or not waiting.pending or waiting.number != ack.cseq.number:
            return
        waiting.stop()
        self._owner.confirmed()
        if self._bye is not None:
            self._send_bye(self._bye)

    def _never_acknowledged(self) -> None:
        """RFC 3261 §13.3.1.4: the dialog is there, the session should be ended by a BYE."""
        self._send_bye(self._bye or Reply())

    # Inside the dialog.

    def in_dialog(self, key: str, request: Request) -> None:
        """Answer a request of the peer. RFC 3261 §12.2.2"""
        if request.cseq.number < self.dialog.remote_cseq:
            self._agent.respond(key, response_to(request, 500, "CSeq Out Of Order"))
            return
        self.dialog.remote_cseq = request.cseq.number
        match request.method:
            case "BYE":
                self.byes += 1
                self._agent.respond(key, response_to(request, 200))
                if self._bye is not None:  # ours was waiting for the ACK
                    self._bye.no_response(481)
                self._end()
            case "INVITE":
                self.dialog.refresh(request)
                self.accept(key, request)
            case _:  # OPTIONS: the phone lets no other method through
                self._agent.respond(key, response_to(request, 200, headers=(ALLOW, ACCEPT)))

    def hang_up(self) -> asyncio.Future[int]:
        """End the session by a BYE; the future gets the final status of the BYE.

        A callee whose 2xx is not acknowledged yet waits for the ACK first. RFC 3261 §15
        """
        if self._bye is not None:
            return self._bye.status
        self._bye = Reply()
        if self.is_over:
            self._bye.no_response(481)
        elif self._acknowledgement is None or not self._acknowledgement.pending:
            self._send_bye(self._bye)
        return self._bye.status

    def _send_bye(self, reply: Reply) -> None:
        if self.is_over:
            reply.no_response(481)
            return
        peer = self.next_hop()
        try:
            self._agent.start(self.dialog.request("BYE", self._agent.via(peer)), peer, reply)
        except TransactionLimit as limit:
            reply.no_response(limit.status)
        self._end()

    def drop(self) -> None:
        """The phone closes: over, and nobody is told."""
        if self._bye is not None:
            self._bye.no_response(503)
        self._end()

    def _end(self) -> None:
        """Over as soon as the BYE is on its way, whatever becomes of it. RFC 3261 §15.1.1"""
        if self.is_over:
            return
        self.is_over = True
        if self._acknowledgement is not None:
            self._acknowledgement.stop()
        self._owner.over()
