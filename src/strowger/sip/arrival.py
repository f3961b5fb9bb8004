"""What the edge reads out of an arriving request before anybody decides about it."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import unquote

from strowger.calls.ports import Arrival
from strowger.sip.custom_headers import custom_headers
from strowger.sip.flow import Flow
from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.message import Request, Response
from strowger.sip.message.uri import SipUri, TelUri, parse_uri
from strowger.sip.message.via import stamp
from strowger.sip.network import default_port
from strowger.sip.sender import TRUSTED, Sender
from strowger.sip.trunk.privacy import hides_caller

OWN_CONCLUSIONS: Final = {408: "no response at all", 500: "it could not be reached, or is out of service"}
"""What to say of a target that gave no response of its own."""

_UNDERSTOOD_EXTENSIONS: Final = frozenset[str]()
"""Option tags we implement ourselves; those in Require concern the far end and pass (RFC 3261 §16.3 step 5)."""


def stamp_source(request: Request, flow: Flow) -> Flow:
    """Note the source in the top Via and return the way back for responses (RFC 3261 §18.2.1, §18.2.2, RFC 3581 §4).

    Over a connection the way back is that connection, and the Via's port should it be gone. Raises ParseError.
    """
    via = request.top_via
    is_plain = via.rport is None and via.received is None and _same_host(via.host, flow.received)
    received = None if is_plain else flow.received  # also over one that the peer wrote itself
    if received is not None:
        rport = flow.port if via.rport is not None else None
        request.replace_value("Via", stamp(via.raw, received, rport))
    if via.rport is not None and not flow.reliable:
        return flow
    port = via.port or default_port(via.transport)
    return flow if flow.port == port else flow._replace(port=port)


def _same_host(written: str, address: str) -> bool:
    if written == address:
        return True
    try:
        return ipaddress.ip_address(written.strip("[]")) == ipaddress.ip_address(address)
    except ValueError:
        return False


def require_forwardable(request: Request) -> None:
    """The checks a proxy makes before it forwards (RFC 3261 §16.3). Raises Refusal."""
    if request.max_forwards == 0:
        raise Refusal(483, "Too Many Hops")
    _require_extensions(request, "Proxy-Require")


def require_understood(request: Request) -> None:
    """The check a server makes before it answers itself (RFC 3261 §8.2.2.3). Raises Refusal."""
    _require_extensions(request, "Require")


def is_for_somebody(request: Request) -> bool:
    """Whether it names a user, so that a proxy would forward it, and not this server itself."""
    return bool(_addressed(request.uri)[0])


def _require_extensions(request: Request, name: str) -> None:
    if not request.has(name):
        return
    unknown = [tag for tag in request.values(name) if tag.lower() not in _UNDERSTOOD_EXTENSIONS]
    if unknown:
        raise Refusal(420, "Bad Extension", (("Unsupported", ", ".join(unknown)),))


def dialled(invite: Request, sender: Sender = TRUSTED) -> str:
    """Whom the INVITE is for: the user of its Request-URI, or its telephone number as we write it.

    Raises Refusal for what must not be downgraded.
    """
    if invite.uri[:5].lower() == "sips:":  # TLS on every hop was asked for, and nobody is rung over it here
        raise Refusal(416, "Unsupported URI Scheme")
    return _dialled(invite, _addressed(invite.uri)[0], sender)


def caller(invite: Request) -> str:
    """Who the caller says it is: the user, or the telephone number, of From."""
    return _addressed(invite.from_.uri)[0]


def arrival_of(invite: Request, source: str, leg: bytes, sender: Sender = TRUSTED) -> Arrival:
    """The INVITE in the calls room's terms."""
    dialled, host = _addressed(invite.uri)
    from_ = _asserted(invite, sender) or invite.from_
    user, _ = _addressed(from_.uri)
    shown, left_out = custom_headers(invite)
    return Arrival(
        _dialled(invite, dialled, sender),
        host,
        _as_we_write(user, sender),
        from_.uri,
        from_.display_text or invite.from_.display_text,
        source,
        leg,
        shown,
        came_by=sender.trunk.name if sender.trunk is not None else "",
        headers_left_out=left_out,
        caller_user=sender.user,
        is_stranger=sender.is_stranger,
    )


def _dialled(invite: Request, user: str, sender: Sender) -> str:
    """A carrier that we register with may send every call to what we registered, with the number in To, or with none.
    """
    trunk = sender.trunk
    if trunk is None or trunk.register_expires_s is None or user != trunk.username:
        return _as_we_write(user, sender)
    number = _as_we_write(_addressed(invite.to.uri)[0], sender)
    return number if number.startswith("+") else trunk.number or number


def _as_we_write(number: str, sender: Sender) -> str:
    """A number that came by a trunk, in E.164 form; anything else as it is."""
    return sender.trunk.number_format.from_trunk(number) if sender.trunk is not None else number


def _asserted(invite: Request, sender: Sender) -> Address | None:
    """Who calls, on the word of a trunk that we trust; None where it gives none, or where the caller is not to be shown
    (RFC 3325 §9.1).
    """
    if sender.trunk is None or not sender.trunk.is_trusted or hides_caller(invite):
        return None
    try:
        named = [Address.parse(value) for value in invite.values("P-Asserted-Identity")]
        return next((each for each in named if _addressed(each.uri)[0]), None)
    except ParseError:  # no reason to refuse a call: From is still there
        return None


def _addressed(uri: str) -> tuple[str, str]:
    scheme = uri.partition(":")[0].lower()
    if scheme not in ("sip", "sips", "tel"):
        return "", ""
    parsed = parse_uri(uri)
    if isinstance(parsed, TelUri):
        return parsed.number, ""
    return unquote(parsed.user or "").partition(";")[0], parsed.host


def top_route(request: Request) -> SipUri | None:
    """The URI of the first Route value, if it is one we can follow."""
    routes = request.values("Route")
    if not routes:
        return None
    uri = parse_uri(Address.parse(routes[0]).uri)
    return uri if isinstance(uri, SipUri) else None


def summary(message: Request | Response | None) -> str:
    """A few words naming a message in a log line."""
    if message is None:
        return ""
    return message.method if isinstance(message, Request) else f"{message.status} {message.reason}"
