"""One HTTP request to an endpoint, nearly always a POST: the only file of this room that knows the HTTP client.

aiohttp connects, keeps connections and parses answers; the request is written here, because `ClientSession.post` costs
four times as much as everything else about a delivery: an event's head is the same but for two headers. Foreign
exceptions become `Unanswered` here. Redirects are not followed, proxies of the environment are not used, cookies are
not kept. The status alone decides about a delivery: its answer's body is emptied only to use the connection again.

Whether an address may be connected to is asked for the very address that a socket is made for, each time one is made:
nothing is looked up again after that, and a kept connection leads where it was allowed to.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Mapping
from typing import Final, NamedTuple

import aiohttp
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from strowger.base.text import printable
from strowger.events.address_policy import AddressPolicy
from strowger.events.errors import SubscriptionInvalid, Unanswered
from strowger.events.outcome import Outcome
from strowger.events.resolver import Resolver
from strowger.events.subscription import Subscription

ANSWER_BYTES: Final = 64 * 1024
"""Bytes read of an answer's body; a longer answer to a validation event counts as none."""

IDLE_CONNECTION_S: Final = 2.0
"""How long an idle connection is kept: less than common servers do, so that a POST rarely meets one being closed."""

REFUSAL_CHARACTERS: Final = 400
"""Of what is said about an endpoint that cannot be connected to."""

_NOT_SENT: Final = ("User-Agent", "Accept", "Accept-Encoding")
"""Headers the client would add: the first tells our versions, the last would invite compressed answers."""


_NO_HEADERS: Final[CIMultiDictProxy[str]] = CIMultiDictProxy(CIMultiDict())


class Answer(NamedTuple):
    """What an endpoint answered."""

    status: int
    body: bytes = b""
    """Only when it was asked for."""
    headers: CIMultiDictProxy[str] = _NO_HEADERS


class Target:
    """An endpoint, prepared for many requests of one method.

    Raises `SubscriptionInvalid` for a host name that cannot be encoded.
    `headers` go with every one of them.
    """

    __slots__ = ("_head", "_headers", "_request", "_verify_tls", "connecting", "method", "timeout_s", "url")

    def __init__(
        self,
        subscription: Subscription,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> None:
        endpoint = subscription.endpoint
        # A function key in the query must reach the endpoint as it was written, so the URL is not normalised.
        try:
            self.url = URL(endpoint, encoded=endpoint.isascii())
        except ValueError as error:
            raise SubscriptionInvalid(f"endpoint of {subscription.key}: {error}") from error
        self.method = method
        self.timeout_s = timeout_s
        self.connecting = aiohttp.ClientTimeout(connect=timeout_s)
        self._verify_tls = subscription.verify_tls
        self._headers = dict(headers or {})
        self._request: aiohttp.ClientRequest | None = None
        self._head = ""

    def request(self) -> aiohttp.ClientRequest:
        """What the connector asks of a request: where to connect, and how. Needs a running loop the first time."""
        if self._request is None:
            self._request = aiohttp.ClientRequest(
                self.method,
                self.url,
                headers=self._headers,
                skip_auto_headers=_NOT_SENT,
                loop=asyncio.get_running_loop(),
                ssl=self._verify_tls,
            )
            lines = [f"{self.method} {self.url.raw_path_qs} HTTP/1.1\r\n"]
            fields = self._request.headers.items()
            lines += [f"{name}: {value}\r\n" for name, value in fields if name != "Content-Length"]
            self._head = "".join(lines)
        return self._request

    def head(self, headers: Mapping[str, str], length: int) -> bytes:
        """Request line and headers of one request with a body of `length` octets, after `request` was called."""
        own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        return f"{self._head}{own}Content-Length: {length}\r\n\r\n".encode()


class WebhookClient:
    """The connections to all endpoints. How many are open at once is bounded by whoever calls `post`."""

    def __init__(self, addresses: AddressPolicy) -> None:
        self._addresses = addresses
        self._connector: aiohttp.TCPConnector | None = None

    async def open(self) -> None:
        """Be ready to post; called once, in the running loop."""
        # No limits of the connector's own: two subscriptions may share a host, and one must not queue behind the other.
        self._connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=0,
            keepalive_timeout=IDLE_CONNECTION_S,
            socket_factory=self._socket,
            resolver=Resolver(),
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._connector is not None:
            await self._connector.close()
            self._connector = None

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes, *, read: bool = False) -> Answer:
        """Ask once, by the method of the target.

        Raises `Unanswered` when no status came, or `read` was asked for and the body did not come.
        """
        if self._connector is None:
            raise Unanswered("the server is stopping")
        deadline = asyncio.get_running_loop().time() + target.timeout_s
        try:
            connection = await self._connector.connect(target.request(), [], target.connecting)
            try:
                answer = await _exchange(connection, target.head(headers, len(body)) + body, deadline, read=read)
            except BaseException:
                connection.close()
                raise
            connection.release()
            return answer
        except TimeoutError:
            raise Unanswered(f"no answer within {target.timeout_s:g} s", Outcome.TIMED_OUT) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unanswered(f"its certificate is not trusted: {printable(str(error.certificate_error))}") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise Unanswered(f"cannot connect: {printable(str(error.os_error))}", Outcome.RESOLUTION_ERROR) from error
        except aiohttp.ClientConnectorError as error:
            raise Unanswered(_why_not_connected(error.os_error)) from error
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise Unanswered(printable(f"{type(error).__name__}: {error}")) from error

    def _socket(self, address: AddrInfoType) -> socket.socket:
        """A socket for one address of an endpoint. Raises OSError for one that may not be connected to."""
        family, kind, protocol, _, (host, port, *_) = address
        refusal = self._addresses.refusal(str(host), int(port))
        if refusal:
            raise OSError(errno.EPERM, refusal)
        return socket.socket(family, kind, protocol)


def _why_not_connected(error: OSError) -> str:
    """What came of the connection; a refusal of ours without its number."""
    is_ours = error.errno == errno.EPERM and error.strerror
    return f"cannot connect: {printable(is_ours or str(error), REFUSAL_CHARACTERS)}"


async def _exchange(connection: Connection, request: bytes, deadline: float, *, read: bool) -> Answer:
    """Send a whole request and take the answer, by the loop's clock before `deadline`."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None:
        raise aiohttp.ClientConnectionResetError("the connection is gone")
    protocol.set_response_params(read_until_eof=True, auto_decompress=False)
    transport.write(request)
    # Not asyncio.timeout: this needs neither the task nor a cancellation, and costs half.
    timer = asyncio.get_running_loop().call_at(deadline, protocol.set_exception, TimeoutError())
    try:
        message, content = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:  # interim answers (RFC 9110 §15.2)
            message, content = await protocol.read()
    finally:
        timer.cancel()
    if read:
        async with asyncio.timeout_at(deadline):
            return Answer(message.code, await _read(content), message.headers)
    if not content.is_eof():
        await _empty(content, deadline)
    return Answer(message.code, headers=message.headers)


async def _read(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise Unanswered(f"its answer is longer than {ANSWER_BYTES} bytes")
    return bytes(body)


async def _empty(content: aiohttp.StreamReader, deadline: float) -> None:
    # The event is delivered by its status; a body that breaks off or never ends costs the connection and nothing else.
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, Unanswered):
        async with asyncio.timeout_at(deadline):
            await _read(content)
