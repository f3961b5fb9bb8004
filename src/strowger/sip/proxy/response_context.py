"""The response context: one request forked to several branches, until each has ended (RFC 3261 §16.7).

A branch:

    TRYING ──1xx──▶ PROCEEDING ──2xx──▶ ENDED        a cancelled branch that has not been heard from waits for
       │                │                 ▲          its first provisional before CANCEL may be sent (RFC 3261 §9.1)
       └────────────────┴──3xx-6xx, silence, failure, Timer C

Branches may be added while the context is open: a phone that joins, or the next place to try (RFC 3261 §16.7 step 4).
A branch that another one took the place of no longer keeps the others waiting, but may still win.

The context answers with outputs in order of execution and keeps no clock; `now` comes in, `next_deadline` goes out.
It leaves to others: transactions, the caller's side, and what to do with a 2xx that lost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from strowger.sip.message.message import Response

TIMER_C_S: Final = 185.0
"""Longest silence of a ringing branch, restarted by each provisional above 100; must exceed three minutes (RFC 3261
§16.6 step 11).
"""
CANCEL_PATIENCE_S: Final = 32.0
"""A cancelled branch that stays silent this long is given up: 64*T1 (RFC 3261 §9.1)."""

CHALLENGES: Final = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}
"""The responses that ask who calls, and the header that asks."""

_PREFERRED: Final = (401, 407, 415, 420, 484)
_SERVER_FAILURE: Final = 500
_UNAVAILABLE: Final = 503
_GLOBAL_FAILURE: Final = 600
_TIMEOUT: Final = 408


class Cancel(StrEnum):
    """What became of the CANCEL of a branch; it is sent once."""

    NONE = "none"
    WANTED = "wanted"
    """To be sent as soon as the branch has been heard from."""
    SENT = "sent"


class BranchState(StrEnum):
    """How far one target is."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    ENDED = "ended"


class Provisional(Struct, frozen=True, gc=False):
    """Pass this 101-199 on to the caller."""

    response: Response


class Answered(Struct, frozen=True, gc=False):
    """This branch sent the first 2xx of the context."""

    branch: int
    response: Response


class AnsweredAgain(Struct, frozen=True, gc=False):
    """The winning branch repeats its 2xx: the ACK has not reached it yet."""

    response: Response


class AnsweredTooLate(Struct, frozen=True, gc=False):
    """A 2xx from a branch after another one won, or after the context was cancelled."""

    branch: int
    response: Response


class CancelBranch(Struct, frozen=True, gc=False):
    """Send CANCEL on this branch."""

    branch: int


class GiveUpBranch(Struct, frozen=True, gc=False):
    """Forget this branch's transaction: it was cancelled and stays silent."""

    branch: int


class Failed(Struct, frozen=True, gc=False):
    """Every branch ended without a 2xx. `response` is None when the status is our own conclusion."""

    status: int
    response: Response | None
    branch: int


ContextOutput = Provisional | Answered | AnsweredAgain | AnsweredTooLate | CancelBranch | GiveUpBranch | Failed


class _Branch:
    __slots__ = ("cancel", "deadline", "final", "is_replaced", "response", "state", "timed_out")

    def __init__(self, deadline: float) -> None:
        self.state = BranchState.TRYING
        self.deadline = deadline
        self.cancel = Cancel.NONE
        self.is_replaced = False
        self.timed_out = False
        self.final = 0
        self.response: Response | None = None


class ResponseContext:
    """The branches of one hop. `winner` is the index of the answered branch, or None."""

    __slots__ = (
        "_branches",
        "_global_failures",
        "_is_answer_adopted",
        "_reported",
        "_timer_c_s",
        "_winner_tag",
        "cancelled",
        "winner",
    )

    def __init__(
        self, branches: int, now: float, timer_c_s: float = TIMER_C_S, global_failures: Collection[int] | None = None
    ) -> None:
        """`global_failures` are the final responses that tell that nobody wants the call; None for every 6xx."""
        self._timer_c_s = timer_c_s
        self._global_failures = global_failures
        self._branches = [_Branch(now + timer_c_s) for _ in range(branches)]
        self._reported = False
        self._is_answer_adopted = False
        self._winner_tag: str | None = None
        self.cancelled = False
        self.winner: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether every branch has ended."""
        return all(branch.state is BranchState.ENDED for branch in self._branches)

    def next_deadline(self) -> float | None:
        """When `advance` has something to do, on the clock of the `now` arguments."""
        deadline = None
        for branch in self._branches:
            if branch.state is not BranchState.ENDED and (deadline is None or branch.deadline < deadline):
                deadline = branch.deadline
        return deadline

    def add(self, now: float, replaces: int | None = None) -> int:
        """One more branch; returns its number. One that it `replaces` counts no more, unless it answers."""
        if replaces is not None:
            self._branches[replaces].is_replaced = True
        self._branches.append(_Branch(now + self._timer_c_s))
        return len(self._branches) - 1

    def has_ended(self, index: int) -> bool:
        """Whether a branch has its final response, or what stands for it."""
        return self._branches[index].state is BranchState.ENDED

    def is_cancelled(self, index: int) -> bool:
        """Whether a branch is not wanted any more: cancelled, or to be as soon as the answer of another is durable."""
        is_late = self.winner is not None and self.winner != index
        return self.cancelled or is_late or self._branches[index].cancel is not Cancel.NONE

    def abandon(self, index: int, now: float) -> Sequence[ContextOutput]:
        """Nobody waits for this branch any more: cancel it alone."""
        branch = self._branches[index]
        return self._cancel(index, branch, now) if branch.cancel is Cancel.NONE else ()

    def adopt_ringing(self, replaced: Collection[int] = (), refused: Mapping[int, int] | None = None) -> None:
        """Take every branch for one that was heard from: the context of a call that rang before a restart.

        Those that were `replaced` before have ended in silence, as far as anybody will know; of those that were
        `refused` the final status is known.
        """
        known = refused or {}
        for index, branch in enumerate(self._branches):
            branch.is_replaced, branch.final = index in replaced, known.get(index, 0)
            is_over = branch.is_replaced or index in known
            branch.state = BranchState.ENDED if is_over else BranchState.PROCEEDING

    def adopt_answer(self, index: int) -> None:
        """This branch answered before the restart, with a 2xx that it will repeat if it is still needed."""
        self.winner, self._branches[index].state = index, BranchState.ENDED
        self._is_answer_adopted = True

    def heed_refusals(self, now: float) -> Sequence[ContextOutput]:
        """The CANCELs may be missing of a refusal that came before a restart and spoke for all."""
        return self._cancel_pending(now) if any(self._is_global(each.final) for each in self._branches) else ()

    def conclude(self) -> Sequence[ContextOutput]:
        """What is to be said of a context in which every branch ended before a restart."""
        return self._conclude()

    def may_ring_again(self, index: int) -> bool:
        """Whether an adopted branch is still wanted; if so it counts as not heard from until it responds."""
        branch = self._branches[index]
        if branch.state is BranchState.ENDED or branch.cancel is not Cancel.NONE:
            return False
        branch.state = BranchState.TRYING
        return True

    def receive(self, index: int, response: Response, now: float) -> Sequence[ContextOutput]:
        """A response arrived on a branch."""
        branch = self._branches[index]
        if response.status < 200:
            return self._provisional(index, branch, response, now)
        if response.status < 300:
            return self._success(index, branch, response)
        if branch.timed_out:
            return self._final(index, branch, _TIMEOUT, None, now)
        return self._final(index, branch, response.status, response, now)

    def silence(self, index: int, now: float) -> Sequence[ContextOutput]:
        """The branch's transaction timed out: as if it had sent 408 (RFC 3261 §16.9)."""
        return self._final(index, self._branches[index], _TIMEOUT, None, now)

    def unreachable(self, index: int, now: float) -> Sequence[ContextOutput]:
        """The branch's request could not be delivered: as if it had sent 503 (RFC 3261 §16.9)."""
        return self._final(index, self._branches[index], _UNAVAILABLE, None, now)

    def cancel(self, now: float) -> Sequence[ContextOutput]:
        """The hop was decided otherwise: silence every branch (RFC 3261 §16.10)."""
        self.cancelled = True
        return self._cancel_pending(now)

    def silence_losers(self, now: float) -> Sequence[ContextOutput]:
        """After the winner's answer is durable: cancel its siblings (RFC 3261 §16.7 step 10)."""
        return self._cancel_pending(now)

    def forfeit(self) -> None:
        """The answer came after the hop was decided: there is no winner, and each repeat is unwanted as well."""
        self.cancelled = True
        self.winner = None

    def advance(self, now: float) -> Sequence[ContextOutput]:
        """Look at the branches whose time is over: Timer C, or patience with a cancelled branch (RFC 3261 §16.8)."""
        outputs: list[ContextOutput] = []
        for index, branch in enumerate(self._branches):
            if branch.state is not BranchState.ENDED and branch.deadline <= now:
                outputs += self._overdue(index, branch, now)
        return outputs

    def _provisional(self, index: int, branch: _Branch, response: Response, now: float) -> Sequence[ContextOutput]:
        if branch.state is BranchState.ENDED:
            return ()
        branch.state = BranchState.PROCEEDING
        if branch.cancel is Cancel.WANTED:
            branch.cancel = Cancel.SENT
            return (CancelBranch(index),)
        if branch.cancel is Cancel.SENT or response.status == 100 or self.winner is not None or self.cancelled:
            return ()
        branch.deadline = now + self._timer_c_s
        return (Provisional(response),)

    def _success(self, index: int, branch: _Branch, response: Response) -> Sequence[ContextOutput]:
        branch.state = BranchState.ENDED
        if self.winner == index and self._is_answer_adopted:
            self._is_answer_adopted, self._winner_tag = False, response.to_tag
            return (Answered(index, response),)
        if self.winner == index and response.to_tag == self._winner_tag:
            return (AnsweredAgain(response),)
        if self.winner is not None or self.cancelled or self._reported:
            return (AnsweredTooLate(index, response), *self._conclude())
        self.winner, self._winner_tag = index, response.to_tag
        return (Answered(index, response),)

    def _final(
        self, index: int, branch: _Branch, status: int, response: Response | None, now: float
    ) -> Sequence[ContextOutput]:
        if branch.state is BranchState.ENDED:
            return ()
        branch.state, branch.final, branch.response = BranchState.ENDED, status, response
        if self._is_global(status):  # nobody wants the call: no use in ringing on (RFC 3261 §16.7 step 5)
            return (*self._cancel_pending(now), *self._conclude())
        return self._conclude()

    def _conclude(self) -> Sequence[ContextOutput]:
        if self._reported or self.cancelled or self.winner is not None:
            return ()
        counted = [index for index, branch in enumerate(self._branches) if not branch.is_replaced]
        if any(self._branches[index].state is not BranchState.ENDED for index in counted):
            return ()
        self._reported = True
        # A place that was given up for its silence may still have told that nobody wants the call at all.
        counted += [i for i, each in enumerate(self._branches) if each.is_replaced and self._is_global(each.final)]
        index = min(counted, key=lambda i: self._preference(self._branches[i].final))
        best = self._branches[index]
        # RFC 3261 §16.7 step 6: a 503 speaks of one target only and would make the caller avoid all of us.
        status = _SERVER_FAILURE if best.final == _UNAVAILABLE else best.final
        response = best.response if status == best.final else None
        if response is not None and status in CHALLENGES:
            response = self._with_all_challenges(response)
        return (Failed(status, response, index),)

    def _is_global(self, status: int) -> bool:
        if self._global_failures is None:
            return status >= _GLOBAL_FAILURE
        return status in self._global_failures

    def _preference(self, status: int) -> tuple[int, int]:
        return (0, 0) if self._is_global(status) else preference(status)

    def _with_all_challenges(self, best: Response) -> Response:
        """The caller must be able to answer every branch that asks who it is (RFC 3261 §16.7 step 7)."""
        merged = best.copy()
        for branch in self._branches:
            if branch.final in CHALLENGES and branch.response is not None and branch.response is not best:
                for name in CHALLENGES.values():
                    for value in branch.response.all(name):
                        merged.append(name, value)
        return merged

    def _cancel_pending(self, now: float) -> Sequence[ContextOutput]:
        outputs: list[ContextOutput] = []
        for index, branch in enumerate(self._branches):
            if branch.state is not BranchState.ENDED and branch.cancel is Cancel.NONE:
                outputs += self._cancel(index, branch, now)
        return outputs

    def _cancel(self, index: int, branch: _Branch, now: float) -> Sequence[ContextOutput]:
        """CANCEL may only follow a provisional response (RFC 3261 §9.1)."""
        branch.deadline = now + CANCEL_PATIENCE_S
        branch.cancel = Cancel.SENT if branch.state is BranchState.PROCEEDING else Cancel.WANTED
        return (CancelBranch(index),) if branch.cancel is Cancel.SENT else ()

    def _overdue(self, index: int, branch: _Branch, now: float) -> Sequence[ContextOutput]:
        if branch.cancel is Cancel.NONE and branch.state is BranchState.PROCEEDING:  # Timer C
            branch.timed_out = True
            return self._cancel(index, branch, now)
        return (GiveUpBranch(index), *self._final(index, branch, _TIMEOUT, None, now))


def preference(status: int) -> tuple[int, int]:
    """Lower is better: the lowest class; within 4xx those that help the caller to try again (RFC 3261 §16.7 step 6).
    What speaks for everybody comes before.
    """
    return status // 100, 0 if status in _PREFERRED else 1
