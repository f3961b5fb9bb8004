"""Answers of the console: JSON, never kept, never framed, never guessed at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

from strowger.console.errors import ConsoleError

JSON: Final = "application/json; charset=utf-8"

SECURITY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Server": "strowger",  # aiohttp would tell its version
}
"""Headers of every answer."""


def headers(content_type: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers of an answer."""
    return {**SECURITY, "Content-Type": content_type, **(more or {})}


def json_reply(value: object, status: int = 200, more: Mapping[str, str] | None = None) -> web.Response:
    """`value` as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(value), headers=headers(JSON, more))


def refusal(error: ConsoleError) -> web.Response:
    """What is answered to a request that is refused."""
    said: dict[str, object] = {"code": error.code, "message": str(error)}
    if error.details:
        said["details"] = error.details
    return json_reply({"error": said}, error.status, error.headers)
