"""Our place in the route set of a dialog, and the proof that a later request belongs there (RFC 3261 §16.6 step 4).

The user part of our Record-Route is a keyed digest of the Call-ID and of the one host that requests of that side may
reach through us. In the INVITE that is the caller's side of the dialog; in the responses the value is rewritten for the
target's side (§16.7 step 8). A token therefore opens no way but to the other party of its own call, without any state
here, before and after a restart. A party that moves to another host in mid-call leaves the route behind.

A phone behind a connection that only it can open (TLS, WebSocket), or behind a NAT, is reached by the way it came: the
token then names the flow instead of the host (RFC 5626 §5.1 calls it a flow token).
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Final, NamedTuple

from strowger.sip.flow import CONNECTION_BOUND, Flow, any_word_of, flow_of, word_of
from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError
from strowger.sip.message.message import Message, Request, Response
from strowger.sip.message.uri import SipUri, parse_uri
from strowger.sip.proxy.forwarding import Forwarding

_FLOW: Final = "flow "
"""Tells a digest over a flow from one over a host, which holds no space."""
_TLS_PORT: Final = 5061
"""Where TLS goes when a URI names no port (RFC 3261 §19.1.2). No other way of ours has a name to prove."""


class Admission(NamedTuple):
    """A request within a dialog that follows our Record-Route."""

    flow: Flow | None
    """The connection it has to take; None where its route set or Request-URI leads on."""


def is_behind_nat(invite: Request, flow: Flow) -> bool:
    """Whether an INVITE that no proxy passed on has a numeric Contact, and not the address it came from."""
    if flow.transport in CONNECTION_BOUND or len(invite.vias) > 1:
        return False
    host = host_of(_first(invite, "Contact")).strip("[]")
    if host == flow.received:  # almost always
        return False
    try:
        return bool(host) and ip_address(host) != ip_address(flow.received)
    except ValueError:  # a name
        return False


def route_towards_caller(forwarding: Forwarding, invite: Request, flow: Flow, *, only_flow: bool = False) -> str:
    """The token for the INVITE: requests of the target reach the proxy before us, or else the caller.

    `only_flow`: nothing but the flow leads to the caller, though its transport would let us open another.
    """
    beyond = _first(invite, "Record-Route") or _first(invite, "Contact")
    return _token(forwarding, invite, beyond, any_word_of(flow) if only_flow else word_of(flow))


def route_value(token: str, sent_by: str, flow: Flow) -> str:
    """A Record-Route value of ours, for peers on that flow."""
    transport = flow.transport.lower().removesuffix("s") if flow.transport == "WSS" else flow.transport.lower()
    return f"<sip:{token}@{sent_by};transport={transport};lr>"


def is_in_route_set(response: Response, token: str) -> bool:
    """Whether requests of the dialog come by us: of several branches only those that need us have our Record-Route."""
    return bool(token) and any(f"sip:{token}@" in line for line in response.all("Record-Route"))


def rewrite_for_caller(
    forwarding: Forwarding,
    response: Response,
    token: str,
    sent_by: str,
    flow: Flow,
    target: Flow | None = None,
    *,
    only_flow: bool = False,
) -> None:
    """Put the caller's token in the place of the target's, in a response for the caller.

    `target`: the flow that the target was reached by; `only_flow`: nothing else leads there.
    """
    values = response.values("Record-Route")
    ours = next((i for i, value in enumerate(values) if f"sip:{token}@" in value), None)
    if ours is None:
        return
    beyond = _uri(values[ours - 1]) if ours else _first(response, "Contact")
    word = "" if target is None else word_of(target)
    if target is not None and (only_flow or _needs_name(target, beyond)):
        word = any_word_of(target)
    values[ours] = route_value(_token(forwarding, response, beyond, word), sent_by, flow)
    response.set("Record-Route", ", ".join(values))


def _needs_name(target: Flow, beyond: str) -> bool:
    """Whether a dialog leads to where a name was resolved to, but by the address, which no certificate there holds."""
    uri = _sip(beyond) if target.name else None
    if uri is None:
        return False
    return (uri.host.strip("[]"), uri.port or _TLS_PORT) == (target.host, target.port)


def _token(forwarding: Forwarding, message: Message, beyond: str, word: str) -> str:
    if word:
        return f"{forwarding.route_token(message.call_id, _FLOW + word)}.{word}"
    return forwarding.route_token(message.call_id, host_of(beyond))


def take_route(forwarding: Forwarding, request: Request) -> Admission | None:
    """Take our value off a request within a dialog, if it carries one and goes where that one leads; else None."""
    routes = request.values("Route") if request.to_tag is not None and request.has("Route") else []
    route = _sip(_uri(routes[0])) if routes else None
    if route is None or not route.user:
        return None
    digest, _, word = route.user.partition(".")
    beyond = _FLOW + word if word else host_of(_uri(routes[1]) if len(routes) > 1 else request.uri)
    if not beyond or not hmac.compare_digest(digest, forwarding.route_token(request.call_id, beyond)):
        return None
    request.pop_value("Route")
    return Admission(flow_of(word))


def host_of(uri: str) -> str:
    """The host of a SIP URI; empty for anything else, and an empty host is nobody's."""
    parsed = _sip(uri)
    return parsed.host if parsed is not None else ""


def _first(message: Message, name: str) -> str:
    values = message.values(name) if message.has(name) else []
    return _uri(values[0]) if values else ""


def _uri(value: str) -> str:
    try:
        return Address.parse(value).uri
    except ParseError:
        return ""


def _sip(uri: str) -> SipUri | None:
    try:
        parsed = parse_uri(uri)
    except ParseError:
        return None
    return parsed if isinstance(parsed, SipUri) else None
