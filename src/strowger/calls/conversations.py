"""Calls between users that were answered, and whose end will be seen: kept in memory, and forgotten by a restart."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from strowger.calls.call import Call
from strowger.calls.reports import CallEnded

CONVERSATIONS: Final = 20_000
"""At one time; beyond it the end of the oldest is not reported."""


class Conversations:
    """Who talks with whom."""

    __slots__ = ("_calls", "_limit")

    def __init__(self, limit: int = CONVERSATIONS) -> None:
        self._limit = limit
        self._calls: OrderedDict[str, tuple[Call, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._calls)

    def begin(self, call: Call, at: float) -> None:
        """A call was answered."""
        self._calls[call.call_id] = (call, at)
        if len(self._calls) > self._limit:
            self._calls.popitem(last=False)

    def end(self, call_id: str, at: float, *, is_by_caller: bool | None) -> CallEnded | None:
        """A call was hung up, or, by None, is followed no longer; None for one that is not here."""
        known = self._calls.pop(call_id, None)
        if known is None or is_by_caller is None:
            return None
        call, answered_at = known
        return CallEnded(call, answered_at, at, is_by_caller)
