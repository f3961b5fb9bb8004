"""What a SIP URI says of where it is served, before anybody is asked (RFC 3263 §4, §4.1)."""

from __future__ import annotations

from typing import Final, NamedTuple

from strowger.sip.location.errors import Unlocatable
from strowger.sip.message.errors import ParseError
from strowger.sip.message.uri import SipUri, parse_uri

_SECURED: Final = {"tcp": "TLS", "tls": "TLS", "ws": "WSS", "wss": "WSS"}
"""The transport of a sips URI by its transport parameter (RFC 3261 §26.2.2, RFC 7118 §5.2)."""
_PLAIN: Final = {"udp": "UDP", "tcp": "TCP", "tls": "TLS", "ws": "WS", "wss": "WSS"}

DEFAULT_PORTS: Final = {"UDP": 5060, "TCP": 5060, "TLS": 5061, "WS": 80, "WSS": 443}
"""RFC 3261 §19.1.2, RFC 7118 §5.3."""


class Target(NamedTuple):
    """The host that a URI leads to and what it prescribes of the way there."""

    host: str
    """A host name or a numeric address, IPv6 without brackets."""
    port: int | None
    transport: str | None
    """`UDP`, `TCP`, `TLS`, `WS` or `WSS`; None when the client may choose."""
    is_secure: bool
    """A sips URI: nothing but TLS will do."""
    domain: str
    """Whom the certificate of a TLS peer must be made out to: the host of the URI (RFC 5922 §7.1)."""


def target_of(uri: str) -> Target:
    """The target of a sip or sips URI. Raises Unlocatable for any other and for a transport that is none of ours."""
    try:
        parsed = parse_uri(uri)
    except ParseError as error:
        raise Unlocatable(f"it is no SIP URI: {error.reason}") from error
    if not isinstance(parsed, SipUri):
        raise Unlocatable("a tel URI names no server; a route must lead it to a trunk")
    is_secure, domain = parsed.scheme == "sips", parsed.host.strip("[]")
    host = (parsed.params.get("maddr") or domain).strip("[]").lower()
    return Target(host, parsed.port, _transport(parsed.transport, is_secure), is_secure, domain)


def _transport(written: str | None, is_secure: bool) -> str | None:
    if written is None:
        return None
    transport = (_SECURED if is_secure else _PLAIN).get(written)
    if transport is None:
        raise Unlocatable(f"the transport {written[:16]} is none that {'a sips' if is_secure else 'this'} URI can use")
    return transport
