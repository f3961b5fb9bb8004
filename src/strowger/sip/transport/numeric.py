"""Numeric addresses: telling them from names, writing them one way, and what may be sent to.

Nothing here asks the network. It matters that an address is recognised before it reaches a socket: the socket module
would look a name up in the DNS and stop the event loop for as long as that takes.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Final, NamedTuple

CACHED: Final = 4_096
"""Addresses whose reading is remembered."""

MAX_TEXT: Final = 64
"""Characters of the longest numeric address with its zone."""

_MAPPED: Final = bytes(10) + b"\xff\xff"
"""The first twelve octets of an IPv4 address written as IPv6 (RFC 4291 §2.5.5.2)."""


class Numeric(NamedTuple):
    """A numeric address."""

    family: int
    """4 or 6."""
    packed: bytes
    zone: int
    """The interface of a link-local IPv6 address; 0 for every other."""
    host: str
    """In its one canonical spelling, without the zone."""

    def at(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """The address as the socket module wants it, never in need of a look-up."""
        return (self.host, port, 0, self.zone) if self.zone else (self.host, port)


@lru_cache(maxsize=CACHED)
def numeric(host: str) -> Numeric | None:
    """The address that `host` spells, None when it spells none. An IPv4 address inside IPv6 becomes IPv4."""
    if len(host) > MAX_TEXT:
        return None
    text, percent, zone_name = host.partition("%")
    zone = _zone(zone_name) if percent else 0
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    if zone is None or (zone and family == socket.AF_INET):
        return None
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError):  # ValueError: not ASCII, or a NUL in it
        return None
    if packed.startswith(_MAPPED) and len(packed) == 16:
        packed, family = packed[12:], socket.AF_INET
    return Numeric(6 if family == socket.AF_INET6 else 4, packed, zone, socket.inet_ntop(family, packed))


def peer_host(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """The host of an address as the socket module tells it, with the zone where there is one."""
    return f"{address[0]}%{address[3]}" if len(address) == 4 and address[3] else address[0]


def printed(address: Numeric) -> str:
    """The canonical spelling with the zone, as a `Flow` carries it."""
    return f"{address.host}%{address.zone}" if address.zone else address.host


@lru_cache(maxsize=CACHED)
def unsendable(host: str) -> str:
    """Why nothing may be sent to the numeric `host`; empty when it may.

    A wildcard means ourselves to the kernel, and one message to a group reaches strangers: neither is a peer's address.
    """
    address = numeric(host)
    if address is None:
        return "is no numeric address"
    if not any(address.packed):
        return "is the unspecified address"
    first = address.packed[0]
    if first == 0xFF if address.family == 6 else 224 <= first <= 239:
        return "is a multicast address"
    return "is the broadcast address" if address.packed == b"\xff\xff\xff\xff" else ""


def group_of(host: str) -> bytes:
    """What counts as one peer address: an IPv4 address, or the /64 an IPv6 host can choose any address from."""
    address = numeric(host)
    if address is None:
        return host.encode("latin-1", "replace")
    return address.packed if address.family == 4 else address.packed[:8]


def _zone(name: str) -> int | None:
    """The interface number of a zone, given as a number or as the interface's name (RFC 4007 §11.2)."""
    if name.isascii() and name.isdigit() and 0 < len(name) <= 9:
        return int(name)
    try:
        return socket.if_nametoindex(name)
    except (OSError, ValueError):
        return None
