"""The kinds of value a setting can have: how each is written, read and looked up.

What points elsewhere (`env:NAME`, `file:PATH`, a relative path) is looked up in a second step by `resolve`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from strowger.events.delivery_headers import MOST_HEADERS
from strowger.events.signature import MOST_SECRETS
from strowger.settings import reader
from strowger.settings.address import host_name, listener, sip_listener
from strowger.settings.quantity import duration, size
from strowger.settings.where import Where

LARGEST_COUNT: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value."""

    name: str
    """What the reference calls it."""
    form: str
    """How to write it; shown in the reference and as the hint of a problem."""
    read: reader.Reader[Any]
    blank: Any
    """Stands in for a value that was refused, so that the others can still be checked."""
    from_text: Callable[[str], object] = str
    """What TOML would have held, from the text of an environment variable. Raises ValueError."""
    secret: bool = False
    """Never shown."""
    unit: str = ""
    """What the number counts once it is read."""
    resolve: Callable[[Any, Where], Any] | None = None


def list_from_text(text: str) -> object:
    """A JSON list, or entries between commas."""
    if not text.startswith("["):
        return [entry.strip() for entry in text.split(",") if entry.strip()]
    return json_value(text)


def _whole_from_text(text: str) -> object:
    return int(text) if text.isascii() and text.isdigit() else text


def json_value(text: str) -> object:
    """What a JSON text says. Raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"not JSON: {error}") from error


def choice(*words: str) -> Kind:
    """One of a few words."""
    return Kind("word", " or ".join(f'"{word}"' for word in words), reader.typed(Literal[words]), words[0])


def words(*known: str) -> Kind:
    """Some of a few words, or none."""
    form = f"[{', '.join(map(json.dumps, known))}], or some of them; empty for none"
    return Kind("words", form, reader.each(reader.typed(Literal[known]), 0, len(known)), (), from_text=list_from_text)


def count(least: int = 0, most: int = LARGEST_COUNT) -> Kind:
    """A whole number."""
    form = f"a whole number from {least} to {most}"
    read = reader.typed(Annotated[int, msgspec.Meta(ge=least, le=most)])
    return Kind("number", form, read, least, from_text=_whole_from_text)


def octets(least: int, most: int) -> Kind:
    """A size within bounds, both of them in octets."""

    def read(value: object) -> int:
        number = size(value)
        if not least <= number <= most:
            raise ValueError(f"this lies between {least} and {most} octets")
        return number

    return Kind("size", f"a size from {least} to {most} octets", read, least, unit="octets")


def _is_zero(value: object) -> bool:
    return value == "0" or (value == 0 and not isinstance(value, bool))


TEXT: Final = Kind("text", "text", reader.line, "")
NAME: Final = Kind("name", "text of up to 64 characters", reader.name, "")
OPTIONAL_NAME: Final = Kind("name", "text of up to 64 characters, may be empty", reader.optional_name, "")
NAMES: Final = Kind(
    "names", 'text, or a list of up to 100 texts', reader.one_or_each(reader.line, 100), (), from_text=list_from_text
)
SOME_NAMES: Final = Kind(
    "names",
    "text, or a list of up to 100 texts; [] for none",
    reader.one_or_each(reader.line, 100, at_least=0),
    (),
    from_text=list_from_text,
)
EVENT_TYPES: Final = Kind(
    "event types",
    '["Microsoft.Communication.IncomingCall", …], up to 100; empty for all',
    reader.each(reader.line, 0, 100),
    (),
    from_text=list_from_text,
)
OPTIONAL_TEXT: Final = Kind("text", "text, may be empty", reader.optional_line, "")
DURATION: Final = Kind(
    "duration", '"30s", "500ms", "2m", "24h", "7d" or a number of seconds', duration, 1.0, unit="seconds"
)
SIZE: Final = Kind("size", '"64KiB", "1MiB" or a number of octets', size, 1, unit="octets")
OPTIONAL_DURATION: Final = Kind(
    "duration",
    f"{DURATION.form}; 0 for no limit",
    lambda value: 0.0 if _is_zero(value) else duration(value),
    0.0,
    unit="seconds",
)
OPTIONAL_SIZE: Final = Kind(
    "size", f"{SIZE.form}; 0 for no limit", lambda value: 0 if _is_zero(value) else size(value), 0, unit="octets"
)
PATH: Final = Kind(
    "path",
    "a path; ~ is the home directory, a relative one begins at the settings file",
    reader.path,
    Path(),
    resolve=lambda path, where: where.path(str(path)),
)
OPTIONAL_PATH: Final = Kind(
    "path",
    f"{PATH.form}; empty for none",
    reader.optional_path,
    None,
    resolve=lambda path, where: path and where.path(str(path)),
)
URL: Final = Kind("URL", '"http://…" or "https://…"', reader.url, "")
OPTIONAL_URL: Final = Kind(
    "URL", f"{URL.form}; may be empty", reader.optional_url, "http://refused.invalid"
)  # blank is not empty: what was refused is not missing
KEY_SET: Final = Kind(
    "URL", '"https://…", "http://…" on this machine itself, or "dev"', reader.key_set_place, ""
)
ORIGIN: Final = Kind("URL", '"https://host:port" without a path', reader.origin, "")
LISTENERS: Final = Kind(
    "addresses", '["host:port", …]; port 0 takes a free one', reader.each(listener), (), from_text=list_from_text
)
SIP_LISTENERS: Final = Kind(
    "addresses",
    '["udp:host:port", …], with udp, tcp, tls, ws or wss; port 0 takes a free one',
    reader.each(sip_listener),
    (),
    from_text=list_from_text,
)
ORIGINS: Final = Kind(
    "origins",
    '["https://host", …] without a path; empty for all',
    reader.each(reader.origin),
    (),
    from_text=list_from_text,
)
HOSTS: Final = Kind(
    "host names",
    '["name", "name:port", "::1", …] without a scheme',
    reader.each(host_name, 1),
    (),
    from_text=list_from_text,
)
KEYS: Final = Kind(
    "keys",
    'one or two base64 texts of 16 octets or more, each also as "env:NAME" or "file:PATH"; empty for none',
    reader.each(reader.line, 0, 2),
    (),
    from_text=list_from_text,
    secret=True,
    resolve=reader.keys,
)
PASSWORD: Final = Kind(
    "password",
    'text, also as "env:NAME" or "file:PATH"',
    reader.optional_line,
    "",
    secret=True,
    resolve=reader.password,
)
HASHES: Final = Kind(
    "hashes",
    '["SHA-256:…", "MD5:…"], or one of them, each also as "env:NAME" or "file:PATH"; empty for none',
    reader.each(reader.line, 0, len(reader.HASH_DIGITS)),
    (),
    from_text=list_from_text,
    secret=True,
    resolve=reader.hashes,
)
SIGNING_SECRETS: Final = Kind(
    "secrets",
    'one or two of "whsec_" and base64 of 24 to 64 octets, each also as "env:NAME" or "file:PATH"; empty for none',
    reader.each(reader.line, 0, MOST_SECRETS),
    (),
    from_text=list_from_text,
    secret=True,
    resolve=reader.signing_secrets,
)
HEADERS: Final = Kind(
    "headers",
    '["Name: value", …], each value also as "env:NAME" or "file:PATH"; empty for none',
    reader.each(reader.delivery_header, 0, MOST_HEADERS),
    (),
    from_text=list_from_text,
    secret=True,
    resolve=reader.sent_headers,
)
HEADERS_FROM: Final = Kind(
    "headers",
    '["Name: data.from.rawId", …], the member of the event after the name; empty for none',
    reader.each(reader.header_from, 0, MOST_HEADERS),
    (),
    from_text=list_from_text,
)
DEFAULT_DECISION: Final = Kind(
    "decision",
    '"redirect:+31201110002", "redirect:NAME", "redirect:8:acs:…" or "reject:480", "reject:486", "reject:603"; empty '
    "for none",
    reader.default_decision,
    "",
)
E164: Final = Kind("number", '"+" and up to 15 digits', reader.e164, "")
OPTIONAL_E164: Final = Kind("number", f"{E164.form}; may be empty", reader.optional_e164, "")
COUNTRY_CODE: Final = Kind("digits", "up to 3 digits, the first not 0; may be empty", reader.country_code, "")
DIAL_PREFIX: Final = Kind("digits", "up to 32 digits, * and #; may be empty", reader.dial_prefix, "")
SIP_URI: Final = Kind("SIP URI", '"sip:host", "sip:user@host;transport=tcp" or "sips:host"', reader.sip_uri, "")
SIP_URIS: Final = Kind(
    "SIP URIs", '["sip:user@host:port", …]', reader.each(reader.sip_uri, 0, 10), (), from_text=list_from_text
)
NETWORKS: Final = Kind(
    "networks",
    '["192.0.2.7", "192.0.2.0/24", "2001:db8::/32", …]',
    reader.each(reader.network),
    (),
    from_text=list_from_text,
)
MATCH: Final = Kind("match", 'how the value begins; a "*" at the end changes nothing', reader.match, "")
PREFIXES: Final = Kind(
    "prefixes",
    '["+31", "+4420", …], how numbers begin; "+" is every number in E.164 form',
    reader.each(reader.number_prefix),
    (),
    from_text=list_from_text,
)
SHORT_NUMBERS: Final = Kind(
    "numbers",
    '["112", "911", …], as they are dialled',
    reader.each(reader.short_number),
    (),
    from_text=list_from_text,
)
