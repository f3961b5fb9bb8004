"""One HTTP POST to an endpoint: the only file of this room that knows the HTTP client.

Foreign exceptions become `Unanswered` here. Redirects are not followed, proxies of the environment are not used,
cookies are not kept. The status alone decides about a delivery: its answer's body is emptied only to use the connection
again.
"""

from __future__ import annotations

import contextlib
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from strowger.base.text import printable
from strowger.events.errors import SubscriptionInvalid, Unanswered
from strowger.events.subscription import Subscription

ANSWER_BYTES: Final = 64 * 1024
"""Bytes read of an answer's body; a longer answer to a validation event counts as none."""

IDLE_CONNECTION_S: Final = 2.0
"""How long an idle connection is kept: less than common servers do, so that a POST rarely meets one being closed."""

_NOT_SENT: Final = ("User-Agent", "Accept", "Accept-Encoding")
"""Headers the client would add: the first tells our versions, the last would invite compressed answers."""


class Answer(NamedTuple):
    """What an endpoint answered."""

    status: int
    body: bytes = b""
    """Only when it was asked for."""


class Target:
    """An endpoint, prepared for many POSTs. Raises `SubscriptionInvalid` for a host name that cannot be encoded."""

    __slots__ = ("timeout", "url", "verify_tls")

    def __init__(self, subscription: Subscription, timeout_s: float) -> None:
        endpoint = subscription.endpoint
        # A function key in the query must reach the endpoint as it was written, so the URL is not normalised.
        try:
            self.url = URL(endpoint, encoded=endpoint.isascii())
        except ValueError as error:
            raise SubscriptionInvalid(f"endpoint of {subscription.key}: {error}") from error
        self.timeout = aiohttp.ClientTimeout(total=timeout_s)
        self.verify_tls = subscription.verify_tls


class WebhookClient:
    """The connections to all endpoints. How many are open at once is bounded by whoever calls `post`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Be ready to post; called once, in the running loop."""
        # No limits of the connector's own: two subscriptions may share a host, and one must not queue behind the other.
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=IDLE_CONNECTION_S)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NOT_SENT,
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, target: Target, headers: dict[str, str], body: bytes, *, read: bool = False) -> Answer:
        """POST once. Raises `Unanswered` when no status came, or `read` was asked for and the body did not come."""
        if self._session is None:
            raise Unanswered("the server is stopping")
        try:
            async with self._session.post(
                target.url,
                data=body,
                headers=headers,
                timeout=target.timeout,
                ssl=target.verify_tls,
                allow_redirects=False,
            ) as response:
                if read:
                    return Answer(response.status, await _read(response))
                if not response.content.is_eof():
                    await _empty(response)
                return Answer(response.status)
        except TimeoutError:
            raise Unanswered(f"no answer within {target.timeout.total:g} s") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unanswered(f"its certificate is not trusted: {printable(str(error.certificate_error))}") from error
        except aiohttp.ClientConnectorError as error:
            raise Unanswered(f"cannot connect: {printable(str(error.os_error))}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unanswered(printable(f"{type(error).__name__}: {error}")) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise Unanswered(f"its answer is longer than {ANSWER_BYTES} bytes")
    return bytes(body)


async def _empty(response: aiohttp.ClientResponse) -> None:
    # The event is delivered by its status; a body that breaks off or never ends costs the connection and nothing else.
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, Unanswered):
        await _read(response)
