"""The headers of an INVITE that tell its application something: User-To-User, X-MS-Custom-* and other X-* headers.

They are shown in the IncomingCall event (ACS: IncomingCall, customContext.sipHeaders), within the bounds that ACS
documents. What exceeds a bound is left out whole, with a reason: half a value would be worse than none. The headers
themselves go on to the target as they came. Nothing here believes what they say.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple

from strowger.base.text import printable
from strowger.sip.message.head import value_of
from strowger.sip.message.message import Request

USER_TO_USER: Final = "user-to-user"
MS_CUSTOM: Final = "x-ms-custom-"
OTHER: Final = "x-"

_NAME_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class CustomHeaderLimits:
    """How much an event shows: with the defaults at most eleven headers, and twelve kilobytes of JSON."""

    ms_custom: int = 5
    """Headers X-MS-Custom-*, as in ACS; the first ones count."""
    others: int = 5
    """Other X-* headers. How many ACS shows of these is not documented."""
    name_characters: int = 64
    """Of a name with its prefix, as in ACS."""
    value_characters: int = 256
    """Of a value, as in ACS; of User-To-User all its values together."""
    reasons: int = 8
    """Reasons kept for what is left out; of further headers only the number."""


LIMITS: Final = CustomHeaderLimits()


class CustomHeaders(NamedTuple):
    """What an application is shown, and what it is not."""

    shown: dict[str, str]
    """Values by name, in the order and the spelling in which they came."""
    left_out: tuple[str, ...] = ()
    """The name of each header of which something is missing, and why."""


class _Header(NamedTuple):
    kind: str
    name: str
    values: list[str]
    """One for each line."""

    @property
    def value(self) -> str:
        """User-To-User is a list, so all its lines are one value (RFC 7433 §4.1); of any other the first line counts.

        Whether an X-* header is a list is known to its inventor only.
        """
        return ", ".join(self.values) if self.kind == USER_TO_USER else self.values[0]


def custom_headers(invite: Request, limits: CustomHeaderLimits = LIMITS) -> CustomHeaders:
    """The custom headers of an INVITE, for its event."""
    shown: dict[str, str] = {}
    left_out: list[str] = []
    numbers: Counter[str] = Counter()
    most = {USER_TO_USER: 1, MS_CUSTOM: limits.ms_custom, OTHER: limits.others}
    for header in _headers(invite):
        value = _text(header.value)
        problem = _problem(header.name, value, limits)
        if not problem and numbers[header.kind] >= most[header.kind]:
            problem = f"it comes after {most[header.kind]} other {_SPELT[header.kind]} headers, which is the most"
        if not problem:
            numbers[header.kind] += 1
            shown[header.name] = value or ""
            problem = _incomplete(header)
        if problem:
            left_out.append(f"{printable(header.name, _NAME_SHOWN)}: {problem}")
    return CustomHeaders(shown, _bounded(left_out, limits.reasons))


_SPELT: Final = {USER_TO_USER: "User-To-User", MS_CUSTOM: "X-MS-Custom-*", OTHER: "X-*"}


def _headers(invite: Request) -> list[_Header]:
    """The custom headers by name, each with the spelling in which it came first."""
    found: dict[str, _Header] = {}
    for index, key in enumerate(invite.names):
        if not key.startswith(OTHER) and key != USER_TO_USER:
            continue
        line = invite.lines[index]
        kind = next(prefix for prefix in (USER_TO_USER, MS_CUSTOM, OTHER) if key.startswith(prefix))
        header = found.setdefault(key, _Header(kind, line.partition(":")[0].rstrip(" \t"), []))
        header.values.append(value_of(line))
    return list(found.values())


def _text(value: str) -> str | None:
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return None


def _problem(name: str, value: str | None, limits: CustomHeaderLimits) -> str:
    """Why a header cannot be shown; empty when it can."""
    if len(name) > limits.name_characters:
        return f"its name is longer than {limits.name_characters} characters"
    if value is None:
        return "its value is not UTF-8"
    if len(value) > limits.value_characters:
        return f"its value is longer than {limits.value_characters} characters"
    if any(character < " " or "\x7f" <= character < "\xa0" for character in value.replace("\t", " ")):
        return "its value holds control characters"
    return ""


def _incomplete(header: _Header) -> str:
    if header.kind == USER_TO_USER or len(header.values) == 1:
        return ""
    return f"it is there {len(header.values)} times, and only the first is shown"


def _bounded(reasons: list[str], most: int) -> tuple[str, ...]:
    if len(reasons) <= most:
        return tuple(reasons)
    return (*reasons[:most], f"and {len(reasons) - most} further headers")
