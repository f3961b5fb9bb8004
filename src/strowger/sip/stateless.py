"""Answers for which nothing is kept: refusals, OPTIONS, and what we do not do (RFC 3261 §8.2.7, §11.2, §21.4.6).

One packet for one packet, and over UDP never much larger than what came (`amplification`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from strowger.sip import arrival
from strowger.sip.amplification import is_bounded, received_bytes
from strowger.sip.flow import Flow
from strowger.sip.message.build import response_to
from strowger.sip.message.errors import ParseError, SipError
from strowger.sip.message.message import Request
from strowger.sip.network import Network
from strowger.sip.proxy.forwarding import Forwarding

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS"
"""What a caller may send here; everything else outside a dialog is answered 405."""


class StatelessAnswers:
    """Answers, and forgets."""

    __slots__ = ("_allow", "_forwarding", "_ignored", "_network")

    def __init__(
        self, network: Network, forwarding: Forwarding, allow: str, ignored: Callable[[str, str], None]
    ) -> None:
        """`allow` names the methods that are served; `ignored` is told what is not answered, and why."""
        self._network = network
        self._forwarding = forwarding
        self._allow = ("Allow", allow)
        self._ignored = ignored

    def answer(self, request: Request, flow: Flow) -> None:
        """A request outside of dialogs that neither calls nor registers. Raises Refusal, ParseError."""
        if request.method in ("CANCEL", "BYE"):  # RFC 3261 §9.2, §15.1.2
            self.refuse(request, flow, 481, None, ())
            return
        if arrival.is_for_somebody(request):
            arrival.require_forwardable(request)
        arrival.require_understood(request)
        if request.method == "OPTIONS":
            self.refuse(request, flow, 200, None, (self._allow, ("Accept", "application/sdp")))
        else:
            self.refuse(request, flow, 405, None, (self._allow,))

    def refuse(
        self, request: Request, flow: Flow, status: int, reason: str | None, headers: Sequence[tuple[str, str]]
    ) -> None:
        """One response, or none where there is no answering or where it would serve to flood somebody."""
        if request.method == "ACK":
            self._ignored(reason or str(status), arrival.summary(request))
            return
        try:
            response = response_to(request, status, reason, to_tag=self._forwarding.tag(request.uri), headers=headers)
        except SipError as error:
            self._ignored(f"no answer is possible: {error}", arrival.summary(request))
            return
        answer = response.to_bytes()
        if is_bounded(answer, received_bytes(request, flow), flow):
            self._network.send(flow, answer, "")
        else:
            self._ignored("the answer would be much larger than the request", arrival.summary(request))

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
