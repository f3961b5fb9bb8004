"""One GET of the keys of an issuer: the only file of this room that knows the HTTP client.

Over TLS, with the authorities that this machine trusts; plain HTTP only from this machine itself. Redirects are not
followed, proxies of the environment are not used, and what is too long or too slow is given up.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

from strowger.acs.authenticators.key_cache import Fetched, FetchFailed
from strowger.acs.authenticators.key_place import is_secure
from strowger.acs.authenticators.key_set import KeySetInvalid, read_key_set
from strowger.base.text import printable

MAX_BYTES: Final = 262_144
"""Longest set of keys; those of Entra are about a tenth of it."""
TIMEOUT_S: Final = 5.0
"""For name, connection, TLS and all of the answer."""
_LONGEST_AGE_DIGITS: Final = 9


async def fetch_keys(url: str, *, timeout_s: float = TIMEOUT_S) -> Fetched:
    """The keys published at `url`. Raises FetchFailed."""
    if not is_secure(url):
        raise FetchFailed("keys are fetched over https only, or from this machine itself")
    try:
        return await asyncio.wait_for(_get(url), timeout_s)
    except TimeoutError:
        raise FetchFailed(f"they did not come within {timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise FetchFailed(printable(str(error) or type(error).__name__)) from None
    except KeySetInvalid as error:
        raise FetchFailed(printable(str(error))) from None


async def _get(url: str) -> Fetched:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        aiohttp.ClientSession(auto_decompress=False, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(url, headers=headers, allow_redirects=False, skip_auto_headers=["User-Agent"]) as answer,
    ):
        if answer.status != 200:
            raise FetchFailed(f"the answer has the status {answer.status}")
        body = b""
        while chunk := await answer.content.read(MAX_BYTES + 1 - len(body)):
            body += chunk
            if len(body) > MAX_BYTES:
                raise FetchFailed(f"the answer is longer than {MAX_BYTES} bytes")
        return Fetched(read_key_set(body), _max_age_s(answer.headers.get("Cache-Control", "")))


def _max_age_s(cache_control: str) -> float | None:
    """For how long the answer may be kept (RFC 9111 §5.2.2); None when it does not say."""
    found: float | None = None
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        value = value.strip('"')
        if name in ("no-store", "no-cache"):
            return 0.0
        if name == "max-age" and value.isdecimal():
            found = float(value[:_LONGEST_AGE_DIGITS])
    return found
