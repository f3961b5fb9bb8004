"""The small words of the grammar: tokens, quoted strings, lists, parameters, hosts (RFC 3261 §7.3.1, §25.1).

Text is `str` decoded from Latin-1. Python's own idea of white space and digits is wider than the RFC's (`\\x85`, `²`),
so every test here names its characters. All functions are linear in the length of the text.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from strowger.sip.message.errors import ParseError
from strowger.sip.message.limits import MAX_PARAMETERS

ALPHANUMERIC: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
TOKEN: Final = ALPHANUMERIC + "-.!%*_+`'~"
URI_PARAMETER: Final = ALPHANUMERIC + "-_.!~*'()%[]/:&+$"
"""The characters of a parameter name inside a URI."""
HOST: Final = ALPHANUMERIC + "-._"
"""Hostname characters; `_` is no hostname by RFC 952 but is what container networks hand out."""
BLANK: Final = " \t"
FOLD: Final = " \t\r\n"

_USUAL_PARAMETERS: Final = frozenset(("branch", "rport", "received", "tag", "lr", "transport", "user", "expires", "q"))
_USUAL_METHODS: Final = frozenset(("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER"))
_MAX_LABEL: Final = 63
_MAX_HOSTNAME: Final = 253
_MAX_DIGITS: Final = 10
_MAX_PORT: Final = 65_535


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 3261 §25.1)."""
    return text in _USUAL_METHODS or (text != "" and not text.strip(TOKEN))


def decimal(text: str, maximum: int) -> int | None:
    """The number written in `text`, None when it is not 1*DIGIT or exceeds `maximum`, which is below 2**31."""
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) > _MAX_DIGITS:  # keeps int() away from thousands of digits
        text = text.lstrip("0") or "0"
        if len(text) > _MAX_DIGITS:
            return None
    number = int(text)
    return number if number <= maximum else None


def has_blank_or_control(text: str) -> bool:
    """Whether a space or a control character is in `text`; bytes above 0x7f are neither."""
    if text.isascii() and text.isprintable():
        return " " in text
    return any(character <= " " or character == "\x7f" for character in text)


def unfold(text: str) -> str:
    """`text` without line folding and outer white space (RFC 3261 §7.3.1)."""
    if "\r" in text:
        text = " ".join(part.strip(BLANK) for part in text.split("\r\n"))
    return text.strip(BLANK)


def _without_escapes(text: str) -> str:
    return text.replace("\\\\", "__").replace('\\"', "__") if "\\" in text else text


def mask_quoted(text: str) -> str:
    """`text` with the inside of each quoted string blanked out; the length does not change.

    What an unclosed quote opens is blanked to the end, so no separator is found behind it.
    """
    if '"' not in text:
        return text
    parts = _without_escapes(text).split('"')
    parts[1::2] = ["_" * len(part) for part in parts[1::2]]
    return '"'.join(parts)


def _mask_angles(text: str) -> str:
    parts = text.split("<")
    for index in range(1, len(parts)):
        inside, bracket, outside = parts[index].partition(">")
        parts[index] = "_" * len(inside) + bracket + outside
    return "<".join(parts)


def mask(text: str) -> str:
    """`text` with the inside of quoted strings and of `<>` blanked out; the length does not change."""
    text = mask_quoted(text)
    return _mask_angles(text) if "<" in text else text


def _pieces(text: str, masked: str, separator: str) -> list[str]:
    pieces = []
    start = 0
    for part in masked.split(separator):
        end = start + len(part)
        pieces.append(text[start:end])
        start = end + 1
    return pieces


def split_list(text: str) -> list[str]:
    """The values of an unfolded comma list; commas in quotes and `<>` separate nothing. Empty text has no values."""
    if "," not in text:
        return [text] if text else []
    if '"' not in text and "<" not in text:
        return [piece.strip(BLANK) for piece in text.split(",")]
    return [piece.strip(BLANK) for piece in _pieces(text, mask(text), ",")]


def count_values(text: str) -> int:
    """How many values `split_list` would find, without the cost of making them."""
    return mask(text).count(",") + 1 if "," in text else int(text != "")


def closing_quote(text: str) -> int:
    """Where the quoted string that begins `text` ends; -1 when it does not."""
    return _without_escapes(text).find('"', 1)


def unquote(text: str) -> str:
    """The content of a quoted string, escapes resolved; any other text as it is (RFC 3261 §25.1)."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    text = text[1:-1]
    if "\\" not in text:
        return text
    characters = iter(text)
    return "".join(next(characters, "") if character == "\\" else character for character in characters)


def parse_parameters(text: str, name_characters: str = TOKEN) -> dict[str, str | None]:
    """The parameters in `text`, which begins with a semicolon.

    Keys are lower-case; values are as written, quotes included; None for a parameter without value. Raises
    ParseError(400).
    """
    plain = '"' not in text and " " not in text and text.isascii() and text.isprintable()
    pieces = text.split(";") if plain else _pieces(text, mask_quoted(text), ";")
    if len(pieces) > MAX_PARAMETERS + 1:
        raise ParseError(400, "Too many parameters")
    if plain and ("," in text or "<" in text or ">" in text):
        raise ParseError(400, "A parameter holds a separator")
    parameters: dict[str, str | None] = {}
    for piece in pieces[1:]:
        name, equals, value = piece.partition("=")
        if name not in _USUAL_PARAMETERS:
            name = _unusual_name(name.lower(), name_characters)
        if name in parameters:
            raise ParseError(400, "A parameter is given twice")
        if not equals:
            parameters[name] = None
        elif plain and value:
            parameters[name] = value
        else:
            parameters[name] = _checked_value(value)
    return parameters


def _unusual_name(name: str, name_characters: str) -> str:
    name = name.strip(BLANK)
    if not name or name.strip(name_characters):
        raise ParseError(400, "A parameter has no proper name")
    return name


def _checked_value(value: str) -> str:
    value = value.strip(BLANK)
    if not value:
        raise ParseError(400, "A parameter has an equals sign but no value")
    if value[0] == '"':
        if closing_quote(value) != len(value) - 1:
            raise ParseError(400, "A quoted parameter value is not closed where it ends")
    elif has_blank_or_control(value) or any(separator in value for separator in '",<>'):
        raise ParseError(400, "A parameter holds a separator")
    return value


@lru_cache(maxsize=1024)  # a server meets the same few hosts all day
def parse_host_port(text: str) -> tuple[str, int | None]:
    """Host (lower case, IPv6 in brackets) and port of `text`. Raises ParseError(400)."""
    if len(text) > _MAX_HOSTNAME + len(":65535"):
        raise ParseError(400, "The host is too long")
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host += bracket
        colon, port = rest[:1], rest[1:]
        if colon not in ("", ":") or not _is_ipv6_reference(host):
            raise ParseError(400, "The host is no IPv6 address")
    else:
        host, colon, port = text.partition(":")
        if not _is_hostname(host):
            raise ParseError(400, "The host is no host name or address")
    if not colon:
        return host.lower(), None
    number = decimal(port, _MAX_PORT)
    if not number:
        raise ParseError(400, "The port is not a number from 1 to 65535")
    return host.lower(), number


def _is_hostname(host: str) -> bool:
    if not host or host.strip(HOST) or host[0] == "." or ".." in host:
        return False
    if len(host) <= _MAX_LABEL:
        return True
    # A resolver may refuse longer labels by an exception of its own.
    return len(host) <= _MAX_HOSTNAME and max(map(len, host.split("."))) <= _MAX_LABEL


def _is_ipv6_reference(host: str) -> bool:
    if not host.endswith("]") or "%" in host:
        return False
    try:
        IPv6Address(host[1:-1])
    except AddressValueError:
        return False
    return True
