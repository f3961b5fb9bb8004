"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966 §3).

A URI keeps the text it was read from: a proxy must not rewrite what it only looks at. Other schemes are told apart by
status 416. Comparison by RFC 3261 §19.1.4 is left to the registrar.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import (
    ALPHANUMERIC,
    URI_PARAMETER,
    has_blank_or_control,
    parse_host_port,
    parse_parameters,
)
from strowger.sip.message.limits import LONGEST_URI_BYTES
from strowger.sip.message.remembered import Remembered

_SCHEME: Final = ALPHANUMERIC + "+-."
_VISUAL_SEPARATORS: Final = str.maketrans("", "", "-.()")
_GLOBAL_DIGITS: Final = "0123456789"
_LOCAL_DIGITS: Final = "0123456789ABCDEFabcdef*#"


# Structs, not dataclasses: as frozen and slotted, at a fifth of the cost of making one.
class SipUri(Struct, frozen=True, gc=False):
    """A `sip:` or `sips:` URI."""

    raw: str
    """The text it was read from."""
    scheme: str
    """`sip` or `sips`."""
    user: str | None
    """As written, escapes and user parameters included."""
    password: str | None
    host: str
    """Lower case; an IPv6 address in brackets."""
    port: int | None
    params: dict[str, str | None]
    """Lower-case names; values as written."""
    headers: str | None
    """What follows the question mark, as written."""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Reads a URI; raises ParseError(400), or ParseError(416) for another scheme (RFC 3261 §19.1.1)."""
        scheme, rest = split_scheme(text)
        if scheme not in ("sip", "sips"):
            raise ParseError(416, "The URI scheme is none of sip, sips and tel")
        userinfo, at, rest = rest.rpartition("@")
        user, password = _user_and_password(userinfo) if at else (None, None)
        rest, question, headers = rest.partition("?")
        address, semicolon, parameters = rest.partition(";")
        host, port = parse_host_port(address)
        params = parse_parameters(semicolon + parameters, URI_PARAMETER) if semicolon else {}
        return cls(text, scheme, user, password, host, port, params, headers if question else None)

    @property
    def transport(self) -> str | None:
        """The `transport` parameter, lower case."""
        transport = self.params.get("transport")
        return transport.lower() if transport is not None else None

    @property
    def user_unescaped(self) -> str | None:
        """The user with percent escapes resolved; what is no escape stays (RFC 3261 §19.1.2)."""
        if self.user is None or "%" not in self.user:
            return self.user
        return unquote_to_bytes(self.user.encode("latin-1")).decode("latin-1")

    def __str__(self) -> str:
        return self.raw


class TelUri(Struct, frozen=True, gc=False):
    """A `tel:` URI."""

    raw: str
    """The text it was read from."""
    number: str
    """The number without visual separators; global numbers begin with `+`."""
    params: dict[str, str | None]

    @classmethod
    def parse(cls, text: str) -> TelUri:
        """Reads a URI; raises ParseError(400), or ParseError(416) for another scheme (RFC 3966 §3)."""
        scheme, rest = split_scheme(text)
        if scheme != "tel":
            raise ParseError(416, "The URI scheme is not tel")
        written, semicolon, parameters = rest.partition(";")
        number = written.translate(_VISUAL_SEPARATORS)
        digits = number.removeprefix("+")
        if not digits or digits.strip(_LOCAL_DIGITS if digits == number else _GLOBAL_DIGITS):
            raise ParseError(400, "The tel URI holds no telephone number")
        return cls(text, number, parse_parameters(semicolon + parameters, URI_PARAMETER) if semicolon else {})

    def __str__(self) -> str:
        return self.raw


def parse_uri(text: str) -> SipUri | TelUri:
    """Reads a SIP, SIPS or tel URI; raises ParseError(400), or ParseError(416) for another scheme."""
    return _remembered[text]


def _parse(text: str) -> SipUri | TelUri:
    return TelUri.parse(text) if text[:4].lower() == "tel:" else SipUri.parse(text)


_remembered = Remembered(_parse)


def split_scheme(text: str) -> tuple[str, str]:
    """The lower-case scheme and the rest of any URI; raises ParseError(400) for what is none (RFC 3986 §3.1)."""
    if len(text) > LONGEST_URI_BYTES:
        raise ParseError(400, "The URI is too long")
    if has_blank_or_control(text) or "<" in text or ">" in text or '"' in text:
        raise ParseError(400, "The URI holds characters that must be escaped")
    scheme, colon, rest = text.partition(":")
    if (scheme != "sip" and (not scheme[:1].isalpha() or scheme.strip(_SCHEME))) or not colon:
        raise ParseError(400, "The URI has no scheme")
    return scheme.lower(), rest


def _user_and_password(userinfo: str) -> tuple[str, str | None]:
    user, colon, password = userinfo.partition(":")
    if not user or "@" in userinfo:
        raise ParseError(400, "The user part of the URI is malformed")
    return user, password if colon else None
