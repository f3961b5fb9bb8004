"""The body of a request: a JSON object that is bounded in octets and in time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import ClientError, web

from strowger.console.errors import BodyInvalid, BodyLate, BodyTooLarge


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a client may send."""

    octets: int = 64 * 1024
    within_s: float = 10.0
    """Seconds from the end of the headers to the end of the body."""
    depth: int = 32
    """Objects and lists in one another: whatever is kept has to be read again, by others too."""


async def json_object(request: web.BaseRequest, limits: BodyLimits) -> dict[str, object]:
    """What the body says. Raises BodyInvalid, BodyLate, BodyTooLarge."""
    if (request.content_length or 0) > limits.octets:
        raise _too_large(limits)
    octets = await _read(request, limits)
    try:
        document: object = msgspec.json.decode(octets)
        if _is_deeper(document, limits.depth):
            raise BodyInvalid(f"The body is nested more than {limits.depth} deep.")
        _DUPLICATES.decode(octets.decode())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BodyInvalid(f"The body is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise BodyInvalid("The body is JSON, but no object: { … } is wanted.")
    return document


def _is_deeper(document: object, depth: int) -> bool:
    level = [document]
    for _ in range(depth + 1):
        nested = [each for each in level if isinstance(each, dict | list)]
        level = [inner for each in nested for inner in (each.values() if isinstance(each, dict) else each)]
        if not nested:
            return False
    return True


def _once(members: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise BodyInvalid(f"The body has {name[:40]!r} more than once in one object.")
        seen.add(name)


_DUPLICATES: Final = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)
"""Two readers would disagree about the value of a name that is there twice."""


async def _read(request: web.BaseRequest, limits: BodyLimits) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(limits.within_s):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limits.octets:
                    raise _too_large(limits)
    except TimeoutError:
        raise BodyLate(f"The body did not come within {limits.within_s:g} s.") from None
    except ClientError as error:
        raise BodyInvalid(f"The body broke off: {type(error).__name__}.") from error
    return bytes(body)


def _too_large(limits: BodyLimits) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {limits.octets} octets.")
