"""Headers that an operator adds to the requests of a subscription (Event Grid: custom delivery properties).

A static one has its value from the settings, perhaps a secret. A dynamic one takes it from a member of the event, which
a caller may have chosen: what cannot stand in a header is percent-encoded as CloudEvents does in its binary mode
(CloudEvents: HTTP protocol binding §3.1.3.2), and what is too long is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

MOST_HEADERS: Final = 10
"""Static and dynamic ones of a subscription together (Event Grid: custom delivery properties)."""
VALUE_OCTETS: Final = 4_096
"""In a value (the same)."""
NAME_CHARACTERS: Final = 64
PATH_CHARACTERS: Final = 256
MOST_MEMBERS: Final = 8
"""Members in a path, one in the other."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_PATH: Final = re.compile(r"[!-~]+")
_KEPT: Final = "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""Printable ASCII besides letters and digits, without the space, the double quote and the percent sign."""
_OURS: Final = ("aeg-", "webhook-", "ce-", "content-", "proxy-")
_OURS_WHOLE: Final = frozenset(
    ("accept-encoding", "connection", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


class Header(NamedTuple):
    """A name, and a value or the path of a member."""

    name: str
    value: str


def split(text: str) -> Header:
    """The two halves of `Name: value`, the name checked. Raises ValueError, and never repeats the value."""
    name, colon, value = text.partition(":")
    name = name.strip(" ")
    if not colon or len(name) > NAME_CHARACTERS or not _TOKEN.fullmatch(name):
        raise ValueError(f"a header is its name, of up to {NAME_CHARACTERS} characters, a colon and its value")
    if name.lower().startswith(_OURS) or name.lower() in _OURS_WHOLE:
        raise ValueError(f"{name} is for us to set")
    return Header(name, value.strip(" "))


def static(text: str) -> Header:
    """A static header, checked as it will be sent. Raises ValueError, and never repeats the value."""
    header = split(text)
    if len(header.value) > VALUE_OCTETS or not _VALUE.fullmatch(header.value):
        raise ValueError(f"the value of {header.name} is not 1 to {VALUE_OCTETS} printable ASCII characters")
    return header


def dynamic(text: str) -> Header:
    """A dynamic header: a path as its value, with dots between the members. Raises ValueError."""
    header = split(text)
    members = header.value.split(".")
    if len(header.value) > PATH_CHARACTERS or not _PATH.fullmatch(header.value) or "" in members:
        raise ValueError(f"{header.name} does not name a member of the event, as in data.from.rawId")
    if len(members) > MOST_MEMBERS:
        raise ValueError(f"{header.name} names more than {MOST_MEMBERS} members, one in the other")
    return header


def check(
    fixed: Collection[Header], taken: Collection[Header], members: Collection[str], *, has_user: bool = False
) -> None:
    """What must hold between the headers of a subscription whose events have `members`. Raises ValueError.

    `has_user` is for an endpoint with user information, which makes an Authorization header of its own.
    """
    for read, headers in ((static, fixed), (dynamic, taken)):
        for header in headers:
            if read(f"{header.name}:{header.value}") != header:
                raise ValueError(f"{header.name.strip()} has spaces around it")
    names = [header.name.lower() for header in (*fixed, *taken)]
    if len(names) > MOST_HEADERS:
        raise ValueError(f"{len(names)} headers are more than {MOST_HEADERS}")
    for header in (*fixed, *taken):
        if names.count(header.name.lower()) > 1:
            raise ValueError(f"{header.name} is there twice")
    if has_user and "authorization" in names:
        raise ValueError("Authorization is there twice: the endpoint has user information")
    for header in taken:
        if header.value.partition(".")[0] not in members:
            raise ValueError(f"{header.name}: an event of this schema has {', '.join(members)}")


def taken_from(event: bytes, headers: Iterable[Header]) -> dict[str, str]:
    """The dynamic headers of an event, which is one JSON object; those whose member is not there, or no text, number or
    truth value, or empty, or too long are left out.
    """
    members = msgspec.json.decode(event)
    found = {header.name: _encoded(_member(members, header.value)) for header in headers}
    return {name: value for name, value in found.items() if 0 < len(value) <= VALUE_OCTETS}


def _member(event: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(event, dict):
            return None
        event = event[name] if name in event else _in_any_case(event, name)
    return event


def _in_any_case(members: dict[str, Any], name: str) -> Any:
    """Names of a caller's own headers have no case."""
    return next((value for key, value in members.items() if key.lower() == name.lower()), None)


def _encoded(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return quote(value, safe=_KEPT) if isinstance(value, str) else ""
