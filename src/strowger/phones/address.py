"""Where a phone listens and where its peers are: transport, host, port.

Text forms are `udp:127.0.0.1:5060` and `tcp:[::1]:5060`; a SIP URI leads to a peer by the part of RFC 3263 §4 that
needs no DNS: its transport parameter (UDP if absent), its host, its port (5060 if absent). Sockets are left to
`endpoint`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from strowger.base.text import printable
from strowger.phones.errors import AddressInvalid
from strowger.sip.message.errors import ParseError
from strowger.sip.message.uri import SipUri, parse_uri

DEFAULT_PORT: Final = 5060
"""RFC 3261 §19.1.2"""
TRANSPORTS: Final = ("UDP", "TCP")
MAX_PORT: Final = 65_535
_ROUTING: Final = frozenset({"transport", "maddr", "ttl", "method", "lr"})


class Peer(NamedTuple):
    """One end of a path. For the transaction layer it is the flow that it hands through."""

    transport: str
    host: str
    """A numeric address, IPv6 without brackets; or a name, looked up when something is sent."""
    port: int
    answer_port: int = 0
    """Over TCP: where a response goes when the connection of its request is gone, 0 for `port`. RFC 3261 §18.2.2"""

    @property
    def reliable(self) -> bool:
        """Whether the transport repeats and orders by itself."""
        return self.transport != "UDP"

    def __str__(self) -> str:
        return f"{self.transport.lower()}:{host_port(self.host, self.port)}"


def host_port(host: str, port: int) -> str:
    """`host:port` as SIP writes it: IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(text: str, *, port_required: bool = False) -> Peer:
    """Read `udp:host:port`. Raises AddressInvalid; with `port_required` also for port 0, which only a listener has."""
    transport, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    if transport.upper() not in TRANSPORTS:
        raise AddressInvalid(f"{printable(text)!r} must start with udp: or tcp:, as in udp:127.0.0.1:5060")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= MAX_PORT):
        raise AddressInvalid(f"{printable(text)!r} must end in a port from 0 to {MAX_PORT}, as in udp:127.0.0.1:5060")
    if port_required and int(port) == 0:
        raise AddressInvalid(f"{printable(text)!r} needs the port that the peer listens on, not 0")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise AddressInvalid(f"the IPv6 address in {printable(text)!r} must stand in brackets, as in udp:[::1]:5060")
    if not host:
        raise AddressInvalid(f"{printable(text)!r} has no host; udp:127.0.0.1:5060 has one")
    return Peer(transport.upper(), host, int(port))


def logical(uri: str) -> str:
    """A URI as From and To carry it: without what only says how to get there. RFC 3261 §19.1.1, table 1

    Raises ParseError when it is neither a SIP nor a tel URI.
    """
    parsed = parse_uri(uri)
    if not isinstance(parsed, SipUri):
        return uri
    user = f"{parsed.user}@" if parsed.user is not None else ""
    kept = ((name, value) for name, value in parsed.params.items() if name not in _ROUTING)
    params = (f";{name}" if value is None else f";{name}={value}" for name, value in kept)
    return f"{parsed.scheme}:{user}{parsed.host}{''.join(params)}"


def peer_of(uri: str) -> Peer:
    """Where a request for this URI is sent. Raises AddressInvalid unless it is sip: over UDP or TCP. RFC 3263 §4.1"""
    try:
        parsed = parse_uri(uri)
    except ParseError as error:
        raise AddressInvalid(f"{printable(uri)!r} is no URI a phone can call: {error}") from error
    if not isinstance(parsed, SipUri) or parsed.scheme != "sip":
        raise AddressInvalid(f"{printable(uri)!r} is not a sip: URI; give the phone a proxy to reach it through")
    transport = (parsed.transport or "udp").upper()
    if transport not in TRANSPORTS:
        raise AddressInvalid(f"{printable(uri)!r} asks for {transport}; a scripted phone speaks UDP and TCP")
    return Peer(transport, parsed.host.strip("[]"), parsed.port or DEFAULT_PORT)
