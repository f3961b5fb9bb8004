"""Nonces that cost no memory until somebody proves to know a password (RFC 7616 §5.4, RFC 3261 §26.3.2.4).

A nonce is its number, which is the moment of its making, and a MAC over number, realm and source address. So nothing is
kept about a challenge; only for nonces used with the right password is the highest count remembered, until their
lifetime is over (RFC 7616 §5.5).
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

NONCE_LIFETIME_S: Final = 300.0
"""Seconds for which a nonce is accepted from its source."""
USED_NONCES_LIMIT: Final = 100_000
"""Nonces whose counts are remembered, about 15 MB; beyond it the earliest, and all that are older, become stale."""
MIN_KEY_BYTES: Final = 32

_NUMBER_BYTES: Final = 8
_MAC_BYTES: Final = 16
_CHARACTERS: Final = 32
_MICROSECONDS: Final = 1_000_000
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Nonces:
    """Issues nonces and refuses those that are old, used before, or were issued to somebody else."""

    def __init__(
        self,
        key: bytes,
        realm: str,
        *,
        lifetime_s: float = NONCE_LIFETIME_S,
        used_limit: int = USED_NONCES_LIMIT,
    ) -> None:
        """`key` must be new with each start of the process: what was used before the start is not remembered.

        Raises ValueError for a key below 32 bytes or a limit below 1.
        """
        if len(key) < MIN_KEY_BYTES or used_limit < 1:
            raise ValueError(f"the key of nonces has at least {MIN_KEY_BYTES} bytes, and one of them can be remembered")
        self._key = key
        self._realm = realm
        self._lifetime = int(lifetime_s * _MICROSECONDS)
        self._used_limit = used_limit
        self._last = 0
        """Number of the latest nonce."""
        self._floor = 0
        """Nonces up to this number are stale, whatever their age."""
        self._counts: dict[int, int] = {}
        """Highest count by number of the nonce, in the order of first use."""

    def __len__(self) -> int:
        """How many nonces are remembered."""
        return len(self._counts)

    def issue(self, source: str, now: float) -> str:
        """A nonce for a source address. `now` is in seconds and never goes back."""
        # Two phones behind one address must not share a nonce, or the count of one would be a replay of the other.
        self._last = max(int(now * _MICROSECONDS), self._last + 1)
        number = self._last.to_bytes(_NUMBER_BYTES, "big")
        return urlsafe_b64encode(number + self._mac(number, source)).decode("ascii")

    def number(self, nonce: str, source: str, now: float) -> int | None:
        """The number of a nonce that was issued to this source and is still fresh, else None."""
        if len(nonce) != _CHARACTERS or nonce.strip(_ALPHABET):
            return None
        octets = urlsafe_b64decode(nonce)
        written = octets[:_NUMBER_BYTES]
        if not hmac.compare_digest(octets[_NUMBER_BYTES:], self._mac(written, source)):
            return None
        number = int.from_bytes(written, "big")
        return number if self._is_fresh(number, now) else None

    def use(self, number: int, count: int, now: float) -> bool:
        """Take a count of a fresh nonce; False when it, or a higher one, was taken before (RFC 7616 §3.4)."""
        if not self._is_fresh(number, now) or count <= self._counts.get(number, 0):
            return False
        self._counts[number] = count
        self._forget(now)
        return True

    def _is_fresh(self, number: int, now: float) -> bool:
        return self._floor < number and int(now * _MICROSECONDS) - number <= self._lifetime

    def _forget(self, now: float) -> None:
        counts = self._counts
        while counts:
            oldest = next(iter(counts))
            if len(counts) <= self._used_limit and self._is_fresh(oldest, now):
                return
            del counts[oldest]
            self._floor = max(self._floor, oldest)  # else what was just forgotten could be replayed

    def _mac(self, number: bytes, source: str) -> bytes:
        message = number + f"{self._realm}\0{source}".encode()
        return hmac.digest(self._key, message, "sha256")[:_MAC_BYTES]
