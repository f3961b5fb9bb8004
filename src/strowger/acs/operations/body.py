"""Reading a JSON body: strictly, with the part at fault named as the client spells it.

Unknown members are refused because the published schemas close their objects (ACS: Call Automation,
additionalProperties false); a member given twice is refused because two readers would disagree about its value.
"""

from __future__ import annotations

import json
import re
from typing import Final, TypeVar

import msgspec

from strowger.acs.errors import ArgumentInvalid

T = TypeVar("T")

_encode: Final = msgspec.json.Encoder().encode

_PLACE: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_MEMBER: Final = re.compile(r"field `([^`]*)`")


class _MemberRepeated(ValueError):
    """A JSON object names one of its members twice."""


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The decoded body. Raises ArgumentInvalid, its target the path of the member at fault, like `target.kind`."""
    try:
        value = decoder.decode(body)
        if not _is_said_once(value, body):
            # Only now is the nesting known to be shallow.
            _DUPLICATES.decode(body.decode())
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArgumentInvalid(f"The body is not JSON: {_reason(error)}.") from None
    except _MemberRepeated as error:
        raise ArgumentInvalid(f"The body gives the member '{error}' more than once.", str(error)) from None
    return value


def _is_said_once(value: object, body: bytes) -> bool:
    """Whether a body certainly names each member once; False when only reading it again can tell.

    A member is a colon, and without escapes every other colon is part of a string. What was decoded, written again,
    has each member that was given once and no other (the schemas omit defaults), so as many colons as in the body mean
    that the body holds nothing else. This costs a fifth of reading the body again.
    """
    return b"\\" not in body and _encode(value).count(b":") == body.count(b":")


def _invalid(text: str) -> ArgumentInvalid:
    place = _PLACE.search(text)
    path = place.group(1) if place else ""
    said = text[: place.start()] if place else text
    member = _MEMBER.search(said)
    parts = [part for part in (path, member.group(1) if member else "") if part]
    target = ".".join(parts)
    if said.startswith("Object missing required field"):
        return ArgumentInvalid(f"The member '{target}' is missing.", target)
    if said.startswith("Object contains unknown field"):
        return ArgumentInvalid(f"The body has no member '{target}' in this operation.", target)
    return ArgumentInvalid(f"{said.replace('`', chr(39))} at '{target or 'the body'}'.", target or None)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).removeprefix("JSON is malformed: ")


def _once(members: list[tuple[str, object]]) -> None:
    seen = set()
    for name, _ in members:
        if name in seen:
            raise _MemberRepeated(name)
        seen.add(name)


_DUPLICATES: Final = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)
"""Numbers stay text: only names are looked at, and a number of a million digits must not be worked out."""
