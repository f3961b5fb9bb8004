"""One application that fetches its events, as the command line is one: the client of `acs.pull`, signed like the SDKs'.

Requests are signed anew each time, so a stream that ended is begun again behind the last event of it.
"""

from __future__ import annotations

import base64
import hmac
import ssl
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from yarl import URL

from strowger.acs.fixdate import write
from strowger.acs.signature import CONTENT_HASH, HOST, SCHEME, content_hash, string_to_sign
from strowger.base.text import printable
from strowger.cli.errors import Failed

ANSWER_S: Final = 10.0
"""Seconds until an answer must be there."""
SILENT_S: Final = 60.0
"""Seconds without an event or a comment after which a stream is taken for lost."""
LARGEST_LINE: Final = 4 * 1024 * 1024
"""Octets of one line of a stream."""
_DATE: Final = "x-ms-date"
_FOR_NOW: Final = (429, 503)
"""What a server answers that has too many readers, or stops, or whose store cannot be read."""


class StreamLost(Exception):
    """The stream ended, or never began; another may."""


class Read(NamedTuple):
    """One event."""

    id: int
    type: str
    body: bytes
    """As JSON."""

    @property
    def event(self) -> dict[str, Any]:
        """The body, decoded. Raises Failed."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise Failed(f"What was sent as an event is none: {error}") from error


class EventReader:
    """Reads one subscription; use it as an asynchronous context manager."""

    def __init__(
        self, endpoint: str, access_key: str, subscription: str, wall: Callable[[], float], tls: ssl.SSLContext | None
    ) -> None:
        """`endpoint` is the resource's, `wall` tells seconds since 1970, `tls` who is trusted."""
        self._origin = endpoint.rstrip("/")
        self._key = base64.b64decode(access_key)
        self._path = f"/strowger/subscriptions/{quote(subscription, safe='')}/events"
        self._wall = wall
        self._tls = tls
        self._last = 0
        self.has_begun = False
        """Whether a stream was there already."""
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> EventReader:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S, sock_read=SILENT_S),
            read_bufsize=LARGEST_LINE,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def events(self) -> AsyncGenerator[Read, None]:
        """One stream: every event behind the last one read, as they come. Raises Failed, StreamLost; ends never."""
        headers = {**self._signed("GET", self._path, b""), "Accept": "text/event-stream"}
        if self._last:
            headers["Last-Event-ID"] = str(self._last)
        try:
            async with self._session.get(self._url(self._path), headers=headers, **self._trust()) as response:
                if response.status != 200:
                    why = _refused(response.status, await response.read())
                    raise StreamLost(why) if self.has_begun and response.status in _FOR_NOW else Failed(why)
                self.has_begun = True
                async for read in _dispatched(response.content):
                    self._last = read.id
                    yield read
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise StreamLost(f"{self._origin} does not answer: {printable(str(error))}") from error
        raise StreamLost(f"{self._origin} ended the stream")

    async def acknowledge(self, number: int) -> None:
        """This event need not be given again. Raises Failed, StreamLost."""
        path, body = f"{self._path}:acknowledge", msgspec.json.encode({"ids": [number]})
        headers = {**self._signed("POST", path, body), "Content-Type": "application/json"}
        try:
            async with self._session.post(self._url(path), data=body, headers=headers, **self._trust()) as response:
                if response.status != 204:
                    raise Failed(_refused(response.status, await response.read()))
        except (aiohttp.ClientError, OSError) as error:
            raise StreamLost(f"{self._origin} does not answer: {printable(str(error))}") from error

    def _url(self, path: str) -> URL:
        return URL(self._origin + path, encoded=True)  # as it is signed

    def _trust(self) -> dict[str, Any]:
        return {"ssl": self._tls} if self._tls is not None else {}

    def _signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        host = urlsplit(self._origin).netloc
        values = {_DATE: write(int(self._wall())), HOST: host, CONTENT_HASH: content_hash(body)}
        digest = hmac.digest(self._key, string_to_sign(method, path, values, host), "sha256")
        signature = f"SignedHeaders={';'.join(values)}&Signature={base64.b64encode(digest).decode()}"
        return {**values, "Authorization": f"{SCHEME} {signature}"}


async def _dispatched(content: aiohttp.StreamReader) -> AsyncGenerator[Read, None]:
    """The events of a stream (HTML: Server-sent events §9.2.6). Raises ValueError for a line that is too long."""
    number, kind, data = 0, "", list[bytes]()
    async for line in content:
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id":
            number = int(value)
        elif name == b"event":
            kind = value.decode()
        elif name == b"data":
            data.append(value)
        elif line.strip() == b"" and data:
            yield Read(number, kind, b"\n".join(data))
            kind, data = "", []


class _Problem(msgspec.Struct):
    message: str


class _Refusal(msgspec.Struct):
    error: _Problem


def _refused(status: int, body: bytes) -> str:
    try:
        return printable(msgspec.json.decode(body, type=_Refusal).error.message, 1_000)
    except msgspec.MsgspecError:
        return f"What answers is no Strowger: it said {status}."
