"""The INVITE of a branch as it leaves: what a proxy changes, what a trunk is told, and our place in the route set.

The same bytes each time it is asked for, before and after a restart, so that a repeat is a retransmission
(docs/decisions/0008-deterministic-branches.md).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from strowger.sip.authentication.client import DigestClient
from strowger.sip.flow import CONNECTION_BOUND
from strowger.sip.leg import Attempt, Fork, Leg
from strowger.sip.message.message import Request
from strowger.sip.network import Network
from strowger.sip.proxy.forwarding import Forwarding, forward_invite
from strowger.sip.record_route import host_of, is_behind_nat, route_towards_caller, route_value
from strowger.sip.trunk.headers import for_trunk
from strowger.sip.trunk.identity import without_hidden
from strowger.sip.trunk.trunk import Trunk


class RecordRoute(StrEnum):
    """Which answered calls we stay in the path of, beside those that need us."""

    OFF = "off"
    OUTSIDE = "outside"
    """Those that a trunk takes: their end is counted."""
    ON = "on"


class Trunks(Protocol):
    """What the targets' side needs to know of the trunks, and what it tells of them."""

    def trunk(self, name: str) -> Trunk | None:
        """A trunk of the settings; they may have changed since the call was stored."""

    def account(self, name: str) -> DigestClient | None:
        """Our credentials at a trunk."""

    def at(self, host: str, domain: str = "") -> str:
        """The name of the trunk at a numeric address, or of that name; empty when there is none."""

    def heard(self, name: str, status: int, retry_after_s: float | None) -> None:
        """A call got this response, above 100, from a trunk."""

    def failed(self, name: str, why: str) -> None:
        """A call got no response from a trunk at all."""


class NoTrunks:
    """Nobody to tell anything."""

    def trunk(self, name: str) -> Trunk | None:
        """There is none."""
        return None

    def account(self, name: str) -> DigestClient | None:
        """There is none."""
        return None

    def at(self, host: str, domain: str = "") -> str:
        """There is none."""
        return ""

    def heard(self, name: str, status: int, retry_after_s: float | None) -> None:
        """Nothing to note."""

    def failed(self, name: str, why: str) -> None:
        """Nothing to note."""


class Outgoing:
    """Writes the requests of branches."""

    __slots__ = ("_forwarding", "_network", "_record_route", "_trunks")

    def __init__(self, network: Network, forwarding: Forwarding, trunks: Trunks, *, record_route: RecordRoute) -> None:
        self._network = network
        self._forwarding = forwarding
        self._trunks = trunks
        self._record_route = record_route

    def invite(self, leg: Leg, fork: Fork, attempt: Attempt) -> Request:
        """The INVITE of an attempt whose way is known. Raises SipError."""
        came, flow, uri = leg.request(), attempt.flow, attempt.branch.uri
        assert flow is not None
        sent_by = self._network.sent_by(flow)
        told = self._told(leg, fork, attempt, came)
        branch = self._branch(leg, fork, attempt, came)
        forwarded = forward_invite(told, uri, sent_by, flow.transport, branch, self._route(leg, attempt, came, sent_by))
        for value in reversed(attempt.route):
            forwarded.prepend("Route", value)
        if attempt.credentials is not None:
            forwarded.set(*attempt.credentials)
        return forwarded

    def _told(self, leg: Leg, fork: Fork, attempt: Attempt, came: Request) -> Request:
        trunk = self._trunks.trunk(attempt.branch.trunk) if attempt.branch.trunk else None
        if trunk is None:
            return without_hidden(came)
        host = host_of(came.uri) or "anonymous.invalid"
        steps = [step._replace(uri=f"{step.uri}@{host}" if step.uri else came.uri) for step in fork.steps]
        told = for_trunk(came, trunk, fork.caller, steps, attempt.branch.uri)
        leg.has_other_from = leg.has_other_from or told.lines_of("From") != came.lines_of("From")
        return told

    def _branch(self, leg: Leg, fork: Fork, attempt: Attempt, came: Request) -> str:
        """Another one for each answer to a challenge, and for each further way: these are requests of their own (RFC
        3261 §22.2, §16.6 step 8).
        """
        again = f" {attempt.challenges}.{attempt.detours}" if attempt.challenges or attempt.detours else ""
        call_id = leg.call_id + again
        return self._forwarding.branch(call_id, fork.hop_index, attempt.number, self._forwarding.loop_mark(came))

    def _route(self, leg: Leg, attempt: Attempt, came: Request, sent_by: str) -> str | None:
        """Our Record-Route: where it is wanted, and where nothing but a flow of ours leads to one of the parties."""
        flow = attempt.flow
        assert flow is not None
        is_caller_behind_nat = is_behind_nat(came, leg.flow)
        needs_us = is_caller_behind_nat or attempt.is_behind_nat
        is_bound = not CONNECTION_BOUND.isdisjoint((leg.flow.transport, flow.transport))
        is_counted = self._record_route is RecordRoute.OUTSIDE and bool(attempt.branch.trunk)
        if not (self._record_route is RecordRoute.ON or is_counted or needs_us or is_bound):
            return None
        if not leg.route_token:
            leg.route_token = route_towards_caller(self._forwarding, came, leg.flow, only_flow=is_caller_behind_nat)
        return route_value(leg.route_token, sent_by, flow)
