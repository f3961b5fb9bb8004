"""The SIP edge: the calls room's Telephony, spoken in SIP, and SIP's events, told to the exchange.

The only SIP file that decides anything about calls, and it decides nothing but words. No I/O: messages leave through
the network it is given, time comes in as a callable. It leaves to others: matching and retransmission (transaction),
choosing among branches (proxy, forks), every decision about a call (calls).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from strowger.calls.call import Hop, State
from strowger.calls.errors import CallRefused
from strowger.calls.exchange import Exchange
from strowger.calls.ports import StoredCall
from strowger.sip import arrival
from strowger.sip.admission import Admission
from strowger.sip.amplification import is_bounded, received_bytes
from strowger.sip.flow import Flow
from strowger.sip.forks import Forks
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Fork, Leg, StoredLeg, decode_leg, encode_leg
from strowger.sip.message.build import cancel_for, response_to
from strowger.sip.message.check import check_request, check_response
from strowger.sip.message.errors import ParseError, Refusal, SipError
from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits
from strowger.sip.message.message import Request, Response
from strowger.sip.network import Network, Unreachable
from strowger.sip.own_requests import OwnRequests
from strowger.sip.proxy.forwarding import Forwarding, forward_response
from strowger.sip.proxy.response_context import CANCEL_PATIENCE_S, TIMER_C_S
from strowger.sip.record_route import rewrite_for_caller
from strowger.sip.registrar.registrar import Outcome
from strowger.sip.registration import Registration, Silence
from strowger.sip.sender import STRANGER, TRUSTED, Sender
from strowger.sip.throttle import Throttle
from strowger.sip.transaction.errors import TransactionError, UnknownTransaction
from strowger.sip.transaction.invite_client import State as BranchState
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
from strowger.sip.transaction.timers import TimerHeap, earliest

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS"
"""What a caller may send here; everything else outside a dialog is answered 405."""

RETRY_AFTER_S: Final = 5
"""What a caller is told to wait when the store is down."""

Trace = Callable[[str, str], None]
"""Told what was not worth an answer: the reason, and the message in a few words."""


class Edge:
    """Calls on one side, SIP on the other. Implements `calls.ports.Telephony` and `forks.Listener`."""

    def __init__(  # noqa: PLR0913 - everything around it comes in from outside
        self,
        *,
        exchange: Exchange,
        layer: TransactionLayer,
        network: Network,
        forwarding: Forwarding,
        monotonic: Callable[[], float],
        record_route: bool = False,
        timer_c_s: float = TIMER_C_S,
        admission: Admission | None = None,
        registration: Registration | None = None,
        throttle: Throttle | None = None,
        message_limits: MessageLimits = DEFAULT_LIMITS,
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
        self._message_limits = message_limits
        self._throttle = throttle
        self._allow = ("Allow", ALLOW if registration is None else f"{ALLOW}, REGISTER")
        self.ignored: Trace = ignored or (lambda reason, summary: None)
        self._in_dialog = InDialog(network, forwarding, realm=admission.realm if admission is not None else "")
        self._forks = Forks(
            self,
            layer,
            network,
            forwarding,
            self._in_dialog,
            monotonic=monotonic,
            record_route=record_route,
            timer_c_s=timer_c_s,
            way=registration.way if registration is not None else None,
        )
        self.own_requests = OwnRequests(layer, self.perform, monotonic)
        """Requests outside of calls; the keys of theirs are asked for first."""
        self._legs: dict[str, Leg] = {}
        self._legs_by_key: dict[str, Leg] = {}
        self._owed = TimerHeap()
        """How long a restored answered call waits for its 2xx to come again."""

    def __len__(self) -> int:
        return len(self._legs)

    # From the network ------------------------------------------------------------------------------------------------

    def receive(self, message: Request | Response, flow: Flow) -> None:
        """Take one parsed message. A request that cannot be served is answered; a pointless response is dropped."""
        if isinstance(message, Response):
            self._receive_response(message, flow)
            return
        try:
            flow = arrival.stamp_source(message, flow)
            if not self._in_dialog.forward_routed(message, flow):
                check_request(message, self._message_limits)
                self._receive_request(message, flow)
        except Refusal as refusal:
            self._refuse(message, flow, refusal.status, refusal.reason or None, refusal.headers)
        except ParseError as error:
            self._refuse(message, flow, error.status or 400, error.reason, ())
        except CallRefused as refusal:
            self.ignored(str(refusal), arrival.summary(message))
            self._refuse(message, flow, refusal.status, None, _retry_after(refusal.retry_after_s))
        except Unreachable as error:
            self._refuse(message, flow, 404, str(error), ())
        except Silence as error:
            self.ignored(str(error), arrival.summary(message))

    def reply_to_unparsed(self, error: ParseError, flow: Flow) -> tuple[Flow, bytes] | None:
        """What to say to bytes that are no message: nothing, unless they are a request with enough left to answer."""
        request = error.request
        if request is None or error.status is None or request.method == "ACK":
            return None
        try:
            flow = arrival.stamp_source(request, flow)
            tag = self._forwarding.tag(request.uri)
            return flow, response_to(request, error.status, error.reason, to_tag=tag).to_bytes()
        except SipError:
            return None

    def transport_failed(self, key: str) -> None:
        """Something sent under this transaction's key did not leave."""
        self.perform(self._layer.transport_failed(key, self._now()))

    def next_deadline(self) -> float | None:
        """Monotonic time at which `advance` has something to do."""
        return earliest((self._layer, self._forks, self._owed))

    def advance(self, now: float) -> None:
        """Run the timers that are due: those of transactions, Timer C, and the patience with owed answers."""
        self.perform(self._layer.advance(now))
        self._forks.advance(now)
        for call_id in self._owed.due(now):
            self._stop_owing(call_id)

    def _receive_request(self, request: Request, flow: Flow) -> None:
        if request.method == "ACK" or (request.method == "CANCEL" and self._layer.find_invite(request)):
            self.perform(self._layer.receive(request, flow, self._now(), flow.reliable))
        elif request.to_tag is not None:
            if not self._in_dialog.forward(request, flow):
                self._refuse(request, flow, 481, None, ())
        elif request.method == "INVITE":
            self._receive_invite(request, flow)
        elif request.method == "REGISTER" and self._registration is not None:
            self._receive_register(request, flow, self._registration)
        else:
            self._answer_statelessly(request, flow)

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
                check_response(response, self._message_limits)
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
        leg = self._legs[call_id] = self._legs_by_key[key] = Leg(call_id, key, flow, payload)
        leg.arriving = request

    def _registered(self, key: str, request: Request, outcome: Outcome) -> None:
        tag = self._forwarding.tag(key)
        self._respond(key, response_to(request, outcome.status, outcome.reason, to_tag=tag, headers=outcome.headers))

    def _cancelled(self, key: str, cancel: Request) -> None:
        leg = self._legs_by_key.get(self._layer.find_invite(cancel) or "")
        if leg is None or leg.is_finished or leg.cancel_key:
            self._respond(key, response_to(cancel, 200, to_tag=self._forwarding.tag(key)))
            return
        leg.cancel_key = key
        self._exchange.cancel(leg.call_id)

    def _answer_statelessly(self, request: Request, flow: Flow) -> None:
        if request.method in ("CANCEL", "BYE"):  # RFC 3261 §9.2, §15.1.2
            self._refuse(request, flow, 481, None, ())
            return
        if arrival.is_for_somebody(request):
            arrival.require_forwardable(request)
        arrival.require_understood(request)
        if request.method == "OPTIONS":
            self._refuse(request, flow, 200, None, (self._allow, ("Accept", "application/sdp")))
        else:
            self._refuse(request, flow, 405, None, (self._allow,))

    def _refuse(
        self, request: Request, flow: Flow, status: int, reason: str | None, headers: Sequence[tuple[str, str]]
    ) -> None:
        if request.method == "ACK":
            self.ignored(reason or str(status), arrival.summary(request))
            return
        try:
            response = response_to(request, status, reason, to_tag=self._forwarding.tag(request.uri), headers=headers)
        except SipError as error:
            self.ignored(f"no answer is possible: {error}", arrival.summary(request))
            return
        answer = response.to_bytes()
        if is_bounded(answer, received_bytes(request, flow), flow):
            self._network.send(flow, answer, "")
        else:
            self.ignored("the answer would be much larger than the request", arrival.summary(request))

    # Telephony -------------------------------------------------------------------------------------------------------

    def proceed(self, call_id: str, *, ringing: bool) -> None:
        """100, and 180 when the call is held: the caller hears ringing while the application decides."""
        leg = self._legs[call_id]
        invite, leg.arriving = leg.request(), None
        self._respond(leg.key, response_to(invite, 100))
        if ringing:
            self._say_ringing(leg, invite)

    def ring(self, call_id: str, hop_index: int, hop: Hop) -> None:
        """Fork the INVITE to every URI of the hop."""
        leg = self._legs.get(call_id)
        if leg is not None:
            self._forks.start(leg, self._open_fork(leg, hop_index, hop))

    def _open_fork(self, leg: Leg, hop_index: int, hop: Hop) -> Fork:
        return self._forks.open(leg, hop_index, hop.ring, hop.to.raw_id)

    def stop_ringing(self, call_id: str, hop_index: int, why: str) -> None:
        """CANCEL every branch of the hop that has not ended."""
        leg = self._legs.get(call_id)
        fork = leg.forks.get(hop_index) if leg is not None else None
        if leg is not None and fork is not None:
            self._forks.cancel(leg, fork)

    def finish(self, call_id: str, status: int, reason: str, relayed: object | None) -> None:
        """The caller's final response, after the 200 to a CANCEL if that is what ended the call."""
        leg = self._legs.get(call_id)
        if leg is None:
            return
        leg.is_finished = True
        tag = self._forwarding.tag(call_id)
        if leg.cancel_key:
            self._respond(leg.cancel_key, response_to(cancel_for(leg.request()), 200, to_tag=tag))
        if isinstance(relayed, Response):
            self._relay_final(leg, relayed)
        else:
            retry = _retry_after(RETRY_AFTER_S if status == 503 else 0)
            self._respond(leg.key, response_to(leg.request(), status, reason or None, to_tag=tag, headers=retry))

    def disown(self, call_id: str, hop_index: int, relayed: object) -> None:
        """A branch answered after its hop was decided: end that dialog."""
        leg = self._legs.get(call_id)
        fork = leg.forks.get(hop_index) if leg is not None else None
        if leg is not None and fork is not None and isinstance(relayed, Response):
            self._forks.disown(leg, fork, relayed)

    def _say_ringing(self, leg: Leg, invite: Request) -> None:
        """Our own 180. A caller that requires reliable provisional responses gets none of ours: they are not."""
        if any(tag.lower() == "100rel" for tag in invite.values("Require")):  # RFC 3262 §3
            return
        headers = [("Contact", f"<sip:{self._network.sent_by(leg.flow)};transport={leg.flow.transport.lower()}>")]
        headers += [("Record-Route", value) for value in invite.all("Record-Route")]
        self._respond(leg.key, response_to(invite, 180, to_tag=self._forwarding.tag(leg.call_id), headers=headers))

    def _relay_final(self, leg: Leg, response: Response) -> None:
        self._respond(leg.key, self._for_caller(leg, response))
        if response.status < 300:
            leg.is_answered = True
            self._forks.silence_losers(leg)
            if not leg.route_token:
                self._in_dialog.remember(leg.request(), response)

    def _for_caller(self, leg: Leg, response: Response) -> Response:
        """The response as the caller gets it: without our Via, our place in the route set as seen from there."""
        forwarded = forward_response(response)
        if leg.route_token:
            here, target = self._network.sent_by(leg.flow), leg.target_flow(response)
            rewrite_for_caller(self._forwarding, forwarded, leg.route_token, here, leg.flow, target)
        return forwarded

    # What the forks tell ---------------------------------------------------------------------------------------------

    def ringing(self, leg: Leg, response: Response) -> None:
        """Pass a provisional response on to a caller who still waits."""
        if leg.is_finished:
            return
        if not leg.route_token and response.has("RSeq"):  # its PRACK comes before any answer (RFC 3262 §3)
            self._in_dialog.remember(leg.request(), response)
        self._respond(leg.key, self._for_caller(leg, response))

    def answered(self, leg: Leg, fork: Fork, branch: int, response: Response) -> None:
        """The first 2xx: decided by the exchange, unless that happened before a restart."""
        if leg.is_answer_owed:
            self._relay_final(leg, response)
        else:
            self._exchange.answered(leg.call_id, fork.hop_index, fork.uris[branch], response)

    def answered_again(self, leg: Leg, response: Response) -> None:
        """The winner has no ACK yet: the caller gets its 2xx once more."""
        if leg.is_answered:
            self._respond(leg.key, self._for_caller(leg, response))

    def failed(self, fork: Fork, branch: int, status: int, response: Response | None) -> None:
        """Every branch ended: the best final response goes to the exchange."""
        said = f"{response.status} {response.reason}" if response else arrival.OWN_CONCLUSIONS.get(status, str(status))
        call_id = fork.name.rpartition("/")[0]
        reason = response.reason if response else ""
        why = f"{fork.uris[branch]}: {said}"
        self._exchange.hop_failed(call_id, fork.hop_index, status, reason, why, response)

    # After a restart -------------------------------------------------------------------------------------------------

    def restore(self, stored: StoredCall) -> bool:
        """The caller's transaction and the forks, as they were; only CANCELs that may be missing are sent.

        False when the caller cannot be reached any more.
        """
        call, leg = stored.call, self._restored_leg(stored)
        if leg is None:
            return False
        self._silence_closed_hops(leg, call.hops[:-1], call.hop.opened_at)
        if call.state is State.RINGING:
            self._is_adopted(leg, self._open_fork(leg, call.hop_index, call.hop), BranchState.PROCEEDING)
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
            self._silence_closed_hops(leg, call.hops[:-1], call.ended_at)
            self._expect_answer_again(leg, call.hop_index, call.hop)
        else:
            self._silence_closed_hops(leg, call.hops, call.ended_at)
            leg.owed_status = call.final_status

    def resume(self, call_id: str) -> None:
        """What a restored call needs: its final response; or 180, which also resets the caller's Timer C, and each
        branch again under its old branch parameter.
        """
        leg = self._legs.get(call_id)
        if leg is None:
            return
        if leg.owed_status:
            status, leg.owed_status = leg.owed_status, 0
            self._respond(leg.key, response_to(leg.request(), status, to_tag=self._forwarding.tag(call_id)))
        elif not leg.is_finished:
            self._say_ringing(leg, leg.request())
            for fork in leg.forks.values():
                self._forks.ring_again(leg, fork)

    def _restored_leg(self, stored: StoredCall) -> Leg | None:
        saved = decode_leg(stored.leg)
        try:
            flow = self._network.flow_back(saved.transport, saved.host, saved.port, saved.listener)
            leg = Leg(stored.call.call_id, "", flow, saved.invite)
            leg.key = self._layer.restore_invite_server(leg.request(), flow, self._now(), flow.reliable, None)
        except (Unreachable, SipError, TransactionError) as error:
            self.ignored(f"a call of before the restart is lost: {error}", stored.call.call_id)
            return None
        self._legs[leg.call_id] = self._legs_by_key[leg.key] = leg
        return leg

    def _silence_closed_hops(self, leg: Leg, hops: Sequence[Hop], at: float) -> None:
        """A crash may have come between the decision and its CANCELs: send them, again if need be."""
        for hop_index, hop in enumerate(hops):
            if hop.ring and hop.closed_at >= at - CANCEL_PATIENCE_S:
                fork = self._open_fork(leg, hop_index, hop)
                if self._is_adopted(leg, fork, BranchState.PROCEEDING):
                    self._forks.cancel(leg, fork)

    def _expect_answer_again(self, leg: Leg, hop_index: int, hop: Hop) -> None:
        """The target repeats its 2xx until it has the caller's ACK; the first repeat is relayed as if it were new."""
        leg.is_answer_owed = True
        if self._is_adopted(leg, self._open_fork(leg, hop_index, hop), BranchState.ACCEPTED):
            self._owed.arm(leg.call_id, self._now() + CANCEL_PATIENCE_S)
        else:
            self._drop(leg)

    def _is_adopted(self, leg: Leg, fork: Fork, state: BranchState) -> bool:
        """Whether the branches could be taken up; not when the listener they used is gone from the settings."""
        try:
            self._forks.adopt(leg, fork, state)
        except (Unreachable, SipError, TransactionError) as error:
            self.ignored(f"a branch of before the restart is lost: {error}", leg.call_id)
            return False
        return True

    def _stop_owing(self, call_id: str) -> None:
        """The 2xx did not come again: everybody had it already."""
        leg = self._legs.get(call_id)
        if leg is not None and not leg.is_answered:
            self._drop(leg)

    # Upkeep ----------------------------------------------------------------------------------------------------------

    def _respond(self, key: str, response: Response) -> None:
        try:
            outputs = self._layer.respond(key, response, self._now())
        except UnknownTransaction:  # the caller's side has ended; what still comes from a target has nowhere to go
            self.ignored("a response for a transaction that has ended", arrival.summary(response))
            return
        self.perform(outputs)

    def _drop(self, leg: Leg) -> None:
        self._layer.forget(leg.key)
        self._forget(leg.key)

    def _forget(self, key: str) -> None:
        if self._forks.forget(key):
            return
        leg = self._legs_by_key.pop(key, None)
        if leg is not None:
            self._legs.pop(leg.call_id, None)
            self._forks.drop(leg)


def _retry_after(seconds: int) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(seconds)),) if seconds else ()
