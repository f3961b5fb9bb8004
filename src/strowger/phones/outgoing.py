"""One call as the phone that calls sees it (RFC 3261 §8.1, §9.1, §13.2, §15).

    Calling ──1xx──▶ Proceeding ──180──▶ Ringing ──2xx──▶ Answered ──BYE──▶ Ended
                            │               ├──3xx-6xx, no answer──▶ Failed
                            └───────────────┴──cancel: 487, a 2xx that crossed it──▶ Cancelled

From Calling everything is possible that is from Ringing. Each 2xx is acknowledged here; the session goes on with the
first, and each one from another callee gets a BYE. What happens inside the dialog is left to `session`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from strowger.phones import sdp
from strowger.phones.address import Peer
from strowger.phones.agent import Agent
from strowger.phones.dialog import Dialog, DialogId
from strowger.phones.errors import CallFailed, WaitedTooLong, WrongState
from strowger.phones.sdp import CONTENT_TYPE
from strowger.phones.session import DialogUser, Reply, Session
from strowger.phones.trace import summary_of
from strowger.phones.waiting import Watch
from strowger.sip.message.build import cancel_for, response_to
from strowger.sip.message.message import Request, Response

RESPONSES_KEPT: Final = 256
"""Responses of one call that are remembered; later provisional ones are acted upon only."""
FORKS: Final = 64
"""Callees that may answer one call; the 2xx of further ones is left to time out at their side."""


class CallState(StrEnum):
    """How far the call has come."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    RINGING = "ringing"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ENDED = "ended"


WAITING: Final = frozenset({CallState.CALLING, CallState.PROCEEDING, CallState.RINGING})
"""There is no final response yet."""


class OutgoingCall:
    """One INVITE that was sent, and what became of it."""

    def __init__(
        self, agent: Agent, invite: Request, way: Peer, *, contact: str, dialogs: dict[DialogId, DialogUser]
    ) -> None:
        """Send `invite` to `way`. Raises TransactionLimit."""
        self.invite = invite
        self.responses: list[Response] = []
        """As they arrived from the network, 100 and retransmitted 2xx included."""
        self.state = CallState.CALLING
        self.ended = asyncio.Event()
        """Set when the call is over: failed, cancelled, hung up, or the phone was closed."""
        self.session: Session | None = None
        """The dialog of the first callee that answered."""
        self.forks_ended = 0
        """Callees whose 2xx was answered with ACK and BYE because the call was taken, or cancelled, before."""
        self._agent = agent
        self._way = way
        self._contact = contact
        self._dialogs = dialogs
        self._final: Response | None = None
        self._acks: dict[str, tuple[Request, Peer]] = {}
        self._cancel_wanted = False
        self._cancel_sent = False
        self._patience: asyncio.TimerHandle | None = None
        self._watch = Watch()
        self._key = agent.start(invite, way, self)

    @property
    def call_id(self) -> str:
        """The Call-ID of the INVITE."""
        return self.invite.call_id

    @property
    def from_tag(self) -> str:
        """Our tag."""
        return self.invite.from_tag or ""

    @property
    def to_tag(self) -> str | None:
        """The tag of the callee that answered, or else of the last response that had one."""
        if self.session is not None:
            return self.session.dialog.id.remote_tag
        return next((tag for tag in (response.to_tag for response in reversed(self.responses)) if tag), None)

    # What may be done with a call.

    async def wait_for(self, wanted: int | Callable[[Response], bool], timeout_s: float) -> Response:
        """The first response with this status, or for which the predicate is true, past ones included.

        Raises CallFailed as soon as the call has failed without it, WaitedTooLong after `timeout_s` seconds.
        """

        def found() -> Response | None:
            """What is wanted, or else what says that it will not come."""
            heard = (response for response in self._heard() if _matches(response, wanted))
            return next(heard, self._final if self._failed else None)

        response = await self._until(found, timeout_s, f"{wanted}")
        if not _matches(response, wanted):
            raise CallFailed(response.status, f"waited for {wanted}; {self._so_far()}")
        return response

    async def final(self, timeout_s: float) -> Response:
        """The final response: the first 2xx, or how the call failed. Raises WaitedTooLong.

        When the peer never answered this is a 408, and a 503 when the INVITE could not be sent. RFC 3261 §8.1.3.1
        """
        return await self._until(lambda: self._final, timeout_s, "a final response")

    def cancel(self) -> None:
        """Give up: CANCEL as soon as there is a provisional response. No effect after a final one. RFC 3261 §9.1"""
        if self.state in WAITING and not self._cancel_wanted:
            self._cancel_wanted = True
            if self.state != CallState.CALLING:
                self._send_cancel()

    async def hang_up(self) -> int:
        """Send BYE and return the status of its response, 408 if none came. Raises WrongState before the answer."""
        if self.session is None:
            raise WrongState(f"a call that is {self.state} cannot be hung up; cancel it")
        return await self.session.hang_up()

    # What the agent tells.

    def response_arrived(self, response: Response) -> None:
        """A response to the INVITE."""
        if len(self.responses) < RESPONSES_KEPT or (response.status >= 200 and self._final is None):
            self.responses.append(response)
        if response.status < 200:
            self._progress(response)
        elif response.status < 300:
            self._answered(response)
        elif self.state in WAITING:
            gave_up = self._cancel_wanted and response.status == 487
            self._finish(response, CallState.CANCELLED if gave_up else CallState.FAILED)
        self._watch.changed()

    def no_response(self, status: int) -> None:
        """There will be no final response from the network."""
        if self.state in WAITING:
            self._finish(response_to(self.invite, status), CallState.FAILED)
            self._watch.changed()

    # What the session tells.

    def confirmed(self) -> None:
        """Of a re-INVITE: nothing changes."""

    def over(self) -> None:
        """One side has hung up."""
        if self.session is None or not self.session.is_over:
            return  # a callee whose 2xx came too late
        self._dialogs.pop(self.session.dialog.id, None)
        self._become(CallState.ENDED)

    # Inside.

    def _progress(self, response: Response) -> None:
        if self.state not in WAITING:
            return
        if response.status == 180:
            self.state = CallState.RINGING
        elif self.state == CallState.CALLING:
            self.state = CallState.PROCEEDING
        if self._cancel_wanted and not self._cancel_sent:
            self._send_cancel()

    def _send_cancel(self) -> None:
        """CANCEL, and no more patience than a transaction has. RFC 3261 §9.1"""
        self._cancel_sent = True
        self._agent.start(cancel_for(self.invite), self._way, Reply())
        self._patience = self._agent.later(self._agent.timings.duration("B"), self._give_up)

    def _give_up(self) -> None:
        if self.state in WAITING:
            self._agent.forget(self._key)
            self._finish(response_to(self.invite, 487), CallState.CANCELLED)
            self._watch.changed()

    def _answered(self, response: Response) -> None:
        tag = response.to_tag or ""
        known = self._acks.get(tag)
        if known is not None:
            self._agent.transmit(*known)
            return
        if len(self._acks) >= FORKS:
            return
        session = self._acknowledge(tag, response)
        if self.state in WAITING and not self._cancel_wanted:
            self.session = session
            self._dialogs[session.dialog.id] = session
            self._finish(response, CallState.ANSWERED)
            return
        self.forks_ended += 1
        session.hang_up()
        if self.state in WAITING:
            self._finish(response, CallState.CANCELLED)

    def _acknowledge(self, tag: str, response: Response) -> Session:
        """Send the ACK, which is kept for repeats of the 2xx, and make the session. RFC 3261 §13.2.2.4"""
        offered = self.invite.body
        body = b""
        if not offered and response.body:  # the offer is in the 2xx, so that the answer belongs into the ACK
            host, number = self._agent.local.host, self.invite.cseq.number
            offered = body = sdp.answer(response.body, host, number) or b""
        dialog = Dialog.of_caller(self.invite, response)
        session = Session(self._agent, dialog, self, description=offered, contact=self._contact, way=self._way)
        peer = session.next_hop()
        headers = [("Content-Type", CONTENT_TYPE)] if body else []
        number = self.invite.cseq.number
        ack = dialog.request("ACK", self._agent.via(peer), number=number, headers=headers, body=body)
        self._acks[tag] = (ack, peer)
        self._agent.transmit(ack, peer)
        return session

    def _finish(self, response: Response, state: CallState) -> None:
        self._final = response
        if self._patience is not None:
            self._patience.cancel()
        self._become(state)

    def _become(self, state: CallState) -> None:
        self.state = state
        if state in {CallState.FAILED, CallState.CANCELLED, CallState.ENDED}:
            self.ended.set()
        self._watch.changed()

    @property
    def _failed(self) -> bool:
        return self.state in {CallState.FAILED, CallState.CANCELLED}

    def _heard(self) -> list[Response]:
        """What arrived, and the final response in case we had to make it ourselves."""
        made = self._final
        return self.responses if made is None or made in self.responses else [*self.responses, made]

    async def _until(self, find: Callable[[], Response | None], timeout_s: float, wanted: str) -> Response:
        try:
            return await self._watch.until(find, timeout_s)
        except TimeoutError as error:
            raise WaitedTooLong(f"waited {timeout_s} s for {wanted}; {self._so_far()}") from error

    def _so_far(self) -> str:
        heard = ", ".join(summary_of(response) for response in self._heard()) or "nothing"
        return f"{summary_of(self.invite)} is {self.state} and heard {heard}"


def _matches(response: Response, wanted: int | Callable[[Response], bool]) -> bool:
    return response.status == wanted if isinstance(wanted, int) else wanted(response)
