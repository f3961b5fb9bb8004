"""Calls of before a restart: their transactions taken up as they were, and what may have been lost said again.

`restore` runs before the first message is let in and sends nothing but CANCELs that may be missing; `resume` says the
rest, call by call, at a pace that the server chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strowger.calls.call import Call, Hop, State
from strowger.calls.ports import StoredCall
from strowger.sip.callers import Callers
from strowger.sip.forks import Forks
from strowger.sip.leg import Fork, Leg, decode_leg
from strowger.sip.message.errors import SipError
from strowger.sip.network import Network, Unreachable
from strowger.sip.proxy.response_context import CANCEL_PATIENCE_S
from strowger.sip.transaction.errors import TransactionError
from strowger.sip.transaction.invite_client import State as BranchState
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.timers import TimerHeap


class Restart:
    """Takes calls up again."""

    def __init__(
        self,
        callers: Callers,
        forks: Forks,
        layer: TransactionLayer,
        network: Network,
        *,
        monotonic: Callable[[], float],
        fork_for: Callable[[Call, int], Fork],
        ignored: Callable[[str, str], None],
    ) -> None:
        self._callers = callers
        self._forks = forks
        self._layer = layer
        self._network = network
        self._now = monotonic
        self._fork_for = fork_for
        self._ignored = ignored
        self._owed = TimerHeap()
        """How long a restored answered call waits for its 2xx to come again."""

    def restore(self, stored: StoredCall) -> bool:
        """The caller's transaction and the forks, as they were. False when the caller cannot be reached any more."""
        call, leg = stored.call, self._restored_leg(stored)
        if leg is None:
            return False
        self._silence_closed_hops(leg, call, call.hops[:-1], call.hop.opened_at)
        if call.state is State.RINGING:
            self._forks.adopt(leg, self._fork_for(call, call.hop_index), BranchState.PROCEEDING)
        return True

    def restore_ended(self, stored: StoredCall) -> None:
        """A call that ended just before a restart: its caller may lack the final response, its targets the CANCEL.

        What the caller is owed is sent by `resume`.
        """
        call, leg = stored.call, self._restored_leg(stored)
        if leg is None:
            return
        leg.is_finished = True
        if call.state is State.ANSWERED:
            self._silence_closed_hops(leg, call, call.hops[:-1], call.ended_at)
            self._expect_answer_again(leg, call)
        else:
            rang = call.hops[:-1] if call.state is State.SENT_BACK else call.hops
            self._silence_closed_hops(leg, call, rang, call.ended_at)
            leg.owed_status = call.final_status
            leg.owed_contacts = _contacts(call)

    def resume(self, call_id: str) -> None:
        """What a restored call needs: its final response; or 180, which also resets the caller's Timer C, and each
        branch again under its old branch parameter.
        """
        leg = self._callers.find(call_id)
        if leg is None:
            return
        if leg.owed_status:
            status, leg.owed_status = leg.owed_status, 0
            self._callers.finish(leg, status, "", leg.owed_contacts)
        elif not leg.is_finished:
            self._callers.say(leg, leg.request(), 180)
            for fork in leg.forks.values():
                self._forks.ring_again(leg, fork)

    def next_deadline(self) -> float | None:
        """When an answer is waited for no longer."""
        return self._owed.next_deadline()

    def advance(self, now: float) -> list[Leg]:
        """The callers whose 2xx did not come again: everybody had it already."""
        legs = [self._callers.find(call_id) for call_id in self._owed.due(now)]
        return [leg for leg in legs if leg is not None and not leg.is_answered]

    def _restored_leg(self, stored: StoredCall) -> Leg | None:
        saved = decode_leg(stored.leg)
        try:
            flow = self._network.flow_back(saved.transport, saved.host, saved.port, saved.listener)
            leg = Leg(stored.call.call_id, "", flow, saved.invite)
            leg.key = self._layer.restore_invite_server(leg.request(), flow, self._now(), flow.reliable, None)
        except (Unreachable, SipError, TransactionError) as error:
            self._ignored(f"a call of before the restart is lost: {error}", stored.call.call_id)
            return None
        self._callers.add(leg)
        return leg

    def _silence_closed_hops(self, leg: Leg, call: Call, hops: Sequence[Hop], at: float) -> None:
        """A crash may have come between the decision and its CANCELs: send them, again if need be."""
        for hop_index, hop in enumerate(hops):
            if hop.branches and hop.closed_at >= at - CANCEL_PATIENCE_S:
                fork = self._fork_for(call, hop_index)
                self._forks.adopt(leg, fork, BranchState.PROCEEDING)
                self._forks.cancel(leg, fork)

    def _expect_answer_again(self, leg: Leg, call: Call) -> None:
        """The target repeats its 2xx until it has the caller's ACK; the first repeat is relayed as if it were new.

        A phone that had not been heard of when it came has no CANCEL yet.
        """
        leg.is_answer_owed = True
        fork, answered = self._fork_for(call, call.hop_index), call.hop.answered_branch
        self._forks.adopt(leg, fork, BranchState.ACCEPTED, answered)
        self._owed.arm(leg.call_id, self._now() + CANCEL_PATIENCE_S)


def _contacts(call: Call) -> tuple[str, ...]:
    """Whom a caller that was sent back is to call instead."""
    if call.state is not State.SENT_BACK:
        return ()
    return (*call.hop.ring, *(branch.uri for branch in call.hop.reserve))
