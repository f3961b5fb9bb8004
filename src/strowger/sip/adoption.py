"""Branches that were rung before a restart, taken up as they were: their contexts, ways and transactions.

Nothing is sent here: the same INVITE written again is known to its target by its branch parameter, and what is owed to
anybody is said by the forks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from strowger.sip.attempts import Attempts
from strowger.sip.branches import Branches
from strowger.sip.leg import Fork, Leg
from strowger.sip.message.errors import SipError
from strowger.sip.places import Places
from strowger.sip.proxy.response_context import ContextOutput
from strowger.sip.transaction.errors import TransactionError
from strowger.sip.transaction.invite_client import State, restored_invite_client
from strowger.sip.transaction.layer import TransactionLayer


class Adoption:
    """Takes up the branches of all calls of before."""

    __slots__ = ("_attempts", "_branches", "_ignored", "_layer", "_now", "_places")

    def __init__(
        self,
        places: Places,
        attempts: Attempts,
        layer: TransactionLayer,
        branches: Branches,
        *,
        monotonic: Callable[[], float],
        ignored: Callable[[str, str], None],
    ) -> None:
        self._places = places
        self._attempts = attempts
        self._layer = layer
        self._branches = branches
        self._now = monotonic
        self._ignored = ignored

    def take_up(
        self, leg: Leg, fork: Fork, state: State, answered: int, ready: Callable[[int], None]
    ) -> Sequence[ContextOutput]:
        """What is owed since; `ready` is told of each branch once its transaction is known, at once or later.

        `answered`: the branch whose answer is known, all others being unwanted since; -1 for none.
        """
        replaced = {attempt.branch.replaces for attempt in fork.attempts}
        fork.context.adopt_ringing(replaced - {answered}, fork.refused)
        for index, attempt in enumerate(fork.attempts):
            if not fork.context.has_ended(index):
                of_branch = state if answered in (-1, index) else State.PROCEEDING
                self._places.find(fork, attempt, partial(self._located, leg, fork, index, of_branch, ready))
        if answered < 0:
            return fork.context.heed_refusals(self._now())
        fork.context.adopt_answer(answered)
        return fork.context.silence_losers(self._now())

    def _located(self, leg: Leg, fork: Fork, index: int, state: State, ready: Callable[[int], None], why: str) -> None:
        attempt = fork.attempts[index]
        attempt.is_adopted = True
        try:
            if attempt.flow is None:
                raise SipError(why)
            invite = self._attempts.invite(leg, fork, attempt)
            plain = restored_invite_client(invite, state, reliable=attempt.flow.reliable)
            attempt.key = self._layer.restore(plain, attempt.flow, self._now())
        except (SipError, TransactionError) as error:
            self._ignored(f"a branch of before the restart is lost: {error}", leg.call_id)
            return
        self._branches.add(leg, fork, index)
        ready(index)
