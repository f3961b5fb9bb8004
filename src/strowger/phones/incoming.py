"""One call as the phone that is called sees it (RFC 3261 §8.2, §13.3, §9.2).

    Arrived ──ring──▶ Ringing ──answer──▶ Answered ──ACK──▶ Confirmed ──BYE──▶ Ended
       │                 ├──reject──▶ Rejected      └──BYE, no ACK in time──▶ Ended
       ├─ignore─▶ Ignored└──CANCEL, BYE──▶ Cancelled

From Arrived everything is possible that is from Ringing. What to do is decided by a behaviour; what happens inside the
dialog of an answered call is left to `session`.
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
from strowger.phones.errors import WaitedTooLong, WrongState
from strowger.phones.session import ALLOW, DialogUser, Session
from strowger.phones.waiting import Watch
from strowger.sip.message.build import response_to
from strowger.sip.message.message import Request

RING_AGAIN_S: Final = 60.0
"""A provisional response this often keeps proxies from giving up. RFC 3261 §13.3.1.1"""


class LegState(StrEnum):
    """How far the call has come."""

    ARRIVED = "arrived"
    RINGING = "ringing"
    ANSWERED = "answered"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    IGNORED = "ignored"
    ENDED = "ended"


WAITING: Final = frozenset({LegState.ARRIVED, LegState.RINGING})
"""No final response was sent yet."""
OVER: Final = frozenset({LegState.REJECTED, LegState.CANCELLED, LegState.IGNORED, LegState.ENDED})


class IncomingCallLeg:
    """One INVITE that arrived, and what became of it. Distinct INVITE transactions are distinct legs."""

    def __init__(
        self,
        agent: Agent,
        key: str,
        invite: Request,
        way: Peer,
        *,
        contact: str,
        session_number: int,
        dialogs: dict[DialogId, DialogUser],
    ) -> None:
        self.invite = invite
        self.tag = agent.ids.token(9)
        """Our tag, the same in all our responses."""
        self.state = LegState.ARRIVED
        self.rings = 0
        """How often this leg began to ring."""
        self.status: int | None = None
        """Of the final response, None while there is none."""
        self.answered_at: float | None = None
        """On the clock of the event loop."""
        self.cancelled = False
        """Whether the caller gave up before the final response."""
        self.ended = asyncio.Event()
        """Set when the call is over: refused, cancelled, hung up, or the phone was closed."""
        self.session: Session | None = None
        """The dialog, once answered."""
        self._agent = agent
        self._key = key
        self._way = way
        self._contact = contact
        self._session_number = session_number
        self._dialogs = dialogs
        self._id = DialogId(invite.call_id, self.tag, invite.from_tag or "")
        self._hang_up_after_s: float | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._watch = Watch()
        dialogs[self._id] = self

    @property
    def byes(self) -> int:
        """BYE requests that arrived after the answer."""
        return self.session.byes if self.session is not None else 0

    async def reached(self, state: LegState, timeout_s: float) -> None:
        """Wait until the leg is in `state`. Raises WaitedTooLong, at once if the call is over in another state."""
        try:
            await self._watch.until(lambda: self.state == state or self.state in OVER or None, timeout_s)
        except TimeoutError as error:
            raise WaitedTooLong(f"the call is still {self.state} after {timeout_s} s, not {state}") from error
        if self.state != state:
            raise WaitedTooLong(f"the call is {self.state} and will not be {state} any more")

    # Orders, as a `Callee`.

    def trying(self) -> None:
        """Send 100. Raises WrongState after the final response."""
        self._expect_waiting("try")
        self._agent.respond(self._key, response_to(self.invite, 100))

    def ring(self) -> None:
        """Send 180, and again every minute. Raises WrongState after the final response."""
        self._expect_waiting("ring")
        self.rings += 1
        self._ring()
        self._become(LegState.RINGING)

    def answer(self, *, hang_up_after_s: float | None = None) -> None:
        """Send 200 with a description, or 488 if nothing in the caller's suits us. Raises WrongState after the final
        response."""
        self._expect_waiting("answer")
        host = self._agent.local.host
        described = sdp.offer(host, self._session_number)
        if self.invite.body:
            chosen = sdp.answer(self.invite.body, host, self._session_number)
            if chosen is None:
                self.reject(488)
                return
            described = chosen
        self._settle(200)
        self._hang_up_after_s = hang_up_after_s
        self.answered_at = asyncio.get_running_loop().time()
        dialog = Dialog.of_callee(self.invite, self.tag)
        self.session = Session(self._agent, dialog, self, description=described, contact=self._contact, way=self._way)
        self._become(LegState.ANSWERED)
        self.session.accept(self._key, self.invite)

    def reject(self, status: int, reason: str | None = None, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send a final response from 300 to 699. Raises WrongState after another, ValueError for another status."""
        self._expect_waiting("reject")
        if not 300 <= status <= 699:
            raise ValueError(f"{status} does not reject a call; 300 to 699 do")
        self._refuse(status, reason, headers)
        self._become(LegState.REJECTED)

    def ignore(self) -> None:
        """Never respond. The transaction is kept for as long as the caller repeats the INVITE, so that it stays one."""
        self._expect_waiting("ignore")
        self._settle(None)
        self._agent.later(self._agent.timings.duration("B"), lambda: self._agent.forget(self._key))
        self._become(LegState.IGNORED)

    def hang_up(self) -> asyncio.Future[int]:
        """Send BYE, after the ACK; the future gets the status of its response. Raises WrongState before the answer."""
        if self.session is None:
            raise WrongState(f"a call that is {self.state} cannot be hung up; reject it")
        return self.session.hang_up()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later, unless the call gets its final response or ends before."""
        self._timers.append(self._agent.later(seconds, action))

    # What the phone passes on.

    def cancel(self) -> None:
        """The caller gave up: 487, unless the final response was quicker. RFC 3261 §9.2"""
        if self.state in WAITING:
            self.cancelled = True
            self._refuse(487, None, ())
            self._become(LegState.CANCELLED)

    def in_dialog(self, key: str, request: Request) -> None:
        """A request with our tag: for the session, or from a caller that ends an early dialog. RFC 3261 §15.1.2"""
        if self.session is not None:
            self.session.in_dialog(key, request)
            return
        status = 491 if request.method == "INVITE" else 200
        self._agent.respond(key, response_to(request, status, headers=(ALLOW,)))
        if request.method == "BYE":
            self.cancel()

    def ack_arrived(self, ack: Request) -> None:
        """The ACK of the 200, perhaps."""
        if self.session is not None:
            self.session.ack_arrived(ack)

    def drop(self) -> None:
        """The phone closes."""
        if self.session is not None:
            self.session.drop()
        elif self.state in WAITING:
            self._settle(None)
            self._become(LegState.ENDED)

    # What the session tells.

    def confirmed(self) -> None:
        """The ACK of our 200 is there."""
        if self.state != LegState.ANSWERED:
            return  # of a later INVITE
        self._become(LegState.CONFIRMED)
        if self._hang_up_after_s is not None:
            self.after(self._hang_up_after_s, self._hang_up_later)

    def over(self) -> None:
        """One side has hung up."""
        self._stop_timers()
        self._become(LegState.ENDED)

    # Inside.

    def _expect_waiting(self, order: str) -> None:
        if self.state not in WAITING:
            raise WrongState(f"cannot {order}: the call is {self.state}")

    def _ring(self) -> None:
        headers = [("Record-Route", value) for value in self.invite.all("Record-Route")]
        headers += [("Contact", self._contact), ALLOW]
        self._agent.respond(self._key, response_to(self.invite, 180, to_tag=self.tag, headers=headers))
        self.after(RING_AGAIN_S, self._ring)

    def _hang_up_later(self) -> None:
        self.hang_up()

    def _refuse(self, status: int, reason: str | None, headers: tuple[tuple[str, str], ...]) -> None:
        self._settle(status)
        response = response_to(self.invite, status, reason, to_tag=self.tag, headers=headers)
        self._agent.respond(self._key, response)

    def _settle(self, status: int | None) -> None:
        """No order that was given for later counts any more."""
        self.status = status
        self._stop_timers()

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _become(self, state: LegState) -> None:
        self.state = state
        if state in OVER:
            self._dialogs.pop(self._id, None)
            self.ended.set()
        self._watch.changed()
