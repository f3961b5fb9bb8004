"""The targets' side of calls: INVITEs out, their responses in, CANCEL, and the end of answers nobody wants.

One fork per hop that is rung. The response context decides what a response means, the failover whether another place is
tried; this file sends what follows and tells the listener. It leaves to others: the caller's side (edge), which hop is
rung (calls), where a branch leads (places), how its INVITE reads (outgoing).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from strowger.calls.call import Branch
from strowger.sip import branch_progress, failover
from strowger.sip.adoption import Adoption
from strowger.sip.attempts import Attempts
from strowger.sip.authentication.errors import ChallengeUnanswerable
from strowger.sip.branches import Branches
from strowger.sip.flow import Flow
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Attempt, Fork, Leg
from strowger.sip.message.errors import SipError
from strowger.sip.message.message import Request, Response
from strowger.sip.network import UDP_REQUEST_BYTES, Location, Network
from strowger.sip.outgoing import Outgoing, RecordRoute, Trunks
from strowger.sip.places import Places
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.proxy.response_context import (
    CHALLENGES,
    Answered,
    AnsweredAgain,
    AnsweredTooLate,
    CancelBranch,
    ContextOutput,
    Failed,
    GiveUpBranch,
    Provisional,
)
from strowger.sip.registration import Way
from strowger.sip.ringing import Ringing
from strowger.sip.transaction.errors import TransactionError
from strowger.sip.transaction.invite_client import State
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import Output
from strowger.sip.unwanted import UnwantedAnswers

_TIMEOUT = 408
_UNAVAILABLE = 503
_TROUBLES = {_TIMEOUT: "no response at all", _UNAVAILABLE: "it could not be reached"}


class Listener(branch_progress.Listener, Protocol):
    """Whom the forks tell; the edge."""

    def perform(self, outputs: Sequence[Output]) -> None:
        """Do what the transaction layer asks."""

    def ringing(self, leg: Leg, response: Response) -> None:
        """A target sent a provisional response worth passing on."""

    def answered(self, leg: Leg, fork: Fork, attempt: Attempt, response: Response) -> None:
        """The first 2xx of a fork."""

    def answered_again(self, leg: Leg, response: Response) -> None:
        """The winner repeats its 2xx."""

    def failed(self, fork: Fork, attempt: Attempt, status: int, response: Response | None) -> None:
        """Every branch ended without a 2xx."""

    def branch_wanted(self, fork: Fork, branch: Branch, refused: Callable[[], None]) -> None:
        """A branch led nowhere and another is to be rung in its place, once that is kept; `refused` if it cannot be."""

    def ignored(self, reason: str, summary: str) -> None:
        """Something that cannot be done, and why."""


class Forks:
    """All branches of all calls."""

    def __init__(  # noqa: PLR0913 - what it joins, each given once
        self,
        listener: Listener,
        layer: TransactionLayer,
        network: Network,
        location: Location,
        forwarding: Forwarding,
        in_dialog: InDialog,
        trunks: Trunks,
        *,
        monotonic: Callable[[], float],
        record_route: RecordRoute,
        udp_request_bytes: int = UDP_REQUEST_BYTES,
        way: Callable[[str, str], Way | None] | None = None,
    ) -> None:
        """`way` knows how to reach the registered phones of a user; every other URI is followed as it stands."""
        self._listener = listener
        self._layer = layer
        self._now = monotonic
        outgoing = Outgoing(network, forwarding, trunks, record_route=record_route)
        self._places = Places(network, location, way or (lambda user, uri: None), trunks.at)
        self._attempts = Attempts(outgoing, self._places, trunks, location, udp_request_bytes)
        self._unwanted = UnwantedAnswers(network, forwarding, in_dialog, outgoing, self._request)
        self._branches = Branches()
        self._adoption = Adoption(
            self._places, self._attempts, layer, self._branches, monotonic=monotonic, ignored=listener.ignored
        )
        self._ringing = Ringing()

    def __len__(self) -> int:
        return len(self._branches)

    # What the calls room wants ---------------------------------------------------------------------------------------

    def start(self, leg: Leg, fork: Fork) -> None:
        """Send the INVITE of every branch (RFC 3261 §16.6)."""
        leg.forks[fork.hop_index] = fork
        for index in range(len(fork.attempts)):
            self._ring(leg, fork, index)
        self._ringing.arm(leg, fork)

    def ring_branch(self, leg: Leg, fork: Fork, number: int, branch: Branch) -> None:
        """A branch joined the hop: it takes the place that was kept for it, or rings beside the others."""
        index = next(
            (i for i, each in enumerate(fork.attempts) if each.number < 0 and each.branch.replaces == branch.replaces),
            None,
        )
        if index is None:
            index = fork.context.add(self._now())
            fork.attempts.append(Attempt(branch, number))
        fork.attempts[index].number = number
        if not fork.context.has_ended(index):
            self._ring(leg, fork, index)
        self._ringing.arm(leg, fork)

    def ring_again(self, leg: Leg, fork: Fork) -> None:
        """After a restart: the same INVITE on every adopted branch that nobody has cancelled meanwhile.

        A target that knows it takes it for a repeat and does not ring twice (RFC 3261 §17.2.3).
        """
        for index, attempt in enumerate(fork.attempts):
            if fork.context.has_ended(index):
                continue
            if not attempt.key:
                attempt.owes_invite = True
            elif fork.context.may_ring_again(index):
                self._layer.forget(attempt.key)
                self.forget(attempt.key)
                self._invite(leg, fork, index)
        self._follow(leg, fork, fork.context.conclude())

    def cancel(self, leg: Leg, fork: Fork) -> None:
        """The hop was decided otherwise: silence every branch (RFC 3261 §16.10)."""
        self._follow(leg, fork, fork.context.cancel(self._now()))

    def silence_losers(self, leg: Leg) -> None:
        """The answer is with the caller: cancel the other branches (RFC 3261 §16.7 step 10)."""
        for fork in leg.forks.values():
            if fork.context.winner is not None:
                self._follow(leg, fork, fork.context.silence_losers(self._now()))

    def disown(self, leg: Leg, fork: Fork, response: Response) -> None:
        """End the dialog of a branch that answered after its hop was decided."""
        fork.context.forfeit()
        attempt = leg.attempt_of(response)
        if attempt is not None:
            self._end_unwanted(leg, fork, attempt, response)

    def adopt(self, leg: Leg, fork: Fork, state: State, answered: int = -1) -> None:
        """Take branches up that were rung before a restart, without sending anything but a CANCEL that is owed.

        `answered`: the branch whose answer is known, all others being unwanted since; -1 for none.
        """
        leg.forks[fork.hop_index] = fork
        owed = self._adoption.take_up(leg, fork, state, answered, partial(self._adopted, leg, fork))
        if owed:
            self._follow(leg, fork, owed)

    def _adopted(self, leg: Leg, fork: Fork, index: int) -> None:
        attempt = fork.attempts[index]
        if attempt.owes_cancel:
            self._cancel(leg, fork, index)
        elif attempt.owes_invite:
            self.ring_again(leg, fork)

    # What the network tells ------------------------------------------------------------------------------------------

    def receive(self, key: str, response: Response) -> None:
        """A response came on a branch."""
        known = self._branches.get(key)
        if known is None:
            return
        leg, fork, index = known
        attempt, status = fork.attempts[index], response.status
        failover.heard(attempt, status)
        self._attempts.note(attempt, response)
        if status in CHALLENGES and self._attempts.can_answer(attempt):
            self._challenged(leg, fork, index, response)
            return
        branch_progress.heard(self._listener, fork, attempt, response)
        if status >= 300:
            attempt.trouble = f"{status} {response.reason}"
            if failover.goes_on(fork, attempt, status):
                self._go_on(fork, index)
        self._follow(leg, fork, fork.context.receive(index, response, self._now()))

    def silence(self, key: str) -> None:
        """A branch's transaction timed out."""
        if (known := self._branches.get(key)) is not None:
            leg, fork, index = known
            self._attempts.failed(fork.attempts[index], "it did not answer a call")
            self._led_nowhere(leg, fork, index, _TIMEOUT)

    def unreachable(self, key: str) -> None:
        """A branch's request did not leave."""
        if (known := self._branches.get(key)) is not None:
            self._not_sent(*known)

    def _not_sent(self, leg: Leg, fork: Fork, index: int) -> None:
        attempt = fork.attempts[index]
        if fork.context.has_ended(index):  # all that did not leave was the ACK of its refusal
            return
        if attempt.flows and not attempt.rings and not fork.context.is_cancelled(index):
            self.forget(attempt.key)
            attempt.flow, *rest = attempt.flows
            attempt.flows = tuple(rest)
            attempt.detours += 1
            self._invite(leg, fork, index)
            self._ringing.arm(leg, fork)
            return
        self._attempts.failed(attempt, "a call could not be sent to it")
        self._led_nowhere(leg, fork, index, _UNAVAILABLE)

    def flow_lost(self, flow: Flow) -> None:
        """A connection is gone, and with it the branches that only it leads to (RFC 5626 §5.3)."""
        for key, leg, fork, index in self._branches.lost_with(flow):
            self._layer.forget(key)
            self._not_sent(leg, fork, index)

    def forget(self, key: str) -> bool:
        """A branch's transaction is over; False when the key is of none."""
        return self._branches.forget(key)

    def drop(self, leg: Leg) -> None:
        """The caller's transaction is over: only branches that were cancelled and have not ended are waited for."""
        for fork in leg.forks.values():
            if fork.context.is_over:
                self._ringing.disarm(fork)

    def next_deadline(self) -> float | None:
        """Monotonic time of the next Timer C, or end of patience with a branch."""
        return self._ringing.next_deadline()

    def advance(self, now: float) -> None:
        """Look at the forks whose time has come (RFC 3261 §16.8)."""
        for leg, fork in self._ringing.due(now):
            for index, attempt in enumerate(tuple(fork.attempts)):
                if attempt.patient_until is not None and attempt.patient_until <= now:
                    self._lose_patience(leg, fork, index)
            self._follow(leg, fork, fork.context.advance(now))

    # One branch ------------------------------------------------------------------------------------------------------

    def _ring(self, leg: Leg, fork: Fork, index: int) -> None:
        self._places.find(fork, fork.attempts[index], partial(self._located, leg, fork, index))

    def _located(self, leg: Leg, fork: Fork, index: int, why: str) -> None:
        """The way of a branch is known, or that there is none; meanwhile the hop may have been decided."""
        attempt = fork.attempts[index]
        if fork.context.is_cancelled(index):  # nothing was sent, so that nothing has to be taken back
            self._follow(leg, fork, fork.context.unreachable(index, self._now()))
        elif attempt.flow is None:
            self._listener.ignored(f"{attempt.branch.uri} cannot be rung: {why}", leg.call_id)
            attempt.trouble = why
            self._attempts.failed(attempt, why)
            self._led_nowhere(leg, fork, index, _UNAVAILABLE)
        else:
            self._invite(leg, fork, index)
            self._ringing.arm(leg, fork)

    def _invite(self, leg: Leg, fork: Fork, index: int) -> None:
        attempt, now = fork.attempts[index], self._now()
        try:
            invite = self._attempts.invite(leg, fork, attempt)
            assert attempt.flow is not None
            attempt.key, outputs = self._layer.request(invite, attempt.flow, now, attempt.flow.reliable)
            attempt.patient_until = self._attempts.patient_until(fork, attempt, now)
            self._branches.add(leg, fork, index)
            self._listener.perform(outputs)
        except (SipError, TransactionError) as error:
            self._listener.ignored(f"{attempt.branch.uri} cannot be rung: {error}", leg.call_id)
            self._led_nowhere(leg, fork, index, _UNAVAILABLE)

    def _challenged(self, leg: Leg, fork: Fork, index: int, challenge: Response) -> None:
        """A trunk asks who we are: the same INVITE again with the answer, as a transaction of its own.

        CSeq stays: the caller counts it, and its ACK and BYE have to fit (RFC 3261 §22.3 leaves that to the client).
        """
        attempt = fork.attempts[index]
        try:
            self._attempts.answer(leg, fork, attempt, challenge)
        except (ChallengeUnanswerable, SipError) as error:  # the caller cannot answer in our place
            self._listener.ignored(f"{attempt.branch.uri}: {error}", leg.call_id)
            attempt.trouble = str(error)
            self._led_nowhere(leg, fork, index, _UNAVAILABLE)
            return
        self.forget(attempt.key)
        if fork.context.is_cancelled(index):
            self._follow(leg, fork, fork.context.unreachable(index, self._now()))
            return
        self._invite(leg, fork, index)
        self._ringing.arm(leg, fork)

    # From one place to the next --------------------------------------------------------------------------------------

    def _led_nowhere(self, leg: Leg, fork: Fork, index: int, status: int) -> None:
        """A branch ended without a response of its own (RFC 3261 §16.9)."""
        attempt = fork.attempts[index]
        attempt.trouble = attempt.trouble or _TROUBLES[status]
        branch_progress.silent(self._listener, fork, attempt, status)
        if failover.goes_on(fork, attempt, status):
            self._go_on(fork, index)
        ended = fork.context.silence if status == _TIMEOUT else fork.context.unreachable
        self._follow(leg, fork, ended(index, self._now()))

    def _lose_patience(self, leg: Leg, fork: Fork, index: int) -> None:
        """Nothing came back for too long: the next place is tried, and this one cancelled should it wake up."""
        attempt = fork.attempts[index]
        attempt.patient_until = None
        if failover.goes_on(fork, attempt, _TIMEOUT):
            patience_s = self._attempts.patience_s(attempt)
            attempt.trouble = f"no response within {patience_s:g} s"
            self._attempts.failed(attempt, f"it did not answer a call within {patience_s:g} s")
            self._go_on(fork, index)
            self._follow(leg, fork, fork.context.abandon(index, self._now()))

    def _go_on(self, fork: Fork, index: int) -> None:
        """Keep a place in the context for the next branch, so that the fork is not over, and ask for it."""
        following = failover.take_next(fork, fork.attempts[index])
        added = fork.context.add(self._now(), replaces=index)
        fork.attempts.append(following)
        self._listener.branch_wanted(fork, following.branch, partial(self._refused, fork, added))

    def _refused(self, fork: Fork, index: int) -> None:
        leg = self._ringing.leg_of(fork)
        if leg is not None:
            self._follow(leg, fork, fork.context.unreachable(index, self._now()))

    # What follows ----------------------------------------------------------------------------------------------------

    def _follow(self, leg: Leg, fork: Fork, outputs: Sequence[ContextOutput]) -> None:
        for output in outputs:
            match output:
                case Provisional(response):
                    self._listener.ringing(leg, response)
                case Answered(index, response):
                    self._listener.answered(leg, fork, fork.attempts[index], response)
                case AnsweredAgain(response):
                    self._listener.answered_again(leg, response)
                case AnsweredTooLate(index, response):
                    self._end_unwanted(leg, fork, fork.attempts[index], response)
                case CancelBranch(index):
                    self._cancel(leg, fork, index)
                case GiveUpBranch(index):
                    branch_progress.silent(self._listener, fork, fork.attempts[index], _TIMEOUT)
                    self._layer.forget(fork.attempts[index].key)
                    self.forget(fork.attempts[index].key)
                case Failed(status, response, index):
                    self._listener.failed(fork, fork.attempts[index], status, response)
        self._ringing.arm(leg, fork)

    def _cancel(self, leg: Leg, fork: Fork, index: int) -> None:
        attempt = fork.attempts[index]
        if attempt.flow is None:
            attempt.owes_cancel = True
            return
        for cancel in self._attempts.cancels(leg, fork, attempt):
            self._request(leg, cancel, attempt.flow)

    def _end_unwanted(self, leg: Leg, fork: Fork, attempt: Attempt, response: Response) -> None:
        try:
            self._unwanted.end(leg, fork, attempt, response)
        except SipError as error:
            self._listener.ignored(f"an unwanted answer cannot be ended: {error}", leg.call_id)

    def _request(self, leg: Leg, request: Request, flow: Flow) -> None:
        try:
            _, outputs = self._layer.request(request, flow, self._now(), flow.reliable)
        except TransactionError as error:
            self._listener.ignored(f"{request.method} cannot be sent: {error}", leg.call_id)
        else:
            self._listener.perform(outputs)
