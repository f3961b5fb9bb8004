"""Keep-alives over UDP: a STUN Binding request is answered with where it came from (RFC 5626 §4.4.2, §8; RFC 5389).

A phone that registered a flow over UDP learns by this that the flow lives and that its NAT still gives it the same
address. Of STUN no more than that: no attributes are understood, and none is required of the sender.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

_HEADER: Final = struct.Struct("!HHI12s")
"""Type, length of what follows, magic cookie, transaction id (RFC 5389 §6)."""
_ATTRIBUTE: Final = struct.Struct("!HHBBH")
"""Type, length, a zero, family and port (RFC 5389 §15.2)."""
_COOKIE: Final = 0x2112A442
_BINDING_REQUEST: Final = 0x0001
_BINDING_SUCCESS: Final = 0x0101
_XOR_MAPPED_ADDRESS: Final = 0x0020
_FAMILIES: Final = {4: 1, 6: 2}
_COMPREHENSION_OPTIONAL: Final = 0x8000


def is_stun(datagram: bytes) -> bool:
    """Whether this is no SIP: its first octet is 0 or 1, and the cookie stands where it has to (RFC 5626 §8)."""
    return len(datagram) >= _HEADER.size and datagram[0] < 2 and datagram[4:8] == _COOKIE.to_bytes(4)


def binding_answer(datagram: bytes, host: str, port: int) -> bytes | None:
    """The answer to a Binding request that came from `host` and `port`; None for any other STUN message.

    A request with an attribute that must be understood is not answered: a credential is one, and there is none to
    check here (RFC 5626 §8).
    """
    kind, length, _, transaction = _HEADER.unpack_from(datagram)
    if kind != _BINDING_REQUEST or length != len(datagram) - _HEADER.size or not _is_optional(datagram):
        return None
    address = ipaddress.ip_address(host.partition("%")[0])
    mask = (_COOKIE.to_bytes(4) + transaction)[: len(address.packed)]
    masked = bytes(octet ^ key for octet, key in zip(address.packed, mask, strict=True))
    xored_port = port ^ (_COOKIE >> 16)
    family = _FAMILIES[address.version]
    attribute = _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, 4 + len(masked), 0, family, xored_port) + masked
    return _HEADER.pack(_BINDING_SUCCESS, len(attribute), _COOKIE, transaction) + attribute


def _is_optional(datagram: bytes) -> bool:
    """Whether every attribute is whole and may be passed over (RFC 5389 §15)."""
    position = _HEADER.size
    while position < len(datagram):
        if len(datagram) - position < 4:
            return False
        kind, length = struct.unpack_from("!HH", datagram, position)
        if not kind & _COMPREHENSION_OPTIONAL:
            return False
        position += 4 + (length + 3) // 4 * 4
    return position == len(datagram)
