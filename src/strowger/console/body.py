"""The body of a request: a JSON object that is bounded in octets and in time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from aiohttp import ClientError, web

from strowger.console.errors import BodyInvalid, BodyLate, BodyTooLarge


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a client may send."""

    octets: int = 64 * 1024
    within_s: float = 10.0
    """Seconds from the end of the headers to the end of the body."""


async def json_object(request: web.BaseRequest, limits: BodyLimits) -> dict[str, object]:
    """What the body says. Raises BodyInvalid, BodyLate, BodyTooLarge."""
    if (request.content_length or 0) > limits.octets:
        raise _too_large(limits)
    octets = await _read(request, limits)
    try:
        return msgspec.json.decode(octets, type=dict[str, object])
    except msgspec.ValidationError:
        raise BodyInvalid("The body is JSON, but no object: { … } is wanted.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BodyInvalid(f"The body is not JSON: {error}.") from error


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
