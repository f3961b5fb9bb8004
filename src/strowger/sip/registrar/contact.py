"""What a REGISTER asks for one contact (RFC 3261 §10.3 steps 6 and 7, §20.10, RFC 5626 §4.2)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from strowger.sip.message.address import Address
from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import decimal, unquote
from strowger.sip.message.uri import SipUri, parse_uri
from strowger.sip.registrar.binding import HIGHEST_Q
from strowger.sip.registrar.limits import Limits

_LONGEST_S: Final = 2**31 - 1
_Q_DIGITS: Final = 3
_READ: Final = ("expires", "q")


class Contact(Struct, frozen=True):
    """One value of Contact."""

    uri: SipUri
    expires_s: int
    """0 removes the binding; cut to the maximum, but not raised to the minimum."""
    q: int
    """In thousandths."""
    instance: str
    reg_id: int
    features: str
    """Every other parameter as written."""

    @classmethod
    def parse(cls, value: str, expires: str | None, limits: Limits) -> Contact:
        """Reads a value; `expires` is the Expires header. Raises ParseError(400)."""
        address = Address.parse(value)
        params = address.params
        others = [(name, text) for name, text in params.items() if name not in _READ]
        return cls(
            uri=_sip_uri(address.uri),
            expires_s=_seconds(params.get("expires", expires), limits),
            q=_thousandths(params["q"] or "") if "q" in params else HIGHEST_Q,
            instance=unquote(params.get("+sip.instance") or ""),
            reg_id=_reg_id(params["reg-id"] or "") if "reg-id" in params else 0,
            features="".join(f";{name}" if text is None else f";{name}={text}" for name, text in others),
        )

    @property
    def names_a_flow(self) -> bool:
        """Whether it is the flow of an instance that is registered; one without the other says nothing."""
        return self.instance != "" and self.reg_id > 0


def _sip_uri(text: str) -> SipUri:
    try:
        uri = parse_uri(text)
    except ParseError as error:
        raise ParseError(400, f"Contact: {error.reason}") from error
    if not isinstance(uri, SipUri):
        raise ParseError(400, "Contact: only sip and sips URIs can be rung here")
    return uri


def _seconds(text: str | None, limits: Limits) -> int:
    """A malformed time counts as none at all (RFC 3261 §20.10)."""
    if text is None or not (text.isascii() and text.isdigit()):
        return limits.default_expires_s
    seconds = decimal(text, _LONGEST_S)
    return limits.max_expires_s if seconds is None else min(seconds, limits.max_expires_s)


def _thousandths(text: str) -> int:
    whole, _, fraction = text.partition(".")
    if whole not in ("0", "1") or len(fraction) > _Q_DIGITS or fraction.strip("0123456789"):
        raise ParseError(400, "Contact: q is not a number from 0 to 1 with at most three decimals")
    q = int(whole) * HIGHEST_Q + int(fraction.ljust(_Q_DIGITS, "0"))
    if q > HIGHEST_Q:
        raise ParseError(400, "Contact: q is above 1")
    return q


def _reg_id(text: str) -> int:
    number = decimal(text, _LONGEST_S)
    if not number:
        raise ParseError(400, "Contact: reg-id is not a number from 1 to 2**31 - 1")
    return number
