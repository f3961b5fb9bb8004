"""The SIP edge: what arrives is taken to where it belongs, and what it means for a call is told to the exchange.

The only SIP file that decides anything about calls, and it decides nothing but words. No I/O: messages leave through
the network it is given, time comes in as a callable. It leaves to others: matching and retransmission (transaction),
choosing among branches (proxy, forks), what is said to whom (telephony), every decision about a call (calls).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from strowger.base.text import printable
from strowger.calls.call import Branch, Call
from strowger.calls.errors import CallRefused
from strowger.calls.exchange import Exchange
from strowger.sip import arrival
from strowger.sip.admission import Admission
from strowger.sip.callers import Callers, retry_after
from strowger.sip.flow import Flow
from strowger.sip.followed_calls import FollowedCalls
from strowger.sip.forks import Forks
from strowger.sip.hop_fork import fork_for
from strowger.sip.in_dialog import InDialog, nowhere
from strowger.sip.leg import Attempt, Fork, Leg, StoredLeg, encode_leg
from strowger.sip.manners import Manners
from strowger.sip.message.build import REASONS, response_to
from strowger.sip.message.check import check_request, check_response
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.message import Request, Response
from strowger.sip.message.reason import q850_cause
from strowger.sip.network import Location, Network, Unreachable
from strowger.sip.outgoing import NoTrunks, Trunks
from strowger.sip.own_requests import OwnRequests
from strowger.sip.proxy.forwarding import Forwarding
from strowger.sip.record_route import is_in_route_set
from strowger.sip.registrar.registrar import Outcome
from strowger.sip.registration import Registration, Silence
from strowger.sip.restart import Restart
from strowger.sip.sender import STRANGER, TRUSTED, Sender
from strowger.sip.stateless import ALLOW, StatelessAnswers
from strowger.sip.telephony import SipTelephony
from strowger.sip.throttle import Throttle
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import (
    AckArrived,
    Ignored,
    Output,
    RequestArrived,
    ResponseArrived,
    Send,
    Terminated,
    TimedOut,
    TransportFailed,
)
from strowger.sip.transaction.timers import earliest

Trace = Callable[[str, str], None]
"""Told what was not worth an answer: the reason, and the message in a few words."""


class Edge:
    """Calls on one side, SIP on the other. Implements `forks.Listener`."""

    def __init__(  # noqa: PLR0913 - everything around it comes in from outside
        self,
        *,
        exchange: Exchange,
        layer: TransactionLayer,
        network: Network,
        location: Location,
        forwarding: Forwarding,
        monotonic: Callable[[], float],
        trunks: Trunks | None = None,
        manners: Manners | None = None,
        admission: Admission | None = None,
        registration: Registration | None = None,
        throttle: Throttle | None = None,
        ignored: Trace | None = None,
    ) -> None:
        """`admission` decides who may open a call, without it everybody; without a `registration` nobody registers."""
        self._exchange = exchange
        self._layer = layer
        self._network = network
        self._forwarding = forwarding
        self._now = monotonic
        self._admission = admission
        self._sender = STRANGER
        """Who sent the INVITE that is being taken."""
        self._registration = registration
        self._manners = manners = manners or Manners()
        self._throttle = throttle
        self.ignored: Trace = ignored or (lambda reason, summary: None)
        self._stateless = StatelessAnswers(network, forwarding, _allowed(registration), self.ignored)
        self._followed = FollowedCalls(exchange.hung_up)
        self._in_dialog = _in_dialog(network, forwarding, admission, registration, self._followed)
        self._trunks = trunks or NoTrunks()
        self._callers = Callers(
            layer, network, forwarding, self._in_dialog, monotonic=monotonic, perform=self.perform, ignored=self.ignored
        )
        self._forks = self._new_forks(location)
        self.restart = self._new_restart()
        """Calls of before a restart."""
        self.telephony = SipTelephony(
            self._callers,
            self._forks,
            self.restart,
            self._followed,
            fork_for=self._fork_for,
            says_forwarded=manners.says_forwarded,
        )
        """What the exchange speaks by."""
        self.own_requests = OwnRequests(layer, self.perform, monotonic)
        """Requests outside of calls; the keys of theirs are asked for first."""

    def _new_forks(self, location: Location) -> Forks:
        return Forks(
            self,
            self._layer,
            self._network,
            location,
            self._forwarding,
            self._in_dialog,
            self._trunks,
            monotonic=self._now,
            record_route=self._manners.record_route,
            udp_request_bytes=self._manners.udp_request_bytes,
            way=self._registration.way if self._registration is not None else None,
        )

    def _new_restart(self) -> Restart:
        return Restart(
            self._callers,
            self._forks,
            self._layer,
            self._network,
            monotonic=self._now,
            fork_for=self._fork_for,
            ignored=self.ignored,
        )

    def _fork_for(self, call: Call, hop_index: int) -> Fork:
        return fork_for(call, hop_index, self._trunks, self._now(), self._manners.timer_c_s)

    def __len__(self) -> int:
        return len(self._callers)

    # From the network ------------------------------------------------------------------------------------------------

    def receive(self, message: Request | Response, flow: Flow) -> None:
        """Take one parsed message. A request that cannot be served is answered; a pointless response is dropped."""
        if isinstance(message, Response):
            self._receive_response(message, flow)
            return
        try:
            flow = arrival.stamp_source(message, flow)
            if not self._in_dialog.forward_routed(message, flow):
                check_request(message, self._manners.message_limits)
                self._receive_request(message, flow)
        except Refusal as refusal:
            self._stateless.refuse(message, flow, refusal.status, refusal.reason or None, refusal.headers)
        except ParseError as error:
            self._stateless.refuse(message, flow, error.status or 400, error.reason, ())
        except CallRefused as refusal:
            self.ignored(str(refusal), arrival.summary(message))
            self._stateless.refuse(message, flow, refusal.status, None, retry_after(refusal.retry_after_s))
        except Unreachable as error:
            self._stateless.refuse(message, flow, 404, str(error), ())
        except Silence as error:
            self.ignored(str(error), arrival.summary(message))

    def reply_to_unparsed(self, error: ParseError, flow: Flow) -> tuple[Flow, bytes] | None:
        """What to say to bytes that are no message: nothing, unless they are a request with enough left to answer."""
        return self._stateless.reply_to_unparsed(error, flow)

    def transport_failed(self, key: str) -> None:
        """Something sent under this transaction's key did not leave."""
        self.perform(self._layer.transport_failed(key, self._now()))

    def next_deadline(self) -> float | None:
        """Monotonic time at which `advance` has something to do."""
        return earliest((self._layer, self._forks, self.restart))

    def advance(self, now: float) -> None:
        """Run the timers that are due: those of transactions, Timer C, and the patience with owed answers."""
        self.perform(self._layer.advance(now))
        self._forks.advance(now)
        for leg in self.restart.advance(now):
            self._drop(leg)

    def _receive_request(self, request: Request, flow: Flow) -> None:
        if request.method == "ACK" or (request.method == "CANCEL" and self._layer.find_invite(request)):
            self.perform(self._layer.receive(request, flow, self._now(), flow.reliable))
        elif request.to_tag is not None:
            if not self._in_dialog.forward(request, flow):
                self._stateless.refuse(request, flow, 481, None, ())
        elif request.method == "INVITE":
            self._receive_invite(request, flow)
        elif request.method == "REGISTER" and self._registration is not None:
            self._receive_register(request, flow, self._registration)
        else:
            self._stateless.answer(request, flow)

    def _receive_invite(self, invite: Request, flow: Flow) -> None:
        """A call that is not taken is turned away without keeping anything: nobody has proved to be anybody yet."""
        if self._layer.find_invite(invite) is None:
            if self._throttle is not None:
                self._throttle.require_call(flow, self._now())
            arrival.require_forwardable(invite)
            if self._forwarding.is_loop(invite):
                raise Refusal(482, "Loop Detected")
            self._sender = self._admit(invite, flow)
            if self._throttle is not None:
                self._throttle.require_capacity(flow, self._now())
            self._exchange.addressee(arrival.dialled(invite, self._sender))
        self.perform(self._layer.receive(invite, flow, self._now(), flow.reliable))

    def _admit(self, invite: Request, flow: Flow) -> Sender:
        """Who sent it; what concerns nobody behind us is taken away then. Raises Refusal, Silence."""
        if self._admission is None:
            return TRUSTED
        sender = self._admission.sender_of(invite, flow, self._now())
        self._admission.keep_to_ourselves(invite, sender)
        return sender

    def _receive_register(self, request: Request, flow: Flow, registration: Registration) -> None:
        """Strangers are asked who they are, or turned away, without keeping anything."""
        if not self._layer.knows(request):
            if self._throttle is not None:
                self._throttle.require_registration(flow, self._now())
            registration.require_allowed(request, flow, self._now())
        self.perform(self._layer.receive(request, flow, self._now(), flow.reliable))

    def _receive_response(self, response: Response, flow: Flow) -> None:
        try:
            if not self._in_dialog.pass_back(response):
                check_response(response, self._manners.message_limits)
                self.perform(self._layer.receive(response, flow, self._now(), flow.reliable))
        except (ParseError, Unreachable) as error:
            self.ignored(str(error), arrival.summary(response))

    def perform(self, outputs: Iterable[Output]) -> None:
        """Do what the transaction layer asks, in its order."""
        for output in outputs:
            if isinstance(output, Send):  # the usual ones first; class patterns would take their fields apart
                self._network.send(output.flow, output.payload, output.key)  # type: ignore[arg-type] # handed through
            elif isinstance(output, ResponseArrived):
                if not self.own_requests.receive(output.key, output.response):
                    self._forks.receive(output.key, output.response)
            elif isinstance(output, RequestArrived):
                self._request_arrived(output.key, output.request, output.flow)  # type: ignore[arg-type] # the same
            elif isinstance(output, TimedOut):
                if not self.own_requests.silence(output.key):
                    self._forks.silence(output.key)
            elif isinstance(output, TransportFailed):
                if not self.own_requests.unreachable(output.key):
                    self._forks.unreachable(output.key)
            elif isinstance(output, AckArrived):
                self._acknowledged(output.request, output.flow)  # type: ignore[arg-type] # the same
            elif isinstance(output, Terminated):
                self._forget(output.key)
            elif isinstance(output, Ignored):
                self.ignored(output.reason, arrival.summary(output.message))

    def _acknowledged(self, ack: Request, flow: Flow) -> None:
        """An ACK of a 2xx that came through us, or of nothing."""
        if not self._in_dialog.forward(ack, flow):
            self.ignored("an ACK that belongs to nothing here", arrival.summary(ack))

    # Requests --------------------------------------------------------------------------------------------------------

    def _request_arrived(self, key: str, request: Request, flow: Flow) -> None:
        if request.method == "CANCEL":
            self._cancelled(key, request)
            return
        if request.method == "REGISTER" and self._registration is not None:
            self._registration.register(request, flow, partial(self._registered, key, request))
            return
        payload = request.to_bytes()
        stored = encode_leg(StoredLeg(flow.transport, flow.host, flow.port, flow.listener, payload))
        sender, self._sender = self._sender, STRANGER
        call_id = self._exchange.arrive(arrival.arrival_of(request, flow.host, stored, sender))
        leg = Leg(call_id, key, flow, payload)
        leg.arriving = request
        self._callers.add(leg)

    def _registered(self, key: str, request: Request, outcome: Outcome) -> None:
        tag = self._forwarding.tag(key)
        answer = response_to(request, outcome.status, outcome.reason, to_tag=tag, headers=outcome.headers)
        self._callers.respond(key, answer)
        if outcome.added and self._registration is not None:
            user, phones = self._registration.new_phones(request, outcome)
            self._exchange.phone_registered(user, phones, min(each.updated_at for each in outcome.added))

    def _cancelled(self, key: str, cancel: Request) -> None:
        leg = self._callers.find_by_key(self._layer.find_invite(cancel))
        if leg is None or leg.is_finished or leg.cancel_key:
            self._callers.respond(key, response_to(cancel, 200, to_tag=self._forwarding.tag(key)))
            return
        leg.cancel_key = key
        self._exchange.cancel(leg.call_id)

    # What the forks tell ---------------------------------------------------------------------------------------------

    def ringing(self, leg: Leg, response: Response) -> None:
        """Pass a provisional response on to a caller who still waits."""
        if not leg.is_finished:
            self._callers.relay(leg, response)

    def answered(self, leg: Leg, fork: Fork, attempt: Attempt, response: Response) -> None:
        """The first 2xx: decided by the exchange, unless that happened before a restart."""
        if leg.is_answer_owed:
            self.telephony.relay_final(leg, response)
        else:
            is_followed = is_in_route_set(response, leg.route_token) and self._is_to_be_followed(leg, attempt)
            if is_followed:
                self._followed.follow(leg.call_id, response)
            self._exchange.answered(
                leg.call_id,
                fork.hop_index,
                attempt.branch.uri,
                response,
                is_outside=bool(attempt.branch.trunk),
                is_followed=is_followed,
            )

    def _is_to_be_followed(self, leg: Leg, attempt: Attempt) -> bool:
        """Whether the end of a call matters to anybody: it is counted by trunks, and told of users."""
        return bool(attempt.branch.trunk) or self._exchange.is_between_users(leg.call_id)

    def answered_again(self, leg: Leg, response: Response) -> None:
        """The winner has no ACK yet: the caller gets its 2xx once more."""
        if leg.is_answered:
            self._callers.relay(leg, response)

    def branch_rang(self, fork: Fork, number: int) -> None:
        """One of the phones rings."""
        self._exchange.rang(fork.call_id, fork.hop_index, number)

    def branch_ended(self, fork: Fork, number: int, status: int, reason: str, cause: int) -> None:
        """One of the branches has ended."""
        self._exchange.branch_ended(fork.call_id, fork.hop_index, number, status, reason, cause)

    def failed(self, fork: Fork, attempt: Attempt, status: int, response: Response | None) -> None:
        """Every branch ended: the best final response goes to the exchange."""
        said = attempt.trouble or arrival.OWN_CONCLUSIONS.get(status, str(status))
        if response is not None:
            said = f"{response.status} {response.reason}"
        reason = printable(response.reason) if response else REASONS.get(status, "")
        why = f"{printable(attempt.branch.uri)}: {printable(said)}"
        cause = q850_cause(response) if response is not None else 0
        self._exchange.hop_failed(fork.call_id, fork.hop_index, status, reason, why, response, cause)

    def branch_wanted(self, fork: Fork, branch: Branch, refused: Callable[[], None]) -> None:
        """A branch led nowhere: the next one is rung once that is durable."""
        self._exchange.ring_branch(fork.call_id, fork.hop_index, branch, fork.reserve, refused)

    # Upkeep ----------------------------------------------------------------------------------------------------------

    def flow_lost(self, flow: Flow) -> None:
        """A connection is gone: so are the phones and the branches that only it leads to (RFC 5626 §5.3, §7)."""
        self._forks.flow_lost(flow)
        if self._registration is not None:
            self._registration.flow_lost(flow)

    def _drop(self, leg: Leg) -> None:
        self._layer.forget(leg.key)
        self._forget(leg.key)

    def _forget(self, key: str) -> None:
        if self._forks.forget(key):
            return
        leg = self._callers.forget(key)
        if leg is not None:
            self._forks.drop(leg)


def _allowed(registration: Registration | None) -> str:
    return ALLOW if registration is None else f"{ALLOW}, REGISTER"


def _in_dialog(
    network: Network,
    forwarding: Forwarding,
    admission: Admission | None,
    registration: Registration | None,
    followed: FollowedCalls,
) -> InDialog:
    realm = admission.realm if admission is not None else ""
    flow_since = registration.flow_since if registration is not None else nowhere
    return InDialog(network, forwarding, realm=realm, flow_since=flow_since, followed=followed)
