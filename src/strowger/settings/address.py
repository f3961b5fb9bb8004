"""Addresses to listen on and host names to answer to, as written in settings."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address
from typing import Final, Literal, NamedTuple, cast

SipTransport = Literal["udp", "tcp", "tls", "ws", "wss"]
SIP_TRANSPORTS: Final = ("udp", "tcp", "tls", "ws", "wss")


class Listener(NamedTuple):
    """Where to accept HTTP."""

    host: str
    port: int

    def __str__(self) -> str:
        """As written in the settings."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class SipListener(NamedTuple):
    """Where to accept SIP, and over what."""

    transport: SipTransport
    host: str
    port: int

    def __str__(self) -> str:
        """As written in the settings."""
        return f"{self.transport}:{Listener(self.host, self.port)}"


def listener(text: object) -> Listener:
    """`host:port` or `[IPv6]:port`. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("an address is text")
    host, colon, port = text.rpartition(":")
    if not colon or not _is_port(port):
        raise ValueError(f"{text!r} does not end in a port")
    if host.startswith("[") and host.endswith("]"):
        return Listener(_ipv6(host[1:-1]), int(port))
    if not _is_name(host):
        raise ValueError(f"{host!r} is neither a host name nor an address; an IPv6 address stands in brackets")
    return Listener(host, int(port))


def sip_listener(text: object) -> SipListener:
    """A transport, a colon and what `listener` reads. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("an address is text")
    transport, _, rest = text.partition(":")
    if transport not in SIP_TRANSPORTS:
        raise ValueError(f"{text!r} does not begin with a transport, which is one of {' '.join(SIP_TRANSPORTS)}")
    return SipListener(cast(SipTransport, transport), *listener(rest))


def host_name(text: object) -> str:
    """What a Host header may name: a name or an address, with or without a port; in lower case. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("a host name is text")
    if text.startswith("["):
        if text.endswith("]"):
            return _ipv6(text[1:-1])
        return str(listener(text))
    if text.count(":") > 1:
        return _ipv6(text)
    name, colon, port = text.partition(":")
    if not _is_name(name) or (colon and not _is_port(port)):
        raise ValueError(f"{text!r} is not a host name")
    return text.lower()


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 253 and text.isascii() and text.replace("-", "").replace(".", "").replace("_", "").isalnum()


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except AddressValueError as error:
        raise ValueError(f"{text!r} is not an IPv6 address") from error
