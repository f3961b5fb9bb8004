"""Readers: each turns what TOML gave into one value, or raises ValueError with a sentence for who wrote it."""

from __future__ import annotations

import base64
import binascii
import os
import string
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from strowger.acs.authenticators.key_place import DEVELOPMENT
from strowger.calls.fallbacks import REJECT_REASONS
from strowger.events import delivery_headers, signature
from strowger.settings.where import Where

T = TypeVar("T")
Reader = Callable[[object], T]

SHORTEST_KEY_OCTETS: Final = 16
LONGEST_TEXT: Final = 2_048
MOST_ENTRIES: Final = 1_000
REJECTIONS: Final = tuple(map(str, REJECT_REASONS))
"""The SIP statuses that a default may reject with."""
HASH_DIGITS: Final = {"SHA-256": 64, "MD5": 32}
"""Hexadecimal digits of a hash, by its algorithm (RFC 7616 §3.4)."""


class UnfitEntries(ValueError):
    """A list was refused for some of its entries."""

    def __init__(self, entries: list[tuple[int, str]]) -> None:
        """Keep the index of each unfit entry and what is wrong with it."""
        super().__init__(entries)
        self.entries = entries


def typed(kind: Any) -> Reader[Any]:
    """A reader for a type that msgspec knows; its complaint becomes a ValueError."""

    def read(value: object) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise ValueError(str(error).lower()) from error

    return read


def each(read: Reader[T], at_least: int = 0, at_most: int = MOST_ENTRIES) -> Reader[tuple[T, ...]]:
    """A reader for a list, every entry by `read`; all unfit entries are named at once."""

    def read_all(value: object) -> tuple[T, ...]:
        entries: list[object] = _list(value)
        if not at_least <= len(entries) <= at_most:
            raise ValueError(f"{len(entries)} entries are not between {at_least} and {at_most}")
        fit: list[T] = []
        unfit: list[tuple[int, str]] = []
        for index, entry in enumerate(entries):
            try:
                fit.append(read(entry))
            except ValueError as error:
                unfit.append((index, str(error)))
        if unfit:
            raise UnfitEntries(unfit)
        return tuple(fit)

    return read_all


def one_or_each(read: Reader[T], at_most: int, *, at_least: int = 1) -> Reader[tuple[T, ...]]:
    """A reader for one value, or for a list of them; a tuple comes back either way."""
    read_each = each(read, at_least, at_most)
    return lambda value: read_each(value) if isinstance(value, list) else (read(value),)


_list = typed(list[object])
_text = typed(Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)])


def line(value: object) -> str:
    """Text that is not empty and has no control characters."""
    text: str = _text(value)
    if not text.isprintable():
        raise ValueError("control characters are not allowed")
    return text


NAME_CHARACTERS: Final = 64
"""Longest name of a resource or a node: both travel in every incomingCallContext."""


def name(value: object) -> str:
    """A line that is short enough to travel with every call."""
    text = line(value)
    if len(text) > NAME_CHARACTERS:
        raise ValueError(f"longer than {NAME_CHARACTERS} characters")
    return text


def optional_name(value: object) -> str:
    """The same, perhaps empty."""
    return "" if value == "" else name(value)


def optional_line(value: object) -> str:
    """Text without control characters, perhaps empty."""
    return "" if value == "" else line(value)


def path(value: object) -> Path:
    """A path, with ~ for the home directory."""
    return Path(os.path.expanduser(line(value)))


def optional_path(value: object) -> Path | None:
    """A path, or nothing."""
    return None if value == "" else path(value)


def e164(value: object) -> str:
    """A telephone number with its country code."""
    text = line(value)
    digits = text[1:]
    if text[0] != "+" or not 1 <= len(digits) <= 15 or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text!r} is not an E.164 number")
    return text


def optional_e164(value: object) -> str:
    """The same, or nothing."""
    return "" if value == "" else e164(value)


def default_decision(value: object) -> str:
    """What is to hold while an application is silent, or nothing."""
    text = optional_line(value)
    what, _, of = text.partition(":")
    if text and not (what == "redirect" and of) and not (what == "reject" and of in REJECTIONS):
        raise ValueError(f"{text!r} is neither redirect:TARGET nor reject:{'|'.join(REJECTIONS)}")
    return f"redirect:{e164(of)}" if of.startswith("+") else text


COUNTRY_CODE_DIGITS: Final = 3
"""Longest country code (ITU-T E.164 §6)."""


def country_code(value: object) -> str:
    """The digits of a country code, or nothing."""
    text = optional_line(value)
    if len(text) > COUNTRY_CODE_DIGITS or not ((text.isascii() and text.isdigit()) or not text) or text.startswith("0"):
        raise ValueError(f"{text!r} is not a country code")
    return text


LONGEST_DIAL_PREFIX: Final = 32
_KEYPAD: Final = frozenset("0123456789*#")


def dial_prefix(value: object) -> str:
    """What may be dialled before a number, perhaps nothing."""
    text = optional_line(value)
    if len(text) > LONGEST_DIAL_PREFIX or not _KEYPAD.issuperset(text):
        raise ValueError(f"{text!r} cannot be dialled before a number")
    return text


def _split_url(value: object) -> SplitResult:
    text = line(value)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in text:
        raise ValueError(f"{text!r} is not an http or https URL")
    if parts.username is not None or parts.fragment:
        raise ValueError("a URL with a user name or a fragment is not allowed")
    return parts


def url(value: object) -> str:
    """An http or https URL."""
    return _split_url(value).geturl()


def optional_url(value: object) -> str:
    """An http or https URL, or nothing."""
    return "" if value == "" else url(value)


def key_set_place(value: object) -> str:
    """An http or https URL, or the word for our own keys."""
    return DEVELOPMENT if value == DEVELOPMENT else url(value)


def origin(value: object) -> str:
    """The scheme, host and port of an http or https URL that has nothing else."""
    parts = _split_url(value)
    if parts.path not in {"", "/"} or parts.query:
        raise ValueError("a path is not allowed here: some SDKs refuse it")
    return f"{parts.scheme}://{parts.netloc}"


def sip_uri(value: object) -> str:
    """A URI that can be rung. Only its shape is checked here; the SIP room reads it when it is used.

    A WebSocket peer is not among them: it connects to us, never we to it.
    """
    text = line(value)
    scheme, _, rest = text.partition(":")
    address, *parameters = rest.rpartition("@")[2].partition("?")[0].split(";")
    if scheme.lower() not in {"sip", "sips"} or not address or set(text) & set(' <>"'):
        raise ValueError(f"{text!r} is not a sip: or sips: URI")
    transports = [parameter[10:] for parameter in map(str.lower, parameters) if parameter.startswith("transport=")]
    spoken = ("tcp", "tls") if scheme.lower() == "sips" else ("udp", "tcp", "tls")
    if any(transport not in spoken for transport in transports):
        raise ValueError(f"{text!r} asks for a transport that cannot be dialled; {' '.join(spoken)} can")
    return text


def network(value: object) -> str:
    """An address or a network in CIDR notation; comes back as a network."""
    text = line(value)
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address or a network: {error}") from error


def match(value: object) -> str:
    """A prefix; a star at its end changes nothing."""
    text = line(value)
    if "*" in text[:-1]:
        raise ValueError("the only * allowed is the last character")
    return text


LONGEST_NUMBER: Final = 15
"""Digits of a telephone number (ITU-T E.164 §6)."""


def number_prefix(value: object) -> str:
    """How a number begins, without the star that may follow."""
    text = line(value)
    prefix = text.removesuffix("*")
    digits = prefix.removeprefix("+")
    if len(digits) > LONGEST_NUMBER or not ((digits.isascii() and digits.isdigit()) or not digits):
        raise ValueError(f"{text!r} is not how a number begins")
    return prefix


def short_number(value: object) -> str:
    """The digits of a number as they are dialled, without a country code."""
    text = line(value)
    if len(text) > LONGEST_NUMBER or not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a number as it is dialled")
    return text


def password(text: str, where: Where) -> str:
    """The password that `text` says or points to."""
    return where.secret(text) if text else ""


def signing_secrets(texts: tuple[str, ...], where: Where) -> tuple[str, ...]:
    """The secrets that `texts` say or point to, as they are written. The complaint never repeats one."""
    found = tuple(where.secret(text) for text in texts)
    for each in found:
        signature.secret(each)
    return found


def delivery_header(value: object) -> str:
    """`Name: value`, of which the value is still to be looked up."""
    header = delivery_headers.split(line(value))
    if not header.value:
        raise ValueError(f"{header.name} has no value")
    return f"{header.name}: {header.value}"


def header_from(value: object) -> str:
    """`Name: path` of a member of an event."""
    header = delivery_headers.dynamic(line(value))
    return f"{header.name}: {header.value}"


def sent_headers(texts: tuple[str, ...], where: Where) -> tuple[str, ...]:
    """The same headers with the values that `texts` say or point to."""
    found: list[str] = []
    for text in texts:
        name, _, value = text.partition(": ")
        header = delivery_headers.static(f"{name}: {where.secret(value)}")
        found.append(f"{header.name}: {header.value}")
    return tuple(found)


def hashes(texts: tuple[str, ...], where: Where) -> tuple[str, ...]:
    """The hashes that `texts` say or point to, in lower case after their algorithm; one of each algorithm."""
    found = dict(_hash(where.secret(text)) for text in texts)
    if len(found) < len(texts):
        raise ValueError("two hashes of one algorithm")
    return tuple(f"{algorithm}:{digits}" for algorithm, digits in found.items())


def _hash(text: str) -> tuple[str, str]:
    """The complaint never repeats the hash."""
    algorithm, _, digits = text.partition(":")
    length = HASH_DIGITS.get(algorithm.upper())
    if length is None:
        raise ValueError(f"a hash begins with its algorithm and a colon: {' or '.join(HASH_DIGITS)}")
    if len(digits) != length or digits.strip(string.hexdigits):
        raise ValueError(f"a hash of {algorithm.upper()} has {length} hexadecimal digits")
    return algorithm.upper(), digits.lower()


def keys(texts: tuple[str, ...], where: Where) -> tuple[str, ...]:
    """The base64 texts that `texts` say or point to."""
    return tuple(_key(where.secret(text)) for text in texts)


def _key(text: str) -> str:
    """The complaint never repeats the key."""
    try:
        octets = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a key is not base64") from error
    if len(octets) < SHORTEST_KEY_OCTETS:
        raise ValueError(f"a key of {len(octets)} octets is too short: {SHORTEST_KEY_OCTETS} are the least")
    return text
