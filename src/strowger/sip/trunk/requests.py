"""The requests that a trunk gets from us outside of calls: OPTIONS and REGISTER (RFC 3261 §10.2, §11.1).

Values in, a request out; chance comes in as tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from strowger.calls.directory import escape_user
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri
from strowger.sip.trunk.trunk import Trunk

_COOKIE: Final = "z9hG4bK"
"""How a branch begins that is unique (RFC 3261 §8.1.1.7)."""

Token = Callable[[], str]
"""Gives an unguessable word each time: letters, digits, - and _."""


class Way(NamedTuple):
    """How we write ourselves on the way to a trunk."""

    transport: str
    """As a Via has it: `UDP`, `TCP`, `TLS`."""
    sent_by: str
    """Our host and port there."""


class Registration(NamedTuple):
    """What all REGISTERs of one registration have in common, and what is new with each (RFC 3261 §10.2)."""

    call_id: str
    tag: str
    cseq: int
    expires_s: int
    """0 ends it."""
    credentials: tuple[tuple[str, str], ...] = ()
    """Authorization and Proxy-Authorization, name and value."""


def options(trunk: Trunk, way: Way, token: Token) -> Request:
    """The question whether a trunk serves."""
    uri = SipUri.parse(trunk.uri)
    headers = [
        *_begun(way, token),
        ("From", f"<{uri.scheme}:{_host(way.sent_by)}>;tag={token()}"),
        ("To", f"<{_address(uri, uri.user)}>"),
        ("Call-ID", token()),
        ("CSeq", "1 OPTIONS"),
        ("Contact", f"<{_contact(uri, way, '')}>"),
        ("Accept", "application/sdp"),
    ]
    return Request.make("OPTIONS", trunk.uri, headers)


def register(trunk: Trunk, way: Way, registration: Registration, token: Token) -> Request:
    """The request to send the calls for our user name there to us."""
    uri = SipUri.parse(trunk.uri)
    user = escape_user(trunk.username)
    headers = [
        *_begun(way, token),
        ("From", f"<{_address(uri, user)}>;tag={registration.tag}"),
        ("To", f"<{_address(uri, user)}>"),
        ("Call-ID", registration.call_id),
        ("CSeq", f"{registration.cseq} REGISTER"),
        ("Contact", f"<{_contact(uri, way, user)}>"),
        ("Expires", str(registration.expires_s)),
        *registration.credentials,
    ]
    return Request.make("REGISTER", _registrar(trunk.uri), headers)


def _begun(way: Way, token: Token) -> Iterable[tuple[str, str]]:
    # With rport the answer finds us behind an address translation too (RFC 3581 §3).
    yield "Via", f"SIP/2.0/{way.transport} {way.sent_by};branch={_COOKIE}{token()};rport"
    yield "Max-Forwards", "70"


def _registrar(uri: str) -> str:
    """The domain of the registration, without a user part (RFC 3261 §10.2)."""
    scheme, _, rest = uri.partition(":")
    return f"{scheme}:{rest.rpartition('@')[2]}"


def _address(uri: SipUri, user: str | None) -> str:
    """An address as From and To may hold it: no port and no transport (RFC 3261 §19.1.1, table 1)."""
    return f"{uri.scheme}:{user}@{uri.host}" if user else f"{uri.scheme}:{uri.host}"


def _contact(uri: SipUri, way: Way, user: str) -> str:
    """Where we are reached: over the same transport, and by sips if the trunk is (RFC 3261 §8.1.1.8)."""
    whole = f"{uri.scheme}:{user}@{way.sent_by}" if user else f"{uri.scheme}:{way.sent_by}"
    if way.transport == "UDP" or uri.scheme == "sips":
        return whole
    return f"{whole};transport={way.transport.lower()}"


def _host(sent_by: str) -> str:
    return sent_by.rpartition(":")[0] if sent_by.rpartition(":")[2].isdigit() else sent_by
