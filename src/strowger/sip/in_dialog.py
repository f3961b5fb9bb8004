"""Requests within a dialog that come by here, forwarded without a transaction (RFC 3261 §16.11, §16.12).

Two kinds are let through and no other: those that carry the Record-Route we wrote, proven by its token; and those of a
call answered here lately whose phone sends everything to its outbound proxy. The second kind reaches only the two
parties of that call, and is forgotten at a restart: a convenience for phones, not part of any call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from strowger.sip.arrival import require_forwardable, top_route
from strowger.sip.authentication.bearer import remove_tokens
from strowger.sip.authentication.challenge import PROXY
from strowger.sip.authentication.credentials import remove_credentials
from strowger.sip.flow import Flow, flow_of, word_of
from strowger.sip.followed_calls import FollowedCalls, dialog_of
from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.message import Message, Request, Response
from strowger.sip.message.uri import SipUri, parse_uri
from strowger.sip.message.via import Via
from strowger.sip.network import SIP_PORT, Network, default_port, flow_to_uri
from strowger.sip.proxy.forwarding import Forwarding, forward_in_dialog, forward_response
from strowger.sip.record_route import take_route

DIALOGS_REMEMBERED: Final = 20_000
"""Answered calls whose in-dialog requests are let through without a Record-Route; the oldest is forgotten first."""

FlowSince: TypeAlias = Callable[[Flow, str], Flow | None]
"""Where a phone is now whose connection is gone, by its contact."""


def nowhere(flow: Flow, uri: str) -> Flow | None:
    """A FlowSince where nobody registers."""
    return None


def _nobody(call_id: str, *, is_by_caller: bool | None) -> None:
    """Nobody is told how calls end."""


class InDialog:
    """The way of requests and responses within dialogs."""

    __slots__ = ("_flow_since", "_followed", "_forwarding", "_limit", "_network", "_parties", "_realm")

    def __init__(
        self,
        network: Network,
        forwarding: Forwarding,
        limit: int = DIALOGS_REMEMBERED,
        *,
        realm: str = "",
        flow_since: FlowSince = nowhere,
        followed: FollowedCalls | None = None,
    ) -> None:
        """`realm` is ours: credentials for it go no further. `followed` hears how calls end."""
        self._followed = followed if followed is not None else FollowedCalls(_nobody)
        self._flow_since = flow_since
        self._network = network
        self._forwarding = forwarding
        self._limit = limit
        self._realm = realm
        self._parties: OrderedDict[bytes, tuple[str, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._parties)

    def remember(self, invite: Request, answer: Response) -> None:
        """Note the contacts of both sides of a dialog; one without a usable contact is not reached through us."""
        self._parties[dialog_of(answer)] = (_contact(invite), _contact(answer))
        if len(self._parties) > self._limit:
            self._parties.popitem(last=False)

    def forward_routed(self, request: Request, came_by: Flow) -> bool:
        """Send a request on that follows our Record-Route; False for any other.

        What its other headers say is the business of the dialog's ends: only what a proxy reads must be sound
        (RFC 3261 §16.3). Raises Unreachable, ParseError, Refusal.
        """
        admission = take_route(self._forwarding, request)
        if admission is None:
            return False
        require_forwardable(request)
        self._send_on(request, came_by, self._alive(admission.flow, request) or self.next_hop(request))
        return True

    def _alive(self, flow: Flow | None, request: Request) -> Flow | None:
        """The flow of a token, or the one that its phone has registered by since. Raises Refusal."""
        if flow is None or self._stands(flow):
            return flow
        flow = self._flow_since(flow, request.uri)
        if flow is None or not self._stands(flow):
            if request.method == "BYE":  # whoever it is for is gone, and hears of no end
                self._followed.end(request)
            raise Refusal(430, "Flow Failed")  # RFC 5626 §5.3.1: only its other end can open another
        return flow

    def _stands(self, flow: Flow) -> bool:
        return not flow.connection or self._network.has(flow)

    def forward(self, request: Request, came_by: Flow) -> bool:
        """Send a request of a call answered here lately on; False when it has no business here.

        A first Route that names us is that of a phone which takes us for its outbound proxy (RFC 3261
        §16.4). Raises Unreachable, ParseError, Refusal.
        """
        route = top_route(request)
        if route is not None and _place(str(route)) == self._network.sent_by(came_by):
            request.pop_value("Route")
        place = _place(request.uri)
        if request.has("Route") or not place or place not in self._parties.get(dialog_of(request), ()):
            return False
        require_forwardable(request)
        self._send_on(request, came_by, self.next_hop(request))
        return True

    def _send_on(self, request: Request, came_by: Flow, flow: Flow) -> None:
        branch = self._forwarding.stateless_branch(request, word_of(came_by))
        forwarded = forward_in_dialog(request, request.uri, self._network.sent_by(flow), flow.transport, branch)
        remove_credentials(forwarded, PROXY, self._realm)
        remove_tokens(forwarded)
        self._network.send(flow, forwarded.to_bytes(), "")

    def pass_back(self, response: Response) -> bool:
        """Send the response to a request forwarded here on to where that came from; False for any other."""
        origin = self._forwarding.stateless_origin(response)
        if origin is None:
            return False
        self._followed.hear(response)
        forwarded = forward_response(response)
        self._network.send(flow_of(origin) or self._way_of(forwarded.top_via), forwarded.to_bytes(), "")
        return True

    def _way_of(self, via: Via) -> Flow:
        """Where the responses of a request go (RFC 3261 §18.2.2, RFC 3581 §4)."""
        host = via.received or via.host.strip("[]")
        port = int(via.rport) if via.rport else via.port or default_port(via.transport)
        return self._network.flow_to(via.transport, host, port)

    def next_hop(self, request: Request) -> Flow:
        """The way along the route set, or to the Request-URI. Raises Unreachable, ParseError."""
        route = top_route(request)
        return flow_to_uri(self._network, str(route) if route is not None else request.uri)


def _contact(message: Message) -> str:
    contacts = message.values("Contact")
    try:
        return _place(Address.parse(contacts[0]).uri) if contacts else ""
    except ParseError:
        return ""


def _place(uri: str) -> str:
    """Host and port of a SIP URI, empty for anything else; an empty place is never a party."""
    try:
        parsed = parse_uri(uri)
    except ParseError:
        return ""
    return f"{parsed.host}:{parsed.port or SIP_PORT}" if isinstance(parsed, SipUri) else ""
