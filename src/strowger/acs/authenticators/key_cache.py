"""The keys of one issuer, kept while they are fresh and fetched beside the requests.

One fetch runs at a time, whoever asks; another begins no sooner than `pause_s` after it did, so that tokens with made
up keys cannot make us a nuisance to the issuer. Old keys are used while a fetch runs or fails, but not for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
import structlog

from strowger.acs.authenticators.key_set import KeySet, SigningKey
from strowger.acs.errors import Unavailable
from strowger.base.tasks import spawn

_log: Final = structlog.stdlib.get_logger("strowger.acs")


class KeyLimits(msgspec.Struct, frozen=True):
    """How long keys are good and how often they are asked for, in seconds."""

    fresh_at_least_s: float = 60.0
    fresh_s: float = 3_600.0
    """When the issuer does not say."""
    fresh_at_most_s: float = 86_400.0
    kept_s: float = 86_400.0
    """How long keys are believed once they are not fresh any more and cannot be fetched."""
    pause_s: float = 10.0
    """From the start of one fetch to that of the next."""


class Fetched(msgspec.Struct, frozen=True):
    """What an issuer published."""

    keys: KeySet
    max_age_s: float | None = None
    """How long it may be kept, if the issuer says so."""


class FetchFailed(Exception):
    """The keys did not come; the text says why."""


class Keys(Protocol):
    """The keys of one issuer."""

    async def find(self, key_id: str) -> SigningKey | None:
        """The key of this name; None when the issuer has none. Raises Unavailable when nobody can tell just now."""


class StaticKeys:
    """Keys that are known from the beginning and never change."""

    def __init__(self, keys: KeySet) -> None:
        self._keys: Final = keys

    async def find(self, key_id: str) -> SigningKey | None:
        """The key of this name, if there is one."""
        return self._keys.get(key_id)


class KeyCache:
    """Keys that somebody else publishes."""

    def __init__(
        self,
        issuer: str,
        fetch: Callable[[], Awaitable[Fetched]],
        *,
        monotonic: Callable[[], float],
        limits: KeyLimits | None = None,
    ) -> None:
        """`fetch` raises FetchFailed; `issuer` is for the log."""
        self._issuer: Final = issuer
        self._fetch: Final = fetch
        self._monotonic: Final = monotonic
        self._limits: Final = limits or KeyLimits()
        self._keys: KeySet = {}
        self._fresh_until = float("-inf")
        self._next_fetch = float("-inf")
        self._has_failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> SigningKey | None:
        """The key of this name; None when the issuer has none. Raises Unavailable when nobody can tell just now."""
        self._forget_old()
        key = self._keys.get(key_id)
        if key is None:
            await self._fetched()
            key = self._keys.get(key_id)
        elif self._monotonic() >= self._fresh_until:
            self._begin()
        if key is None and self._has_failed:
            raise Unavailable(
                f"The keys of the issuer {self._issuer} cannot be fetched just now. Nothing was done; repeat the "
                "request.",
                "Authorization",
                headers=(("Retry-After", f"{self._limits.pause_s:.0f}"),),
            )
        return key

    def stop(self) -> None:
        """Give up the fetch that runs."""
        if self._fetching is not None:
            self._fetching.cancel()

    def _forget_old(self) -> None:
        if self._keys and self._monotonic() >= self._fresh_until + self._limits.kept_s:
            self._keys = {}

    async def _fetched(self) -> None:
        self._begin()
        if self._fetching is not None:
            # Not `await`: whoever asked first may go away, and the others still want the keys.
            await asyncio.wait((self._fetching,))

    def _begin(self) -> None:
        """Fetch beside the request, unless that is under way or was tried a moment ago."""
        now = self._monotonic()
        if self._fetching is None and now >= self._next_fetch:
            self._next_fetch = now + self._limits.pause_s
            self._fetching = spawn(self._renew(), f"keys of {self._issuer}")

    async def _renew(self) -> None:
        try:
            fetched = await self._fetch()
        except FetchFailed as error:
            self._has_failed = True
            _log.warning("the keys of an issuer cannot be fetched", issuer=self._issuer, why=str(error))
        else:
            self._has_failed = False
            self._keys = fetched.keys
            self._fresh_until = self._monotonic() + self._freshness(fetched.max_age_s)
        finally:
            self._fetching = None

    def _freshness(self, max_age_s: float | None) -> float:
        limits = self._limits
        wanted_s = limits.fresh_s if max_age_s is None else max_age_s
        return min(max(wanted_s, limits.fresh_at_least_s), limits.fresh_at_most_s)
