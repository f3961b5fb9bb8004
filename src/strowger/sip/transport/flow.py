"""Where we listen, as written in settings and in a Via."""

from __future__ import annotations

from typing import Final, NamedTuple

from strowger.sip.transport.numeric import numeric, printed

TRANSPORTS: Final = ("UDP", "TCP", "TLS", "WS", "WSS")
"""The transports of this room, as written in a Via."""

MAX_HOST_BYTES: Final = 253
"""Length of the longest host name (RFC 1035 §2.3.4, without the root label)."""


class ListenAddress(NamedTuple):
    """An address to listen on."""

    transport: str
    """One of TRANSPORTS."""
    host: str
    """Numeric; IPv6 without brackets. `0.0.0.0` and `::` mean every address of that family."""
    port: int
    """0 lets the system choose."""
    advertise: str = ""
    """The host that peers reach us by, for our Via; empty: the bound address, or the one the system would use."""

    def __str__(self) -> str:
        return f"{self.transport.lower()}:{host_port(self.host, self.port)}"


def host_port(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets and without its zone (RFC 3261 §25.1, hostport)."""
    host = host.partition("%")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_listen(text: str, *, advertise: str = "") -> ListenAddress:
    """The address in `udp:127.0.0.1:5060` or `tls:[::1]:5061`. Raises ValueError with a sentence for a person."""
    transport, colon, rest = text.strip().partition(":")
    if not colon or transport.upper() not in TRANSPORTS:
        raise ValueError(f"{text!r} names no transport: write udp, tcp, tls, ws or wss, then :ADDRESS:PORT")
    host, colon, port = rest.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535):
        raise ValueError(f"{text!r} needs a port from 0 to 65535 at its end, as in {transport}:127.0.0.1:5060")
    return ListenAddress(transport.upper(), _listen_host(text, host), int(port), _advertised(advertise))


def is_host_name(host: str) -> bool:
    """Whether `host` could be a name in the DNS: letters, digits, hyphens, underscores between dots (RFC 1123 §2.1)."""
    if not 0 < len(host) <= MAX_HOST_BYTES or not host.isascii():
        return False
    labels = host.removesuffix(".").split(".")
    if labels[-1].isdigit():  # only an address ends in a number; the system's resolver would guess one from `10.1`
        return False
    return all(0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum() for label in labels)


def _listen_host(text: str, host: str) -> str:
    bracketed = host.startswith("[") and host.endswith("]")
    inner = host[1:-1] if bracketed else host
    address = numeric(inner)
    if address is None:
        raise ValueError(f"{text!r} needs a numeric address such as 127.0.0.1, 0.0.0.0 or [::1]")
    if bracketed != (address.family == 6):
        raise ValueError(f"{text!r} needs brackets around an IPv6 address, and around nothing else: udp:[::1]:5060")
    return printed(address)


def _advertised(host: str) -> str:
    inner = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if inner and numeric(inner) is None and not is_host_name(inner):
        raise ValueError(f"{host!r} is neither a host name nor a numeric address")
    return inner
