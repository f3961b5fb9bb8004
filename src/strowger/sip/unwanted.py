"""The end of answers nobody wants: a phone that answered after another one did, or after its hop was decided."""

from __future__ import annotations

from collections.abc import Callable

from strowger.sip.flow import Flow
from strowger.sip.in_dialog import InDialog
from strowger.sip.leg import Attempt, Fork, Leg
from strowger.sip.message.build import ack_2xx, bye_for
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Request, Response
from strowger.sip.network import Network, Unreachable
from strowger.sip.outgoing import Outgoing
from strowger.sip.proxy.forwarding import Forwarding

DIALOGS_ENDED_PER_FORK = 50
"""Unwanted answers of one fork that are ended with BYE; a forking proxy beyond a target may send several."""


class UnwantedAnswers:
    """Ends dialogs: the ACK for each repeat of the answer, the BYE once per dialog, so that nobody talks to silence."""

    __slots__ = ("_forwarding", "_in_dialog", "_network", "_outgoing", "_request")

    def __init__(
        self,
        network: Network,
        forwarding: Forwarding,
        in_dialog: InDialog,
        outgoing: Outgoing,
        request: Callable[[Leg, Request, Flow], None],
    ) -> None:
        """`request` sends in a transaction of its own."""
        self._network = network
        self._forwarding = forwarding
        self._in_dialog = in_dialog
        self._outgoing = outgoing
        self._request = request

    def end(self, leg: Leg, fork: Fork, attempt: Attempt, response: Response) -> None:
        """ACK, then BYE. Raises SipError for an answer that names no way to its sender."""
        invite, tag = self._outgoing.invite(leg, fork, attempt), response.to_tag or ""
        name = f"{fork.name} {tag}"
        ack = ack_2xx(invite, response, self._forwarding.branch(name, attempt.number, 0, "ack"))
        bye = bye_for(invite, response, self._forwarding.branch(name, attempt.number, 1, "bye"))
        self._network.send(self._towards(ack, attempt), ack.to_bytes(), "")
        if (attempt.number, tag) not in fork.disowned and len(fork.disowned) < DIALOGS_ENDED_PER_FORK:
            fork.disowned.add((attempt.number, tag))
            self._request(leg, bye, self._towards(bye, attempt))

    def _towards(self, request: Request, attempt: Attempt) -> Flow:
        """The way of a request within a dialog; where the INVITE went, if its target cannot be reached otherwise."""
        flow = attempt.flow
        assert flow is not None
        if attempt.is_behind_nat or flow.connection:
            return flow
        try:
            way = self._in_dialog.next_hop(request)
        except (Unreachable, ParseError):
            return flow
        # By its address alone the peer could not prove who it is: a certificate is for the name.
        return flow if way == flow._replace(name="") else way
