"""What the calls room wants said, spoken in SIP: to the caller by `callers`, to the targets by `forks`.

It decides nothing. A call that is not known any more, because its transaction is over, gets nothing said.
"""

from __future__ import annotations

from collections.abc import Callable

from strowger.calls.call import Call, Opening
from strowger.calls.ports import StoredCall
from strowger.sip.callers import Callers
from strowger.sip.followed_calls import FollowedCalls
from strowger.sip.forks import Forks
from strowger.sip.leg import Fork, Leg
from strowger.sip.message.message import Response
from strowger.sip.restart import Restart


class SipTelephony:
    """Implements `calls.ports.Telephony`.

    `says_forwarded`: whether a caller whose call is redirected is told so, by 181 (RFC 3261 §21.1.3).
    """

    def __init__(
        self,
        callers: Callers,
        forks: Forks,
        restart: Restart,
        followed: FollowedCalls,
        *,
        fork_for: Callable[[Call, int], Fork],
        says_forwarded: bool,
    ) -> None:
        self._callers = callers
        self._forks = forks
        self._restart = restart
        self._followed = followed
        self._fork_for = fork_for
        self._says_forwarded = says_forwarded

    def proceed(self, call_id: str, *, ringing: bool) -> None:
        """100, and 180 when the call is held: the caller hears ringing while the application decides."""
        leg = self._callers.find(call_id)
        if leg is not None:
            self._callers.proceed(leg, ringing=ringing)

    def ring(self, call: Call, hop_index: int) -> None:
        """Fork the INVITE to every branch of the hop."""
        leg = self._callers.find(call.call_id)
        if leg is None:
            return
        is_forwarded = hop_index and call.hops[hop_index].opening is not Opening.HUNT
        if is_forwarded and self._says_forwarded:
            self._callers.say(leg, leg.request(), 181)
        self._forks.start(leg, self._fork_for(call, hop_index))

    def ring_branch(self, call: Call, hop_index: int, branch: int) -> None:
        """A branch joined the hop; one that was only held has no fork yet."""
        leg = self._callers.find(call.call_id)
        if leg is None:
            return
        fork = leg.forks.get(hop_index)
        if fork is None:
            self._forks.start(leg, self._fork_for(call, hop_index))
        else:
            self._forks.ring_branch(leg, fork, branch, call.hops[hop_index].branches[branch])

    def stop_ringing(self, call_id: str, hop_index: int, why: str) -> None:
        """CANCEL every branch of the hop that has not ended."""
        leg = self._callers.find(call_id)
        fork = leg.forks.get(hop_index) if leg is not None else None
        if leg is not None and fork is not None:
            self._forks.cancel(leg, fork)

    def finish(
        self, call_id: str, status: int, reason: str, relayed: object | None, contacts: tuple[str, ...] = ()
    ) -> None:
        """The caller's final response, after the 200 to a CANCEL if that is what ended the call."""
        leg = self._callers.find(call_id)
        if leg is None:
            return
        leg.is_finished = True
        if leg.cancel_key:
            self._callers.confirm_cancel(leg)
        if isinstance(relayed, Response):
            self.relay_final(leg, relayed)
        else:
            self._callers.finish(leg, status, reason, contacts)

    def disown(self, call_id: str, hop_index: int, relayed: object) -> None:
        """A branch answered after its hop was decided: end that dialog."""
        leg = self._callers.find(call_id)
        fork = leg.forks.get(hop_index) if leg is not None else None
        if leg is not None and fork is not None and isinstance(relayed, Response):
            self._followed.forget(relayed)
            self._forks.disown(leg, fork, relayed)

    def restore(self, stored: StoredCall) -> bool:
        """Take a call of before a restart up again; False when its caller cannot be reached any more."""
        return self._restart.restore(stored)

    def resume(self, call_id: str) -> None:
        """Say again what a restored call needs."""
        self._restart.resume(call_id)

    def relay_final(self, leg: Leg, response: Response) -> None:
        """The response of a target that ends the call; with an answer, the other phones are silenced."""
        self._callers.relay(leg, response)
        if response.status < 300:
            leg.is_answered = True
            self._forks.silence_losers(leg)
