"""One Via value (RFC 3261 §20.42) and its stamping with the source address (§18.2.1, RFC 3581 §4)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from strowger.sip.message.errors import BuildError, ParseError
from strowger.sip.message.grammar import (
    BLANK,
    decimal,
    has_blank_or_control,
    is_token,
    mask_quoted,
    parse_host_port,
    parse_parameters,
)
from strowger.sip.message.remembered import Remembered

_USUAL_PROTOCOLS: Final = {f"SIP/2.0/{transport}": transport for transport in ("UDP", "TCP", "TLS", "WS", "WSS")}
_MAX_PORT: Final = 65_535


class Via(Struct, frozen=True, gc=False):
    """A Via value; `raw` is the unfolded text it was read from."""

    raw: str
    transport: str
    """Upper case; any token."""
    host: str
    """Lower case; an IPv6 address in brackets."""
    port: int | None
    branch: str | None
    rport: str | None
    """None when absent, empty when present without value (RFC 3581 §3)."""
    received: str | None
    params: dict[str, str | None]
    """All parameters: lower-case names, values as written."""

    @classmethod
    def parse(cls, value: str) -> Via:
        """Reads an unfolded Via value; raises ParseError(400)."""
        return _remembered[value]

    @property
    def sent_by(self) -> str:
        """Host and, if written, port: lower case, compared in RFC 3261 §17.2.3."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


def _parse(value: str) -> Via:
    protocol, semicolon, parameters = value.partition(";")
    start, _, sent_by = protocol.partition(" ")
    transport = _USUAL_PROTOCOLS.get(start)
    if transport is None or " " in sent_by or "\t" in sent_by:
        transport, sent_by = _split_odd_protocol(protocol)
    host, port = parse_host_port(sent_by)
    params = parse_parameters(semicolon + parameters) if semicolon else {}
    rport = (params["rport"] or "") if "rport" in params else None
    if rport and decimal(rport, _MAX_PORT) is None:
        raise ParseError(400, "The rport parameter of Via is not a port")
    # Legal in quotes, but stamping writes this value again, and NUL is never written.
    if "\0" in value:
        raise ParseError(400, "Via holds NUL")
    return Via(value, transport, host, port, params.get("branch"), rport, params.get("received"), params)


_remembered = Remembered(_parse)


def _split_odd_protocol(text: str) -> tuple[str, str]:
    """Transport and sent-by, with white space wherever the grammar allows it."""
    name, _, rest = text.partition("/")
    version, _, rest = rest.partition("/")
    transport, _, sent_by = rest.replace("\t", " ").strip(BLANK).partition(" ")
    # Any version: who is told 505 must be found by it. Which one is spoken says the first line (RFC 3261 §7.1).
    if name.strip(BLANK).upper() != "SIP" or not is_token(version.strip(BLANK)) or not is_token(transport):
        raise ParseError(400, "Via does not begin with SIP, a version and a transport")
    sent_by = sent_by.strip(BLANK)
    if " " in sent_by:
        sent_by = ":".join(part.strip(BLANK) for part in sent_by.split(":"))
    return transport.upper(), sent_by


def stamp(raw_via: str, received: str | None, rport: int | None) -> str:
    """`raw_via` with `received` and `rport` set; what is None stays as it is, and so does every other byte.

    A peer may have written `received` itself: pass the source address to overrule it. RFC 3261 §18.2.1, RFC 3581 §4.
    """
    if received is not None:
        if not received or has_blank_or_control(received) or any(separator in received for separator in ';,"'):
            raise BuildError("The received address cannot be written into Via")
        raw_via = _with_parameter(raw_via, "received", received)
    if rport is not None:
        raw_via = _with_parameter(raw_via, "rport", str(rport))
    return raw_via


def _with_parameter(raw_via: str, name: str, value: str) -> str:
    start = 0
    for part in mask_quoted(raw_via).split(";"):
        end = start + len(part)
        if start and part.partition("=")[0].strip(BLANK).lower() == name:
            return f"{raw_via[:start]}{name}={value}{raw_via[end:]}"
        start = end + 1
    return f"{raw_via};{name}={value}"
