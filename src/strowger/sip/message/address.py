"""Addresses: the values of From, To, Contact, Route and their kin (RFC 3261 §20.10, §20.20, §25.1)."""

from __future__ import annotations

from msgspec import Struct

from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import BLANK, closing_quote, parse_parameters, unquote
from strowger.sip.message.remembered import Remembered
from strowger.sip.message.uri import split_scheme


class Address(Struct, frozen=True, gc=False):
    """A name-addr or addr-spec with its header parameters. `Contact: *` is not one."""

    display: str
    """The display name without quotes, Latin-1 text; empty when there is none."""
    uri: str
    """As written, without `<>`; any scheme."""
    params: dict[str, str | None]
    """Header parameters: lower-case names, values as written."""

    @classmethod
    def parse(cls, value: str) -> Address:
        """Reads an unfolded value; raises ParseError(400).

        Outside `<>` a semicolon begins header parameters, and a URI that holds a comma or a question mark is refused
        (RFC 3261 §20.10).
        """
        return _remembered[value]

    @property
    def tag(self) -> str | None:
        """The tag parameter, None when absent or without value."""
        return self.params.get("tag")

    @property
    def display_text(self) -> str:
        """The display name for people: decoded as UTF-8, bad bytes replaced."""
        return self.display.encode("latin-1").decode("utf-8", "replace")


def _parse(value: str) -> Address:
    value = value.strip(BLANK)
    display, rest = _split_display(value)
    if not rest.startswith("<"):
        return _parse_addr_spec(rest)
    uri, bracket, tail = rest[1:].partition(">")
    if not bracket:
        raise ParseError(400, "An address has no closing bracket")
    split_scheme(uri)
    if not tail:
        return Address(display, uri, {})
    tail = tail.lstrip(BLANK)
    if not tail.startswith(";"):
        raise ParseError(400, "An address is followed by text that is no parameter")
    return Address(display, uri, parse_parameters(tail))


_remembered = Remembered(_parse)


def _split_display(value: str) -> tuple[str, str]:
    if value.startswith('"'):
        close = closing_quote(value)
        rest = value[close + 1 :].lstrip(BLANK)
        if close < 0 or not rest.startswith("<"):
            raise ParseError(400, "A quoted display name is not closed or no address follows it")
        return unquote(value[: close + 1]), rest
    bracket = value.find("<")
    if bracket <= 0 or -1 < value.find(";") < bracket:
        return "", value
    display = value[:bracket].rstrip(BLANK)
    # Stricter than ambiguity demands would turn away calls over a full stop, so only what could be misread is refused.
    if any(separator in display for separator in ',:"\\>') or any(c < " " and c != "\t" for c in display):
        raise ParseError(400, "A display name holds separators outside quotes")
    return display, value[bracket:]


def _parse_addr_spec(value: str) -> Address:
    uri, semicolon, parameters = value.partition(";")
    uri = uri.rstrip(BLANK)
    split_scheme(uri)
    if "?" in uri or "," in uri:
        raise ParseError(400, "A URI with a comma or question mark must be in angle brackets")
    return Address("", uri, parse_parameters(semicolon + parameters) if semicolon else {})
