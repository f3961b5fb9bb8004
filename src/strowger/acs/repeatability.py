"""Repeatable requests (OASIS Repeatable Requests 1.0; ACS: Repeatable Requests).

A request with a Repeatability-Request-ID is carried out once. A repeat gets the stored answer, across restarts too; a
twin that arrives while the first still runs waits for its answer. Ids belong to a resource, a method and a path. The
decision stores its own success; what is stored here is the refusal. How a request is carried out is the caller's
business.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from strowger.acs import fixdate
from strowger.acs.awaited import awaited
from strowger.acs.errors import RepeatRefused, RepeatTooLate, RequestInFlight
from strowger.acs.message import Headers
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.ports import Receipt, Store

REQUEST_ID: Final = "Repeatability-Request-ID"
FIRST_SENT: Final = "Repeatability-First-Sent"
STRICT_WINDOW_S: Final = 300.0
"""How old or how far ahead First-Sent may be in strict mode (ACS: Repeatable Requests, tracked duration)."""
_GUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What a request led to."""

    status: int
    body: bytes = b""
    correlation_id: str = ""


class Repeat(msgspec.Struct, frozen=True, gc=False):
    """The identity of one repeatable request."""

    scope: str
    request_id: str
    fingerprint: bytes

    def receipt(self, now: float, status: int, body: bytes = b"") -> Receipt:
        """The receipt of this request, answered at `now`, wall clock in seconds."""
        return Receipt(self.scope, self.request_id, self.fingerprint, now, status, body)


class _Running(msgspec.Struct):
    fingerprint: bytes
    followers: list[asyncio.Future[Outcome]] = []
    """One for each twin that waits; made when a twin comes, because hardly ever one does."""


class Repeatability:
    """Recognises repeats."""

    def __init__(self, store: Store, *, kept_for_s: float, clock_skew_s: float, is_strict: bool) -> None:
        """`kept_for_s` is how long the store keeps receipts; `is_strict` means five minutes, and 409 for a twin."""
        self._store: Final = store
        self._oldest_s: Final = STRICT_WINDOW_S if is_strict else kept_for_s
        self._ahead_s: Final = STRICT_WINDOW_S if is_strict else clock_skew_s
        self._is_strict: Final = is_strict
        self._running: Final[dict[tuple[str, str], _Running]] = {}

    def request_id(self, headers: Headers, now: float) -> str | None:
        """The id of a request, in lower case, or None for one that is not repeatable.

        Raises RepeatRefused for one header without the other or a malformed one, RepeatTooLate outside the window.
        """
        written, sent = headers.first("repeatability-request-id"), headers.first("repeatability-first-sent")
        if written is None and sent is None:
            return None
        if written is None or sent is None:
            missing = FIRST_SENT if sent is None else REQUEST_ID
            raise RepeatRefused(f"The header {missing} is missing; the two Repeatability headers go together.", missing)
        if headers.is_repeated("repeatability-request-id") or headers.is_repeated("repeatability-first-sent"):
            raise RepeatRefused("A Repeatability header is given more than once.", REQUEST_ID)
        identifier = written.lower()
        if _GUID.fullmatch(identifier) is None:
            raise RepeatRefused(f"{REQUEST_ID} is not a GUID.", REQUEST_ID)
        self._check_sent(sent, now)
        return identifier

    def _check_sent(self, written: str, now: float) -> None:
        sent = fixdate.parse(written)
        if sent is None:
            raise RepeatRefused(f"{FIRST_SENT} is not a date like '{fixdate.EXAMPLE}' with English names.", FIRST_SENT)
        if now - sent > self._oldest_s:
            raise RepeatTooLate(
                f"{FIRST_SENT} is {now - sent:.0f} s old; answers are kept for {self._oldest_s:.0f} s. "
                "Send a new id with a new date, and check the clock.",
                FIRST_SENT,
            )
        if sent - now > self._ahead_s:
            raise RepeatTooLate(
                f"{FIRST_SENT} is {sent - now:.0f} s ahead of the server's clock. Set the clocks.", FIRST_SENT
            )

    async def once(self, repeat: Repeat, carry_out: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """The outcome of `carry_out`, or of the first request with this id.

        Raises RepeatRefused for an id that was used for another request, StoreUnavailable, and in strict mode
        RequestInFlight.
        """
        key = (repeat.scope, repeat.request_id)
        twin = self._running.get(key)
        if twin is not None:
            return await self._follow(twin, repeat)
        stored = self._store.find_receipt(repeat.scope, repeat.request_id)
        if stored is not None:
            _check_same(stored.fingerprint, repeat)
            return Outcome(stored.status, stored.body, stored.correlation_id)
        running = _Running(repeat.fingerprint)
        self._running[key] = running
        try:
            outcome = await carry_out()
            for follower in running.followers:
                if not follower.done():
                    follower.set_result(outcome)
            return outcome
        finally:
            del self._running[key]
            for follower in running.followers:
                follower.cancel()

    async def _follow(self, twin: _Running, repeat: Repeat) -> Outcome:
        _check_same(twin.fingerprint, repeat)
        if self._is_strict:
            raise RequestInFlight("The first request with this id still runs.", REQUEST_ID)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        twin.followers.append(outcome)
        # Not `await`: the first request's cancellation must not look like this one's.
        await asyncio.wait((outcome,))
        if outcome.cancelled():
            raise StoreUnavailable("the first request with this id ended without an answer")
        return outcome.result()

    async def keep(self, receipt: Receipt) -> None:
        """Store a refusal, so that a repeat gets it again. Raises StoreUnavailable."""
        error: CallError | None = await awaited(lambda done: self._store.save_receipt(receipt, done))
        if error is not None:
            raise error


def fingerprint(method: str, path: str, version: str, content_hash: str) -> bytes:
    """A digest that tells one request from another; the body comes in as the digest that its signature covers."""
    return hashlib.sha256(f"{method}\n{path}\n{version}\n{content_hash}".encode()).digest()


def _check_same(seen: bytes, repeat: Repeat) -> None:
    if seen != repeat.fingerprint:
        raise RepeatRefused(f"This {REQUEST_ID} belongs to another request; use a new one for each.", REQUEST_ID)
