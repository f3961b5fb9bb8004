"""The targets' side of calls: INVITEs out, their responses in, CANCEL, and the end of answers nobody wants.

One fork per hop that is rung. The response context decides what a response means; this file sends what follows and
tells the listener. It leaves to others: the caller's side (edge), which hop is rung (calls).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from strowger.sip.flow import CONNECTION_BOUND, Flow
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Fork, Leg
from strowger.sip.message.build import ack_2xx, bye_for, cancel_for
from strowger.sip.message.errors import ParseError, SipError
from strowger.sip.message.message import Request, Response
from strowger.sip.network import Network, Unreachable, flow_to_uri
from strowger.sip.proxy.forwarding import Forwarding, forward_invite
from strowger.sip.proxy.response_context import (
    TIMER_C_S,
    Answered,
    AnsweredAgain,
    AnsweredTooLate,
    CancelBranch,
    ContextOutput,
    Failed,
    GiveUpBranch,
    Provisional,
)
from strowger.sip.record_route import route_towards_caller, route_value
from strowger.sip.registration import Way
from strowger.sip.transaction.errors import TransactionError
from strowger.sip.transaction.invite_client import State, restored_invite_client
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import Output
from strowger.sip.transaction.timers import TimerHeap

COMPLETED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
"""Reason of the CANCEL that a phone gets when another one answered (RFC 3326): no missed call."""


DIALOGS_ENDED_PER_FORK = 50
"""Unwanted answers of one fork that are ended with BYE; a forking proxy beyond a target may send several."""


class Listener(Protocol):
    """Whom the forks tell; the edge."""

    def perform(self, outputs: Sequence[Output]) -> None:
        """Do what the transaction layer asks."""

    def ringing(self, leg: Leg, response: Response) -> None:
        """A target sent a provisional response worth passing on."""

    def answered(self, leg: Leg, fork: Fork, branch: int, response: Response) -> None:
        """The first 2xx of a fork."""

    def answered_again(self, leg: Leg, response: Response) -> None:
        """The winner repeats its 2xx."""

    def failed(self, fork: Fork, branch: int, status: int, response: Response | None) -> None:
        """Every branch ended without a 2xx."""

    def ignored(self, reason: str, summary: str) -> None:
        """Something that cannot be done, and why."""


class Forks:
    """All branches of all calls."""

    def __init__(  # noqa: PLR0913 - what it joins, each given once
        self,
        listener: Listener,
        layer: TransactionLayer,
        network: Network,
        forwarding: Forwarding,
        in_dialog: InDialog,
        *,
        monotonic: Callable[[], float],
        record_route: bool,
        timer_c_s: float = TIMER_C_S,
        way: Callable[[str, str], Way | None] | None = None,
    ) -> None:
        """`way` knows how to reach the registered phones of a user; every other URI is followed as it stands."""
        self._way = way or (lambda user, uri: None)
        self._timer_c_s = timer_c_s
        self._listener = listener
        self._layer = layer
        self._network = network
        self._forwarding = forwarding
        self._in_dialog = in_dialog
        self._now = monotonic
        self._record_route = record_route
        self._branches: dict[str, tuple[Leg, Fork, int]] = {}
        self._ringing: dict[str, tuple[Leg, Fork]] = {}
        self._deadlines = TimerHeap()

    def __len__(self) -> int:
        return len(self._branches)

    # What the calls room wants ---------------------------------------------------------------------------------------

    def open(self, leg: Leg, hop_index: int, uris: tuple[str, ...], user: str = "") -> Fork:
        """The fork of a hop, whose addressee has the raw id `user`; nobody is rung yet."""
        fork = leg.forks[hop_index] = Fork(leg.call_id, hop_index, uris, self._now(), self._timer_c_s, user)
        return fork

    def start(self, leg: Leg, fork: Fork) -> None:
        """Send the INVITE of every branch (RFC 3261 §16.6)."""
        for index in range(len(fork.uris)):
            self._ring(leg, fork, index)
        self._arm(leg, fork)

    def ring_again(self, leg: Leg, fork: Fork) -> None:
        """After a restart: the same INVITE on every adopted branch that nobody has cancelled meanwhile.

        A target that knows it takes it for a repeat and does not ring twice (RFC 3261 §17.2.3).
        """
        for index, key in enumerate(fork.keys):
            if fork.context.may_ring_again(index):
                self._layer.forget(key)
                self.forget(key)
                self._ring(leg, fork, index)
        self._arm(leg, fork)

    def _ring(self, leg: Leg, fork: Fork, index: int) -> None:
        try:
            self._invite(leg, fork, index)
        except (Unreachable, SipError, TransactionError) as error:
            self._listener.ignored(f"{fork.uris[index]} cannot be rung: {error}", leg.call_id)
            self._follow(leg, fork, fork.context.unreachable(index, self._now()))

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
        for index, key in enumerate(fork.keys):
            if key and response.top_via.branch == self._outgoing(leg, fork, index).top_via.branch:
                self._end_unwanted(leg, fork, index, response)

    def adopt(self, leg: Leg, fork: Fork, state: State) -> None:
        """Take branches up that were rung before a restart, without sending anything.

        Raises Unreachable, SipError or TransactionError.
        """
        fork.context.adopt_ringing()
        for index in range(len(fork.uris)):
            flow = self._locate(fork, index)
            plain = restored_invite_client(self._outgoing(leg, fork, index), state, reliable=flow.reliable)
            fork.keys[index] = key = self._layer.restore(plain, flow, self._now())
            self._branches[key] = (leg, fork, index)

    # What the network tells ------------------------------------------------------------------------------------------

    def receive(self, key: str, response: Response) -> None:
        """A response came on a branch."""
        if (known := self._branches.get(key)) is not None:
            leg, fork, index = known
            self._follow(leg, fork, fork.context.receive(index, response, self._now()))

    def silence(self, key: str) -> None:
        """A branch's transaction timed out."""
        if (known := self._branches.get(key)) is not None:
            leg, fork, index = known
            self._follow(leg, fork, fork.context.silence(index, self._now()))

    def unreachable(self, key: str) -> None:
        """A branch's request did not leave."""
        if (known := self._branches.get(key)) is not None:
            leg, fork, index = known
            self._follow(leg, fork, fork.context.unreachable(index, self._now()))

    def forget(self, key: str) -> bool:
        """A branch's transaction is over; False when the key is of none."""
        return self._branches.pop(key, None) is not None

    def drop(self, leg: Leg) -> None:
        """The caller's transaction is over: only branches that were cancelled and have not ended are waited for."""
        for fork in leg.forks.values():
            if fork.context.is_over:
                self._deadlines.disarm(fork.name)
                self._ringing.pop(fork.name, None)

    def next_deadline(self) -> float | None:
        """Monotonic time of the next Timer C, or end of patience with a cancelled branch."""
        return self._deadlines.next_deadline()

    def advance(self, now: float) -> None:
        """Look at the forks whose time has come (RFC 3261 §16.8)."""
        for name in self._deadlines.due(now):
            leg, fork = self._ringing[name]
            self._follow(leg, fork, fork.context.advance(now))

    # Branches --------------------------------------------------------------------------------------------------------

    def _follow(self, leg: Leg, fork: Fork, outputs: Sequence[ContextOutput]) -> None:
        for output in outputs:
            match output:
                case Provisional(response):
                    self._listener.ringing(leg, response)
                case Answered(index, response):
                    self._listener.answered(leg, fork, index, response)
                case AnsweredAgain(response):
                    self._listener.answered_again(leg, response)
                case AnsweredTooLate(index, response):
                    self._end_unwanted(leg, fork, index, response)
                case CancelBranch(index):
                    self._cancel(leg, fork, index)
                case GiveUpBranch(index):
                    self._layer.forget(fork.keys[index])
                    self.forget(fork.keys[index])
                case Failed(status, response, index):
                    self._listener.failed(fork, index, status, response)
        self._arm(leg, fork)

    def _invite(self, leg: Leg, fork: Fork, index: int) -> None:
        flow = self._locate(fork, index)
        key, outputs = self._layer.request(self._outgoing(leg, fork, index), flow, self._now(), flow.reliable)
        fork.keys[index] = key
        self._branches[key] = (leg, fork, index)
        self._listener.perform(outputs)

    def _locate(self, fork: Fork, index: int) -> Flow:
        """The way to a branch's target, noted in the fork. Raises Unreachable, ParseError."""
        uri = fork.uris[index]
        way = self._way(fork.user, uri) or Way(None, ())
        flow = way.flow or flow_to_uri(self._network, next(iter(way.route), uri))
        fork.flows[index], fork.routes[index] = flow, way.route
        return flow

    def _cancel(self, leg: Leg, fork: Fork, index: int) -> None:
        cancel = cancel_for(self._outgoing(leg, fork, index))
        if leg.is_answered:
            cancel.append("Reason", COMPLETED_ELSEWHERE)
        flow = fork.flows[index]
        assert flow is not None
        self._request(leg, cancel, flow)

    def _end_unwanted(self, leg: Leg, fork: Fork, index: int, response: Response) -> None:
        """ACK, then BYE, so that nobody talks to silence; the ACK for each repeat, the BYE once per dialog."""
        invite, tag = self._outgoing(leg, fork, index), response.to_tag or ""
        try:
            ack = ack_2xx(invite, response, self._forwarding.branch(f"{fork.name} {tag}", index, 0, "ack"))
            bye = bye_for(invite, response, self._forwarding.branch(f"{fork.name} {tag}", index, 1, "bye"))
        except SipError as error:
            self._listener.ignored(f"an unwanted answer cannot be ended: {error}", leg.call_id)
            return
        self._network.send(self._towards(ack, fork, index), ack.to_bytes(), "")
        if (index, tag) not in fork.disowned and len(fork.disowned) < DIALOGS_ENDED_PER_FORK:
            fork.disowned.add((index, tag))
            self._request(leg, bye, self._towards(bye, fork, index))

    def _towards(self, request: Request, fork: Fork, index: int) -> Flow:
        """The way of a request within a dialog; where the INVITE went, if its target cannot be reached otherwise."""
        flow, way = fork.flows[index], self._way(fork.user, fork.uris[index])
        assert flow is not None
        if way is not None and way.flow is not None:
            return flow
        try:
            return self._in_dialog.next_hop(request)
        except (Unreachable, ParseError):
            return flow

    def _request(self, leg: Leg, request: Request, flow: Flow) -> None:
        try:
            _, outputs = self._layer.request(request, flow, self._now(), flow.reliable)
        except TransactionError as error:
            self._listener.ignored(f"{request.method} cannot be sent: {error}", leg.call_id)
        else:
            self._listener.perform(outputs)

    def _outgoing(self, leg: Leg, fork: Fork, index: int) -> Request:
        """The INVITE of a branch: the same bytes each time it is asked for, before and after a restart."""
        invite, flow = leg.request(), fork.flows[index]
        assert flow is not None
        sent_by = self._network.sent_by(flow)
        branch = self._forwarding.branch(leg.call_id, fork.hop_index, index, self._forwarding.loop_mark(invite))
        route = None
        if self._record_route or not CONNECTION_BOUND.isdisjoint((leg.flow.transport, flow.transport)):
            leg.route_token = leg.route_token or route_towards_caller(self._forwarding, invite, leg.flow)
            route = route_value(leg.route_token, sent_by, flow)
        forwarded = forward_invite(invite, fork.uris[index], sent_by, flow.transport, branch, route)
        for value in reversed(fork.routes[index]):
            forwarded.prepend("Route", value)
        return forwarded

    def _arm(self, leg: Leg, fork: Fork) -> None:
        deadline = fork.context.next_deadline()
        if deadline is None:
            self._deadlines.disarm(fork.name)
            self._ringing.pop(fork.name, None)
        else:
            self._ringing[fork.name] = (leg, fork)
            self._deadlines.arm(fork.name, deadline)
