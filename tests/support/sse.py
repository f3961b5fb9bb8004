"""A reader of Server-Sent Events as HTML defines them (§9.2.6), written from there and not from our server, and the
signature of a request as ACS describes it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import aiohttp


@dataclass(frozen=True, slots=True)
class Dispatched:
    """One event as a page would get it."""

    last_event_id: str
    type: str
    data: str

    @property
    def event(self) -> dict[str, Any]:
        """The data, decoded."""
        decoded = json.loads(self.data)
        assert isinstance(decoded, dict)
        return decoded


class EventSource:
    """What the algorithm of the standard keeps between two lines."""

    def __init__(self) -> None:
        self.last_event_id = ""
        self.retry_ms = 0
        self.comments = 0
        self._type = ""
        self._data: list[str] = []

    def line(self, text: str) -> Dispatched | None:
        """Take one line; the event that it completes."""
        if not text:
            return self._dispatch()
        if text.startswith(":"):
            self.comments += 1
            return None
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self.last_event_id = value
        elif name == "retry" and value.isdigit():
            self.retry_ms = int(value)
        return None

    def _dispatch(self) -> Dispatched | None:
        kind, data = self._type or "message", self._data
        self._type, self._data = "", []
        return Dispatched(self.last_event_id, kind, "\n".join(data)) if data else None


def signed(method: str, url: str, key: str, body: bytes = b"") -> dict[str, str]:
    """The headers that prove the access key `key` (ACS: Authentication, HMAC)."""
    parts = urlsplit(url)
    date = formatdate(usegmt=True)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    text = f"{method}\n{target}\n{date};{parts.netloc};{digest}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), "sha256")).decode()
    return {
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        "Authorization": f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}",
    }


class Stream:
    """One stream that is read."""

    def __init__(self, response: aiohttp.ClientResponse, source: EventSource) -> None:
        self.response = response
        self.source = source

    async def next(self, within_s: float = 10.0) -> Dispatched:
        """The next event. Raises EOFError where the stream ends, TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                line = await self.response.content.readline()
                if not line:
                    raise EOFError("the stream ended")
                dispatched = self.source.line(line.decode().rstrip("\r\n"))
                if dispatched is not None:
                    return dispatched


@asynccontextmanager
async def streaming(
    url: str, headers: dict[str, str], *, ssl: Any, source: EventSource | None = None
) -> AsyncIterator[Stream]:
    """A stream, begun again behind the last id of `source` if it has one."""
    source = source or EventSource()
    more = {"Last-Event-ID": source.last_event_id} if source.last_event_id else {}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
        session.get(url, headers={**headers, **more, "Accept": "text/event-stream"}, ssl=ssl) as response,
    ):
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        yield Stream(response, source)
