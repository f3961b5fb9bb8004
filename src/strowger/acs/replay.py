"""Signatures seen before.

The Repeatability headers are not signed, so a captured request could be sent again under a new id. Software of the
client repeats requests too, with the same signature, but then under the same id: that is what tells them apart.
"""

from __future__ import annotations

from typing import Final

SAFE_TO_REPEAT: Final = frozenset(("GET", "HEAD", "DELETE"))
"""Methods whose repeat without an id does nothing new."""


class SignatureMemory:
    """Remembers signatures while their date makes them valid, in two generations; the older one is dropped whole.

    How long that is, is told by the monotonic clock: the wall clock may be set, and what it made old be new again.
    """

    __slots__ = ("_half", "_new", "_old", "_since", "_valid_for_s")

    def __init__(self, *, remembered: int, valid_for_s: float) -> None:
        """Remember at most `remembered` signatures, each for at least `valid_for_s` seconds while there is room."""
        self._half: Final = max(1, remembered // 2)
        self._valid_for_s: Final = valid_for_s
        self._new: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._since = float("-inf")

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def is_replay(self, digest: bytes, method: str, request_id: str | None, now: float) -> bool:
        """Whether a signature was seen with another id; otherwise it is remembered. `now` is the monotonic
        clock, in seconds.
        """
        # No client can steer 64 bits of a keyed digest, and a hash is enough to compare ids: both stay small.
        key = int.from_bytes(digest[:8], "big")
        meant = 0 if request_id is None else hash(request_id) or 1
        earlier = self._new.get(key)
        if earlier is None:
            earlier = self._old.get(key)
        if earlier is None:
            self._remember(key, meant, now)
            return False
        return earlier != meant or (request_id is None and method not in SAFE_TO_REPEAT)

    def _remember(self, key: int, meant: int, now: float) -> None:
        if len(self._new) >= self._half or now - self._since > self._valid_for_s:
            self._old = self._new if now - self._since <= 2 * self._valid_for_s else {}
            self._new = {}
            self._since = now
        self._new[key] = meant
