"""A binding: one contact of an address of record, and what is needed to reach it (RFC 3261 §10.2.1, RFC 5626 §6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from strowger.sip.flow import Flow
from strowger.sip.message.uri import SipUri
from strowger.sip.registrar.errors import BindingUnreadable

HIGHEST_Q: Final = 1_000
"""q = 1, which is also meant where none is given (RFC 3261 §20.10)."""


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One contact. Times are wall clock, seconds."""

    contact: str
    """The URI as the phone wrote it, headers and all."""
    expires_at: float
    call_id: str
    cseq: int
    flow: Flow
    """The way the REGISTER came."""
    updated_at: float
    q: int = HIGHEST_Q
    """Preference in thousandths, 0 to 1000."""
    path: tuple[str, ...] = ()
    """The proxies to pass on the way to the contact, topmost first (RFC 3327 §5.3)."""
    instance: str = ""
    """`+sip.instance`, without quotes; empty when it was not given."""
    reg_id: int = 0
    """Which of its flows the instance registered; 0 outside RFC 5626."""
    features: str = ""
    """The other header parameters of Contact as written, each after a semicolon."""
    user_agent: str = ""

    @property
    def uri(self) -> SipUri:
        """The contact, read."""
        return SipUri.parse(self.contact)

    @property
    def is_bound_to_flow(self) -> bool:
        """Whether only the way its REGISTER came leads to it (RFC 5626 §5.3, RFC 7118 §5)."""
        return self.reg_id > 0 or self.flow.transport in ("WS", "WSS") or "ob" in self.uri.params

    def seconds_left(self, now: float) -> int:
        """For the `expires` parameter of a response."""
        return max(round(self.expires_at - now), 0)

    def contact_value(self, now: float) -> str:
        """The value of Contact in a response to REGISTER (RFC 3261 §10.3 step 8)."""
        q = "" if self.q == HIGHEST_Q else f";q={format_q(self.q)}"
        return f"<{self.contact}>;expires={self.seconds_left(now)}{q}{self.features}"


def format_q(q: int) -> str:
    """A preference in thousandths as a qvalue (RFC 3261 §25.1)."""
    return f"{q // HIGHEST_Q}.{q % HIGHEST_Q:03d}".rstrip("0").rstrip(".")


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(tuple[Binding, ...]).decode


def encode_bindings(bindings: Sequence[Binding]) -> bytes:
    """The bindings of one address of record, for a store."""
    return _encode(bindings)


def decode_bindings(encoded: bytes) -> tuple[Binding, ...]:
    """What `encode_bindings` made. Raises BindingUnreadable."""
    try:
        return _decode(encoded)
    except msgspec.MsgspecError as error:
        raise BindingUnreadable(str(error)) from error
